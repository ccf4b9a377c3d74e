"""What is measured: throughput against ``cp``, memory, and the time to the first small file.

Everything runs on this machine over loopback, in processes of its own, below one temporary folder that is
removed at the end. Rounds are interleaved, so that a slow moment of the machine meets all of them; each
figure is the median. Writes ``docs/figures.md`` and prints it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo import ROOT, Person

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
IDLE_SECONDS = 10
REPORT = ROOT / "docs" / "figures.md"


@dataclass(slots=True)
class Pair:
    """A provider and a getter that can reach each other."""

    provider: Person
    getter: Person
    share_options: tuple[str, ...]


@dataclass(slots=True)
class Measured:
    """Everything measured, one item for each round."""

    copy_seconds: list[float] = field(default_factory=list)
    """``cp`` and ``sync`` of the large file."""
    large_seconds: dict[str, list[float]] = field(default_factory=dict)
    """``get`` of the large file, by the network's name."""
    small_seconds: list[float] = field(default_factory=list)
    """``get`` of 1 MiB."""
    idle_octets: int = 0
    """Resident memory of a node that did nothing yet."""
    peak_octets: dict[str, int] = field(default_factory=dict)
    """The most that was resident, by person."""


def memory(person: Person, row: str) -> int:
    """Return a row of the kernel's account of the person's node, in octets."""
    assert person.process is not None
    for line in Path(f"/proc/{person.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{row}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"the kernel does not tell {row}")


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def make_file(path: Path, size: int) -> Path:
    """Write random octets, and have them on the disk."""
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())
    return path


def copy(source: Path, dest: Path) -> None:
    """Copy as a person would, and have it on the disk."""
    subprocess.run(["cp", str(source), str(dest)], check=True)
    subprocess.run(["sync", str(dest)], check=True)


def make_pair(folder: Path, name: str, ends: contextlib.ExitStack, *, has_psk: bool) -> Pair:
    """Start two nodes, in one private network or in the open one, until ``ends``."""
    provider, getter = (Person(folder, f"{name}-{role}") for role in ("provider", "getter"))
    for one in (provider, getter):
        ends.callback(one.stop)
        one.ask("init", "--accept-privacy")
        one.start()
    if not has_psk:
        return Pair(provider, getter, ("--with-addresses",))
    network_id = provider.ask("network", "create", name)["network_id"]
    invite = provider.ask("network", "invite", network_id)["invite"]
    getter.ask("network", "join", "-", input=invite)
    return Pair(provider, getter, ("--with-addresses", "--network", network_id))


def measure(folder: Path, pairs: dict[str, Pair], size: int, rounds: int) -> Measured:
    """Run all rounds."""
    measured = Measured(large_seconds={name: [] for name in pairs})
    large, small = make_file(folder / "large", size), make_file(folder / "small", MIB)
    links = {
        name: [pair.provider.ask("share", str(path), *pair.share_options)["link"] for path in (large, small)]
        for name, pair in pairs.items()
    }
    for number in range(rounds):
        dest = folder / "copied"
        measured.copy_seconds.append(timed(lambda to=dest: copy(large, to)))
        dest.unlink()
        for name, pair in pairs.items():
            for link, seconds in zip(
                links[name], (measured.large_seconds[name], measured.small_seconds), strict=True
            ):
                dest = folder / "got"
                seconds.append(timed(functools.partial(pair.getter.ask, "get", "-", str(dest), input=link)))
                dest.unlink()
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    for name, pair in pairs.items():
        for role, person in (("provider", pair.provider), ("getter", pair.getter)):
            measured.peak_octets[f"{role}, {name}"] = memory(person, "VmHWM")
    return measured


def table(measured: Measured, size: int) -> str:
    """Return the figures as a Markdown table."""
    copied = statistics.median(measured.copy_seconds)
    rows = [(f"`cp` and `sync` of a {size // MIB} MiB file", f"{size / copied / 1e6:.0f} MB/s")]
    for name, seconds in measured.large_seconds.items():
        median = statistics.median(seconds)
        rows.append(
            (
                f"`get` of the same file, {name}",
                f"{size / median / 1e6:.0f} MB/s ({median / copied:.0f} times as long)",
            )
        )
    rows.append(
        ("`get` of 1 MiB, from the command to its end", f"{statistics.median(measured.small_seconds):.2f} s")
    )
    rows.append(
        (f"resident memory of a node after {IDLE_SECONDS} s", f"{measured.idle_octets / MIB:.0f} MiB")
    )
    rows.extend(
        (f"the most that was resident, {who}", f"{octets / MIB:.0f} MiB")
        for who, octets in measured.peak_octets.items()
    )
    return "\n".join(["| what | median |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)])


def head() -> str:
    """Return the commit that is measured."""
    line = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def report(shown: str, commit: str, rounds: int, load: float) -> str:
    """Return the document."""
    return (
        "# Figures\n\n"
        f"Measured by `make figures` on {time.strftime('%Y-%m-%d')} at commit {commit}: "
        f"{os.cpu_count()} cores, two nodes on one machine over loopback, disk to disk, "
        f"{rounds} interleaved rounds; load average at the end {load:.1f}, the nodes' own included.\n\n"
        f"{shown}\n"
    )


def main() -> int:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the large file")
    parser.add_argument("--dry", action="store_true", help="print only")
    chosen = parser.parse_args()
    commit = head()
    with contextlib.ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="peertransfer-figures-"))
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        pairs = {
            "with a PSK": make_pair(folder, "keyed", ends, has_psk=True),
            "without a PSK": make_pair(folder, "plain", ends, has_psk=False),
        }
        time.sleep(IDLE_SECONDS)
        idle = memory(pairs["with a PSK"].provider, "VmRSS")
        measured = measure(folder, pairs, chosen.mebibytes * MIB, chosen.rounds)
        measured.idle_octets = idle
    document = report(table(measured, chosen.mebibytes * MIB), commit, chosen.rounds, os.getloadavg()[0])
    print(document)
    if not chosen.dry:
        REPORT.write_text(document)
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
