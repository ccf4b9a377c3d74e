"""What is kept of a run: one figure a line of JSON, and first what machine it was. It measures nothing."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bench.samples import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.rounds import Outcome
    from bench.samples import Job


@dataclass(frozen=True, slots=True)
class Stamp:
    """Of what the figures are."""

    commit: str
    date: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What several runs gave for one thing."""

    name: str
    """``JOB.CONTENDER.METRIC``, or ``ratio.…`` or ``difference.…`` (``derived.py``)."""
    unit: str
    median: float | None
    """``None`` where there was no run; then ``note`` says why."""
    min: float | None
    max: float | None
    repetitions: int
    commit: str
    date: str
    note: str = ""


def figure(name: str, unit: str, values: Sequence[float], stamp: Stamp, note: str = "") -> Figure:
    """Sum up the values of several runs; of none: a figure that says so."""
    if not values:
        return Figure(name, unit, None, None, None, 0, stamp.commit, stamp.date, note)
    median, least, most = (round(one, 6) for one in (statistics.median(values), min(values), max(values)))
    return Figure(name, unit, median, least, most, len(values), stamp.commit, stamp.date, note)


def figures_of(job: Job, outcome: Outcome, stamp: Stamp) -> list[Figure]:
    """Sum up a job; a contender without any run keeps one figure, with the reason."""
    found = []
    for name, samples in outcome.samples.items():
        note = outcome.notes.get(name, "")
        metrics = [metric for metric in job.metrics if any(metric in one for one in samples)]
        for metric in metrics or job.metrics[:1]:
            values = [one[metric] for one in samples if metric in one]
            found.append(figure(f"{job.name}.{name}.{metric}", UNITS[metric], values, stamp, note))
    return found


def write_figures(path: Path, machine: Mapping[str, str], figures: Iterable[Figure]) -> None:
    """Write the machine and the figures, a line each."""
    lines = [json.dumps({"machine": machine}), *(json.dumps(asdict(one)) for one in figures)]
    path.write_text("\n".join(lines) + "\n")


def read_figures(path: Path) -> tuple[dict[str, str], dict[str, Figure]]:
    """Read what ``write_figures`` wrote: the machine, and the figures by name."""
    head, *lines = path.read_text().splitlines()
    found = [Figure(**json.loads(line)) for line in lines]
    machine: dict[str, str] = json.loads(head)["machine"]
    return machine, {one.name: one for one in found}
