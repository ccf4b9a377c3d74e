"""On what is measured, and of which commit."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Stamp
from demo import ROOT

if TYPE_CHECKING:
    from bench.suite import Places


def stamp() -> Stamp:
    """Return commit and day; a tree with changes that are not committed is marked."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "node", "scripts")
    return Stamp(commit + ("+changes" if changed else ""), time.strftime("%Y-%m-%d"))


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def describe(places: Places) -> dict[str, str]:
    """Return what a reader needs to judge the figures."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "disk": _file_system(places.disk),
        "small files": _file_system(places.memory),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(path: Path) -> str:
    """Return the kind of file system that a path is on: of all mounts above it the deepest."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(at), kind) for at, kind in mounts if path.resolve().is_relative_to(at)]
    return max(above)[1]
