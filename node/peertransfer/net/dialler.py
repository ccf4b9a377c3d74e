"""How is a peer reached? Its addresses, staggered, within one deadline; one dial per peer at a time.

It knows no streams and keeps nobody connected (``net.reconnect``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import DialError, NetworkKeyError, OtherPeerError, PeerTimeoutError
from peertransfer.net.translate import handshake_errors, teardown_errors
from peertransfer.transport.dialing import first_to_answer
from peertransfer.transport.tcp import open_connection, order, resolve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from peertransfer.errors import PeertransferError
    from peertransfer.net.notices import Notices
    from peertransfer.transport.connection import Connection
    from peertransfer.transport.multiaddrs import TcpAddr
    from peertransfer.transport.muxer import Muxer
    from peertransfer.transport.upgrade import Upgrader

PARALLEL_DIALS = 8
"""Attempts of this host that run at once."""


class Dialler:
    """Dials for one host."""

    def __init__(
        self,
        own_peer_id: str,
        upgrader: Upgrader,
        keep: Callable[[Connection | Muxer], Awaitable[object]],
        notices: Notices,
    ) -> None:
        """Prepare to dial.

        Args:
            own_peer_id: never dialled.
            upgrader: of this host.
            keep: keeps a connection, or closes it and raises why.
            notices: who is connected.
        """
        self._own_peer_id = own_peer_id
        self._upgrader = upgrader
        self._keep = keep
        self._notices = notices
        self._slots = trio.CapacityLimiter(PARALLEL_DIALS)
        self._dialling: dict[str, trio.Lock] = {}
        self.reached: dict[str, TcpAddr] = {}
        """At which address each peer was reached, of those that are connected."""

    async def connect(self, addrs: Sequence[TcpAddr], peer_id: str | None, timeout_seconds: float) -> str:
        """Connect to the one peer that the addresses or ``peer_id`` name; return its ID.

        Raises:
            NetworkKeyError: the peer holds another network key.
            OtherPeerError: somebody else answered.
            DialError: nobody answered, or not exactly one peer is named; or this host has no room for a
                connection, or shut the peer out.
            PeerTimeoutError: somebody takes calls there and does not shake hands.
        """
        named = {addr.peer_id for addr in addrs if addr.peer_id} | ({peer_id} if peer_id else set())
        if len(named) != 1:
            raise DialError(
                "No address says which peer is expected there, or they differ", "Give it with /p2p/<peer ID>."
            )
        expected = named.pop()
        if expected == self._own_peer_id:
            raise DialError("That is this node itself", "Give the address of another peer.", peer=expected)
        deadline = trio.current_time() + timeout_seconds
        lock = self._dialling.setdefault(expected, trio.Lock())
        try:
            with trio.move_on_at(deadline):
                async with lock:
                    if not self._notices.is_connected(expected):
                        await self._dial(addrs, expected, deadline)
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._dialling.pop(expected, None)
        if not self._notices.is_connected(expected):
            raise self._no_route(expected)
        return expected

    async def _dial(self, addrs: Sequence[TcpAddr], peer_id: str, deadline: float) -> None:
        failures: list[PeertransferError] = []
        found: list[TcpAddr] = []
        for addr in addrs:
            try:
                found += await resolve(addr)
            except DialError as error:
                failures.append(error)

        async def attempt(addr: TcpAddr) -> tuple[TcpAddr, Connection | Muxer]:
            async with self._slots:
                return addr, await self._reach(addr, peer_id, deadline)

        won, more = await first_to_answer(order(found), attempt, _discard)
        if not won:
            raise self._worst([*failures, *more], peer_id)
        addr, muxer = won[0]
        with handshake_errors(str(addr), peer_id):
            await self._keep(muxer)
        self.reached[peer_id] = addr

    async def _reach(self, addr: TcpAddr, peer_id: str, deadline: float) -> Connection | Muxer:
        with trio.move_on_at(deadline - _MARGIN) as scope:
            socket = await open_connection(addr)
        if scope.cancelled_caught:
            raise DialError(f"{addr.bare()} does not answer", "A firewall may be in between.", peer=peer_id)
        with handshake_errors(str(addr.bare()), peer_id), trio.fail_at(deadline - _MARGIN):
            return await self._upgrader.upgrade(socket, addr.bare(), expected=peer_id)

    def _worst(self, failures: Sequence[PeertransferError], peer_id: str) -> PeertransferError:
        """Return what tells a person most."""
        for kind in (NetworkKeyError, OtherPeerError, PeerTimeoutError):
            for error in failures:
                if isinstance(error, kind):
                    return error
        return self._no_route(peer_id, failures)

    def _no_route(self, peer_id: str, failures: Sequence[PeertransferError] = ()) -> DialError:
        reasons = "; ".join(dict.fromkeys(error.message for error in failures))
        return DialError(
            f"No route to the peer …{peer_id[-8:]}: {reasons or 'it answers at none of its addresses'}",
            "Look whether it runs, and whether a firewall is in between.",
            peer=peer_id,
        )


_MARGIN = 0.05
"""Attempts end by themselves a little before the whole deadline, so that their reasons are heard."""


async def _discard(late: tuple[TcpAddr, Connection | Muxer]) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(teardown_errors())
        await late[1].abandon()
