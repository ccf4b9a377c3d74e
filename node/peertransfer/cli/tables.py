"""How do rows fit a terminal? Columns shorten with an ellipsis, and no line wraps.

Where a terminal is too narrow for that, each row is a list of its cells, none of them cut. It does not know
commands.
"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from peertransfer.cli.output import PLAIN_WIDTH, escaped, say, terminal_width

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

GAP = 2
MIN_LOOSE = 4
READABLE = 8
"""Columns that a cell which gives way must keep on a terminal; with less, rows are listed cell by cell."""
MAX_FIRM = 18
"""Columns that a cell which does not give way can keep: what a peer says may be long."""


def show_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    loose: Sequence[str] = (),
    whole: Sequence[str] = (),
    only: Collection[int] | None = None,
) -> None:
    """Draw a table on standard output.

    Args:
        headings: one for each column.
        rows: cells, shown as text.
        right: headings of the columns that are numbers.
        loose: headings of the columns that give way where there is not enough room.
        whole: headings of the columns that are never cut, because commands take what is in them.
        only: indexes of the rows that are written, in the columns of the whole table; None: all, headed.
    """
    from rich.cells import cell_len

    cells = [list(headings), *([escaped(str(cell)) for cell in row] for row in rows)]
    shown = [row for index, row in enumerate(cells, -1) if only is None or index in only]
    widths = {heading: max(cell_len(row[at]) for row in cells) for at, heading in enumerate(headings)}
    firm = {
        heading: width if heading in whole else min(width, MAX_FIRM)
        for heading, width in widths.items()
        if heading not in loose
    }
    wanted = {heading: widths[heading] for heading in headings if heading in loose}
    terminal = terminal_width(sys.stdout)
    room = (terminal or PLAIN_WIDTH) - GAP * (len(headings) - 1) - sum(firm.values())
    if terminal is not None and sum(min(width, READABLE) for width in wanted.values()) > room:
        for row in shown:
            if row is not cells[0]:
                show_facts([(heading.strip(), cell) for heading, cell in zip(headings, row, strict=True)])
                say()
        return
    kept = firm | dict(zip(wanted, _shared(list(wanted.values()), room), strict=True))
    for row in shown:
        parts = (
            _fitted(cell, kept[heading], to_right=heading in right)
            for cell, heading in zip(row, headings, strict=True)
        )
        say((" " * GAP).join(parts).rstrip())


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """Divide ``room`` among columns: who wants least is served whole, the rest have equal parts."""
    given = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for position, index in enumerate(order):
        given[index] = max(MIN_LOOSE, min(wanted[index], room // (len(order) - position)))
        room -= given[index]
    return given


def _fitted(cell: str, width: int, *, to_right: bool) -> str:
    from rich.cells import cell_len, set_cell_size

    shown = cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
    padding = " " * (width - cell_len(shown))
    return padding + shown if to_right else shown + padding


def show_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Write ``name  value`` lines, on a terminal broken between words; a fact without a value is left out."""
    present = [(name, value) for name, value in facts if value not in {None, ""}]
    width = max((len(name) for name, _ in present), default=0) + GAP
    terminal = terminal_width(sys.stdout)
    for name, value in present:
        lines = [str(value)]
        if terminal is not None:
            room = max(MAX_FIRM, terminal - width)
            lines = textwrap.wrap(lines[0], room, break_long_words=False, break_on_hyphens=False) or lines
        for index, line in enumerate(lines):
            say(f"{'' if index else name:<{width}}{line}")


def show_tree(paths: Sequence[tuple[str, str]], *, depth: int = 0) -> None:
    """Draw files below their folders.

    Args:
        paths: relative path and what stands behind it, such as its size; folders end in ``/``.
        depth: how far in the roots stand.
    """
    shown: set[str] = set()
    for path, fact in sorted(paths):
        *folders, name = path.rstrip("/").split("/")
        for index in range(len(folders)):
            folder = "/".join(folders[: index + 1])
            if folder not in shown:
                shown.add(folder)
                say(f"{'  ' * (depth + index)}{folders[index]}/")
        is_folder = path.endswith("/")
        if is_folder:
            shown.add(path.rstrip("/"))
        say(f"{'  ' * (depth + len(folders))}{name}{'/' if is_folder else ''}{'  ' + fact if fact else ''}")
