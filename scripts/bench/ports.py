"""TCP ports on loopback for servers that can't draw one themselves."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from bench.samples import RunFailedError

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

START_SECONDS = 30


def free_port() -> int:
    """Return a TCP port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the process listens.

    Raises:
        RunFailedError: it ended, or took too long; the end of its log is in the message.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing said"]
    raise RunFailedError(f"it does not listen: {last[0]}")
