"""How are a peer's names rebuilt below one root, so that nothing lands outside and nothing is lost?

It judges no name (``content.names`` did, and every method here checks again), and writes no octets of
a file (``store.partial``). All methods block: call them off the event loop.
Spec: ARCHITECTURE.md 4; RELIABILITY.md A1 to A3.

Strategy: everything is reached from one descriptor of the root, by names that are single segments or
were resolved by ``openat2(BENEATH | NO_SYMLINKS)``; so a folder that somebody swaps for a link in the
middle makes the call fail instead of leading elsewhere. Where that call is missing, the way is walked
segment by segment with ``O_NOFOLLOW``.
"""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Self

from peertransfer.content.names import MAX_DEPTH, check_segment, fold
from peertransfer.errors import ClashError, RemoteProtocolError, StoreError
from peertransfer.store import syscalls
from peertransfer.store.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

PARTIAL_FOLDER = ".peertransfer-partial"
"""Where unfinished files are, below the root; no received name may be like it."""
MAX_OTHER_NAMES = 1000
CLASH_HINT = "Move it away, or choose --overwrite (which fetches only what differs) or --rename."
FOLDER_HINT = "Remove it, or choose --rename: --overwrite replaces files only."
NO_FOLDER_HINT = "Move it away, or choose another place."

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
PROBE = f"{PARTIAL_FOLDER}-\u00e9"
"""A name that has other spellings, to see what this disk makes of them."""


