"""Where does this node keep its own things, and may nobody else read them?

It does not decide which folder is the home (``cli``), nor what is in the configuration. It imports
nothing heavy, because the command line needs it at every start.
Spec: CLI.md, "Everywhere"; RELIABILITY.md D4.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from peertransfer.errors import HomeError, LocalError, PeertransferError, SpaceError, StoreError
from peertransfer.store.disk import HOME_ROOM_HINT, is_full

if TYPE_CHECKING:
    from types import TracebackType

FOLDER_MODE = 0o700
FILE_MODE = 0o600
HOME_NAMES = frozenset({"keys", "peertransfer.db"})
"""By what is in it, any node's home is told from other folders."""
MAX_SOCKET_PATH = 100
"""Octets: ``sun_path`` holds 108 on Linux and 104 on macOS, with its closing zero."""

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_EDITED_BY_HAND = frozenset({"config.toml", "policy.toml"})
"""Editors replace these under the person's umask: others may not write them, that is all."""
_NETWORK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HOME_DEPTH = 4
"""Folders below the home that are examined; the node makes one."""


@dataclass(frozen=True, slots=True)
class Home:
    """A home whose modes were found good."""

    path: Path

    @property
    def config_path(self) -> Path:
        """How the node runs."""
        return self.path / "config.toml"

    @property
    def policy_path(self) -> Path:
        """Who may see what."""
        return self.path / "policy.toml"

    @property
    def database_path(self) -> Path:
        """The one SQLite database."""
        return self.path / "peertransfer.db"

    @property
    def keys_path(self) -> Path:
        """The folder of the private keys, one file for each network."""
        return self.path / "keys"

    @property
    def lock_path(self) -> Path:
        """The file that the running node holds a lock on."""
        return self.path / "lock"

    def key_path(self, network_id: str) -> Path:
        """Return where the private key for ``network_id`` is kept.

        Raises:
            LocalError: ``network_id`` could not be a file's name; our own bug.
        """
        if not _NETWORK_ID.fullmatch(network_id):
            raise LocalError("A network ID holds only letters, digits, '-' and '_'")
        return self.keys_path / f"{network_id}.key"

    def socket_path(self, runtime_dir: Path | None = None) -> Path:
        """Return where the control socket is.

        Args:
            runtime_dir: the session's ``XDG_RUNTIME_DIR``, if there is one.

        Raises:
            HomeError: the folder that stands in for a long home is somebody else's, or too wide.
        """
        usual = self.path / "control.sock"
        if len(os.fsencode(usual)) <= MAX_SOCKET_PATH:
            return usual
        folder = _socket_folder(self.path, runtime_dir)
        if os.path.lexists(folder):
            _check_folder(folder)
        return folder / "control.sock"

    def make_socket_folder(self, runtime_dir: Path | None = None) -> Path:
        """Make the folder that ``socket_path`` lies in, and return the socket's path."""
        socket = self.socket_path(runtime_dir)
        try:
            socket.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except OSError as exc:
            raise _failed(f"The folder {socket.parent} can't be made", exc) from exc
        _check_folder(socket.parent)
        return socket

    def remove_socket_folder(self, socket: Path) -> None:
        """Remove the folder that was made for ``socket``, once that is gone; the home itself stays."""
        if socket.parent != self.path:
            with contextlib.suppress(OSError):  # something else is in it: then it stays
                socket.parent.rmdir()

    def lock(self) -> HomeLock:
        """Take the home for this process; at most one node runs on it.

        Raises:
            HomeError: another node runs on this home.
            SpaceError: its disk is full.
        """
        return HomeLock(self.lock_path)

    def running_pid(self) -> int | None:
        """Return the process ID of the node that holds the lock; None where no node runs."""
        try:
            fd = os.open(self.lock_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _pid_of(file.read(20))
        return None


class HomeLock:
    """The exclusive lock on a home; the kernel drops it when this process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, FILE_MODE)
        except OSError as exc:
            raise _failed(f"The lock {path} can't be opened", exc) from exc
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = _pid_of(os.pread(self._fd, 20, 0))
            os.close(self._fd)
            raise HomeError(
                f"Another node runs on this home ({path.parent}) as process {pid or 'unknown'}",
                "Stop it first, or give this one a home of its own with --home.",
            ) from exc
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except OSError as exc:
            os.close(self._fd)
            raise _failed(f"The lock {path} can't be written", exc) from exc

    def release(self) -> None:
        """Let the next node have the home; again: nothing."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        """Hold the lock within a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.release()


def create_home(path: Path) -> Home:
    """Make the folders of a home where they are missing, and open it.

    Raises:
        HomeError: it can't be made there, or what is there can't be used.
        SpaceError: the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in (path, path / "keys"):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=FOLDER_MODE)
                folder.chmod(FOLDER_MODE)
            _check_folder(folder)
    except OSError as exc:
        raise _failed(f"The home {path} can't be made", exc, "Choose another with --home.") from exc
    return open_home(path)


def open_home(path: Path) -> Home:
    """Open a home that is there, after looking at every mode in it.

    Raises:
        HomeError: missing, a symbolic link, somebody else's, or wider than 0700 and 0600; the hint
            is the command that mends it.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the link that we refuse
    try:
        _check_folder(path)
        _check_below(path, _HOME_DEPTH)
    except OSError as exc:
        raise unreadable(Path(exc.filename or path), exc, "Choose another home with --home.") from exc
    return Home(path)


def unreadable(path: Path, exc: OSError, otherwise: str) -> HomeError:
    """Return the error for what can't be read of a home.

    Args:
        path: what can't be read.
        exc: why.
        otherwise: the mend where it is neither its owner nor its mode.
    """
    hint = otherwise
    with contextlib.suppress(OSError):
        found = path.lstat()
        if isinstance(exc, PermissionError):
            mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
            hint = f"Mend it with: chmod {mode} {shlex.quote(str(path))}"
        _check_owner(path, found)
    return HomeError(f"{path} can't be read: {exc.strerror}", hint)


def write_private(path: Path, octets: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600 so that it is there whole, on the disk, or not at all.

    Args:
        path: where it goes; what is there is replaced in one step.
        octets: the whole file.
        replace: False for what must never be overwritten, such as a key.

    Raises:
        HomeError: ``replace`` is False and there is something already.
        SpaceError: the disk is full.
        StoreError: it refused it for another reason.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, FILE_MODE)
            file.write(octets)
            file.flush()
            os.fsync(fd)
        _put_in_place(scratch, path, replace=replace)
        _sync_folder(path.parent)
    except FileExistsError as exc:
        raise HomeError(f"{path} is there already", "Move it away first.") from exc
    except OSError as exc:
        with contextlib.suppress(OSError):
            scratch.unlink()
        if is_full(exc):
            raise _failed(f"{path} can't be written", exc) from exc
        raise StoreError(f"{path} can't be written: {exc.strerror}", "Look at its disk and modes.") from exc


def _failed(sentence: str, exc: OSError, hint: str = "Look at its owner and mode.") -> PeertransferError:
    if is_full(exc):
        return SpaceError(f"{sentence}: the disk is full", HOME_ROOM_HINT)
    return HomeError(f"{sentence}: {exc.strerror}", hint)


def _put_in_place(scratch: Path, path: Path, *, replace: bool) -> None:
    if replace:
        scratch.replace(path)
        return
    try:
        path.hardlink_to(scratch)
    finally:
        scratch.unlink()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _socket_folder(home: Path, runtime_dir: Path | None) -> Path:
    name = "peertransfer-" + hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    places = [runtime_dir, Path("/tmp")]  # noqa: S108 - the folder is 0700 and checked
    with contextlib.suppress(FileNotFoundError):  # a full disk takes no temporary files
        places.insert(1, Path(tempfile.gettempdir()))
    for place in places:
        if place is not None and len(os.fsencode(place / name / "control.sock")) <= MAX_SOCKET_PATH:
            return place / name
    raise HomeError("No folder's path is short enough for the control socket", "Choose a shorter --home.")


def _check_folder(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError as exc:
        raise HomeError(f"There is no home at {path}", "Make one with: peertransfer init") from exc
    if stat.S_ISLNK(found.st_mode):
        raise HomeError(f"{path} is a symbolic link", "Name the folder that it points to with --home.")
    if not stat.S_ISDIR(found.st_mode):
        raise HomeError(f"{path} is not a folder", "Choose another with --home.")
    _check_owner(path, found)
    if stat.S_IMODE(found.st_mode) & _OTHERS:
        raise HomeError(
            f"Others can look into {path} (mode {stat.S_IMODE(found.st_mode):04o}, must be 0700)",
            f"Mend it with: chmod 700 {shlex.quote(str(path))}",
        )


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise HomeError(
            f"{path} belongs to another user (ID {found.st_uid})",
            f"Mend it with: chown -R {os.geteuid()} {shlex.quote(str(path))}",
        )


def _check_below(folder: Path, depth: int) -> None:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            _check_folder(Path(entry.path))
            if depth > 1:
                _check_below(Path(entry.path), depth - 1)
        else:
            _check_file(Path(entry.path), entry.stat(follow_symlinks=False))


def _check_file(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise HomeError(f"{path} is a symbolic link", "Put the file itself in its place.")
    _check_owner(path, found)
    forbidden = _OTHERS_WRITE if path.name in _EDITED_BY_HAND else _OTHERS
    if stat.S_IMODE(found.st_mode) & forbidden:
        raise HomeError(
            f"Others can use {path} (mode {stat.S_IMODE(found.st_mode):04o}, must be 0600)",
            f"Mend it with: chmod 600 {shlex.quote(str(path))}",
        )


def _pid_of(octets: bytes) -> int | None:
    text = octets.strip()
    return int(text) if text.isdigit() else None
