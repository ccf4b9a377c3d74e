"""The few figures that the README shows, between two marks in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import markdown, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.figures import Figure

BEGIN = "<!-- figures: written by `make figures` -->\n"
END = "<!-- end of figures -->\n"

ROWS = (
    ("`get` of 1 GiB between two nodes", "large.ours.rate", "MiB/s"),
    ("the same, with a PSK", "large.ours_psk.rate", "MiB/s"),
    ("`cp` and SHA-256 of the same file", "large.cp.rate", "MiB/s"),
    ("`rsync` over ssh of the same file", "large.rsync.rate", "MiB/s"),
    ("`get` of 1 MiB, from the command to its end", "small.ours.seconds", "s"),
    ("resident memory of an idle node", "idle.ours.idle_rss", "MiB"),
    ("peak memory of the provider during 1 GiB, with a PSK", "large.ours_psk.peak_provider", "MiB"),
    ("peak memory of the getter during 1 GiB, with a PSK", "large.ours_psk.peak_getter", "MiB"),
)


def table(figures: Mapping[str, Figure]) -> str:
    """Return the table, and of what it is."""
    rows = []
    commits: dict[str, None] = {}
    for what, name, unit in ROWS:
        one = figures.get(name)
        rows.append(
            [what, "not measured" if one is None or one.median is None else f"{number(one.median)} {unit}"]
        )
        if one is not None:
            commits[one.commit] = None
    return f"{markdown(['what', 'median'], rows)}\n\nAt commit {', '.join(commits)}."


def with_table(readme: str, figures: Mapping[str, Figure]) -> str:
    """Return the README with its table written anew.

    Raises:
        ValueError: the marks are not in it.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the README has no place for the figures")
    return f"{before}{BEGIN}\n{table(figures)}\n\n{END}{after}"
