"""What is already where a share's files are to go, before the first octet is fetched?

It changes nothing. A file that is there and verifies is reused, and whether it can be run is no clash; one
that differs is, unless the person chose to overwrite or to rename. Spec: CLI.md, ``get``; RELIABILITY.md A3.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from peertransfer.content.names import fold
from peertransfer.errors import ClashError
from peertransfer.store.disk import disk_errors
from peertransfer.store.hashing import hash_root
from peertransfer.store.placing import find_twins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.store.placing import DestinationRoot
    from peertransfer.store.transfers import ClashMode


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one entry is to go."""

    entry: int
    """Index in the manifest."""
    path: tuple[str, ...]
    """Names below the destination root."""
    root: Cid | None
    """Root of the file's DAG; None for a folder."""
    size: int | None = None
    """Octets, where the provider says."""
    executable: bool | None = None
    """Whether it can be run; None where the provider does not say: then it stays as it is."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was found for one entry."""

    placement: Placement
    path: tuple[str, ...]
    """Where it goes; another than the placement's where the person chose to rename."""
    size: int = 0
    """Octets of what is there and verified."""
    is_there: bool = False
    """It is there and verifies (or is a folder that is there)."""
    has_other_mode: bool = False
    """It is there and verifies, but can be run and should not be, or the other way round."""
    overwrites: bool = False
    """Something differing is there and will be replaced."""


async def survey(
    root: DestinationRoot, placements: Sequence[Placement], mode: ClashMode
) -> tuple[Surveyed, ...]:
    """Look at each place, off the event loop.

    Raises:
        ClashError: something differing is there and ``mode`` is ``refuse``, or a file is where a folder
            goes, or two entries would be one file on this disk.
    """
    twins = find_twins([placement.path for placement in placements])
    if twins is not None and await trio.to_thread.run_sync(root.folds_names):
        raise ClashError(
            f"{twins[0]} and {twins[1]} of the share would be one file on this disk",
            "Take one of them with --select, or choose a disk that tells them apart.",
        )
    return await trio.to_thread.run_sync(_survey_all, root, tuple(placements), mode)


def _survey_all(
    root: DestinationRoot, placements: Sequence[Placement], mode: ClashMode
) -> tuple[Surveyed, ...]:
    found = []
    clashes = []
    taken = {fold("/".join(placement.path)) for placement in placements}
    for placement in placements:
        trio.from_thread.check_cancelled()
        surveyed = _survey_one(root, placement, mode, taken)
        if surveyed is None:
            clashes.append(placement)
        else:
            found.append(surveyed)
    if clashes:
        first = root.clash(clashes[0].path, of_folder=clashes[0].root is None)
        others = f", like {len(clashes) - 1} more" if len(clashes) > 1 else ""
        raise ClashError(first.message + others, first.hint, path=first.path)
    return tuple(found)


def _survey_one(
    root: DestinationRoot, placement: Placement, mode: ClashMode, taken: set[str]
) -> Surveyed | None:
    found = root.lstat(placement.path)
    if found is None:
        return Surveyed(placement, placement.path)
    if placement.root is None:
        is_folder = stat.S_ISDIR(found.st_mode)
        return Surveyed(placement, placement.path, is_there=True) if is_folder else None
    if _is_same(root, placement, placement.path, found):
        return _reused(placement, placement.path, found)
    if mode == "overwrite" and not stat.S_ISDIR(found.st_mode):
        return Surveyed(placement, placement.path, overwrites=True)
    return _renamed(root, placement, taken) if mode == "rename" else None


def _renamed(root: DestinationRoot, placement: Placement, taken: set[str]) -> Surveyed:
    for path in root.other_names(placement.path):
        if fold("/".join(path)) in taken:  # by another entry of the same share
            continue
        found = root.lstat(path)
        if found is None or _is_same(root, placement, path, found):
            taken.add(fold("/".join(path)))
            return Surveyed(placement, path) if found is None else _reused(placement, path, found)
    raise root.clash(placement.path)


def _reused(placement: Placement, path: tuple[str, ...], found: os.stat_result) -> Surveyed:
    is_executable = bool(found.st_mode & stat.S_IXUSR)
    has_other_mode = placement.executable not in {None, is_executable}
    return Surveyed(placement, path, found.st_size, is_there=True, has_other_mode=has_other_mode)


def _is_same(root: DestinationRoot, placement: Placement, path: Sequence[str], found: os.stat_result) -> bool:
    if placement.root is None or not stat.S_ISREG(found.st_mode):
        return False
    if placement.size not in {None, found.st_size}:
        return False
    with disk_errors(str(root.path.joinpath(*path))):
        fd = root.open_beneath(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return hash_root(fd, placement.root.hash_function) == placement.root
        finally:
            os.close(fd)
