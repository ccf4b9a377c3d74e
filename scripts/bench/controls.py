"""What moves files without a node: ``cp``, plain TCP, and any command that is named on the command line.

Each brings a source to a new path and checks that it arrived (outside the clock, but for those whose own work
a SHA-256 is).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench.ends_runner import listening
from bench.material import check_arrived, digest, fresh_folder
from bench.procfs import cpu_seconds, memory_mib, run_measured
from bench.samples import GIB, Sample, rate
from bench.tools import tool

if TYPE_CHECKING:
    from pathlib import Path


def copy_and_hash(source: Path, below: Path, size: int, *, is_synced: bool = False) -> Sample:
    """``cp``, a sync of the copy where it is asked for, then the SHA-256 of all of it."""
    with fresh_folder(below, "copied") as folder:
        began, cpu = time.perf_counter(), time.process_time()
        spent = run_measured([tool("cp"), "-r", str(source), str(folder / "copy")])
        if is_synced:
            subprocess.run([tool("sync"), "-f", str(folder / "copy")], check=True)
        digest(folder / "copy")
        seconds = time.perf_counter() - began
        cpu_getter = (spent.cpu_seconds + time.process_time() - cpu) * GIB / size
        check_arrived(source, folder / "copy")
    return {"seconds": seconds, "rate": rate(size, seconds), "cpu_getter": cpu_getter}


def fetch_by_tcp(source: Path, below: Path, size: int) -> Sample:
    """Plain TCP from a running server: a new process fetches one file and hashes it."""
    python = [sys.executable, "-m", "bench.ends.plain"]
    with (
        fresh_folder(below, "fetched") as folder,
        listening([*python, "serve", str(source)]) as (provider, addr),
    ):
        before = cpu_seconds(provider)
        spent = run_measured([*python, "fetch", addr, str(folder / "copy")])
        cpu, peak = cpu_seconds(provider) - before, memory_mib(provider, "VmHWM")
        check_arrived(source, folder / "copy")
    return {
        "seconds": spent.seconds,
        "rate": rate(size, spent.seconds),
        "cpu_provider": cpu * GIB / size,
        "peak_provider": peak,
        "cpu_getter": spent.cpu_seconds * GIB / size,
        "peak_getter": spent.peak_mib,
    }


def run_command(command: str, source: Path, below: Path, size: int) -> Sample:
    """Run a command of the caller's that brings ``$SOURCE`` to ``$DEST``, a path that is not there yet."""
    words = shlex.split(command)
    program = tool(words[0])
    with fresh_folder(below, "commanded") as folder:
        dest = folder / "copy"
        spent = run_measured([program, *words[1:]], {**os.environ, "SOURCE": str(source), "DEST": str(dest)})
        check_arrived(source, dest)
    return {
        "seconds": spent.seconds,
        "rate": rate(size, spent.seconds),
        "cpu_getter": spent.cpu_seconds * GIB / size,
        "peak_getter": spent.peak_mib,
    }