class DestinationRoot:
    """The folder below which everything received is placed."""

    def __init__(
        self, path: Path, title: str = "", *, use_openat2: bool = True, use_renameat2: bool = True
    ) -> None:
        """Open ``path``, or the folder ``title`` in it, making that where it is missing (and nothing above).

        Args:
            path: the person's choice; links in it are the person's own.
            title: a peer's name for a folder in ``path``: no link is followed there.
            use_openat2: False for the way without that call.
            use_renameat2: False for the way without that call.

        Raises:
            StoreError: it is no folder, or can't be made.
            RemoteProtocolError: ``title`` is no name for a folder.
        """
        chosen = Path(os.path.abspath(path))  # noqa: PTH100 - links in it are the person's own
        if title:
            _check([title])
        self.path = chosen / title
        self._use_openat2 = use_openat2
        self._use_renameat2 = use_renameat2
        self._is_made = False
        with disk_errors(str(self.path)):
            self.fd = self._open_titled(chosen, title) if title else self._open_or_make(chosen)

    def _open_titled(self, chosen: Path, title: str) -> int:
        above = os.open(chosen, _FOLDER_FLAGS)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(title, dir_fd=above)
                self._is_made = True
                os.fsync(above)
            return open_beneath(above, [title], _FOLDER_FLAGS, use_openat2=self._use_openat2)
        finally:
            os.close(above)

    def _open_or_make(self, folder: Path) -> int:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            self._is_made = True
            above = os.open(folder.parent, _FOLDER_FLAGS)
            try:
                os.fsync(above)
            finally:
                os.close(above)
        return os.open(folder, _FOLDER_FLAGS)

    def close(self) -> None:
        """Let the folder go; again: nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        """Use the root within a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the root."""
        self.close()

    def open_beneath(self, segments: Sequence[str], flags: int, mode: int = 0o666) -> int:
        """Open something below the root; the caller closes it.

        Raises:
            OSError: as ``open``; also for a symbolic link anywhere on the way, or at its end.
        """
        if not segments:
            return os.open(".", flags | os.O_CLOEXEC, dir_fd=self.fd)
        return open_beneath(self.fd, segments, flags, mode, use_openat2=self._use_openat2)

    def lstat(self, segments: Sequence[str]) -> os.stat_result | None:
        """Return what is there, a link itself and not what it points to; None where nothing is."""
        _check(segments)
        try:
            parent = self.open_beneath(segments[:-1], _FOLDER_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise _not_reached(self.path, segments) from exc
        try:
            return os.stat(segments[-1], dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        finally:
            os.close(parent)

    def make_folders(self, segments: Sequence[str]) -> None:
        """Make a folder and those above it, each on the disk when this returns; one that is there stays.

        Raises:
            ClashError: something that is no folder is in the way.
        """
        _check(segments)
        with self.opened_folder(segments, make=True):
            pass

    def place(self, source_fd: int, source: str, segments: Sequence[str], *, overwrite: bool = False) -> None:
        """Move a finished file to its final name; ``sync_folder`` puts that on the disk.

        Args:
            source_fd: descriptor of the folder where it is.
            source: its name there.
            segments: the final name below the root; its folder is made.
            overwrite: replace a file that is there, in one step.

        Raises:
            ClashError: there is something, or what is there is a folder.
        """
        _check(segments)
        with self.opened_folder(segments[:-1], make=True) as folder:
            self.place_in(folder, source_fd, source, segments, overwrite=overwrite)

    def place_in(
        self, folder: int, source_fd: int, source: str, segments: Sequence[str], *, overwrite: bool = False
    ) -> None:
        """Do as ``place`` where the folder of the final name is open already, as ``folder``.

        Raises:
            ClashError: as ``place``.
        """
        _check(segments)
        with disk_errors(self._text(segments)):
            try:
                if overwrite:
                    os.rename(source, segments[-1], src_dir_fd=source_fd, dst_dir_fd=folder)
                else:
                    self._rename_noreplace(source_fd, source, folder, segments[-1])
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as exc:
                raise self.clash(segments) from exc

    def sync_folder(self, segments: Sequence[str]) -> None:
        """Put the names of a folder on the disk."""
        with self.opened_folder(segments, make=False) as folder, disk_errors(self._text(segments)):
            os.fsync(folder)

    def set_executable(self, segments: Sequence[str], *, executable: bool) -> None:
        """Let a file that is there be run, or not, on the disk when this returns."""
        with disk_errors(self._text(segments)):
            fd = self.open_beneath(segments, os.O_RDONLY | os.O_NONBLOCK)
            try:
                make_executable(fd, executable=executable)
                os.fsync(fd)
            finally:
                os.close(fd)

    def folds_names(self) -> bool:
        """Say whether this disk takes two names for one that differ in case or Unicode form only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        others = (PROBE.upper(), unicodedata.normalize("NFD", PROBE))
        with disk_errors(str(self.path)):
            os.close(os.open(PROBE, flags, 0o600, dir_fd=self.fd))
            try:
                return any(_is_there(self.fd, name) for name in others)
            finally:
                os.unlink(PROBE, dir_fd=self.fd)

    def clash(self, segments: Sequence[str], *, of_folder: bool = False) -> ClashError:
        """Return the error for what is in the way.

        Args:
            segments: where it is.
            of_folder: a folder was to go there; else a file.
        """
        where = self._text(segments)
        if of_folder:
            return ClashError(f"{where} is there already and is no folder", NO_FOLDER_HINT, path=where)
        found = self.lstat(segments)
        if found is not None and stat.S_ISDIR(found.st_mode):
            return ClashError(
                f"{where} is there already and is a folder, not a file", FOLDER_HINT, path=where
            )
        return ClashError(f"{where} is there already and differs", CLASH_HINT, path=where)

    def remove_if_made(self) -> None:
        """Remove the folder where this made it and nothing is in it."""
        if self._is_made:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def other_names(self, segments: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield ``name (1).ext``, ``name (2).ext``, … beside a name that is taken."""
        *above, name = segments
        stem, dot, extension = name.rpartition(".")
        stem, suffix = (stem, dot + extension) if stem else (name, "")
        for number in range(1, MAX_OTHER_NAMES + 1):
            yield (*above, f"{stem} ({number}){suffix}")

    def _text(self, segments: Sequence[str]) -> str:
        return str(self.path.joinpath(*segments))

    @contextlib.contextmanager
    def opened_folder(self, segments: Sequence[str], *, make: bool) -> Iterator[int]:
        """Open a folder below the root, and make it where it is missing and ``make`` asks for it.

        Raises:
            ClashError: something that is no folder is in the way.
        """
        with disk_errors(self._text(segments)):
            try:
                fd = self.open_beneath(segments, _FOLDER_FLAGS)
            except FileNotFoundError:
                if not make:
                    raise
                fd = self._make(segments)
            except NotADirectoryError as exc:
                raise self.clash(segments, of_folder=True) from exc
        try:
            yield fd
        finally:
            os.close(fd)

    def _make(self, segments: Sequence[str]) -> int:
        fd = os.open(".", _FOLDER_FLAGS, dir_fd=self.fd)
        for segment in segments:
            above = fd
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(segment, dir_fd=above)
                    os.fsync(above)
                fd = os.open(segment, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above)
            except NotADirectoryError as exc:
                raise self.clash(segments, of_folder=True) from exc
            finally:
                os.close(above)
        return fd

    def _rename_noreplace(self, source_fd: int, source: str, folder: int, name: str) -> None:
        if self._use_renameat2:
            with contextlib.suppress(syscalls.MissingCallError):
                syscalls.rename_noreplace(source_fd, source, folder, name)
                return
        # A link is made only where nothing is; until the old name is gone the file has both.
        os.link(source, name, src_dir_fd=source_fd, dst_dir_fd=folder, follow_symlinks=False)
        os.unlink(source, dir_fd=source_fd)


def open_beneath(
    dir_fd: int, segments: Sequence[str], flags: int, mode: int = 0o666, *, use_openat2: bool = True
) -> int:
    """Open ``segments`` below ``dir_fd``; no link is followed, not at the end either.

    Raises:
        OSError: as ``open``; ELOOP or ENOTDIR for a link.
    """
    if any(segment in {"", ".", ".."} or "/" in segment for segment in segments):
        raise StoreError("A path below a root has a segment that is none")
    if use_openat2:
        with contextlib.suppress(syscalls.MissingCallError):
            return syscalls.openat2(dir_fd, os.fsencode("/".join(segments)), flags, mode)
    return _walk(dir_fd, segments, flags, mode)


def make_executable(fd: int, *, executable: bool) -> None:
    """Let whoever may read a file run it, or nobody."""
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    wanted = mode | (mode & 0o444) >> 2 if executable else mode & ~0o111
    if wanted != mode:
        os.fchmod(fd, wanted)


def find_twins(paths: Sequence[Sequence[str]]) -> tuple[str, str] | None:
    """Return two paths that are one file on a file system that folds case or normal forms, if any."""
    seen: dict[str, str] = {}
    for path in paths:
        text = "/".join(path)
        if fold(text) in seen:
            return seen[fold(text)], text
        seen[fold(text)] = text
    return None


def _walk(dir_fd: int, segments: Sequence[str], flags: int, mode: int) -> int:
    fd = dir_fd
    try:
        for segment in segments[:-1]:
            above, fd = fd, os.open(segment, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=fd)
            if above != dir_fd:
                os.close(above)
        return os.open(segments[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=fd)
    finally:
        if fd != dir_fd:
            os.close(fd)


def _check(segments: Sequence[str]) -> None:
    if not 0 < len(segments) <= MAX_DEPTH + 2:
        raise RemoteProtocolError("a received path has too many names, or none")
    for segment in segments:
        check_segment(segment)
        if fold(segment) == PARTIAL_FOLDER:
            raise RemoteProtocolError(f"a received name is that of the folder {PARTIAL_FOLDER}")


def _not_reached(root: Path, segments: Sequence[str]) -> StoreError:
    where = root.joinpath(*segments)
    return StoreError(
        f"{where} can't be reached without leaving its folder",
        "Something there is a symbolic link or no folder: remove it, or choose another place.",
    )


def _is_there(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
