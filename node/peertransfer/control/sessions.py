"""Which node carries out this command: the one that runs, or one that is started for it?

It does not carry anything out (``client``). A node started here lives as a child process that ends when
its standard input closes, so that it ends with us however we end; it is in a session of its own, so that
Ctrl-C reaches us only, and a transfer is paused in good order.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from peertransfer.control.client import NodeClient
from peertransfer.control.faults import error_of
from peertransfer.control.homes import POLL_SECONDS, socket_path
from peertransfer.errors import HomeError, PeertransferError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peertransfer.store.home import Home

DAEMON_MODULE = "peertransfer.control.daemon"
START_SECONDS = 30.0
"""A node that has not come up by then will not: it imports libp2p, opens a database and listens."""
MAX_ATTEMPTS = 3
"""Starts that may fail because the home was held at that moment."""
END_SECONDS = 10.0
"""A node pauses its transfers within 5 s (RELIABILITY.md, graceful stop)."""


@dataclass(frozen=True, slots=True)
class Session:
    """A node that can be asked."""

    client: NodeClient
    is_own: bool
    """It was started for this command, and ends with it."""


def running_node(home: Home) -> NodeClient | None:
    """Return the node that runs on ``home``; None where none answers."""
    path = socket_path(home)
    if not path.exists():
        return None
    client = NodeClient(path)
    return client if client.is_ready() else None


@contextlib.contextmanager
def node_session(home: Home, *, listen: Sequence[str] = (), log_level: str = "") -> Iterator[Session]:
    """Have a node for as long as the ``with`` block lasts.

    Args:
        home: whose node.
        listen: multiaddrs for a node that is started here.
        log_level: shows that node's log on standard error; empty: not.

    Raises:
        HomeError: a node holds the home and does not answer.
        PeertransferError: the node could not start, as it said itself.
    """
    child = _start_unless_running(home, listen, log_level)
    client = NodeClient(socket_path(home))
    if child is None:
        yield Session(client, is_own=False)
        return
    try:
        yield Session(client, is_own=True)
    finally:
        child.end()


def _start_unless_running(home: Home, listen: Sequence[str], log_level: str) -> _Child | None:
    """Return a node that was started, once it takes commands; None where one answers already."""
    deadline = time.monotonic() + START_SECONDS
    attempt_count = 0
    while running_node(home) is None:
        is_late = time.monotonic() > deadline
        pid = home.running_pid()
        if pid is None:
            child = _Child(home, listen, log_level)
            try:
                child.wait_ready(deadline)
            except HomeError:
                # Another command may have started a node at the same moment; that may even be over again.
                attempt_count += 1
                if is_late or (attempt_count == MAX_ATTEMPTS and home.running_pid() is None):
                    raise
            else:
                return child
        elif is_late:
            raise HomeError(
                f"A node (process {pid}) holds this home and does not answer", "Look at its log, or stop it."
            )
        time.sleep(POLL_SECONDS)
    return None


class _Child:
    """A node in a child process."""

    def __init__(self, home: Home, listen: Sequence[str], log_level: str) -> None:
        # -P: never import from the folder that the person happens to be in.
        words = [sys.executable, "-P", "-m", DAEMON_MODULE]
        words += ["--home", str(home.path), "--ephemeral", "--log-level", log_level or "error"]
        for addr in listen:
            words += ["--listen", addr]
        self._log: IO[bytes] | None = None
        if not log_level:
            with contextlib.suppress(OSError):  # a full disk: then its last words are lost
                self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if log_level else self._log or subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_ready(self, deadline: float) -> None:
        """Return once the node takes commands.

        Raises:
            PeertransferError: what the node said about its start.
        """
        event: dict[str, object] = {}
        try:
            event = self._first_event(deadline)
        finally:
            if event.get("event") != "ready":
                self.end()

    def _first_event(self, deadline: float) -> dict[str, object]:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise PeertransferError("The node did not start in time", "Try: peertransfer doctor")
        try:
            event = json.loads(self._process.stdout.readline())
        except ValueError:
            event = {}
        if event.get("event") == "error":
            raise error_of(event["error"])
        if event.get("event") != "ready":
            raise PeertransferError(
                f"The node did not start: {self._last_words()}", "Try: peertransfer doctor"
            )
        return dict(event)

    def end(self) -> None:
        """Close its standard input, and wait until it has put its transfers in order."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._log is not None:
            self._log.close()

    def _last_words(self) -> str:
        if self._log is None:
            return "its log says why"
        self._process.wait(END_SECONDS)
        self._log.seek(0)
        lines = self._log.read()[-4_096:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {self._process.returncode}"
