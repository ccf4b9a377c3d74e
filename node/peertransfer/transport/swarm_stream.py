"""A stream as the library's swarm keeps it, over our own muxed connection.

It reads and writes past the swarm's wrapper, which locks and checks at every call, and closes by it, so that
the swarm knows which streams are open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peertransfer.transport.muxed_stream import MuxedStream
from peertransfer.transport.stream import YamuxStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer


class SwarmStream:
    """A stream; whatever it raises is the library's (``net.translate``)."""

    def __init__(self, net_stream: Any) -> None:
        self._net_stream = net_stream
        inner = net_stream.muxed_stream
        assert isinstance(inner, YamuxStream)
        self._inner = inner
        self.peer_id: str = inner.muxed_conn.peer_id.to_base58()
        self.tally = inner.muxed_conn.tally
        self.answers = inner.muxed_conn.answers

    async def read(self, n: int) -> bytes:
        """Return up to ``n`` octets, as soon as there are some; none at the end."""
        return b"".join(await self._inner.read_pieces(n))

    async def read_pieces(self, limit: int) -> list[memoryview]:
        """Return up to ``limit`` octets in the pieces in which they came; none at the end."""
        return await self._inner.read_pieces(limit)

    async def read_into(self, memory: memoryview, seconds: float) -> int:
        """Fill ``memory``, and return how many octets that were: fewer at the end, or after ``seconds``."""
        return await self._inner.read_into(memory, seconds)

    async def write(self, octets: bytes) -> None:
        """Have all of ``octets`` sent."""
        await self._inner.write_pieces([octets])

    async def write_pieces(self, pieces: Sequence[Buffer], stall_seconds: float) -> None:
        """Have ``pieces``, which must not change any more, sent; wait while much is waiting already.

        Raises:
            trio.TooSlowError: the peer took nothing for ``stall_seconds``.
        """
        await self._inner.write_pieces(pieces, stall_seconds)

    async def close_write(self) -> None:
        """Send the end of our direction."""
        await self._net_stream.close_write()

    async def close(self) -> None:
        """Send the end of our direction, and drop what still comes."""
        await self._net_stream.close()

    async def reset(self) -> None:
        """Break the stream off in both directions."""
        await self._net_stream.reset()


def stream_of(net_stream: Any) -> SwarmStream | MuxedStream:
    """Return a stream of the swarm's for reading and writing, on whichever parts its connection runs."""
    own = isinstance(net_stream.muxed_stream, YamuxStream)
    return SwarmStream(net_stream) if own else MuxedStream(net_stream)
