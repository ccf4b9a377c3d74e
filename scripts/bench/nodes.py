"""Our own nodes, as a person runs them: two homes, two ``run``, ``share`` here and ``get`` there.

Every run is from nothing: new homes, new nodes, a new import.
"""

from __future__ import annotations

import contextlib
import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.material import check_arrived, fresh_folder
from bench.procfs import cpu_seconds, memory_mib
from bench.samples import GIB, RunFailedError, Sample, rate
from demo import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

COMMAND_SECONDS = 900
REST_SECONDS = 5
"""From ready to quiet."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A provider and a getter, running, that can reach each other."""

    provider: Person
    getter: Person
    share_options: tuple[str, ...]

    @property
    def pids(self) -> tuple[int, int]:
        """The processes of the two nodes."""
        assert self.provider.process is not None
        assert self.getter.process is not None
        return self.provider.process.pid, self.getter.process.pid

    def share(self, source: Path) -> str:
        """Import and serve; return the link."""
        link = self.provider.ask("share", str(source), *self.share_options, timeout=COMMAND_SECONDS)["link"]
        return str(link)

    def get(self, link: str, dest: Path) -> None:
        """Fetch, by the command line, until it ends."""
        self.getter.ask("get", "-", str(dest), input=link, timeout=COMMAND_SECONDS)


@contextlib.contextmanager
def running_pair(
    below: Path,
    *,
    has_psk: bool,
    kinds: Mapping[str, type[Person]] | None = None,
    prepare: Callable[[Person], None] | None = None,
) -> Iterator[Pair]:
    """Run two nodes, in a private network of their own or in the open one, in a folder that goes in the end.

    Args:
        below: where the folder is made.
        has_psk: whether it is a private network.
        kinds: of what kind the ``provider`` or the ``getter`` is, where it is a special one.
        prepare: called with each of the two, between ``init`` and ``run``.

    Raises:
        RunFailedError: a command or a node failed.
    """
    with fresh_folder(below, "nodes") as folder, contextlib.ExitStack() as ends:
        people = [(kinds or {}).get(role, Person)(folder, role) for role in ("provider", "getter")]
        try:
            for one in people:
                ends.callback(one.stop)
                one.ask("init", "--accept-privacy")
                if prepare is not None:
                    prepare(one)
                one.start()
            provider, getter = people
            options: tuple[str, ...] = ("--with-addresses",)
            if has_psk:
                network_id = provider.ask("network", "create", "bench")["network_id"]
                invite = provider.ask("network", "invite", network_id)["invite"]
                getter.ask("network", "join", "-", input=invite)
                options += ("--network", network_id)
            yield Pair(provider, getter, options)
        except SystemExit as exc:
            raise RunFailedError(str(exc)) from exc


def transfer(source: Path, below: Path, size: int, *, has_psk: bool) -> Sample:
    """Share and get; what arrives is verified and synced by the node, and compared once more here."""
    with running_pair(below, has_psk=has_psk) as pair:
        dest = below / "nodes" / "received"
        began = time.perf_counter()
        link = pair.share(source)
        share_seconds = time.perf_counter() - began
        before = [cpu_seconds(pid) for pid in pair.pids]
        command = _ended_children_seconds()
        began = time.perf_counter()
        pair.get(link, dest)
        seconds = time.perf_counter() - began
        command = _ended_children_seconds() - command
        provider, getter = (cpu_seconds(pid) - cpu for pid, cpu in zip(pair.pids, before, strict=True))
        peaks = [memory_mib(pid, "VmHWM") for pid in pair.pids]
        check_arrived(source, dest)
    return {
        "seconds": seconds,
        "rate": rate(size, seconds),
        "share_seconds": share_seconds,
        "total_seconds": share_seconds + seconds,
        "cpu_provider": provider * GIB / size,
        "cpu_getter": (getter + command) * GIB / size,
        "peak_provider": peaks[0],
        "peak_getter": peaks[1],
    }


def idle(below: Path, seconds: float) -> Sample:
    """Two nodes in a private network that do nothing: what one of them takes."""
    with running_pair(below, has_psk=True) as pair:
        pid, _ = pair.pids
        time.sleep(REST_SECONDS)
        before = cpu_seconds(pid)
        time.sleep(seconds)
        return {
            "idle_rss": memory_mib(pid, "VmRSS"),
            "idle_cpu": (cpu_seconds(pid) - before) * 60 / seconds,
        }


def _ended_children_seconds() -> float:
    """Return the CPU seconds of our children that ended: here, of the command that asks the node."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
