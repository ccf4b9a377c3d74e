"""What is to be reached, beside what was: the bars and aims, each for one figure. It measures nothing."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing to be reached."""

    what: str
    figures: tuple[str, ...]
    """Names of the figures that it is about; the worst of them counts."""
    bar: float
    aim: float
    unit: str = ""
    is_most: bool = False
    """Whether it is the most that is allowed, and not the least."""
    of_max: bool = False
    """Whether the largest of all runs counts, and not the median."""

    def reached(self, figures: Mapping[str, Figure]) -> float | None:
        """Return what was reached; ``None`` where a figure is missing."""
        values = []
        for name in self.figures:
            found = figures.get(name)
            value = None if found is None else (found.max if self.of_max else found.median)
            if value is None:
                return None
            values.append(value)
        return max(values) if self.is_most else min(values)

    def verdict(self, reached: float | None) -> str:
        """Say in a word or two how that is."""
        if reached is None:
            return "not measured"
        is_good = operator.le if self.is_most else operator.ge
        if is_good(reached, self.aim):
            return "aim reached"
        return "bar reached" if is_good(reached, self.bar) else "**missed**"


LOOPED = ("large_provider", "large_getter", "many_provider", "many_getter", "share", "ledger", "policy")
"""Works whose event loop is watched."""

BARS = (
    Bar("one stream, memory to memory, against js-libp2p to itself", ("ratio.stream.ours/js.rate",), 1.5, 2),
    Bar("the same against the bare CPython control", ("ratio.stream.ours/bare.rate",), 0.6, 0.8),
    Bar(
        "1 GiB disk to disk, verified and synced, without PSK, against `cp` + SHA-256",
        ("ratio.large.ours/cp.seconds",),
        0.45,
        0.7,
    ),
    Bar("the same over a PSK", ("ratio.large.ours_psk/cp.seconds",), 0.38, 0.55),
    Bar("without PSK, against `rsync` over ssh", ("ratio.large.ours/rsync.seconds",), 2, 3),
    Bar("10,000 files of 4 KiB against `rsync` over ssh", ("ratio.many.ours/rsync.seconds",), 0.7, 1),
    Bar(
        "the same against Syncthing, both with indexing",
        ("ratio.many.ours/syncthing.total_seconds",),
        2,
        2,
    ),
    Bar(
        "VmHWM of either side during 1 GiB",
        tuple(f"large.{who}.peak_{side}" for who in ("ours", "ours_psk") for side in ("provider", "getter")),
        128,
        96,
        "MiB",
        is_most=True,
        of_max=True,
    ),
    Bar(
        "VmHWM of the getter during 10 GiB",
        ("huge.ours.peak_getter",),
        128,
        96,
        "MiB",
        is_most=True,
        of_max=True,
    ),
    Bar(
        "`get` of 1 MiB, command line to exit, nodes running",
        ("small.ours.seconds", "small.ours_psk.seconds"),
        0.4,
        0.2,
        "s",
        is_most=True,
    ),
    Bar(
        "CPU seconds that the PSK adds, per GiB and side",
        ("difference.large.psk.cpu_provider", "difference.large.psk.cpu_getter"),
        0.7,
        0.5,
        "s",
        is_most=True,
    ),
    Bar(
        "dial on loopback",
        ("dial.ours.milliseconds", "dial.ours_psk.milliseconds"),
        30,
        30,
        "ms",
        is_most=True,
    ),
    Bar(
        "longest step of a task on the event loop, in CPU time",
        tuple(f"loop.{work}.step_max" for work in LOOPED),
        20,
        20,
        "ms",
        is_most=True,
        of_max=True,
    ),
    Bar(
        "lag of the event loop, 99th percentile",
        tuple(f"loop.{work}.lag_p99" for work in LOOPED),
        100,
        100,
        "ms",
        is_most=True,
        of_max=True,
    ),
)
