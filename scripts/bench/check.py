"""``make bench-check``: a few ratios in a few minutes, against controls that need no other tool.

What looks worse at first is measured once more, with all rounds counted together: a machine has slow moments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.baseline import judge
from bench.derived import Comparison
from bench.rounds import Outcome, run_rounds, tell
from bench.suite import QUICK, Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.baseline import Judged
    from bench.samples import Job
    from bench.suite import Places

CHECKED = (
    Comparison("stream", "ours", "bare", "rate"),
    Comparison("stream", "ours_psk", "bare", "rate"),
    Comparison("streams8", "ours", "bare", "rate"),
    *(
        Comparison("stream", ours, "bare", metric)
        for ours in ("ours", "ours_psk")
        for metric in ("cpu_provider", "cpu_getter")
    ),
    Comparison("large", "ours", "cp", "seconds"),
    Comparison("large", "ours_psk", "cp", "seconds"),
    Comparison("large", "ours", "cp", "cpu_getter"),
    Comparison("many", "ours", "cp", "seconds"),
    Comparison("many", "ours", "cp", "cpu_getter"),
    Comparison("small", "ours", "tcp", "seconds"),
    Comparison("dial", "ours", "bare", "milliseconds"),
)


def reduced(job: Job, comparisons: tuple[Comparison, ...] = CHECKED) -> Job:
    """Leave out of a job whoever is in none of its comparisons."""
    wanted = {name for one in comparisons if one.job == job.name for name in (one.ours, one.control)}
    return replace(job, contenders={name: run for name, run in job.contenders.items() if name in wanted})


@dataclass(slots=True)
class Check:
    """Measures the ratios, and keeps what it measured."""

    jobs: Mapping[str, Job]
    """Those that the comparisons are of."""
    rounds: int
    comparisons: tuple[Comparison, ...] = CHECKED
    measure: Callable[[Job, int], Outcome] = run_rounds

    def ratios(self) -> dict[str, list[float]]:
        """Measure all ratios; one with a side that failed is empty."""
        outcomes = {name: self.measure(job, self.rounds) for name, job in self.jobs.items()}
        return {one.name: one.values(outcomes[one.job]) for one in self.comparisons}

    def against(self, committed: Mapping[str, float]) -> list[Judged]:
        """Measure, measure once more what looks worse, and compare."""
        measured = self.ratios()
        doubtful = [one.name for one in judge(committed, measured) if one.is_worse]
        if doubtful:
            tell(f"Once more: {', '.join(doubtful)}")
            again = [one for one in self.comparisons if one.name in doubtful]
            names = dict.fromkeys(one.job for one in again)
            outcomes = {name: self.measure(self.jobs[name], self.rounds) for name in names}
            for one in again:
                measured[one.name] = measured[one.name] + one.values(outcomes[one.job])
        return judge(committed, measured)


def check_of(places: Places, rounds: int) -> Check:
    """Return the check at its size."""
    suite = Suite(QUICK, places, {})
    names = dict.fromkeys(one.job for one in CHECKED)
    return Check({name: reduced(suite.job(name)) for name in names}, rounds)
