"""Does a node get worse by running? Three nodes under a mixed load for MINUTES (60), watched from outside.

Usage: soak.py [--minutes N] [--dry]

A router, a provider and a getter, processes in one private network on loopback. A stranger comes and goes
each second; meanwhile the provider shares and unshares, and the getter fetches, breaks off, cancels and looks
up. Before the load and after it the nodes are left alone until they rest: then what they hold must be the
same. Writes ``docs/soak.md``; exit code 1 where a node leaks, keeps something, tells an error, or a fetched
file is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench.machine import stamp
from bench.procfs import memory_mib
from demo import ROOT, Person
from peertransfer.control.client import NodeClient
from peertransfer.store.home import Home
from soak_load import Load
from soak_verdict import MIB, Sample, Watched, problems_of, slope_of

REPORT = ROOT / "docs" / "soak.md"
STRANGERS = Path(__file__).with_name("soak_strangers.py")
SAMPLE_SECONDS = 2.0
WARM_UP_SECONDS = 600.0
LEAST_MINUTES = 2.0
REST_SECONDS = 180.0
"""For how long a node may take to let go of what it held; threads of a pool last ten seconds."""
QUIET_SAMPLES = 8
"""A node rests when so many samples in a row are the same."""
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(256 << 10),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 10),
    "MALLOC_ARENA_MAX": "2",
}
"""glibc otherwise keeps blocks of a MiB that were given back, tens of MiB, and more or fewer every minute:
no slope could be seen beside that. What a node itself does not give back stays visible."""
ERROR_LINE = re.compile(r"^\S+ (error|critical) ")


class Member(Person):
    """A node of the network, asked over its socket."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self.client = NodeClient(Home(self.home).socket_path())

    @property
    def log(self) -> Path:
        """The file that holds what the node wrote to stderr."""
        return self.home.parent / f"{self.name}.log"

    def address(self, network: str) -> str:
        """Return where the node listens in a network, with its peer ID."""
        hosts = self.ask("status")["hosts"]
        return str(next(one for one in hosts if one["network_id"] == network)["listen_addrs"][0])

    def sample(self, began: float) -> Sample:
        """Look at the node; the look itself holds a connection to it only afterwards."""
        assert self.process is not None
        folder = Path(f"/proc/{self.process.pid}")
        fds = len(list((folder / "fd").iterdir()))
        threads = len(list((folder / "task").iterdir()))
        resident = int(memory_mib(self.process.pid, "VmRSS") * MIB)
        connections = int(str(self.client.call("status")["connections"]))
        return Sample(time.monotonic() - began, resident, fds, threads, connections)

    def rest(self, like: Sample | None = None) -> Sample:
        """Wait until the node holds the same for a while, and no more than ``like``; return the last look."""
        began = time.monotonic()
        seen: list[Sample] = []
        while time.monotonic() - began < REST_SECONDS:
            seen = [*seen[1 - QUIET_SAMPLES :], self.sample(began)]
            is_quiet = len(seen) == QUIET_SAMPLES and all(one.held == seen[0].held for one in seen)
            if is_quiet and (like is None or not seen[-1].beyond(like)):
                break
            time.sleep(SAMPLE_SECONDS)
        return seen[-1]


def make_network(folder: Path, ends: contextlib.ExitStack) -> tuple[str, list[Member]]:
    """Start the nodes in one private network."""
    members = [Member(folder, name) for name in ("router", "provider", "getter")]
    for one in members:
        ends.callback(one.stop)
        one.ask("init", "--accept-privacy")
        one.start()
    network = str(members[0].ask("network", "create", "soak")["network_id"])
    invite = members[0].ask("network", "invite", network)["invite"]
    for one in members[1:]:
        one.ask("network", "join", "-", input=invite)
    return network, members


