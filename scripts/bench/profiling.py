"""``make bench-profile``: both nodes below py-spy while a large file goes over a PSK."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

from bench import flame
from bench.folded import Stacks, parse
from bench.material import make_file
from bench.nodes import running_pair
from bench.report import markdown
from bench.samples import GIB, RunFailedError
from bench.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Stamp

SIDES = ("provider", "getter")
WAITING = frozenset(
    {
        "EpollIOManager.get_events (trio/_core/_io_epoll.py)",
        "WorkerThread._work (trio/_core/_thread_cache.py)",
        "Worker._next_group (store/worker.py)",
    }
)
"""Functions that do nothing but wait: py-spy does not always see that a thread sleeps."""
SHOWN = 20
"""Rows of a table."""
SAMPLES_A_SECOND = 200
START_SECONDS = 3
"""py-spy has begun by then."""
HEAD = """\
while `get` moved 1 GiB from disk to disk over a PSK. Threads that only waited are left out; to be watched
makes the rest slower. What compiled code takes (ciphers, hashes, system calls) is counted to the function
that calls it. In the pictures width is time, and what calls stands above what is called.
"""


def profile(below: Path, docs: Path, stamp: Stamp) -> None:
    """Write ``profile.md``, ``profile-provider.svg`` and ``profile-getter.svg`` into ``docs``."""
    stacks = {side: parse(text).without(WAITING) for side, text in record(below).items()}
    for side, one in stacks.items():
        (docs / f"profile-{side}.svg").write_text(flame.flame_graph(one, f"{side}, commit {stamp.commit}"))
    (docs / "profile.md").write_text(page(stacks, stamp))


def record(below: Path) -> dict[str, str]:
    """Get 1 GiB with both nodes watched meanwhile; return py-spy's raw text of each side.

    Raises:
        NotInstalledError: py-spy is missing.
        RunFailedError: it may not look into other processes, or saw nothing.
    """
    program = tool("py-spy")
    source = make_file(below / "watched", GIB)
    files = {side: below / f"{side}.raw" for side in SIDES}
    with running_pair(below, has_psk=True) as pair:
        link = pair.share(source)
        options = ["-r", str(SAMPLES_A_SECOND), "-f", "raw"]
        watchers = [
            subprocess.Popen(
                [program, "record", *options, "-o", str(file), "--pid", str(pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for pid, file in zip(pair.pids, files.values(), strict=True)
        ]
        time.sleep(START_SECONDS)
        pair.get(link, below / "nodes" / "received")
        for one in watchers:
            one.send_signal(signal.SIGINT)
            one.wait()
    if not all(file.exists() for file in files.values()):
        raise RunFailedError("py-spy saw nothing: it needs root, or kernel.yama.ptrace_scope = 0")
    return {side: file.read_text() for side, file in files.items()}


def page(stacks: dict[str, Stacks], stamp: Stamp) -> str:
    """Return ``profile.md``."""
    about = f"at commit {stamp.commit}: both nodes were sampled {SAMPLES_A_SECOND} times a second"
    parts = ["# Where the time goes\n", f"Written by `make bench-profile` on {stamp.date} {about}", HEAD]
    for side, one in stacks.items():
        parts += [f"## The {side}\n", f"![flame graph of the {side}](profile-{side}.svg)\n"]
        rows = [[f"{count / one.total:.1%}", f"`{name}`"] for name, count in one.own().most_common(SHOWN)]
        parts.append(markdown(["own time", "function"], rows) + "\n")
    return "\n".join(parts)
