"""What one contender's one run gives, and the units of it. It measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIB = 1 << 20
GIB = 1 << 30

Sample = dict[str, float]
"""The metrics of one run, by name; a contender leaves out what it can't tell."""

UNITS = {
    "seconds": "s",
    "share_seconds": "s",
    "total_seconds": "s",
    "rate": "MiB/s",
    "milliseconds": "ms",
    "cpu_provider": "s/GiB",
    "cpu_getter": "s/GiB",
    "peak_provider": "MiB",
    "peak_getter": "MiB",
    "idle_rss": "MiB",
    "idle_cpu": "s/min",
    "step_p50": "ms",
    "step_p99": "ms",
    "step_max": "ms",
    "lag_p50": "ms",
    "lag_p99": "ms",
    "lag_max": "ms",
}
"""The unit of each metric. ``peak_*`` is the kernel's VmHWM; ``step_*`` the CPU time of a step of a
task on the event loop, ``lag_*`` how late a timer is there."""


class NotInstalledError(Exception):
    """A contender's tool is not on this machine; the message names it."""


class RunFailedError(Exception):
    """A contender did not do the work, or not rightly; the message says what happened."""


def rate(size: int, seconds: float) -> float:
    """Return the rate of ``size`` octets in MiB/s."""
    return size / MIB / seconds


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, and who does it."""

    name: str
    contenders: Mapping[str, Callable[[], Sample]]
    """By name; each call is one run from nothing. Raises ``NotInstalledError`` or ``RunFailedError``."""
    metrics: tuple[str, ...]
    """What of it is worth a figure, from ``UNITS``."""
    most_rounds: int | None = None
    """Rounds after which the job is done, where it is too long for all of them."""
