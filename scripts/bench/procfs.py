"""What the kernel says of processes: CPU seconds, memory. Linux only; who is gone counts nothing."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.samples import RunFailedError

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WATCH_SECONDS = 0.02


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, of its children that are there, and of those that ended."""
    return sum(map(_own_cpu_seconds, family(pid)))


def _own_cpu_seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The name in brackets may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    return sum(map(int, text[text.rindex(")") + 2 :].split()[11:15])) / TICKS_PER_SECOND


def memory_mib(pid: int, row: str) -> float:
    """Return a row of a process's status, ``VmHWM`` or ``VmRSS``, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{row}:"))


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            found += [int(one) for task in tasks for one in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class MemoryWatch:
    """Keeps the most that a process and its descendants had resident, each at its own peak, summed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mib = 0.0
        self._thread.start()

    def end(self) -> float:
        """Stop looking and return the peak in MiB."""
        self._is_over.set()
        self._thread.join()
        return self.peak_mib

    def _watch(self) -> None:
        while not self._is_over.wait(WATCH_SECONDS):
            now = sum(memory_mib(one, "VmHWM") for one in family(self._pid))
            self.peak_mib = max(self.peak_mib, now)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command took."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def run_measured(command: list[str], environment: dict[str, str] | None = None) -> Spent:
    """Run a command to its end and return what it took.

    Raises:
        RunFailedError: it ended with another code than 0; what it said is in the message.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = MemoryWatch(process.pid)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    peak = watch.end()
    if process.returncode:
        last = said.strip().splitlines()[-1:] or ["nothing said"]
        raise RunFailedError(f"{Path(command[0]).name} ended with {process.returncode}: {last[0]}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, peak)
