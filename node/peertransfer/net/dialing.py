"""Reach one peer at any of its addresses: our own dial, without the library's wait of 250 ms.

Addresses are started one after the other, the first that answers wins. A peer with another network key is
named as such. Spec: RFC 8305 in spirit; RELIABILITY.md C3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from libp2p.io.exceptions import IOException
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection

from peertransfer.errors import DialError, NetworkKeyError, PeertransferError
from peertransfer.net.library import connection_errors, peer_id_of
from peertransfer.transport.pnet import PnetConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.transport.multiaddrs import TcpAddr

GREETING_SECONDS = 1.5
"""A peer of the same private network greets by then; one without a key waits for us for ever."""
STAGGER_SECONDS = 0.25
"""Between the starts of dials to several addresses of one peer (RFC 8305)."""


MAX_READ = 1 << 16
"""Octets asked of a socket at once: a Noise message is shorter, and so is all that comes before it."""


class BoundedStream(TrioTCPStream):
    """A socket for the library, which asks it for whatever length a stranger announced.

    The library gives up on a message that comes in more than 100 pieces, so that pieces are joined here.
    """

    async def read(self, n: int | None = None) -> bytes:
        """Read ``n`` octets, fewer where the connection ends; without ``n``, what is there.

        Raises:
            IOException: ``n`` is more than any honest message has; nothing was allocated.
        """
        if n is None:
            return await super().read()
        if n > MAX_READ:
            raise IOException("the peer announced an over-long message")
        octets = await super().read(n)
        while octets and len(octets) < n and (more := await super().read(n - len(octets))):
            octets += more
        return octets


def raw_connection(socket: trio.SocketStream, psk: bytes | None, *, is_initiator: bool) -> RawConnection:
    """Wrap a socket as the library wants it, with the private network's cipher where there is one."""
    raw = RawConnection(BoundedStream(socket), is_initiator)
    return raw if psk is None else PnetConnection(raw, psk)


class Dialer:
    """Dials for one host."""

    def __init__(self, swarm: Any, psk: bytes | None) -> None:
        self._swarm = swarm
        self._psk = psk

    async def dial(self, addrs: Sequence[TcpAddr], peer_id: str, timeout_seconds: float) -> str:
        """Connect to ``peer_id`` and return the multiaddr that answered.

        Raises:
            NetworkKeyError: the peer holds another network key.
            DialError: nobody answered, or somebody else did.
        """
        failures: list[PeertransferError] = []
        winner: list[TcpAddr] = []
        is_done = trio.Event()
        if not addrs:
            is_done.set()
        with trio.move_on_after(timeout_seconds):
            async with trio.open_nursery() as nursery:

                async def attempt(addr: TcpAddr) -> None:
                    try:
                        await self._dial_one(addr, peer_id)
                    except PeertransferError as error:
                        failures.append(error)
                        if len(failures) == len(addrs):
                            is_done.set()
                    else:
                        winner.append(addr)
                        is_done.set()

                for addr in addrs:
                    nursery.start_soon(attempt, addr)
                    with trio.move_on_after(STAGGER_SECONDS):
                        await is_done.wait()
                    if is_done.is_set():
                        break
                await is_done.wait()
                nursery.cancel_scope.cancel()
        if winner:
            return f"{winner[0].bare()}/p2p/{peer_id}"
        foreign = next((one for one in failures if isinstance(one, NetworkKeyError)), None)
        raise foreign or DialError(
            f"No route to the peer …{peer_id[-8:]}: none of its {len(addrs)} addresses answers",
            "Look whether it runs, and whether a firewall is in between.",
            peer=peer_id,
        )

    async def _dial_one(self, addr: TcpAddr, peer_id: str) -> None:
        try:
            socket = await trio.open_tcp_stream(addr.host, addr.port)
        except OSError as exc:
            raise DialError(f"{addr.bare()} does not answer", peer=peer_id) from exc
        raw = raw_connection(socket, self._psk, is_initiator=True)
        is_upgraded = False
        try:
            async with trio.open_nursery() as nursery:
                if isinstance(raw, PnetConnection):
                    nursery.start_soon(_expect_greeting, raw, socket)
                with connection_errors():
                    await self._swarm.upgrade_outbound_raw_conn(raw, peer_id_of(peer_id))
                    is_upgraded = True
                nursery.cancel_scope.cancel()
        finally:
            if not is_upgraded:
                await trio.aclose_forcefully(socket)
        if isinstance(raw, PnetConnection) and not raw.is_greeted:
            raise NetworkKeyError(
                "The peer holds another network key, or refused ours",
                "Check that both sides use the same swarm.key or invite.",
                peer=peer_id,
            )
        if not is_upgraded:
            raise DialError(f"{addr.bare()} is not the peer that is expected there", peer=peer_id)


async def _expect_greeting(raw: PnetConnection, socket: trio.SocketStream) -> None:
    """Hang up where the other side says nothing that our network key opens."""
    await trio.sleep(GREETING_SECONDS)
    if not raw.is_greeted:
        raw.is_foreign = True
        await trio.aclose_forcefully(socket)
