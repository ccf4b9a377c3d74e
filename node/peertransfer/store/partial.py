"""How do verified octets become a file, so that no crash leaves a wrong one under the final name?

It writes ``Verified`` blocks and nothing else; small files are ``store.small_files``'s. Spec:
RELIABILITY.md (c) "Storage" 2.

Strategy: pwrite, then fdatasync, and only then the bitmap in the database; when the last leaf is there:
fsync of the file, rename without replacing, fsync of the folder, and only then "done". Never the
reverse. At most 8 MiB of a transfer are written and not yet synced, and on a slow line those of the last
two seconds. What the bitmap says after a crash
is a hint: marked leaves are read back and hashed before they are believed. After a failed sync nobody
knows what is on the disk, so nothing more is said about the transfer until it is begun anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import trio

from peertransfer.content.bitmap import Bitmap
from peertransfer.content.dag import CHUNK_SIZE, FileShape
from peertransfer.errors import LocalProtocolError, StoreError
from peertransfer.store.disk import disk_errors, write_all
from peertransfer.store.hashing import read_full
from peertransfer.store.placing import PARTIAL_FOLDER, make_executable
from peertransfer.store.transfers import EntryProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from peertransfer.content.cid import Cid
    from peertransfer.content.verified import Verified
    from peertransfer.store.placing import DestinationRoot
    from peertransfer.store.transfers import Transfers

MAX_UNSYNCED = 8 << 20
"""Octets of a transfer that a crash may cost."""
SYNC_SECONDS = 2.0
"""After which the next leaf has what was written before it synced: a slow line loses seconds, not minutes."""

MAX_TRIES = 100
"""Times that a transfer's folder is made while others remove the one above."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


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


class PartialFolder:
    """The unfinished files of one transfer, beside their destination."""

    def __init__(self, root: DestinationRoot, transfer_id: str, transfers: Transfers) -> None:
        """Make the folder where it is missing (blocking).

        Raises:
            StoreError: it can't be made, or is somebody else's.
        """
        self.root = root
        self.transfer_id = transfer_id
        self.transfers = transfers
        self.lock = trio.Lock()
        self.unsynced = 0
        """Octets written since the last sync."""
        self._unsynced_since = 0.0
        self._files: dict[int, PartialFile] = {}
        self._has_failed = False
        with disk_errors(str(root.path / PARTIAL_FOLDER)):
            self.fd = _own_folders(root.fd, transfer_id)

    async def open_file(self, target: Target, leaf_cid: Callable[[int], Cid]) -> PartialFile:
        """Begin a file, or go on with it.

        Args:
            target: the file.
            leaf_cid: CID of each leaf, from a verified DAG.
        """
        progress = await self.transfers.entry_progress(self.transfer_id, target.entry)
        file = PartialFile(self, target, leaf_cid)
        await trio.to_thread.run_sync(file.prepare, progress)
        self._files[target.entry] = file
        return file

    async def sync(self) -> None:
        """Put everything written on the disk, then mark it, of all files in one commit."""
        async with self.lock:
            await self.sync_locked()

    def is_sync_due(self, more: int) -> bool:
        """Say whether to sync before ``more`` octets are written."""
        if self.unsynced == 0:
            return False
        is_late = trio.current_time() >= self._unsynced_since + SYNC_SECONDS
        return is_late or self.unsynced + more > MAX_UNSYNCED

    def wrote(self, octets: int) -> None:
        """Count octets that were written and are at risk until the next sync."""
        if self.unsynced == 0:
            self._unsynced_since = trio.current_time()
        self.unsynced += octets

    async def sync_locked(self) -> None:
        """``sync``, for who holds the lock."""
        self.check_sound()
        dirty = [file for file in self._files.values() if file.is_dirty]
        if dirty:
            await self.run_syncing(lambda: _sync_all(dirty))
            progress = {file.target.entry: file.mark_synced() for file in dirty}
            self.unsynced = 0
            with trio.CancelScope(shield=True):
                await self.transfers.mark(self.transfer_id, progress)

    async def run_syncing(self, work: Callable[[], object]) -> None:
        """Run what syncs on a worker thread; should it fail, nothing more is believed."""
        self._has_failed = True
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(work)
        self._has_failed = False

    def check_sound(self) -> None:
        """Refuse to go on after a sync failed.

        Raises:
            StoreError: it did: what the disk holds must be read back first.
        """
        if self._has_failed:
            raise StoreError(
                f"The disk failed while {self.root.path} was written", "Look at the disk, then run it again."
            )

    def drop(self, file: PartialFile) -> None:
        """Forget a file that was finished or closed."""
        self._files.pop(file.target.entry, None)

    async def aclose(self, *, discard: bool = False) -> None:
        """Leave a state to go on from, and remove the folder where nothing is left in it.

        Args:
            discard: the transfer is over (done or cancelled): remove what is left.
        """
        with trio.CancelScope(shield=True):
            try:
                if not (discard or self._has_failed):
                    await self.sync()
            finally:
                await trio.to_thread.run_sync(self._close, discard)

    async def __aenter__(self) -> Self:
        """Use the folder within an ``async with`` block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a state to go on from."""
        await self.aclose()

    def _close(self, discard: bool) -> None:
        for file in list(self._files.values()):
            file.close()
        if self.fd < 0:
            return
        with disk_errors(str(self.root.path / PARTIAL_FOLDER)):
            try:
                for name in _names(self.fd) if discard else ():
                    os.unlink(name, dir_fd=self.fd)
                is_empty = not _names(self.fd)
            finally:
                os.close(self.fd)
                self.fd = -1
            if is_empty:
                _remove_folders(self.root.fd, self.transfer_id)


