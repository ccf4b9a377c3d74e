"""Memory for whole leaves that is used again: fresh memory costs as much as the octets that go through it.

It knows no octets. Each piece begins at a page, so that a disk can take it without one more copy.
"""

from __future__ import annotations

import ctypes
import mmap

from peertransfer.content.shape import CHUNK_SIZE


class LeafMemory:
    """Gives memory out, and finds by itself when nobody looks at it any more."""

    def __init__(self, kept: int) -> None:
        """Take none yet.

        Args:
            kept: leaves of which the memory is kept; for more at once, fresh memory is taken.
        """
        self._kept = kept
        self._memories: list[bytearray] = []

    def of_size(self, size: int) -> memoryview:
        """Return ``size`` octets, with anything in them; for other sizes than a leaf's always fresh ones."""
        memory = None
        if size == CHUNK_SIZE:
            memory = next((one for one in self._memories if _is_free(one)), None)
        if memory is None:
            memory = bytearray(size + mmap.PAGESIZE - 1)
            if size == CHUNK_SIZE and len(self._memories) < self._kept:
                self._memories.append(memory)
        return _from_a_page_on(memory, size)


def _is_free(memory: bytearray) -> bool:
    """Tell whether nobody looks at ``memory`` any more: what is looked at can't change its length."""
    try:
        memory.append(memory.pop())
    except BufferError:
        return False
    return True


def _from_a_page_on(memory: bytearray, size: int) -> memoryview:
    """Return ``size`` octets of ``memory``, beginning where a page begins."""
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % mmap.PAGESIZE
    return memoryview(memory)[start : start + size]
