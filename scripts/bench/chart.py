"""``docs/performance.svg``: bars with their spread, a panel for each of the main jobs, as plain SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bench.report import NAMES, TITLES, contenders_of, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures import Figure

PANELS = (
    ("stream", "rate", "MiB/s, more is better"),
    ("streams8", "rate", "MiB/s, more is better"),
    ("large", "seconds", "seconds, less is better"),
    ("many", "seconds", "seconds, less is better"),
    ("small", "seconds", "seconds, less is better"),
    ("dial", "milliseconds", "milliseconds, less is better"),
)
WIDTH = 820
LABEL = 270
"""Width of the names at the left."""
FULL = 420
"""Length of the longest bar."""
ROW = 22
HEAD = 46
GAP = 18
OURS, OTHERS, SPREAD = "#1668a8", "#b4bcc4", "#303840"


@dataclass(frozen=True, slots=True)
class Row:
    """One bar."""

    name: str
    median: float
    least: float
    most: float


def rows_of(job: str, metric: str, figures: Mapping[str, Figure]) -> list[Row]:
    """Return the bars of a panel, of those who took part."""
    found = []
    for name in contenders_of(job, figures):
        one = figures.get(f"{job}.{name}.{metric}")
        if one is not None and one.median is not None and one.min is not None and one.max is not None:
            found.append(Row(name, one.median, one.min, one.max))
    return found


def bar(row: Row, top: float, scale: float) -> str:
    """Draw one bar with its name, its spread and its median."""
    middle = top + ROW / 2
    color = OURS if row.name.startswith("ours") else OTHERS
    name = escape(NAMES.get(row.name, row.name).replace("`", ""))
    least, most = LABEL + row.least * scale, LABEL + row.most * scale
    end = LABEL + row.median * scale
    return (
        f'<text x="{LABEL - 8}" y="{middle + 4:.1f}" text-anchor="end">{name}</text>'
        f'<rect x="{LABEL}" y="{top + 3:.1f}" width="{max(end - LABEL, 1):.1f}" height="{ROW - 6}" '
        f'fill="{color}"/>'
        f'<path d="M{least:.1f} {middle:.1f}H{most:.1f}" stroke="{SPREAD}"/>'
        f'<text x="{max(most, end) + 8:.1f}" y="{middle + 4:.1f}">{number(row.median)}</text>'
    )


def panel(job: str, unit: str, rows: Sequence[Row], top: float) -> str:
    """Draw one job."""
    scale = FULL / max(row.most for row in rows)
    drawn = [bar(row, top + HEAD + index * ROW, scale) for index, row in enumerate(rows)]
    title = f'<text x="16" y="{top + 24}" font-weight="bold">{escape(TITLES[job])}</text>'
    return title + f'<text x="{WIDTH - 16}" y="{top + 24}" text-anchor="end">{unit}</text>' + "\n".join(drawn)


def chart(figures: Mapping[str, Figure]) -> str:
    """Draw all panels that have bars."""
    drawn, top = [], 0
    for job, metric, unit in PANELS:
        rows = rows_of(job, metric, figures)
        if rows:
            drawn.append(panel(job, unit, rows, top))
            top += HEAD + len(rows) * ROW + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
