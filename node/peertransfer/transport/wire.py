"""One secured TCP connection: plain octets here, Noise records on the line, in the network's cipher.

It knows no streams (``transport.connection``) and made no handshake (``transport.upgrade`` did). Whoever is
cancelled in the middle of a write leaves half a record behind, so only one task writes, and when it is
cancelled the connection is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer
    from peertransfer.transport.pnet import PnetCipher
    from peertransfer.transport.records import RecordOpener, RecordSealer

RECEIVE_SIZE = 1 << 20
"""Octets taken from the socket at once."""


class Wire:
    """A connection after its handshake."""

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        *,
        sealer: RecordSealer,
        opener: RecordOpener,
        cipher: PnetCipher | None,
        unread: bytes,
    ) -> None:
        """Go on where the handshake ended.

        Args:
            stream: the TCP connection.
            sealer: our direction.
            opener: the peer's direction.
            cipher: the private network's; both directions have run through the handshake.
            unread: octets that came behind the handshake, without the network's cipher.
        """
        self._stream = stream
        self._sealer = sealer
        self._opener = opener
        self._cipher = cipher
        self._opened = opener.open(unread)
        self.is_lost = False
        """Whether the connection broke, instead of being ended by the peer."""

    async def receive(self) -> list[bytes]:
        """Return what is in the next records, at least one; an empty list at the end.

        Raises:
            RemoteProtocolError: a record was changed on its way.
        """
        while not self._opened:
            try:
                octets = await self._stream.receive_some(RECEIVE_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.is_lost = True
                return []
            if not octets:
                return []
            self._opened = self._opener.open(
                octets if self._cipher is None else self._cipher.decrypt(bytearray(octets))
            )
        opened, self._opened = self._opened, []
        return opened

    async def send(self, pieces: Sequence[Buffer]) -> bool:
        """Seal and write ``pieces``; return False where the connection is lost."""
        records: bytearray | memoryview = self._sealer.seal(pieces)
        if self._cipher is not None:
            records = self._cipher.encrypt(records)
        try:
            await self._stream.send_all(memoryview(records))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    def let_go(self) -> None:
        """Give the memory of the last write back: nothing more is to be sent for now."""
        self._sealer.let_go()

    async def close(self) -> None:
        """Close the socket; what was written still leaves."""
        await trio.aclose_forcefully(self._stream)


class WireReader:
    """Reads a few octets at a time from a wire: the agreement on a muxer, before there are streams."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._unread = bytearray()

    async def read(self, n: int) -> bytes:
        """Return up to ``n`` octets; none at the end."""
        if not self._unread:
            for piece in await self._wire.receive():
                self._unread += piece
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
