"""Whose socket file is this, and who is on the other end of it?

It does not speak HTTP (``listener``) and does not choose the path (``store.home``).
Spec: RELIABILITY.md D4: folder 0700, socket 0600, the peer's user ID checked.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from typing import TYPE_CHECKING, Protocol

from peertransfer.errors import HomeError

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_MODE = 0o600
BACKLOG = 32
CONNECT_SECONDS = 2.0
"""A node that listens accepts at once; a longer wait would only hide a hung one."""

_PEERCRED = struct.Struct("3i")
"""``struct ucred``: process, user and group ID."""


class Endpoint:
    """The listening socket and its file; ``close`` takes both away."""

    def __init__(self, path: Path) -> None:
        """Bind ``path``.

        Args:
            path: in a folder of mode 0700 that is there; a stale socket is replaced, anything else is
                left alone.

        Raises:
            HomeError: a node answers there already, or something that is no socket is in the way.
        """
        self.path = path
        clear_stale(path)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.listening.bind(os.fspath(path))
            path.chmod(SOCKET_MODE)
            self._inode = path.lstat().st_ino
            self.listening.listen(BACKLOG)
            self.listening.settimeout(0)
        except OSError as exc:
            self.listening.close()
            raise HomeError(
                f"The control socket {path} can't be made: {exc.strerror}",
                "Choose another home with --home.",
            ) from exc

    def close(self) -> None:
        """Stop listening, and unlink the file if it is still this endpoint's own."""
        self.listening.close()
        with contextlib.suppress(FileNotFoundError):
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()


def clear_stale(path: Path) -> None:
    """Unlink a socket that nobody answers on.

    Raises:
        HomeError: somebody answers, or it is no socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise HomeError(f"{path} is in the way and is no socket", "Move it away, and start the node again.")
    if answers(path):
        raise HomeError(
            f"Another node answers on {path}",
            "Stop it first, or give this one a home of its own with --home.",
        )
    path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Say whether somebody accepts connections on the socket file ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


class Connection(Protocol):
    """What is asked about a connection: stdlib sockets and trio's streams both answer."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return the option's octets."""


def is_own_user(connection: Connection) -> bool:
    """Say whether the process at the other end runs as this user, or as root, which may do anything."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # macOS: the modes of the folder and the socket are the check
        return True
    octets = connection.getsockopt(socket.SOL_SOCKET, option, _PEERCRED.size)
    _, user_id, _ = _PEERCRED.unpack(octets)
    return user_id in {os.geteuid(), 0}
