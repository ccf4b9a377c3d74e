"""What does an error of the disk mean to the person?

Every place of this room that writes to a person's folder translates by ``disk_errors``.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from peertransfer.errors import SpaceError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_IN_THE_WAY = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EXDEV})
FREE_ROOM_HINT = "Free some room and run the same command again; what was received is kept."
HOME_ROOM_HINT = "Free some room on that disk and run the same command again."


def is_full(error: OSError) -> bool:
    """Say whether the disk, or the person's quota, was full."""
    return error.errno in _FULL


@contextlib.contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Translate the errors of system calls about ``what`` (a path, or a sentence's subject).

    Raises:
        SpaceError: the disk, or the person's quota, is full.
        StoreError: anything else.
    """
    try:
        yield
    except OSError as exc:
        if is_full(exc):
            raise SpaceError(f"There is no room left for {what}", FREE_ROOM_HINT) from exc
        if exc.errno in _IN_THE_WAY:
            hint = "Something there is a symbolic link or no folder: remove it, or choose another place."
            raise StoreError(f"{what} can't be reached without leaving its folder", hint) from exc
        raise StoreError(f"{what} can't be written: {exc.strerror or exc}", _hint_for(exc)) from exc


def _hint_for(exc: OSError) -> str:
    if isinstance(exc, PermissionError):
        return "Give yourself the right to write there (chmod u+w), or choose another place."
    return "Look at that disk, or choose another place."


def write_all(fd: int, octets: Sequence[memoryview] | memoryview, offset: int) -> None:
    """Write everything at ``offset``, however few octets the system takes at once."""
    for part in [octets] if isinstance(octets, memoryview) else octets:
        view = part.cast("B")
        while view:
            count = os.pwrite(fd, view, offset)
            view = view[count:]
            offset += count


def write_past_cache(direct: int, fd: int, octets: memoryview, offset: int) -> None:
    """Write everything at ``offset``, without a copy in the system's memory where that goes.

    Args:
        direct: descriptor of the same file with ``O_DIRECT``, or -1: there is none.
        fd: its descriptor without; it takes what is not made of whole pages, in memory or on the disk.
        octets: what to write.
        offset: where.
    """
    count = 0
    if direct >= 0:
        try:
            count = os.pwrite(direct, octets, offset)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
    write_all(fd, octets[count:], offset + count)


def check_room(folder: Path, size: int, floor: int) -> None:
    """Refuse to begin what would not fit.

    Args:
        folder: somewhere on the file system that is asked.
        size: octets that are about to be written.
        floor: octets that must stay free.

    Raises:
        SpaceError: they would not.
    """
    with disk_errors(str(folder)):
        found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if size + floor > free:
        raise SpaceError(
            f"{folder} has room for {max(0, free - floor)} octets, and {size} are to come", FREE_ROOM_HINT
        )
