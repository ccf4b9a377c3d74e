"""One libp2p host for one network: Noise only, TCP only, our own listener, dial, identify and pnet.

It decides nothing about what may be said (``policy``) and speaks no protocol of ours (``service``).
Spec: ARCHITECTURE.md, "Rooms and arrows".

Strategy: the library does the Noise handshake, yamux and multistream-select. What it does badly is done
here: the socket is opened and accepted by us (its dial waits 250 ms, its listener shares ports), the
private network's cipher is ours, and identify answers only what was let out for that peer.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import trio

from peertransfer.errors import (
    DialError,
    ListenError,
    PeertransferError,
    RemoteProtocolError,
    StreamLostError,
)
from peertransfer.net.addresses import expand, peer_id_octets
from peertransfer.net.dialing import Dialer, raw_connection
from peertransfer.net.library import connection_errors, make_library_host, peer_id_of
from peertransfer.net.notices import Notices
from peertransfer.net.peer_stream import PeerStream, Tally
from peertransfer.net.translate import stream_errors
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.identify_codec import MAX_IDENTIFY, IdentifyMessage, decode_identify

if TYPE_CHECKING:
    from types import TracebackType

    from peertransfer.disclosure.frame import SealedFrame

log = logging.getLogger("peertransfer.net")

StreamHandler = Callable[[PeerStream], Awaitable[None]]
IdentifyAnswer = Callable[[str, "bytes | None"], "Awaitable[SealedFrame | None]"]

DIAL_SECONDS = 10.0
STREAM_SECONDS = 10.0
IDENTIFY_SECONDS = 5.0
UPGRADE_SECONDS = 5.0
MAX_UPGRADING = 32
MAX_UPGRADING_PER_ADDRESS = 8
"""Connections not yet upgraded: in all, and from one address."""
ACCEPT_PAUSE_SECONDS = 0.1
"""Before the next accept where the process has no descriptor left."""
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
IDENTIFY_PROTOCOLS = ("/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0")


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One peer that is connected."""

    peer_id: str
    direction: str
    """``inbound`` or ``outbound``."""
    connected_at: int
    """Unix seconds."""
    octets_sent: int
    octets_received: int


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
    ) -> None:
        """Prepare a host.

        Args:
            seed: 32 octets of the Ed25519 private key.
            network_id: for log lines.
            psk: 32 octets; ``None`` in the open network.
            listen_addrs: TCP multiaddrs; port 0 draws one.
            announce_addrs: told instead of the bound ones, where given.

        Raises:
            UsageError: an address that is not TCP.
        """
        self.network_id = network_id
        self._psk = psk
        self._wanted = [TcpAddr.parse(addr) for addr in listen_addrs]
        self._announced = [TcpAddr.parse(addr).bare() for addr in announce_addrs]
        self._bound: list[TcpAddr] = []
        self._library: Any = make_library_host(seed)
        self._swarm: Any = self._library.get_network()
        self.peer_id: str = self._library.get_id().to_base58()
        self.peer_id_bytes = peer_id_octets(self.peer_id)
        self.identify_answer: IdentifyAnswer | None = None
        """What to answer to identify; ``None``, or an answer of ``None``: the stream is reset."""
        self.on_connected: Callable[[str], None] | None = None
        self.on_disconnected: Callable[[str], None] | None = None
        self._dialer = Dialer(self._swarm, psk)
        self._dialled: dict[str, str] = {}
        self._tallies: dict[str, Tally] = {}
        self._upgrading: dict[str, int] = {}
        self._notices = Notices(self._swarm, self._connected, self._disconnected)
        self._exit = contextlib.AsyncExitStack()
        for protocol in IDENTIFY_PROTOCOLS:
            self.set_handler(protocol, self._answer_identify)

    # --- life --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start the library's services and listen.

        Raises:
            ListenError: a port is taken, or an address is not this machine's.
        """
        async with contextlib.AsyncExitStack() as stack:
            # Before any nursery is open, which would wrap a ListenError in a group.
            listeners = [
                await stack.enter_async_context(one)
                for addr in self._wanted
                for one in await self._listen(addr)
            ]
            await stack.enter_async_context(self._library.run(listen_addrs=[]))
            nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(nursery.cancel_scope.cancel)
            nursery.start_soon(self._accept_all, listeners)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and stop listening."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 3), connection_errors():
            await self._swarm.close()
        await self._exit.__aexit__(kind, value, trace)

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

    def dialled_addrs(self, peer_id: str) -> tuple[str, ...]:
        """Return the address at which we reached a peer, if we dialled it."""
        found = self._dialled.get(peer_id)
        return (found,) if found else ()

    def _told(self) -> list[TcpAddr]:
        return self._announced or [one for addr in self._bound for one in expand(addr)]

    # --- connections -------------------------------------------------------------------------------

    def is_connected(self, peer_id: str) -> bool:
        """Tell whether there is a connection to a peer."""
        return bool(self._swarm.get_connections(peer_id_of(peer_id)))

    def connections(self) -> list[ConnectionInfo]:
        """Return who is connected."""
        return [
            ConnectionInfo(
                peer_id,
                notice.direction,
                notice.connected_at,
                self._tallies.get(peer_id, Tally()).sent,
                self._tallies.get(peer_id, Tally()).received,
            )
            for peer_id, notice in self._notices.peers.items()
        ]

    async def connect(
        self, multiaddrs: Sequence[str], peer_id: str | None = None, *, timeout_seconds: float = DIAL_SECONDS
    ) -> str:
        """Connect to a peer at any of its addresses; the addresses or ``peer_id`` pin who it must be.

        Raises:
            UsageError: an address that can't be dialled, or nobody is pinned.
            NetworkKeyError: the peer holds another network key.
            DialError: nobody answered, or somebody else did.
        """
        addrs = [TcpAddr.parse(addr) for addr in multiaddrs]
        pinned = {addr.peer_id for addr in addrs if addr.peer_id} | ({peer_id} if peer_id else set())
        if len(pinned) != 1:
            raise DialError("No address says which peer is expected there", "Give it with /p2p/<peer ID>.")
        expected = pinned.pop()
        if not self.is_connected(expected):
            self._dialled[expected] = await self._dialer.dial(addrs, expected, timeout_seconds)
        return expected

    async def disconnect(self, peer_id: str) -> None:
        """Close the connections to a peer."""
        with connection_errors():
            await self._library.disconnect(peer_id_of(peer_id))

    # --- listening ---------------------------------------------------------------------------------

    async def _listen(self, addr: TcpAddr) -> list[trio.SocketListener]:
        try:
            listeners = await trio.open_tcp_listeners(addr.port, host=addr.host)
        except OSError as exc:
            what = (
                "is taken by another program"
                if exc.errno == errno.EADDRINUSE
                else f"can't be used: {exc.strerror}"
            )
            raise ListenError(
                f"The listen address {addr} {what}", "Choose another with --listen or in config.toml."
            ) from exc
        for listener in listeners:
            port = listener.socket.getsockname()[1]
            self._bound.append(TcpAddr(addr.kind, addr.host, port))
        return list(listeners)

    async def _accept_all(self, listeners: Sequence[trio.SocketListener]) -> None:
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept, listener, nursery)

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        async with listener:
            while True:
                try:
                    socket = await listener.accept()
                except OSError as exc:
                    if exc.errno not in _NO_DESCRIPTORS:
                        raise
                    await trio.sleep(ACCEPT_PAUSE_SECONDS)
                else:
                    nursery.start_soon(self._admit, socket)

    async def _admit(self, socket: trio.SocketStream) -> None:
        """Upgrade an inbound socket, unless too many wait for that already."""
        with contextlib.suppress(OSError):
            address = str(socket.socket.getpeername()[0])
            count = self._upgrading.get(address, 0)
            if sum(self._upgrading.values()) >= MAX_UPGRADING or count >= MAX_UPGRADING_PER_ADDRESS:
                await trio.aclose_forcefully(socket)
                return
            self._upgrading[address] = count + 1
            is_upgraded = False
            try:
                with trio.move_on_after(UPGRADE_SECONDS), connection_errors():
                    await self._swarm.upgrade_inbound_raw_conn(
                        raw_connection(socket, self._psk, is_initiator=False), None
                    )
                    is_upgraded = True
            finally:
                self._upgrading[address] -= 1
                if not self._upgrading[address]:
                    del self._upgrading[address]
                if not is_upgraded:
                    await trio.aclose_forcefully(socket)

    def _connected(self, peer_id: str) -> None:
        if self.on_connected is not None:
            self.on_connected(peer_id)

    def _disconnected(self, peer_id: str) -> None:
        self._tallies.pop(peer_id, None)
        if self.on_disconnected is not None:
            self.on_disconnected(peer_id)

    # --- streams -----------------------------------------------------------------------------------

    def set_handler(self, protocol_id: str, handler: StreamHandler) -> None:
        """Have inbound streams of a protocol handled; the handler closes its stream."""

        async def handle(library_stream: Any) -> None:
            stream = self._peer_stream(library_stream)
            try:
                await handler(stream)
            except PeertransferError as error:
                log.info("handler_failed", extra={"peer": stream.peer_id[-8:], "reason": error.code})
                with contextlib.suppress(StreamLostError):
                    await stream.reset()

        self._library.set_stream_handler(protocol_id, handle)

    async def open_stream(self, peer_id: str, protocol_id: str) -> PeerStream:
        """Open a stream to a connected peer.

        Raises:
            StreamLostError: it is not connected, or does not speak the protocol.
        """
        with trio.move_on_after(STREAM_SECONDS), stream_errors(peer_id):
            return self._peer_stream(await self._library.new_stream(peer_id_of(peer_id), [protocol_id]))
        raise StreamLostError("The peer opens no stream", "It is tried again.", peer=peer_id)

    def _peer_stream(self, library_stream: Any) -> PeerStream:
        peer_id = library_stream.muxed_conn.peer_id.to_base58()
        tally = self._tallies.setdefault(peer_id, Tally())
        return PeerStream(library_stream, peer_id, peer_id_octets(peer_id), tally)

    # --- identify ----------------------------------------------------------------------------------

    async def identify(self, peer_id: str) -> IdentifyMessage:
        """Ask a connected peer what it says of itself.

        Raises:
            StreamLostError, PeerTimeoutError, RemoteProtocolError: it says nothing that can be read.
        """
        stream = await self.open_stream(peer_id, IDENTIFY_PROTOCOLS[0])
        reader = FrameReader(MAX_IDENTIFY)
        try:
            while (frame := reader.next_frame()) is None:
                octets = await stream.receive(MAX_IDENTIFY, idle_seconds=IDENTIFY_SECONDS)
                if not octets:
                    raise RemoteProtocolError("The peer says nothing of itself", peer=peer_id)
                reader.receive_data(octets)
            return decode_identify(bytes(frame))
        finally:
            with contextlib.suppress(StreamLostError):
                await stream.aclose()

    async def _answer_identify(self, stream: PeerStream) -> None:
        if self.identify_answer is None:
            await stream.reset()
            return
        frame = await self.identify_answer(stream.peer_id, None)
        if frame is None:
            await stream.reset()
            return
        await stream.send(frame)
        await stream.aclose()
