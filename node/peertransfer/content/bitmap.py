"""Which leaves of a file are there: one bit for each, least significant first in each octet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bitmap:
    """A set of leaf indices below ``count``."""

    def __init__(self, count: int, octets: bytes | None = None) -> None:
        """Make an empty set, or read ``octets``.

        Raises:
            RemoteProtocolError: the length is not that of ``count`` bits, or a bit beyond them is set.
        """
        size = -(-count // 8)
        self.count = count
        self._octets = bytearray(size if octets is None else octets)
        if len(self._octets) != size or (count % 8 and self._octets[-1] >> (count % 8)):
            raise RemoteProtocolError("a bitmap has not the length that it must have")

    def __contains__(self, index: int) -> bool:
        """Tell whether leaf ``index`` is there."""
        return bool(self._octets[index >> 3] >> (index & 7) & 1)

    def __len__(self) -> int:
        """Return how many leaves are there."""
        return int.from_bytes(self._octets).bit_count()

    def add(self, index: int) -> None:
        """Note that leaf ``index`` is there."""
        self._octets[index >> 3] |= 1 << (index & 7)

    def discard(self, index: int) -> None:
        """Note that leaf ``index`` is not there."""
        self._octets[index >> 3] &= ~(1 << (index & 7))

    @property
    def is_full(self) -> bool:
        """Tell whether all leaves are there."""
        return len(self) == self.count

    def missing(self) -> Iterator[int]:
        """Yield the leaves that are not there, in order."""
        return (index for index in range(self.count) if index not in self)

    def to_octets(self) -> bytes:
        """Return the octets that ``Bitmap(count, octets)`` reads."""
        return bytes(self._octets)
