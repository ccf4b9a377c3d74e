"""Ratios and differences between contenders, round by round: what was slow for both of them falls out.

A ratio above 1 says that ours is better: faster, or cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.rounds import Outcome

HIGHER_IS_BETTER = frozenset({"rate"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One contender beside another in one job."""

    job: str
    ours: str
    control: str
    metric: str
    control_metric: str = ""
    """Where it is another one than ours."""

    @property
    def name(self) -> str:
        """Name of the figure."""
        return f"ratio.{self.job}.{self.ours}/{self.control}.{self.metric}"

    def values(self, outcome: Outcome) -> list[float]:
        """Return the ratio of each round in which both have run."""
        control_metric = self.control_metric or self.metric
        found = []
        pairs = zip(outcome.samples.get(self.ours, ()), outcome.samples.get(self.control, ()), strict=False)
        for ours, control in pairs:
            own, other = ours.get(self.metric), control.get(control_metric)
            if own and other:
                found.append(own / other if self.metric in HIGHER_IS_BETTER else other / own)
        return found


COMPARISONS = (
    *(
        Comparison(job, ours, control, "rate")
        for job in ("stream", "streams8")
        for ours in ("ours", "ours_psk")
        for control in ("bare", "js", "stock")
    ),
    *(
        Comparison("large", ours, control, "seconds")
        for ours in ("ours", "ours_psk")
        for control in ("cp", "tcp", "rsync")
    ),
    *(Comparison("large", "ours", control, "total_seconds", "seconds") for control in ("rsync", "syncthing")),
    *(Comparison("many", "ours", control, "seconds") for control in ("cp", "rsync")),
    *(Comparison("many", "ours", control, "total_seconds", "seconds") for control in ("rsync", "syncthing")),
    *(Comparison("dial", "ours", control, "milliseconds") for control in ("bare", "js", "stock")),
    Comparison("small", "ours", "tcp", "seconds"),
)
"""All ratios that are told. Syncthing's time holds its indexing: it stands beside ``share`` and ``get``."""

PSK_COSTS = ("cpu_provider", "cpu_getter")


def ratios(outcomes: Mapping[str, Outcome]) -> dict[str, list[float]]:
    """Return the ratios of all jobs that have run, by the figure's name; empty where one side has no run."""
    return {one.name: one.values(outcomes[one.job]) for one in COMPARISONS if one.job in outcomes}


def differences(outcomes: Mapping[str, Outcome]) -> dict[str, list[float]]:
    """Return what the PSK adds to the CPU seconds per GiB, for each side."""
    if "large" not in outcomes:
        return {}
    samples = outcomes["large"].samples
    pairs = list(zip(samples["ours_psk"], samples["ours"], strict=False))
    return {
        f"difference.large.psk.{metric}": [with_psk[metric] - without[metric] for with_psk, without in pairs]
        for metric in PSK_COSTS
    }
