"""How do rows fit a terminal? Columns shorten with an ellipsis, and no line wraps.

It does not know commands. rich is imported when a table is drawn, because it costs a tenth of a second.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from peertransfer.cli.output import say
from peertransfer.content.names import display

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN_WIDTH = 80
"""Columns where standard output is no terminal."""
MAX_FIRM = 18
"""Columns that a cell which does not give way can keep: what a peer says may be long."""


def show_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    loose: Sequence[str] = (),
) -> None:
    """Draw a table on standard output.

    Args:
        headings: one for each column.
        rows: cells, shown as text.
        right: headings of the columns that are numbers.
        loose: headings of the columns that give way where there is not enough room.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(display(str(cell))) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for index, heading in enumerate(headings):
        widest = max([len(heading), *(row[index].cell_len for row in cells)])
        table.add_column(
            heading,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if heading in right else "left",
            min_width=None if heading in loose else min(widest, MAX_FIRM),
        )
    for row in cells:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    Console(file=sys.stdout, highlight=False, markup=False, width=width).print(table)


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
