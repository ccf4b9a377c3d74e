"""What of a file that is to come is here already, in the one that it replaces or in a twin?

Leaves at the same place only: an octet that was put in moves all that follow, and those are fetched. Every
leaf is hashed before it is taken. Spec: CLI.md ``get --overwrite``.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

import trio

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import IntegrityError
from peertransfer.store.hashing import read_full

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.store.partial import PartialFile
    from peertransfer.store.placing import DestinationRoot


async def seed(
    file: PartialFile, root: DestinationRoot, path: Sequence[str], leaf_cid: Callable[[int], Cid]
) -> None:
    """Write those missing leaves of ``file`` that ``path`` has at the same place.

    Args:
        file: the file that is being put together.
        root: the destination.
        path: names of a file below it; what can't be read gives nothing.
        leaf_cid: CID of each leaf of ``file``, from a verified DAG.
    """
    fd = await trio.to_thread.run_sync(_open, root, path)
    if fd is None:
        return
    try:
        for index in list(file.missing()):
            start = index * CHUNK_SIZE
            size = min(CHUNK_SIZE, file.target.size - start)
            verified = await trio.to_thread.run_sync(_read, fd, start, size, leaf_cid(index))
            if verified is not None:
                await file.write([(index, verified)])
    finally:
        os.close(fd)


def _open(root: DestinationRoot, path: Sequence[str]) -> int | None:
    with contextlib.suppress(OSError):
        fd = root.open_beneath(path, os.O_RDONLY | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
    return None


def _read(fd: int, start: int, size: int, cid: Cid) -> Verified | None:
    buffer = memoryview(bytearray(size))
    with contextlib.suppress(OSError, IntegrityError):
        return verify(cid, buffer) if read_full(fd, buffer, start) == size else None
    return None
