"""Two ends (``ends``) in two processes: one listens, the other dials; what each of them took."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.procfs import cpu_seconds, memory_mib
from bench.samples import GIB, RunFailedError, Sample, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

END_SECONDS = 10
REST_SECONDS = 5
"""From listening to quiet."""
WORK_SECONDS = 300


@dataclass(frozen=True, slots=True)
class End:
    """What starts either end of one kind of connection."""

    command: Callable[[], list[str]]
    """Words of a command line, without those of ``bench.ends``. Raises ``NotInstalledError``."""
    octets: int
    """How many it moves in one run; the slow ones get fewer."""

    def stream(self, streams: int) -> Sample:
        """Move the octets from memory to memory."""
        with listening([*self.command(), "listen"]) as (pid, addr):
            before = cpu_seconds(pid)
            told = _dial([*self.command(), "dial", addr, "stream", str(self.octets), str(streams)])
            provider = cpu_seconds(pid) - before
        if told["octets"] != self.octets:
            raise RunFailedError(f"{told['octets']} octets came, {self.octets} were asked for")
        return {
            "rate": rate(self.octets, told["seconds"]),
            "cpu_provider": provider * GIB / self.octets,
            "cpu_getter": told["cpu_seconds"] * GIB / self.octets,
        }

    def each(self, work: str, count: int) -> Sample:
        """Dial (``connect``) or ask for an answer (``ping``) ``count`` times; the median in milliseconds."""
        with listening([*self.command(), "listen"]) as (_, addr):
            told = _dial([*self.command(), "dial", addr, work, str(count), "0"])
        return {"milliseconds": statistics.median(told["each_seconds"]) * 1000}


def python_end(name: str, *words: str) -> Callable[[], list[str]]:
    """Return the command of an end in Python, in a process like this one."""
    return lambda: [sys.executable, "-m", f"bench.ends.{name}", *words]


@contextlib.contextmanager
def listening(command: list[str]) -> Iterator[tuple[int, str]]:
    """Run an end that listens until the block is left; give its process ID and its address.

    Raises:
        RunFailedError: it ended instead.
    """
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        word, _, addr = process.stdout.readline().strip().partition(" ")
        if word != "ready":
            raise RunFailedError(f"`{_shown(command)}` did not listen")
        yield process.pid, addr
    finally:
        process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _shown(command: list[str]) -> str:
    """Return a command without the folders of the machine."""
    return " ".join(Path(word).name for word in command)


def _dial(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        timeout=WORK_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RunFailedError(f"`{_shown(command)}` ended with {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def idle_end(command: Callable[[], list[str]], seconds: float) -> Sample:
    """Let an end listen and do nothing: what it takes."""
    with listening([*command(), "listen"]) as (pid, _):
        time.sleep(REST_SECONDS)
        before = cpu_seconds(pid)
        time.sleep(seconds)
        cpu = cpu_seconds(pid) - before
        return {"idle_rss": memory_mib(pid, "VmRSS"), "idle_cpu": cpu * 60 / seconds}
