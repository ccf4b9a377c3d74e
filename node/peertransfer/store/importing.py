"""What exactly is it that the person shares? Every file is read once, and its leaves are hashed.

It stores nothing (``store.shares``). Memory does not grow with a file: one leaf is held at a time, and
32 octets are kept of it. Spec: ARCHITECTURE.md 4.

Strategy: the whole import runs on one worker thread, which asks between two leaves whether its task was
cancelled. A file's size, times and inode are looked at before and after it is read, so that what was
committed to was there at one moment.
"""

from __future__ import annotations

import mimetypes
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from peertransfer.content.dag import build_dag
from peertransfer.content.shared import SharedEntry, SharedItem, SourceIdentity
from peertransfer.store.hashing import hash_leaves
from peertransfer.store.placing import find_twins, open_beneath
from peertransfer.store.scanning import FOLDER_FLAGS, changed, scan, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from peertransfer.content.cid import HashFunction
    from peertransfer.store.scanning import FoundEntry, Scan
    from peertransfer.store.shares import Source

PROGRESS_SECONDS = 0.1
"""Between two reports of progress."""

_FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ENCODINGS = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come."""

    files: int
    files_total: int
    octets: int
    octets_total: int
    """As of the first look."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A share, ready to be committed to."""

    item: SharedItem
    skipped: tuple[tuple[str, str], ...]
    """Absolute path and reason of what is not in it."""
    sources: tuple[Source, ...]
    """Where its files are on this machine."""
    twins: tuple[str, str] | None
    """Two paths in it that some disks take for one."""


async def import_paths(
    paths: Sequence[Path],
    *,
    hash_function: HashFunction,
    seed: bytes,
    labels: Sequence[str] = (),
    purpose: str | None = None,
    basis: str | None = None,
    expires_at: int = 0,
    progress: Callable[[ImportProgress], None] | None = None,
) -> Imported:
    """Read everything below ``paths``, off the event loop.

    Args:
        paths: files and folders; several make one share of several items.
        hash_function: of leaves, nodes and commitments.
        seed: 32 random octets.
        labels: what the policy can name the share by.
        purpose: why it is shared.
        basis: on what legal basis.
        expires_at: Unix seconds; 0: never.
        progress: called on the event loop, about ten times a second and at the end.

    Raises:
        SourceError: something is missing, unreadable, changed meanwhile, or has a name that can't travel.
    """
    found, entries = await trio.to_thread.run_sync(_import_all, tuple(paths), hash_function, progress)
    item = SharedItem(
        title=found.title,
        hash_function=hash_function,
        seed=seed,
        entries=entries,
        labels=tuple(labels),
        purpose=purpose,
        basis=basis,
        expires_at=expires_at,
    )
    twins = find_twins([entry.path for entry in found.entries])
    return Imported(item, tuple(found.skipped), tuple(found.sources), twins)


def media_type_of(name: str) -> str | None:
    """Guess a media type by the extension, by Python's own table: no file of this machine is read."""
    extension = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, not a path of this machine
    if extension in _TYPES.encodings_map:
        return _ENCODINGS.get(_TYPES.encodings_map[extension])
    return _TYPES.types_map[True].get(extension)


class _Reporter:
    def __init__(self, found: Scan, progress: Callable[[ImportProgress], None] | None) -> None:
        self._progress = progress
        self._files_total = sum(entry.is_file for entry in found.entries)
        self._octets_total = sum(entry.size for entry in found.entries)
        self._next_at = 0.0
        self.files = 0
        self.octets = 0

    def hashed(self, octets: int) -> None:
        self.octets += octets
        if time.monotonic() >= self._next_at:
            self.report()

    def report(self) -> None:
        self._next_at = time.monotonic() + PROGRESS_SECONDS
        if self._progress is not None:
            state = ImportProgress(self.files, self._files_total, self.octets, self._octets_total)
            trio.from_thread.run_sync(self._progress, state)


def _import_all(
    paths: Sequence[Path], hash_function: HashFunction, progress: Callable[[ImportProgress], None] | None
) -> tuple[Scan, tuple[SharedEntry, ...]]:
    found = scan(paths)
    reporter = _Reporter(found, progress)
    folders: dict[Source, int] = {}
    entries = []
    try:
        for ordinal, entry in enumerate(found.entries):
            if not entry.is_file:
                entries.append(SharedEntry(ordinal, "/".join(entry.path), "folder"))
                continue
            if entry.source not in folders:
                folders[entry.source] = _open_folder(entry)
            entries.append(_import_file(ordinal, entry, folders[entry.source], hash_function, reporter))
            reporter.files += 1
    finally:
        for fd in folders.values():
            os.close(fd)
    reporter.report()
    return found, tuple(entries)


def _open_folder(entry: FoundEntry) -> int:
    flags = FOLDER_FLAGS if entry.source.top == "" else FOLDER_FLAGS & ~os.O_NOFOLLOW
    try:
        return os.open(entry.source.folder, flags)
    except OSError as exc:
        raise unreadable(entry.where, exc) from exc


def _import_file(
    ordinal: int, entry: FoundEntry, folder: int, hash_function: HashFunction, reporter: _Reporter
) -> SharedEntry:
    try:
        fd = open_beneath(folder, entry.path, _FILE_FLAGS)
    except PermissionError as exc:
        raise unreadable(entry.where, exc) from exc
    except OSError as exc:  # it was there a moment ago
        raise changed(entry.where) from exc
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise changed(entry.where)
        size, digests = hash_leaves(fd, hash_function, reporter.hashed)
        after = os.fstat(fd)
    except OSError as exc:
        raise unreadable(entry.where, exc) from exc
    finally:
        os.close(fd)
    if identity_of(before) != identity_of(after) or size != after.st_size:
        raise changed(entry.where)
    return SharedEntry(
        ordinal=ordinal,
        path="/".join(entry.path),
        kind="file",
        size=size,
        executable=bool(after.st_mode & stat.S_IXUSR),
        mtime_at=int(after.st_mtime),
        media_type=media_type_of(entry.path[-1]),
        root=build_dag(hash_function, size, digests).root,
        leaf_digests=digests,
        identity=identity_of(after),
    )


def identity_of(found: os.stat_result) -> SourceIdentity:
    """Return by what a file is recognised as unchanged."""
    return SourceIdentity(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


_TYPES = mimetypes.MimeTypes()
