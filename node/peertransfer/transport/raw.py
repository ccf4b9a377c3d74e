"""One TCP connection as the library's upgrade sees it: the network's cipher, exact reads, and a budget.

It knows neither Noise nor yamux (``transport.upgrade``). What it adds to the library's own:

- a read gives exactly what was asked for, in however many segments it came (fact 3: the library gives up
  after about a hundred);
- until it is upgraded, a connection can make us take ``handshake_octets`` and no more (fact 4);
- a peer with another network key is named at its first octets (fact 9);
- a write never fails: what is written to a lost connection is dropped, and the reader finds its end.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio
from libp2p.abc import IRawConnection
from libp2p.connection_types import ConnectionType
from libp2p.io.exceptions import MessageTooLarge

from peertransfer.errors import NetworkKeyError
from peertransfer.transport.pnet import Greeting, PnetCipher

if TYPE_CHECKING:
    from multiaddr import Multiaddr

    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.multiaddrs import TcpAddr

GREETING_SECONDS = 1.6
"""A peer of the same private network greets by then; with another key it may wait for us for ever."""
RECEIVE_SIZE = 1 << 18


class RawConn(IRawConnection):
    """A TCP connection in one network."""

    def __init__(
        self,
        stream: trio.SocketStream,
        cipher: PnetCipher | None,
        *,
        is_initiator: bool,
        remote: TcpAddr,
        allowance: Allowance,
    ) -> None:
        self._allowance = allowance
        self._budget = allowance.limits.handshake_octets
        self._stream = stream
        self._cipher = cipher
        self.is_initiator = is_initiator
        self.remote = remote
        self._received = 0
        self._unread = bytearray()
        self._is_ended = False
        self._is_upgraded = False
        self._greeting = Greeting(is_private=cipher is not None)
        self._greet_by = trio.current_time() + GREETING_SECONDS

    def take_over(self) -> tuple[trio.SocketStream, PnetCipher | None, bytes]:
        """Give up the socket: return it, the network's cipher, and what was read and not asked for yet."""
        unread, self._unread = bytes(self._unread), bytearray()
        return self._stream, self._cipher, unread

    def end_handshake(self) -> None:
        """Lift the budget: who is on the other side is known."""
        self._is_upgraded = True

    async def read(self, n: int | None = None) -> bytes:
        """Return exactly ``n`` octets, fewer only at the end; without ``n``, what there is.

        Raises:
            NetworkKeyError: the other side is not in this network.
            MessageTooLarge: more than a handshake takes is asked for.
        """
        wanted = 1 if n is None else n
        if not self._is_upgraded and wanted > self._budget:
            self._allowance.reach("handshake_octets")
            raise MessageTooLarge("a length that no handshake has")
        while len(self._unread) < wanted and not self._is_ended:
            await self._fill()
        taken = len(self._unread) if n is None else n
        octets = bytes(memoryview(self._unread)[:taken])
        del self._unread[:taken]
        return octets

    async def write(self, data: bytes) -> None:
        """Encrypt and write; on a lost connection, nothing."""
        octets = data if self._cipher is None else self._cipher.encrypt(memoryview(bytearray(data)))
        try:
            await self._stream.send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self.close()

    async def close(self) -> None:
        """Close the socket; what was written still leaves."""
        self._is_ended = True
        await trio.aclose_forcefully(self._stream)

    async def _fill(self) -> None:
        octets = await self._receive()
        self._received += len(octets)
        self._is_ended = self._is_ended or not octets
        if self._greeting.is_complete:
            self._unread += self._plain(octets)
            return
        try:
            plain = self._plain(octets)
            self._greeting.see(plain)
            if self._is_ended:
                self._greeting.give_up()
        except NetworkKeyError:
            await self.close()
            raise
        self._unread += plain

    def _plain(self, octets: bytes) -> bytes:
        return octets if self._cipher is None else bytes(self._cipher.decrypt(memoryview(bytearray(octets))))

    async def _receive(self) -> bytes:
        room = RECEIVE_SIZE if self._is_upgraded else self._budget - self._received
        if room <= 0:
            self._allowance.reach("handshake_octets")
            raise MessageTooLarge("more octets than a handshake takes")
        is_awaited = self.is_initiator and self._cipher is not None and not self._greeting.is_complete
        octets = b""
        with (
            contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError),
            trio.move_on_at(self._greet_by if is_awaited else float("inf")),
        ):
            octets = bytes(await self._stream.receive_some(room))
        return octets

    # --- what the library asks for -----------------------------------------------------------------

    def get_remote_address(self) -> tuple[str, int]:
        """Return host and port of the other side."""
        return self.remote.host, self.remote.port

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Return none: the other side's address is in ``remote``."""
        return []

    def get_connection_type(self) -> ConnectionType:
        """Return that no relay is in between."""
        return ConnectionType.DIRECT
