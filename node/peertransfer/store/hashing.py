"""What are the leaf digests of a file on this disk?

One buffer of one leaf is all the memory that it takes, however large the file. Blocking; it runs on a
worker thread of trio's and stops between two leaves when its task is cancelled.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from peertransfer.content.dag import CHUNK_SIZE, build_dag

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.content.cid import Cid, HashFunction


def read_full(fd: int, buffer: memoryview, offset: int) -> int:
    """Fill ``buffer`` from ``offset``; return how many octets there were."""
    filled = 0
    while filled < len(buffer):
        count = os.preadv(fd, [buffer[filled:]], offset + filled)
        if count == 0:
            break
        filled += count
    return filled


def hash_leaves(
    fd: int, hash_function: HashFunction, progress: Callable[[int], None] | None = None
) -> tuple[int, bytes]:
    """Read a file to its end; return its size and 32 octets for each leaf.

    Args:
        fd: descriptor, readable.
        hash_function: of the leaves.
        progress: called with the octets of each leaf that was hashed, on this thread.
    """
    buffer = memoryview(bytearray(CHUNK_SIZE))
    digests = bytearray()
    size = 0
    while True:
        trio.from_thread.check_cancelled()
        count = read_full(fd, buffer, size)
        if count or not digests:  # an empty file has one empty leaf
            digests += hash_function.digest(buffer[:count])
        size += count
        if progress is not None:
            progress(count)
        if count < CHUNK_SIZE:
            return size, bytes(digests)


def hash_root(fd: int, hash_function: HashFunction) -> Cid:
    """Read a file to its end; return the root of its DAG."""
    size, digests = hash_leaves(fd, hash_function)
    return build_dag(hash_function, size, digests).root
