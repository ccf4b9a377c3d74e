"""What recording costs an exchange: the same gets with and without the ledger, in one run.

Two pairs of nodes on this machine over loopback; in one of them the ledger's writing is replaced by nothing,
which no node that is installed can do. Rounds are interleaved, so that a slow moment of the machine meets
both. Beside the time, which depends on what else runs, stands the processor time of both nodes of a pair.
Prints a table, and writes nothing down.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo import Person

MIB = 1 << 20
SMALL_SIZE = 4096
"""Octets of each small file."""
FIGURES = (
    ("seconds, median", 0, statistics.median),
    ("seconds, least", 0, min),
    ("processor seconds, median", 1, statistics.median),
)
UNRECORDED = """
import sys
from peertransfer.store.ledger import Ledger
async def nothing(self, *args, **kwargs): pass
Ledger.record = Ledger.refused = nothing
from peertransfer.cli.main import main
main()
"""


class Unrecorded(Person):
    """Somebody whose node keeps no ledger."""

    def start(self) -> None:
        """Start the node and wait until it listens."""
        words = ["--home", str(self.home), "run", "--listen", "/ip4/127.0.0.1/tcp/0"]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", UNRECORDED, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        if json.loads(self.process.stdout.readline() or "{}").get("event") != "ready":
            raise SystemExit(f"{self.name}: the node did not start")


class Pair:
    """A provider and a getter, both with a ledger or both without, until ``ends``."""

    def __init__(self, kind: type[Person], folder: Path, ends: contextlib.ExitStack) -> None:
        self.provider, self.getter = (
            kind(folder, f"{kind.__name__}-{role}") for role in ("provider", "getter")
        )
        for one in (self.provider, self.getter):
            ends.callback(one.stop)
            one.ask("init", "--accept-privacy")
            one.start()

    def share(self, path: Path) -> str:
        """Share a file or folder, and return its link."""
        return str(self.provider.ask("share", str(path), "--with-addresses")["link"])

    def get(self, link: str, dest: Path) -> tuple[float, float]:
        """Fetch it; return the seconds that took, and those of the processor in both nodes."""
        before = self.processor_seconds()
        seconds = float(self.getter.ask("get", "-", str(dest), input=link)["seconds"])
        spent = self.processor_seconds() - before
        shutil.rmtree(dest) if dest.is_dir() else dest.unlink()
        return seconds, spent

    def processor_seconds(self) -> float:
        """Return what both nodes have used of the processor so far."""
        total = 0
        for one in (self.provider, self.getter):
            assert one.process is not None
            fields = Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def row_count(self) -> int:
        """Return how many rows the provider's ledger has."""
        return len(self.provider.ask("privacy", "ledger")["entries"])


def make_sources(folder: Path, size: int, count: int) -> dict[str, Path]:
    """Write one large file, and a folder of many small ones."""
    large, small = folder / "large", folder / "small"
    small.mkdir()
    with large.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    for number in range(count):
        (small / f"{number:06}").write_bytes(os.urandom(SMALL_SIZE))
    return {f"one file of {size // MIB} MiB": large, f"{count} files of {SMALL_SIZE // 1024} KiB": small}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mebibytes", type=int, default=256, help="size of the large file")
    parser.add_argument("--content", type=Path, help="folder for what is shared and fetched: in memory, say")
    parser.add_argument("--files", type=int, default=2000, help="number of small files")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as ends:
        folder, content = (
            Path(tempfile.mkdtemp(prefix="peertransfer-", dir=place)) for place in (None, chosen.content)
        )
        for one in (folder, content):
            ends.callback(shutil.rmtree, one, ignore_errors=True)
        pairs = {"with": Pair(Person, folder, ends), "without": Pair(Unrecorded, folder, ends)}
        sources = make_sources(content, chosen.mebibytes * MIB, chosen.files)
        links = {(how, what): pairs[how].share(path) for how in pairs for what, path in sources.items()}
        found: dict[tuple[str, str], list[tuple[float, float]]] = {each: [] for each in links}
        for number in range(chosen.rounds + 1):
            # What goes first in a round warms nothing for the other for ever.
            for how, what in sorted(links, reverse=bool(number % 2)):
                measured = pairs[how].get(links[how, what], content / "got")
                if number:  # the first round is warming up
                    found[how, what].append(measured)
        rows = pairs["with"].row_count(), pairs["without"].row_count()
    print("| what | figure | with | without | cost |\n|---|---|---|---|---|")
    for what in sources:
        for figure, part, choose in FIGURES:
            one, other = (choose([each[part] for each in found[how, what]]) for how in pairs)
            print(f"| {what} | {figure} | {one:.3f} | {other:.3f} | {(one / other - 1) * 100:+.1f} % |")
    print(f"\n{rows[0]} rows with, {rows[1]} without; load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
