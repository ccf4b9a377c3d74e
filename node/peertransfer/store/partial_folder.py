"""Where are the unfinished files of one transfer, and how much of them may a crash cost?

It puts no leaf in its place (``store.partial``). Spec: RELIABILITY.md (c) "Storage" 2.

Strategy: at most 8 MiB of a transfer are written and not yet synced, and on a slow line those of the last two
seconds. Whoever comes to half of that syncs while the others write on. After a failed sync nobody knows what
is on the disk, so nothing more is said about the transfer until it is begun anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Self

import trio

from peertransfer.errors import StoreError
from peertransfer.store.disk import disk_errors
from peertransfer.store.partial import PartialFile
from peertransfer.store.placing import PARTIAL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from peertransfer.content.cid import Cid
    from peertransfer.store.partial import Target
    from peertransfer.store.placing import DestinationRoot
    from peertransfer.store.transfers import Transfers

MAX_UNSYNCED = 8 << 20
"""Octets of a transfer that a crash may cost."""
SYNC_SECONDS = 2.0
"""After which the next leaf has what was written before it synced: a slow line loses seconds, not minutes."""

MAX_TRIES = 100
"""Times that a transfer's folder is made while others remove the one above."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        """Octets that are being written, or were since the last sync."""
        self._changed = trio.Event()
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
        """Put everything written on the disk, then mark it, of all files in one commit.

        Writes go on meanwhile; what they add is for the next sync.
        """
        async with self.lock:
            self.check_sound()
            dirty = {file: file.written() for file in self._files.values() if file.is_dirty}
            if dirty:
                self._unsynced_since = trio.current_time()
                await self.run_syncing(lambda: _sync_all(tuple(dirty)))
                progress = {file.target.entry: file.mark_synced(leaves) for file, leaves in dirty.items()}
                self.release(sum(file.size_of(leaves) for file, leaves in dirty.items()))
                with trio.CancelScope(shield=True):
                    await self.transfers.mark(self.transfer_id, progress)

    async def reserve(self, size: int) -> None:
        """Count ``size`` octets as at risk; where that is over the bound, sync what is written first."""
        self.check_sound()
        while self.unsynced and self.unsynced + size > MAX_UNSYNCED:
            if any(file.is_dirty for file in self._files.values()):
                await self.sync()
            else:
                await self._changed.wait()
        if self.unsynced == 0:
            self._unsynced_since = trio.current_time()
        self.unsynced += size

    def release(self, size: int) -> None:
        """Take back what is not at risk any more: it was not written, or is synced."""
        self.unsynced -= size
        self._wake()

    async def wrote(self) -> None:
        """Note that a write ended; sync where half of the bound is at risk, or something is for long.

        Whoever comes to it syncs; the others write on.
        """
        self._wake()
        is_late = self.unsynced and trio.current_time() >= self._unsynced_since + SYNC_SECONDS
        if (is_late or self.unsynced >= MAX_UNSYNCED // 2) and not self.lock.locked():
            await self.sync()

    def _wake(self) -> None:
        """Let those look again who wait for others to write or to sync."""
        self._changed.set()
        self._changed = trio.Event()

    async def run_syncing(self, work: Callable[[], object]) -> None:
        """Run what syncs on a worker thread; should it fail, nothing more is believed."""
        is_synced = False
        try:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(work)
            is_synced = True
        finally:
            self._has_failed |= not is_synced

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
