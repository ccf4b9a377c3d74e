"""One secured TCP connection: plain octets here, Noise records on the line, in the network's cipher.

It knows no streams (``transport.connection``) and made no handshake (``transport.upgrade`` did). Whoever is
cancelled in the middle of a write leaves half a record behind, so only one task writes, and when it is
cancelled the connection is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.errors import RemoteProtocolError
from peertransfer.transport.socket_octets import SocketOctets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer
    from peertransfer.transport.pnet import PnetCipher
    from peertransfer.transport.records import RecordOpener, RecordSealer, Taker

TURN_SECONDS = 0.01
"""After so long with what one peer sent, others get a turn."""
AGREEMENT_SIZE = 1024
"""More than the agreement on a muxer takes."""
_LOST = (OSError, trio.ClosedResourceError)
"""What a socket raises once the connection is no more."""


class Wire:
    """A connection after its handshake."""

    def __init__(
        self,
        stream: trio.SocketStream,
        *,
        sealer: RecordSealer,
        opener: RecordOpener,
        cipher: PnetCipher | None,
        unread: bytes,
        memory: memoryview,
    ) -> None:
        """Go on where the handshake ended.

        Args:
            stream: the TCP connection.
            sealer: our direction.
            opener: the peer's direction.
            cipher: the private network's; both directions have run through the handshake.
            unread: octets that came behind the handshake, without the network's cipher.
            memory: what comes is put here until it is opened, and nobody else has a turn meanwhile: all
                connections of a node use the same.
        """
        self._socket = SocketOctets(stream)
        self._memory = memory
        self._sealer = sealer
        self._opener = opener
        self._cipher = cipher
        self._unread = memoryview(unread)
        self.is_lost = False
        """Whether the connection broke, instead of being ended by the peer."""

    async def receive(self, taker: Taker) -> bool:
        """Hand what is in the next records to ``taker``, of one at least; return False at the end.

        Raises:
            RecordChangedError: a record was changed on its way.
            RemoteProtocolError: ``taker`` raised it.
        """
        octets, self._unread = self._unread, self._unread[:0]
        if not octets:
            octets = await self._receive(taker.appetite)
        if not octets:
            return False
        began = trio.current_time()
        while octets:
            octets = octets[self._opener.open_next(octets, taker) :]
            if octets and trio.current_time() - began > TURN_SECONDS:
                octets = memoryview(bytes(octets))  # while others have a turn, it is theirs
                await trio.lowlevel.checkpoint()
                began = trio.current_time()
        return True

    async def _receive(self, most: int) -> memoryview:
        try:
            count = await self._socket.receive_into(self._memory[:most])
        except _LOST:
            self.is_lost = True
            count = 0
        octets = self._memory[:count]
        return octets if self._cipher is None or not count else self._cipher.decrypt(octets)

    async def send(self, pieces: Sequence[Buffer]) -> bool:
        """Seal and write ``pieces``; return False where the connection is lost."""
        records = self._sealer.seal(pieces)
        if self._cipher is not None:
            records = self._cipher.encrypt(records)
        try:
            await self._socket.send_all(records)
        except _LOST:
            return False
        return True

    def make_room(self, pieces: Sequence[Buffer]) -> int:
        """Take the memory that sending ``pieces`` needs; return how many octets are kept from now on."""
        return self._sealer.make_room(pieces)

    def let_go(self) -> None:
        """Give the memory of the last write back: nothing more is to be sent for now."""
        self._sealer.let_go()

    async def close(self) -> None:
        """Close the socket; what was written still leaves."""
        await self._socket.aclose()

    def close_write(self) -> None:
        """Say that nothing more comes from us; what the peer sends is still read."""
        self._socket.close_write()


class WireReader:
    """Reads a few octets at a time from a wire: the agreement on a muxer, before there are streams."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._unread = bytearray()

    @property
    def appetite(self) -> int:
        """Octets that are worth taking from the socket at once."""
        return AGREEMENT_SIZE

    def room_for(self, size: int) -> memoryview | None:
        """Return ``None``: what comes is kept here."""
        del size
        return None

    def take_placed(self, size: int) -> None:
        """Do nothing: no octets have a place of their own."""

    def take(self, octets: bytes) -> None:
        """Keep what came."""
        self._unread += octets

    async def read(self, n: int) -> bytes:
        """Return up to ``n`` octets; none at the end."""
        while not self._unread and await self._wire.receive(self):
            pass
        octets = bytes(self._unread[:n])
        del self._unread[:n]
        return octets

    async def write(self, octets: bytes) -> None:
        """Write all of ``octets``."""
        if not await self._wire.send([octets]):
            raise RemoteProtocolError("the connection ended before its streams began")

    @property
    def unread(self) -> bytes:
        """What came behind the agreement."""
        return bytes(self._unread)
