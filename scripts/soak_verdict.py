"""Does a node leak? Samples of a long run to a slope, with what it can't tell, and to a verdict.

It starts nothing and measures nothing (``soak``).

Strategy: resident memory moves in steps (arenas, caches, the database's pages), so a line through raw samples
says more than they know. The run is cut into ten parts, each part speaks by its median, and a line goes
through ten points; the error of its slope is that of ten points, too. A leak is told only where the slope is
beyond what is permitted even at the low end of that error, and "steady" only where it is within at the high
end.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MIB = 1 << 20
HOUR = 3600.0
PARTS = 10
STUDENT = 2.306
"""Student's t for 95 % and the 8 degrees of freedom that ten points leave a line."""
PERMITTED = 1.0
"""MiB an hour that resident memory may grow by (RELIABILITY.md, soak)."""
FULL_HOURS = 0.8
"""A run measured for so long, after it warmed up, is judged by ``PERMITTED``."""
SHORT_GROWTH = 2.0
"""MiB by which memory may grow while a shorter run is measured: less is caches that still fill."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the kernel and the node tell at one moment."""

    at: float
    """Seconds since the run began."""
    resident: int
    """Octets."""
    fds: int
    threads: int
    connections: int

    @property
    def held(self) -> dict[str, int]:
        """What a node at rest must hold no more of than before, by its name."""
        return {"fds": self.fds, "threads": self.threads, "connections": self.connections}

    def beyond(self, base: Sample) -> dict[str, tuple[int, int]]:
        """Return what there is more of than in ``base``: how much there was, and is."""
        return {name: (base.held[name], now) for name, now in self.held.items() if now > base.held[name]}


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast something grows, in MiB an hour."""

    growth: float
    error: float
    """The slope is within ``growth`` plus and minus this, 19 times out of 20."""
    hours: float
    """For how long it was measured."""

    @property
    def permitted(self) -> float:
        """What is permitted in a run of this length; a slower leak than this it can't tell from noise."""
        return PERMITTED if self.hours >= FULL_HOURS else max(PERMITTED, SHORT_GROWTH / self.hours)

    @property
    def word(self) -> str:
        """``leaks``, ``steady``, or ``can't tell``."""
        if self.growth - self.error > self.permitted:
            return "leaks"
        return "steady" if self.growth + self.error <= self.permitted else "can't tell"


def slope_of(samples: Sequence[Sample]) -> Slope:
    """Draw a line through the medians of ten parts of the run.

    Args:
        samples: in order, at even distances, after the warm-up; at least 20.

    Raises:
        ValueError: they are too few to say anything.
    """
    if len(samples) < 2 * PARTS:
        raise ValueError(f"{len(samples)} samples say nothing of a slope")
    parts = [
        samples[len(samples) * part // PARTS : len(samples) * (part + 1) // PARTS] for part in range(PARTS)
    ]
    hours = [statistics.median(one.at for one in part) / HOUR for part in parts]
    sizes = [statistics.median(one.resident for one in part) / MIB for part in parts]
    growth, start = statistics.linear_regression(hours, sizes)
    middle = statistics.fmean(hours)
    misses = sum((size - start - growth * hour) ** 2 for hour, size in zip(hours, sizes, strict=True))
    spread = sum((hour - middle) ** 2 for hour in hours)
    error = STUDENT * (misses / (PARTS - 2) / spread) ** 0.5
    return Slope(growth, error, (samples[-1].at - samples[0].at) / HOUR)


@dataclass(slots=True)
class Watched:
    """One node of the run."""

    name: str
    base: Sample
    """At rest, after everything was done once."""
    samples: list[Sample] = field(default_factory=list)
    """Under load."""
    end: Sample | None = None
    """At rest again."""
    errors: list[str] = field(default_factory=list)
    """Lines of its log that tell an error."""
    exit_code: int | None = None
    """How it ended when it was asked to."""

    def measured(self, warm_up: float) -> list[Sample]:
        """Return the samples after ``warm_up`` seconds."""
        return [one for one in self.samples if one.at >= warm_up]


def problems_of(node: Watched, warm_up: float) -> list[str]:
    """Return what is wrong with a node, a sentence each."""
    found = []
    slope = slope_of(node.measured(warm_up))
    if slope.word == "leaks":
        found.append(
            f"memory grows by {slope.growth:.1f} (± {slope.error:.1f}) MiB an hour, permitted are "
            f"{slope.permitted:.1f}"
        )
    if node.end is None:
        found.append("it was not seen at rest again")
    else:
        found += [
            f"{what} did not return: {before} before, {after} after"
            for what, (before, after) in node.end.beyond(node.base).items()
        ]
    if node.errors:
        found.append(f"{len(node.errors)} error lines, the first: {node.errors[0]}")
    if node.exit_code != 0:
        found.append(f"it ended with {node.exit_code}")
    return [f"{node.name}: {one}" for one in found]
