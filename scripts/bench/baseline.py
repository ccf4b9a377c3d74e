"""Has it become slower? Ratios of a quick run beside the committed ones. Never times: machines differ.

It measures nothing.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WORSE_BY = 0.2
"""The part of a ratio that may be lost."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A ratio beside the committed one."""

    name: str
    committed: float | None
    """``None``: it is new."""
    measured: float | None
    """``None``: it was not measured, which is a failure."""

    @property
    def is_worse(self) -> bool:
        """Whether it fails the check."""
        if self.committed is None:
            return False
        return self.measured is None or self.measured < self.committed * (1 - WORSE_BY)

    def __str__(self) -> str:
        """Say it on a line."""
        measured, committed = (
            "-" if one is None else f"{one:.3f}" for one in (self.measured, self.committed)
        )
        return f"{'WORSE' if self.is_worse else 'ok':5} {self.name}: {measured}, committed {committed}"


def judge(committed: Mapping[str, float], measured: Mapping[str, Sequence[float]]) -> list[Judged]:
    """Compare the medians of what was measured with the committed ones; every name of either comes once."""
    medians = {name: statistics.median(values) for name, values in measured.items() if values}
    names = [*committed, *(name for name in medians if name not in committed)]
    return [Judged(name, committed.get(name), medians.get(name)) for name in names]


def read_baseline(path: Path) -> dict[str, float]:
    """Read the committed ratios."""
    found: dict[str, float] = json.loads(path.read_text())
    return found


def write_baseline(path: Path, measured: Mapping[str, Sequence[float]]) -> None:
    """Write the medians as the ratios to hold from now on."""
    medians = {name: round(statistics.median(values), 3) for name, values in measured.items() if values}
    path.write_text(json.dumps(medians, indent=2) + "\n")
