"""One libp2p host for one network: Noise only, TCP only, our own listener, dial, identify and pnet.

It decides nothing about what may be said (``policy``) and speaks no protocol of ours (``service``).
Spec: ARCHITECTURE.md, "Rooms and arrows".

Strategy: the library does the Noise handshake and keeps the connections. What it does badly is done here and
in ``transport``: records and streams are ours (docs/transport.md), sockets are opened and accepted by us (its
dial waits 250 ms, its listener shares ports), the private network's cipher is ours, identify answers only
what was let out for that peer, and nothing is said unasked.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.tools.anyio_service import background_trio_service

from peertransfer.errors import DialError, PeertransferError, StreamLostError
from peertransfer.net.addresses import expand, peer_id_octets
from peertransfer.net.conduct import Conduct
from peertransfer.net.crowd import one_to_close
from peertransfer.net.dialler import Dialler
from peertransfer.net.endings import Endings
from peertransfer.net.gate import WaitingRoom
from peertransfer.net.identify import IDENTIFY, IDENTIFY_PUSH, answer, read_identify
from peertransfer.net.library import QuietHost, make_swarm
from peertransfer.net.notices import ConnectionInfo, Notices
from peertransfer.net.pace import Pace
from peertransfer.net.peer_stream import PeerStream
from peertransfer.net.serving import STREAM_SECONDS, StreamHandler, StreamServer
from peertransfer.net.translate import HANDSHAKE_ERRORS, stream_errors, teardown_errors
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.barrier import CrashBarrier
from peertransfer.transport.ending import EndReason
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.negotiation import propose_protocol
from peertransfer.transport.swarm_stream import stream_of
from peertransfer.transport.tcp import keep_alive, open_listener, remote_of
from peertransfer.transport.upgrade import Upgrader

if TYPE_CHECKING:
    from types import TracebackType

    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.transport.connection import Connection
    from peertransfer.transport.muxer import Muxer
    from peertransfer.wire.identify_codec import IdentifyMessage

log = logging.getLogger("peertransfer.net")

__all__ = ["ConnectionInfo", "NetworkHost"]

IdentifyAnswer = Callable[[str, "bytes | None"], "Awaitable[SealedFrame | None]"]

DIAL_SECONDS = 10.0
STOP_SECONDS = 3.0


class NetworkHost:
    """A host; an async context manager that listens while it is open."""

    def __init__(
        self,
        seed: bytes,
        *,
        network_id: str,
        psk: bytes | None,
        listen_addrs: Sequence[str],
        announce_addrs: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
        allowance: Allowance | None = None,
        on_library: bool = False,
    ) -> None:
        """Prepare a host.

        Args:
            seed: 32 octets of the Ed25519 private key.
            network_id: for log lines.
            psk: 32 octets; ``None`` in the open network.
            listen_addrs: TCP multiaddrs; port 0 draws one.
            announce_addrs: told instead of the bound ones, where given.
            clock: gives Unix seconds.
            allowance: the limits, and what all hosts of this node have spent of them.
            on_library: use the library's records and yamux, to place a fault.

        Raises:
            UsageError: an address that is not TCP.
        """
        self.network_id = network_id
        self._wanted = [TcpAddr.parse(addr) for addr in listen_addrs]
        self._announced = [TcpAddr.parse(addr).bare() for addr in announce_addrs]
        self._bound: list[TcpAddr] = []
        key_pair = create_new_key_pair(seed)
        self._allowance = allowance = allowance or Allowance()
        self._upgrader = Upgrader(key_pair, psk, allowance, on_library=on_library)
        self._pace = Pace(allowance)
        self._conduct = Conduct(allowance, self._shut_out)
        self._endings = Endings(allowance, self._conduct)
        self._server = StreamServer(allowance, self._pace, self._conduct)
        self._server.handlers = {IDENTIFY: self._answer_identify, IDENTIFY_PUSH: self._hear_push}
        self._swarm: Any = make_swarm(key_pair, allowance.limits)
        self._library = QuietHost(self._swarm, self._server.serve)
        self.peer_id: str = self._library.get_id().to_base58()
        self.peer_id_bytes = peer_id_octets(self.peer_id)
        self.identify_answer: IdentifyAnswer | None = None
        """What to answer to identify; ``None``, or an answer of ``None``: the stream is reset."""
        self.on_connected: Callable[[str], None] | None = None
        """Called with the ID of a peer at its first connection; it must not wait."""
        self.on_disconnected: Callable[[str], None] | None = None
        """Called with the ID of a peer whose last connection ended."""
        self._notices = Notices(clock, self._came, self._went)
        self._swarm.register_notifee(self._notices)
        self._dialler = Dialler(self.peer_id, self._upgrader, self._add, self._notices)
        self._learned: dict[str, IdentifyMessage] = {}
        self._gone: dict[str, trio.Event] = {}
        self._room = WaitingRoom(allowance)
        self._nursery: trio.Nursery | None = None
        self._listening = trio.CancelScope()
        self._arriving = 0
        """Connections that are being added."""
        self._leaving: set[Any] = set()
        """Connections that are closed for others."""
        self._exit = contextlib.AsyncExitStack()

    # --- life --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start and listen.

        Raises:
            ListenError: a port is taken, or an address is not this machine's.
        """
        async with contextlib.AsyncExitStack() as stack:
            bound = []
            for addr in self._wanted:
                listener, at = open_listener(addr)
                stack.push_async_callback(listener.aclose)
                self._bound.append(at)
                bound.append(listener)
            await stack.enter_async_context(background_trio_service(self._swarm))
            self._nursery = nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(nursery.cancel_scope.cancel)
            if bound:
                nursery.start_soon(self._listen, bound)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and close every connection, after what was written left."""
        self._listening.cancel()  # first: whoever is hung up on dials again at once
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_SECONDS):
            async with trio.open_nursery() as nursery:
                for connection in self._swarm.get_connections():
                    nursery.start_soon(_close, connection, EndReason.STOPPED)
        await self._exit.__aexit__(kind, value, trace)

    async def _listen(self, bound: list[trio.SocketListener]) -> None:
        with self._listening:
            await trio.serve_listeners(self._admit, bound, handler_nursery=self._nursery)

    # --- addresses ---------------------------------------------------------------------------------

    @property
    def listen_port(self) -> int:
        """The TCP port of the first listener; 0 where there is none."""
        return self._bound[0].port if self._bound else 0

    @property
    def listen_addrs(self) -> list[str]:
        """The addresses to tell, with the peer ID at their end."""
        return [f"{addr}/p2p/{self.peer_id}" for addr in self._told()]

    @property
    def listen_addrs_bytes(self) -> tuple[bytes, ...]:
        """The addresses to tell, binary form, without peer ID."""
        return tuple(addr.to_octets() for addr in self._told())

    @property
    def own_addrs_bytes(self) -> frozenset[bytes]:
        """The addresses that lead to this host, as far as it knows, told or not; binary form."""
        bound = [one for addr in self._bound for one in expand(addr)]
        return frozenset(addr.to_octets() for addr in (*self._announced, *bound))

    def remote_addr_bytes(self, peer_id: str) -> bytes | None:
        """Return the other end of the newest connection to a peer, binary form; ``None`` without one."""
        connection = self._notices.newest(peer_id)
        remote: TcpAddr | None = None if connection is None else connection.muxed_conn.remote
        return remote.to_octets() if remote else None

    def addrs_of(self, peer_id: str) -> tuple[bytes, ...]:
        """Return where a connected peer says that it listens, and where we dialled it; binary form."""
        said = self._learned.get(peer_id)
        found = [TcpAddr.from_octets(addr) for addr in said.listen_addrs] if said else []
        found += [TcpAddr.parse(addr) for addr in self.dialled_addrs(peer_id)]
        return tuple(dict.fromkeys(addr.bare().to_octets() for addr in found if addr is not None))

    def dialled_addrs(self, peer_id: str) -> tuple[str, ...]:
        """Return the address at which we reached a peer, if we dialled it."""
        found = self._dialler.reached.get(peer_id)
        return (f"{found}/p2p/{peer_id}",) if found else ()

    def _told(self) -> list[TcpAddr]:
        return self._announced or [one for addr in self._bound for one in expand(addr)]

    # --- connections -------------------------------------------------------------------------------

    def is_connected(self, peer_id: str) -> bool:
        """Tell whether there is a connection to a peer."""
        return self._notices.is_connected(peer_id)

    def connections(self) -> list[ConnectionInfo]:
        """Return every connection; a peer can have two."""
        return self._notices.infos()

    async def wait_disconnected(self, peer_id: str) -> None:
        """Wait until there is no connection to a peer."""
        while self.is_connected(peer_id):
            await self._gone.setdefault(peer_id, trio.Event()).wait()

    async def connect(
        self, multiaddrs: Sequence[str], peer_id: str | None = None, *, timeout_seconds: float = DIAL_SECONDS
    ) -> str:
        """Connect to a peer at any of its addresses; the addresses or ``peer_id`` pin who it must be.

        Raises:
            UsageError: an address that can't be dialled.
            NetworkKeyError: the peer holds another network key.
            DialError: nobody answered, or somebody else did, or nobody is pinned.
            PeerTimeoutError: somebody takes calls there and does not shake hands.
        """
        return await self._dialler.connect(
            [TcpAddr.parse(addr) for addr in multiaddrs], peer_id, timeout_seconds
        )

    async def disconnect(self, peer_id: str, reason: EndReason = EndReason.HUNG_UP) -> None:
        """Close the connections to a peer."""
        while (connection := self._notices.newest(peer_id)) is not None:
            await _close(connection, reason)

    async def _admit(self, socket: trio.SocketStream) -> None:
        """Upgrade an inbound socket, and keep it until its connection ends."""
        with CrashBarrier("inbound_connection_crashed"):
            remote = remote_of(socket)
            if remote is None:
                return
            keep_alive(socket)
            muxer = connection = None
            try:
                with self._room.enter(remote.host):
                    muxer = await self._upgrader.upgrade(socket, remote)
                if muxer is not None:
                    connection = await self._add(muxer)
            except (*HANDSHAKE_ERRORS, PeertransferError, trio.TooSlowError) as exc:
                log.debug("inbound_connection_refused", extra={"reason": type(exc).__name__})
            if muxer is not None and connection is not None:
                # Not before: the socket is closed when this returns, and a farewell may be on its way.
                await muxer.ending.over.wait()

    async def _add(self, muxer: Connection | Muxer) -> Any:
        """Keep a connection of which the peer is known; one that may not stay is closed.

        Raises:
            DialError: every connection carries a transfer, or the peer broke the protocol too often.
        """
        self._endings.watch(muxer)
        peer_id = muxer.peer_id.to_base58()
        if self._conduct.is_shut_out(peer_id) or not self._make_room():
            await muxer.abandon()
            raise DialError(
                "No connection to this peer can be kept now", "Try again in a minute.", peer=peer_id
            )
        if self._notices.count_of(peer_id) >= self._allowance.limits.connections_per_peer:
            self._allowance.reach("connections_per_peer")
        self._arriving += 1
        try:
            return await self._swarm.add_conn(muxer, "outbound" if muxer.is_initiator else "inbound")
        finally:
            self._arriving -= 1

    def _make_room(self) -> bool:
        """Close an idle connection if there are as many as there may be; tell whether there is room now."""
        kept = [one for one in self._notices.oldest_first() if one not in self._leaving]
        if len(kept) + self._arriving < self._allowance.limits.connections:
            return True
        self._allowance.reach("connections")
        leaving = one_to_close(kept)
        if leaving is None or self._nursery is None:
            return False
        self._leaving.add(leaving)
        self._nursery.start_soon(self._see_off, leaving)
        return True

    async def _see_off(self, connection: Any) -> None:
        try:
            await _close(connection, EndReason.MADE_ROOM)
        finally:
            self._leaving.discard(connection)

    def _shut_out(self, peer_id: str) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self.disconnect, peer_id, EndReason.SHUT_OUT)

    def _came(self, peer_id: str) -> None:
        if self.on_connected is not None:
            self.on_connected(peer_id)

    def _went(self, peer_id: str) -> None:
        self._learned.pop(peer_id, None)
        self._dialler.reached.pop(peer_id, None)
        gone = self._gone.pop(peer_id, None)
        if gone is not None:
            gone.set()
        if self.on_disconnected is not None:
            self.on_disconnected(peer_id)

    # --- streams -----------------------------------------------------------------------------------

    def set_handler(self, protocol_id: str, handler: StreamHandler) -> None:
        """Have inbound streams of a protocol handled; a stream that its handler leaves open is closed."""
        self._server.handlers[protocol_id] = handler

    async def open_stream(self, peer_id: str, protocol_id: str) -> PeerStream:
        """Open a stream to a connected peer.

        Raises:
            StreamLostError: it is not connected, or answers nothing.
            RemoteProtocolError: it does not speak the protocol.
        """
        connection = self._notices.newest(peer_id)
        if connection is None:
            raise StreamLostError("The peer is not connected", "It is tried again.", peer=peer_id)
        stream = None
        is_agreed = False
        try:
            with trio.move_on_after(STREAM_SECONDS), stream_errors(peer_id):
                stream = stream_of(await connection.new_stream())
                await propose_protocol(stream, protocol_id)
                is_agreed = True
        finally:
            if stream is not None and not is_agreed:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1), teardown_errors():
                    await stream.reset()
        if is_agreed:
            return PeerStream(stream, protocol_id, self._allowance, self._pace)
        raise StreamLostError("The peer opens no stream", "It is tried again.", peer=peer_id)

    async def identify(self, peer_id: str) -> IdentifyMessage:
        """Ask a connected peer what it says of itself.

        Raises:
            ReachError: it is gone or silent.
            RemoteProtocolError: it says nothing, or nothing that can be read.
        """
        stream = await self.open_stream(peer_id, IDENTIFY)
        try:
            said = await read_identify(stream)
        finally:
            await stream.aclose()
        self._learned[peer_id] = said
        return said

    # --- identify ----------------------------------------------------------------------------------

    async def _answer_identify(self, stream: PeerStream) -> None:
        await answer(stream, self.identify_answer, self.remote_addr_bytes(stream.peer_id))

    async def _hear_push(self, stream: PeerStream) -> None:
        self._learned[stream.peer_id] = await read_identify(stream)


async def _close(connection: Any, reason: EndReason) -> None:
    connection.muxed_conn.ending.note(reason)
    with teardown_errors():
        await connection.close()
