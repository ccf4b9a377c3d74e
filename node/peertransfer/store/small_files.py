"""How do ten thousand small files reach the disk as cheaply as one large one?

Files of one leaf only; larger ones are ``store.partial``'s, whose order of steps this follows: octets
synced, then names, then folders synced, then one commit. Spec: RELIABILITY.md (b) "Small files".

Strategy: a batch is written whole, then synced at once (``syncfs`` where there are many), then renamed,
each folder synced once, then journalled in one commit. A crash costs the batch. A file that can't be
placed or written does not take the others of its batch along.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from peertransfer.content.bitmap import Bitmap
from peertransfer.errors import ClashError, LocalProtocolError, PeertransferError
from peertransfer.store import syscalls
from peertransfer.store.disk import disk_errors, write_all
from peertransfer.store.partial_folder import MAX_UNSYNCED
from peertransfer.store.placing import make_executable
from peertransfer.store.transfers import EntryProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.content.verified import Verified
    from peertransfer.store.partial import Target
    from peertransfer.store.partial_folder import PartialFolder

MAX_FILES = 128
"""Files of a batch: each is an open descriptor until it is synced."""

_MANY = 8
"""Files from which on one ``syncfs`` is cheaper than an fsync for each."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Written:
    target: Target
    fd: int


class SmallFileBatch:
    """Files of one leaf, on their way into place."""

    def __init__(self, folder: PartialFolder) -> None:
        self._folder = folder
        self._waiting: list[tuple[Target, Verified]] = []
        self._size = 0

    async def add(self, target: Target, verified: Verified) -> None:
        """Take a file; a batch that is full is flushed first.

        Raises:
            LocalProtocolError: the block is not the whole file; our own bug.
            ClashError, SpaceError, StoreError: as ``flush``.
        """
        if verified.cid != target.root or len(verified.octets) != target.size:
            raise LocalProtocolError("A block was to be written that is not this whole file")
        if len(self._waiting) == MAX_FILES or self._size + target.size > MAX_UNSYNCED:
            await self.flush()
        self._waiting.append((target, verified))
        self._size += target.size

    async def flush(self) -> None:
        """Put all that was taken in place, on the disk.

        Raises:
            ClashError: something came where a file of the batch goes; the others are in place.
            SpaceError: the disk is full; those that fitted are in place.
            StoreError: the disk failed.
        """
        folder = self._folder
        async with folder.lock:
            # Only now: who is cancelled while it waits for the lock takes no files along.
            files, self._waiting, self._size = self._waiting, [], 0
            if not files:
                return
            folder.check_sound()
            written: list[_Written] = []
            failures: list[PeertransferError] = []
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._write, files, written, failures)
                await folder.run_syncing(lambda: self._sync(written))
                placed = await trio.to_thread.run_sync(self._place, written, failures)
                await folder.transfers.mark(folder.transfer_id, {each.entry: _done(each) for each in placed})
            if failures:
                raise failures[0]

    # --- on a worker thread ------------------------------------------------------------------------

    def _write(
        self,
        files: Sequence[tuple[Target, Verified]],
        written: list[_Written],
        failures: list[PeertransferError],
    ) -> None:
        for target, verified in files:
            try:
                with disk_errors(str(self._folder.root.path.joinpath(*target.path))):
                    fd = os.open(str(target.entry), _FLAGS, 0o666, dir_fd=self._folder.fd)
                    try:
                        write_all(fd, verified.octets, 0)
                        make_executable(fd, executable=target.executable)
                    except OSError:
                        os.close(fd)
                        raise
            except PeertransferError as failure:
                failures.append(failure)
                return
            written.append(_Written(target, fd))

    def _sync(self, written: Sequence[_Written]) -> None:
        try:
            with disk_errors(str(self._folder.root.path)):
                if len(written) >= _MANY and _sync_file_system(self._folder.fd):
                    return
                for file in written:
                    os.fsync(file.fd)
        finally:
            for file in written:
                os.close(file.fd)

    def _place(self, written: Sequence[_Written], failures: list[PeertransferError]) -> list[Target]:
        placed: list[Target] = []
        in_order = sorted((file.target for file in written), key=_folder_of)
        for folder, targets in itertools.groupby(in_order, key=_folder_of):
            try:
                placed += self._place_in(folder, targets, failures)
            except ClashError as clash:
                failures.append(clash)
        return placed

    def _place_in(
        self, folder: tuple[str, ...], targets: Iterable[Target], failures: list[PeertransferError]
    ) -> list[Target]:
        root, source = self._folder.root, self._folder.fd
        placed = []
        with root.opened_folder(folder, make=True) as fd:
            for target in targets:
                try:
                    root.place_in(fd, source, str(target.entry), target.path, overwrite=target.overwrites)
                except ClashError as clash:
                    failures.append(clash)
                else:
                    placed.append(target)
            if placed:
                with disk_errors(str(root.path.joinpath(*folder))):
                    os.fsync(fd)
        return placed


def _folder_of(target: Target) -> tuple[str, ...]:
    return target.path[:-1]


def _sync_file_system(fd: int) -> bool:
    try:
        syscalls.syncfs(fd)
    except syscalls.MissingCallError:
        return False
    return True


def _done(target: Target) -> EntryProgress:
    bitmap = Bitmap(1)
    bitmap.add(0)
    return EntryProgress(target.root.to_bytes(), is_done=True, bitmap=bitmap.to_octets())
