"""Which leaves of a file are there: one bit for each, least significant first in each octet.

The octets are those of a transfer's journal and of the ``Have`` message. Spec: docs/protocol.md, "Have".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.errors import LocalError, RemoteProtocolError

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
        if octets is not None and (len(octets) != size or (count % 8 and octets[-1] >> (count % 8))):
            raise RemoteProtocolError("a bitmap has not the length that it must have")
        self.count = count
        self._octets = bytearray(size if octets is None else octets)
        self._present = int.from_bytes(self._octets).bit_count()

    def __contains__(self, index: int) -> bool:
        """Tell whether leaf ``index`` is there."""
        return 0 <= index < self.count and bool(self._octets[index >> 3] >> (index & 7) & 1)

    def __len__(self) -> int:
        """Return how many leaves are there."""
        return self._present

    def add(self, index: int) -> None:
        """Note that leaf ``index`` is there.

        Raises:
            LocalError: there is no such leaf.
        """
        if not 0 <= index < self.count:
            raise LocalError("A leaf was to be marked that the file does not have")
        if index not in self:
            self._octets[index >> 3] |= 1 << (index & 7)
            self._present += 1

    def discard(self, index: int) -> None:
        """Note that leaf ``index`` is not there."""
        if index in self:
            self._octets[index >> 3] &= ~(1 << (index & 7))
            self._present -= 1

    @property
    def is_full(self) -> bool:
        """Tell whether all leaves are there."""
        return self._present == self.count

    def missing(self) -> Iterator[int]:
        """Yield the leaves that are not there, in order."""
        return (index for run in self.missing_ranges() for index in run)

    def missing_ranges(self) -> Iterator[range]:
        """Yield the runs of leaves that are not there, in order; each as long as it can be."""
        first = None
        for place, octet in enumerate(self._octets):
            if octet == (0xFF if first is None else 0):
                continue  # eight leaves that change nothing
            for index in range(place * 8, min(place * 8 + 8, self.count)):
                is_missing = index not in self
                if is_missing and first is None:
                    first = index
                elif not is_missing and first is not None:
                    yield range(first, index)
                    first = None
        if first is not None:
            yield range(first, self.count)

    def to_octets(self) -> bytes:
        """Return the octets that ``Bitmap(count, octets)`` reads."""
        return bytes(self._octets)