def start_strangers(network: str, members: list[Member], ends: contextlib.ExitStack) -> subprocess.Popen[str]:
    """Start the crowd that visits every node."""
    key = str(members[0].client.call("network_export_psk", network=network)["psk"]).split()[-1]
    addrs = [one.address(network) for one in members]
    crowd = subprocess.Popen(
        [sys.executable, str(STRANGERS), *addrs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    ends.callback(crowd.kill)
    assert crowd.stdin is not None
    crowd.stdin.write(f"{key}\n")
    crowd.stdin.flush()
    return crowd


def put_under_load(load: Load, members: list[Member], watched: list[Watched], seconds: float) -> None:
    """Work with three hands for so long, and take samples."""
    is_over = threading.Event()
    hands = (load.works[:3], load.works[3:5], load.works[5:])
    workers = [threading.Thread(target=load.repeat, args=(works, is_over)) for works in hands]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    try:
        while time.monotonic() - began < seconds:
            for one, node in zip(members, watched, strict=True):
                node.samples.append(one.sample(began))
            time.sleep(SAMPLE_SECONDS)
    finally:
        is_over.set()
        for worker in workers:
            worker.join()


def soak(
    folder: Path, seconds: float, ends: contextlib.ExitStack
) -> tuple[list[Watched], Load, dict[str, int]]:
    """Run the whole story; every node has ended when it returns."""
    network, members = make_network(folder, ends)
    router, provider, getter = members
    load = Load(folder, network, provider, getter, router)
    for work in load.works:
        load.once(work)
    watched = [Watched(one.name, one.rest()) for one in members]
    crowd = start_strangers(network, members, ends)
    put_under_load(load, members, watched, seconds)
    strangers: dict[str, int] = json.loads(crowd.communicate()[0])
    for one, node in zip(members, watched, strict=True):
        node.end = one.rest(like=node.base)
    for one, node in zip(members, watched, strict=True):
        assert one.process is not None
        one.process.terminate()
        node.exit_code = one.process.wait(30)
        node.errors = [line for line in one.log.read_text().splitlines() if ERROR_LINE.match(line)]
    return watched, load, strangers


# --- the document --------------------------------------------------------------------------------------


def table(watched: list[Watched], warm_up: float) -> str:
    """Return what was seen of each node as a Markdown table."""
    rows = []
    for node in watched:
        slope = slope_of(node.measured(warm_up))
        base, end = node.base, node.end
        assert end is not None
        rows.append(
            f"| {node.name} | {base.resident / MIB:.0f} → {end.resident / MIB:.0f} MiB "
            f"| {slope.growth:+.1f} ± {slope.error:.1f} | {slope.word} | {base.fds} → {end.fds} "
            f"| {base.threads} → {end.threads} | {base.connections} → {end.connections} "
            f"| {max(one.connections for one in node.samples)} | {len(node.errors)} |"
        )
    head_row = (
        "| node | resident at rest, before → after | slope under load, MiB an hour | verdict | fds | threads "
        "| connections | most connections | error lines |"
    )
    return "\n".join([head_row, "|---|---|---|---|---|---|---|---|---|", *rows])


def counted(counts: dict[str, int]) -> str:
    """Return counts as a phrase."""
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()) if count)


def report(
    watched: list[Watched], load: Load, strangers: dict[str, int], seconds: float, warm_up: float, commit: str
) -> str:
    """Return the document."""
    slope = slope_of(watched[0].measured(warm_up))
    problems = all_problems(watched, load, warm_up)
    said = "\n".join(f"- {one}" for one in problems) or "- none"
    return (
        "# Soak\n\n"
        f"Run by `make soak` on {time.strftime('%Y-%m-%d')} at commit {commit}: three nodes of one private "
        f"network on one machine for {seconds / 60:.0f} minutes, the first {warm_up / 60:.1f} of them to "
        f"warm up; load average at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n\n"
        f"{table(watched, warm_up)}\n\n"
        f"- **Work done:** {counted(dict(load.counts))}; unexpected ends: {len(load.failures)}.\n"
        f"- **Strangers**, one a second: {counted(strangers)}.\n\n"
        "**What it can tell.** The nodes run with an allocator that gives large blocks back at once, or what "
        "it keeps would hide all else. A slope is drawn through the medians of ten parts of the measured "
        "time, with its 95 % interval. A node leaks where even the low end is over what is permitted, and is "
        "steady where even the high end is within. Permitted is 1 MiB an hour in a run that measures 48 "
        "minutes or more. A shorter one can't tell that from caches that still fill: it permits growth by "
        f"2 MiB while it measures, here {slope.permitted:.1f} MiB an hour, so it says nothing of a slower "
        "leak. File descriptors, threads and connections are exact in a run of any length: at rest, a node "
        "must hold no more than before.\n\n"
        f"**What is wrong:**\n\n{said}\n"
    )


def all_problems(watched: list[Watched], load: Load, warm_up: float) -> list[str]:
    """Return everything that is wrong, a sentence each."""
    return [one for node in watched for one in problems_of(node, warm_up)] + load.failures[:20]


def main() -> int:
    """Run, write down, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MINUTES", "60")))
    parser.add_argument("--dry", action="store_true", help="print only")
    chosen = parser.parse_args()
    if chosen.minutes < LEAST_MINUTES:
        parser.error(f"less than {LEAST_MINUTES} minutes say nothing")
    seconds = chosen.minutes * 60
    warm_up = min(WARM_UP_SECONDS, seconds / 3)
    commit = stamp().commit
    os.environ.update(ALLOCATOR)
    with contextlib.ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="pt-soak-"))
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        watched, load, strangers = soak(folder, seconds, ends)
    document = report(watched, load, strangers, seconds, warm_up, commit)
    print(document)
    if not chosen.dry:
        REPORT.write_text(document)
    return 1 if all_problems(watched, load, warm_up) else 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
