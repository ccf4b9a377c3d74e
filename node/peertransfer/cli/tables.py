"""How do rows fit a terminal? Columns shorten with an ellipsis, and no line wraps.

It does not know commands.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from peertransfer.cli.output import escaped, say

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PLAIN_WIDTH = 80
"""Columns where standard output is no terminal."""
GAP = 2
MIN_LOOSE = 4
MAX_FIRM = 18
"""Columns that a cell which does not give way can keep: what a peer says may be long."""


def show_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    loose: Sequence[str] = (),
    only: Collection[int] | None = None,
) -> None:
    """Draw a table on standard output.

    Args:
        headings: one for each column.
        rows: cells, shown as text.
        right: headings of the columns that are numbers.
        loose: headings of the columns that give way where there is not enough room.
        only: indexes of the rows that are written, in the columns of the whole table; None: all, headed.
    """
    from rich.cells import cell_len

    cells = [list(headings), *([escaped(str(cell)) for cell in row] for row in rows)]
    widths = [max(cell_len(row[index]) for row in cells) for index in range(len(headings))]
    firm = [min(width, MAX_FIRM) for width in widths]
    room = _screen_width() - GAP * (len(headings) - 1)
    room -= sum(width for width, heading in zip(firm, headings, strict=True) if heading not in loose)
    wanted = [width for width, heading in zip(widths, headings, strict=True) if heading in loose]
    shares = iter(_shared(wanted, room))
    kept = [
        next(shares) if heading in loose else width for width, heading in zip(firm, headings, strict=True)
    ]
    for index, row in enumerate(cells, -1):
        if only is not None and index not in only:
            continue
        parts = (
            _fitted(cell, width, to_right=heading in right)
            for cell, width, heading in zip(row, kept, headings, strict=True)
        )
        say((" " * GAP).join(parts).rstrip())


def _screen_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH


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
    """Write ``name  value`` lines; a fact without a value is left out."""
    present = [(name, value) for name, value in facts if value not in {None, ""}]
    width = max((len(name) for name, _ in present), default=0)
    for name, value in present:
        say(f"{name:<{width}}  {value}")


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
