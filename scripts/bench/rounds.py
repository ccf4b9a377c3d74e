"""In which order is measured? Round by round, each contender once, so that a slow moment meets all of them.

It writes nothing down (``figures.py``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.samples import Job, NotInstalledError, RunFailedError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Outcome:
    """What a job gave."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By contender, one for each round; none for those that did not run."""
    notes: dict[str, str] = field(default_factory=dict)
    """Why a contender has no samples, or fewer: ``not installed: …`` or ``failed: …``."""


def tell(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def run_rounds(job: Job, rounds: int, settle: Callable[[], None] = os.sync) -> Outcome:
    """Run all contenders ``rounds`` times; who fails or is not installed is left out from then on.

    ``settle`` is called before each run: nobody writes back what another one left.
    """
    outcome = Outcome({name: [] for name in job.contenders})
    for number in range(min(rounds, job.most_rounds or rounds)):
        for name, run in job.contenders.items():
            if name in outcome.notes:
                continue
            settle()
            shown = _run_once(name, run, outcome)
            tell(f"  {job.name} {number + 1}: {name}: {shown}")
    return outcome


def _run_once(name: str, run: Callable[[], Sample], outcome: Outcome) -> str:
    """Run a contender, note what it gave, and return that as text."""
    try:
        sample = run()
    except NotInstalledError as exc:
        outcome.notes[name] = f"not installed: {exc}"
    except RunFailedError as exc:
        outcome.notes[name] = f"failed: {exc}"
    except (OSError, subprocess.SubprocessError) as exc:
        # Their texts hold folders of the machine.
        outcome.notes[name] = f"failed: {type(exc).__name__}"
    else:
        outcome.samples[name].append(sample)
        return ", ".join(f"{metric} {value:.3g}" for metric, value in sample.items())
    return outcome.notes[name]
