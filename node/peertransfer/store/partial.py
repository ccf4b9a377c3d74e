"""How do verified octets become a file, so that no crash leaves a wrong one under the final name?

It writes ``Verified`` blocks and nothing else, and counts nothing (``store.partial_folder``); small files are
``store.small_files``'s. Spec: RELIABILITY.md (c) "Storage" 2.

Strategy: pwrite, then fdatasync, and only then the bitmap in the database; when the last leaf is there:
fsync of the file, rename without replacing, fsync of the folder, and only then "done". Never the
reverse. What the bitmap says after a crash is a hint: marked leaves are read back and hashed before they are
believed. Leaves go past the system's page cache: they are synced at once, so a copy there costs and gives
nothing.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from peertransfer.content.bitmap import Bitmap
from peertransfer.content.dag import CHUNK_SIZE, FileShape
from peertransfer.errors import LocalProtocolError, RemoteProtocolError, StoreError
from peertransfer.store.disk import disk_errors, write_past_cache
from peertransfer.store.hashing import read_full
from peertransfer.store.placing import make_executable
from peertransfer.store.transfers import EntryProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.content.verified import Verified
    from peertransfer.store.partial_folder import PartialFolder

_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECT_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_DIRECT", 0)


@dataclass(frozen=True, slots=True)
class Target:
    """One file that is to be put together."""

    entry: int
    """Index in the manifest."""
    path: tuple[str, ...]
    """Its final names below the destination root, as ``store.survey`` found them good."""
    root: Cid
    size: int
    """Octets, as the verified DAG says."""
    executable: bool = False
    overwrites: bool = False


class PartialFile:
    """One unfinished file of several leaves."""

    def __init__(self, folder: PartialFolder, target: Target, leaf_cid: Callable[[int], Cid]) -> None:
        self.target = target
        self._folder = folder
        self._leaf_cid = leaf_cid
        self._shape = FileShape(target.size)
        self._synced = Bitmap(self._shape.leaf_count)
        self._written: set[int] = set()
        self._writer_count = 0
        self._name = str(target.entry)
        self._fd = -1
        self._direct = -1

    @property
    def is_dirty(self) -> bool:
        """Whether something was written since the last sync."""
        return bool(self._written)

    @property
    def is_complete(self) -> bool:
        """Whether every leaf was written, and none is being written again."""
        return not self._writer_count and len(self._synced) + len(self._written) == self._shape.leaf_count

    def missing(self) -> Iterator[int]:
        """Yield the leaves that were not written yet, in order."""
        return (index for index in self._synced.missing() if index not in self._written)

    async def write(self, leaves: Sequence[tuple[int, Verified]]) -> None:
        """Write leaves, index and octets of each, one after the other; see ``take``."""
        for leaf in leaves:
            await self.take(partial(list, [leaf]), len(leaf[1].octets))

    async def take(self, check: Callable[[], Sequence[tuple[int, Verified]]], size: int) -> None:
        """Check leaves and write them, both on one worker thread; never are more than 8 MiB at risk.

        Args:
            check: returns index and octets of each leaf.
            size: octets of all of them.

        Raises:
            IntegrityError: what ``check`` raises; nothing is written.
            LocalProtocolError: a block is not the leaf that it is given as; our own bug.
            SpaceError: the disk is full; what was written before stays.
        """
        folder = self._folder
        await folder.reserve(size)
        written: list[int] = []
        self._writer_count += 1
        try:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._check_and_write, check, written)
        finally:
            self._writer_count -= 1
            fresh = {index for index in written if index not in self._synced} - self._written
            self._written |= fresh
            folder.release(size - self.size_of(fresh))
        await folder.wrote()

    async def finish(self) -> None:
        """Put the whole file under its final name.

        Raises:
            LocalProtocolError: leaves are missing; our own bug.
            ClashError: something came there meanwhile; the octets are kept.
        """
        if not self.is_complete:
            raise LocalProtocolError("A file was to be finished that has leaves missing")
        folder = self._folder
        async with folder.lock:
            folder.check_sound()
            leaves = self.written()
            await folder.run_syncing(self._sync_whole)
            progress = self.mark_synced(leaves)
            folder.release(self.size_of(leaves))
            with trio.CancelScope(shield=True):
                # Before the name appears: should that fail, the octets need not come again.
                await folder.transfers.mark(folder.transfer_id, {self.target.entry: progress})
                await trio.to_thread.run_sync(self._place)
                done = EntryProgress(progress.root, is_done=True, bitmap=progress.bitmap)
                await folder.transfers.mark(folder.transfer_id, {self.target.entry: done})
            self.close()

    def close(self) -> None:
        """Let the file go, without a sync; again: nothing."""
        for fd in (self._fd, self._direct):
            if fd >= 0:
                os.close(fd)
        self._fd = self._direct = -1
        self._folder.drop(self)

    # --- on a worker thread ------------------------------------------------------------------------

    def prepare(self, progress: EntryProgress | None) -> None:
        """Open the file and find out which leaves are in it (blocking)."""
        with disk_errors(self._where):
            self._fd = os.open(self._name, _FILE_FLAGS, 0o666, dir_fd=self._folder.fd)
            with contextlib.suppress(OSError):  # this file system has no such thing
                self._direct = os.open(self._name, _DIRECT_FLAGS, dir_fd=self._folder.fd)
            size = os.fstat(self._fd).st_size
            known = self._known(progress)
            if known is None or size > self.target.size:
                os.ftruncate(self._fd, 0)
                return
            for index in range(known.count):
                if index in known and self._is_leaf_good(index):
                    self._synced.add(index)

    def sync_octets(self) -> None:
        """Put the octets on the disk (blocking)."""
        with disk_errors(self._where):
            os.fdatasync(self._fd)

    def written(self) -> frozenset[int]:
        """Return the leaves that were written and not synced yet."""
        return frozenset(self._written)

    def size_of(self, leaves: Iterable[int]) -> int:
        """Return the octets of some leaves."""
        return sum(map(self._shape.leaf_size, leaves))

    def mark_synced(self, leaves: Collection[int]) -> EntryProgress:
        """Take ``leaves`` as synced; return what the journal is to say."""
        for index in leaves:
            self._synced.add(index)
        self._written -= set(leaves)
        return EntryProgress(self.target.root.to_bytes(), is_done=False, bitmap=self._synced.to_octets())

    @property
    def _where(self) -> str:
        return str(self._folder.root.path.joinpath(*self.target.path))

    def _known(self, progress: EntryProgress | None) -> Bitmap | None:
        """Return the journal's bitmap, where it is about these very octets; what is none is no hint."""
        if progress is None or progress.is_done or progress.root != self.target.root.to_bytes():
            return None
        try:
            return Bitmap(self._shape.leaf_count, progress.bitmap)
        except RemoteProtocolError:
            return None

    def _is_leaf_good(self, index: int) -> bool:
        trio.from_thread.check_cancelled()
        buffer = memoryview(bytearray(self._shape.leaf_size(index)))
        cid = self._leaf_cid(index)
        count = read_full(self._fd, buffer, index * CHUNK_SIZE)
        return count == len(buffer) and cid.hash_function.digest(buffer) == cid.digest

    def _check(self, index: int, verified: Verified) -> None:
        if not 0 <= index < self._shape.leaf_count or verified.cid != self._leaf_cid(index):
            raise LocalProtocolError("A block was to be written that is not this leaf of this file")
        if len(verified.octets) != self._shape.leaf_size(index):
            raise LocalProtocolError("A leaf was to be written that has not the size of its place")

    def _check_and_write(
        self, check: Callable[[], Sequence[tuple[int, Verified]]], written: list[int]
    ) -> None:
        leaves = check()
        for index, verified in leaves:
            self._check(index, verified)
        with disk_errors(self._where):
            for index, verified in leaves:
                write_past_cache(self._direct, self._fd, verified.octets, index * CHUNK_SIZE)
                written.append(index)

    def _sync_whole(self) -> None:
        with disk_errors(self._where):
            if os.fstat(self._fd).st_size != self.target.size:
                raise StoreError(f"{self._where} has not the size that it must have")
            make_executable(self._fd, executable=self.target.executable)
            os.fsync(self._fd)

    def _place(self) -> None:
        root, target = self._folder.root, self.target
        root.place(self._folder.fd, self._name, target.path, overwrite=target.overwrites)
        root.sync_folder(target.path[:-1])
