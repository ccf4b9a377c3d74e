"""What is measured: every job with its contenders, at full size and small enough for a quick look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench import controls, loop, nodes, ssh, syncthing
from bench.ends_runner import End, idle_end, python_end
from bench.js import js_end
from bench.material import SMALL_FILE, make_file, make_tree
from bench.samples import GIB, MIB, Job, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is moved."""

    memory: int
    """Octets from memory to memory; the slow contenders move a part of it."""
    large: int
    """Octets of the large file."""
    huge: int
    """Octets of the file that shows whether memory grows with a file."""
    files: int
    """Small files."""
    dials: int
    pings: int
    idle_seconds: float
    rows: int
    """Rows of a large ledger."""
    rules: int
    """Rules of a large policy: as many as there may be."""


FULL = Scale(GIB, GIB, 10 * GIB, 10_000, dials=20, pings=200, idle_seconds=30, rows=1_000_000, rules=10_000)
QUICK = Scale(
    512 * MIB, 256 * MIB, GIB, 2_000, dials=20, pings=200, idle_seconds=5, rows=100_000, rules=10_000
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where it is done."""

    disk: Path
    """Below it the large files lie."""
    memory: Path
    """On a tmpfs: ext4 slows down by itself after trees of thousands of files are removed."""


FILES = ("seconds", "share_seconds", "total_seconds")
LOOP = ("step_p50", "step_p99", "step_max", "lag_p50", "lag_p99", "lag_max")
COST = ("cpu_provider", "cpu_getter", "peak_provider", "peak_getter")

Contenders = dict[str, Callable[[], Sample]]


@dataclass(frozen=True, slots=True)
class Suite:
    """Makes the jobs, and the files that they move."""

    scale: Scale
    places: Places
    commands: Mapping[str, str]
    """Further contenders where files are moved, by name (``controls.run_command``)."""

    def job(self, name: str) -> Job:
        """Return a job, one of ``JOBS``."""
        return JOBS[name](self)

    # --- connections -------------------------------------------------------------------------------

    def ends(self, *left_out: str) -> dict[str, End]:
        """Return the kinds of connection."""
        size = self.scale.memory
        every = {
            "ours": End(python_end("ours"), size),
            "ours_psk": End(python_end("ours", "psk"), size),
            "bare": End(python_end("bare"), size),
            "tcp": End(python_end("plain"), size),
            "js": End(lambda: list(js_end()), size // 2),
            "stock": End(python_end("stock"), size // 16),
        }
        return {name: end for name, end in every.items() if name not in left_out}

    def stream(self) -> Job:
        """From memory to memory on one stream."""
        return Job(
            "stream", {name: partial(end.stream, 1) for name, end in self.ends().items()}, ("rate", *COST)
        )

    def streams8(self) -> Job:
        """The same on eight at once. The bare control has none: it is what one thread on each side can do."""
        ends = self.ends("tcp")
        return Job("streams8", {name: partial(end.stream, 8) for name, end in ends.items()}, ("rate", *COST))

    def dial(self) -> Job:
        """From an address to a connection."""
        runs = {name: partial(end.each, "connect", self.scale.dials) for name, end in self.ends().items()}
        return Job("dial", runs, ("milliseconds",))

    def ping(self) -> Job:
        """32 octets there and back on an open stream."""
        runs = {name: partial(end.each, "ping", self.scale.pings) for name, end in self.ends("bare").items()}
        return Job("ping", runs, ("milliseconds",))

    # --- files -------------------------------------------------------------------------------------

    def large(self) -> Job:
        """One file from disk to disk."""
        below, size = self.places.disk, self.scale.large
        source = make_file(below / "large", size)
        own: Contenders = {
            "cp": partial(controls.copy_and_hash, source, below, size),
            "cp_synced": partial(controls.copy_and_hash, source, below, size, is_synced=True),
            "tcp": partial(controls.fetch_by_tcp, source, below, size),
            "syncthing": partial(syncthing.sync_folder, source, below, size, 1),
        }
        return Job(
            "large",
            {**_ours(source, below, size), **own, **self._others(source, below, size)},
            ("rate", *FILES, *COST),
        )

    def huge(self) -> Job:
        """A file far larger than any memory that a node may take: once is enough for that."""
        below, size = self.places.disk, self.scale.huge
        source = make_file(below / "huge", size)
        run = partial(nodes.transfer, source, below, size, has_psk=False)
        return Job("huge", {"ours": run}, ("rate", *FILES, *COST), most_rounds=1)

    def many(self) -> Job:
        """Small files in folders, in memory."""
        below, size = self.places.memory, self.scale.files * SMALL_FILE
        source = make_tree(below / "many", self.scale.files)
        own: Contenders = {
            "cp": partial(controls.copy_and_hash, source, below, size),
            "syncthing": partial(syncthing.sync_folder, source, below, size, self.scale.files),
        }
        runs = {**_ours(source, below, size), **own, **self._others(source, below, size)}
        return Job("many", runs, (*FILES, "peak_provider", "peak_getter"))

    def small(self) -> Job:
        """1 MiB, from the command to its end, both nodes running."""
        below = self.places.disk
        source = make_file(below / "small", MIB)
        own: Contenders = {"tcp": partial(controls.fetch_by_tcp, source, below, MIB)}
        return Job("small", {**_ours(source, below, MIB), **own, **self._others(source, below, MIB)}, FILES)

    def idle(self) -> Job:
        """Nothing to do."""
        seconds = self.scale.idle_seconds
        runs: Contenders = {
            "ours": partial(nodes.idle, self.places.disk, seconds),
            "syncthing": partial(syncthing.idle, self.places.disk, seconds),
            "js": partial(idle_end, lambda: list(js_end()), seconds),
            "stock": partial(idle_end, python_end("stock"), seconds),
        }
        return Job("idle", runs, ("idle_rss", "idle_cpu"))

    def loop(self) -> Job:
        """What a node's own work keeps from its event loop; each side of a transfer by itself."""
        below, memory = self.places.disk, self.places.memory
        large = make_file(below / "looped", self.scale.large)
        many = make_tree(memory / "looped", self.scale.files)
        runs: Contenders = {
            f"{name}_{side}": partial(loop.get, source, place, side)
            for name, source, place in (("large", large, below), ("many", many, memory))
            for side in ("provider", "getter")
        }
        runs["share"] = partial(loop.share, many, memory)
        runs["ledger"] = partial(loop.ledger, below, self.scale.rows)
        runs["policy"] = partial(loop.policy, below, self.scale.rules)
        return Job("loop", runs, LOOP)

    def _others(self, source: Path, below: Path, size: int) -> Contenders:
        named = {
            name: partial(controls.run_command, line, source, below, size)
            for name, line in self.commands.items()
        }
        return {
            "rsync": partial(ssh.rsync, source, below, size),
            "scp": partial(ssh.scp, source, below, size),
            **named,
        }


def _ours(source: Path, below: Path, size: int) -> Contenders:
    return {
        "ours": partial(nodes.transfer, source, below, size, has_psk=False),
        "ours_psk": partial(nodes.transfer, source, below, size, has_psk=True),
    }


JOBS: dict[str, Callable[[Suite], Job]] = {
    "stream": Suite.stream,
    "streams8": Suite.streams8,
    "dial": Suite.dial,
    "ping": Suite.ping,
    "large": Suite.large,
    "many": Suite.many,
    "small": Suite.small,
    "huge": Suite.huge,
    "idle": Suite.idle,
    "loop": Suite.loop,
}
"""In the order in which they are measured."""