class PartialFile:
    """One unfinished file of several leaves."""

    def __init__(self, folder: PartialFolder, target: Target, leaf_cid: Callable[[int], Cid]) -> None:
        self.target = target
        self._folder = folder
        self._leaf_cid = leaf_cid
        self._shape = FileShape(target.size)
        self._synced = Bitmap(self._shape.leaf_count)
        self._written: set[int] = set()
        self._name = str(target.entry)
        self._fd = -1

    @property
    def is_dirty(self) -> bool:
        """Whether something was written since the last sync."""
        return bool(self._written)

    @property
    def is_complete(self) -> bool:
        """Whether every leaf was written."""
        return len(self._synced) + len(self._written) == self._shape.leaf_count

    def missing(self) -> Iterator[int]:
        """Yield the leaves that were not written yet, in order."""
        return (index for index in self._synced.missing() if index not in self._written)

    async def write(self, leaves: Sequence[tuple[int, Verified]]) -> None:
        """Write leaves, and sync before more than 8 MiB would be at risk.

        Args:
            leaves: index and octets of each.

        Raises:
            LocalProtocolError: a block is not the leaf that it is given as; our own bug.
            SpaceError: the disk is full; what was synced before stays.
        """
        for index, verified in leaves:
            self._check(index, verified)
        async with self._folder.lock:
            for index, verified in leaves:
                self._folder.check_sound()
                if self._folder.is_sync_due(len(verified.octets)):
                    await self._folder.sync_locked()
                await trio.to_thread.run_sync(self._write_leaf, index, verified)
                if index not in self._synced:
                    self._written.add(index)
                self._folder.wrote(len(verified.octets))

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
            await folder.run_syncing(self._sync_whole)
            progress = self.mark_synced()
            with trio.CancelScope(shield=True):
                # Before the name appears: should that fail, the octets need not come again.
                await folder.transfers.mark(folder.transfer_id, {self.target.entry: progress})
                await trio.to_thread.run_sync(self._place)
                done = EntryProgress(progress.root, is_done=True, bitmap=progress.bitmap)
                await folder.transfers.mark(folder.transfer_id, {self.target.entry: done})
            self.close()

    def close(self) -> None:
        """Let the file go, without a sync; again: nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._folder.drop(self)

    # --- on a worker thread ------------------------------------------------------------------------

    def prepare(self, progress: EntryProgress | None) -> None:
        """Open the file and find out which leaves are in it (blocking)."""
        with disk_errors(self._where):
            self._fd = os.open(self._name, _FILE_FLAGS, 0o666, dir_fd=self._folder.fd)
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

    def mark_synced(self) -> EntryProgress:
        """Take what was written as synced; return what the journal is to say."""
        for index in self._written:
            self._synced.add(index)
        self._written.clear()
        return EntryProgress(self.target.root.to_bytes(), is_done=False, bitmap=self._synced.to_octets())

    @property
    def _where(self) -> str:
        return str(self._folder.root.path.joinpath(*self.target.path))

    def _known(self, progress: EntryProgress | None) -> Bitmap | None:
        """Return the journal's bitmap, where it is about these very octets."""
        count = self._shape.leaf_count
        if progress is None or progress.is_done or progress.root != self.target.root.to_bytes():
            return None
        return Bitmap(count, progress.bitmap) if len(progress.bitmap) == -(-count // 8) else None

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

    def _write_leaf(self, index: int, verified: Verified) -> None:
        with disk_errors(self._where):
            write_all(self._fd, verified.octets, index * CHUNK_SIZE)

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


def _own_folders(root: int, transfer_id: str) -> int:
    """Make a transfer's folder and open it; another transfer that ends may remove the one above meanwhile."""
    for _ in range(MAX_TRIES):
        with contextlib.suppress(FileNotFoundError):
            above = _own_folder(root, PARTIAL_FOLDER)
            try:
                return _own_folder(above, transfer_id)
            finally:
                os.close(above)
    raise StoreError(f"Something removes the folder {PARTIAL_FOLDER} at the destination all the time")


def _own_folder(above: int, name: str) -> int:
    try:
        os.mkdir(name, 0o700, dir_fd=above)
        os.fsync(above)
    except FileExistsError:
        pass
    fd = os.open(name, _FOLDER_FLAGS, dir_fd=above)
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(fd)
        raise StoreError(
            f"The folder {name} at the destination is somebody else's, or open to others",
            "Remove it, or choose another place.",
        )
    return fd


def _remove_folders(root: int, transfer_id: str) -> None:
    os.rmdir(f"{PARTIAL_FOLDER}/{transfer_id}", dir_fd=root)
    try:
        os.rmdir(PARTIAL_FOLDER, dir_fd=root)
    except OSError as exc:
        # Another transfer's is there, or another transfer that ended was first.
        if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
            raise


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [entry.name for entry in found]


def _sync_all(files: Sequence[PartialFile]) -> None:
    for file in files:
        file.sync_octets()
