"""What does a person see while something is on its way? A bar with rate and time left, and who sends.

Standard error, and only on a terminal; elsewhere nothing. It does not decide what happens (``control``).
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from peertransfer.cli.output import number, records, short, text
from peertransfer.cli.spans import size_text, span_text
from peertransfer.content.names import display

if TYPE_CHECKING:
    from rich.console import Group
    from rich.progress import Progress, Task

Event = Mapping[str, object]
Watcher = Callable[[dict[str, object]], None]

NARROW = 60
"""Columns below which the bar itself gives way to its figures."""
WIDE = 90
"""Columns from which there is room for the count of files."""
MIN_NAME = 8
REFRESHES_PER_SECOND = 8
STILL_SECONDS = 3.0
"""After so long without an octet a rate would be a lie."""
MAX_PEERS = 4
"""Providers that are named at once."""


@contextlib.contextmanager
def watching(name: str) -> Iterator[Watcher]:
    """Give a function that takes a command's events, and draws them while the block lasts.

    Args:
        name: what is on its way, until an event says better.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, markup=False)
    drawing = _Drawing(name, console.width)
    with Live(
        console=console,
        get_renderable=drawing.render,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield drawing.take


class _Drawing:
    """What was told so far."""

    def __init__(self, name: str, width: int) -> None:
        self._width = width
        self._progress = _columns(width)
        self._task = self._progress.add_task(display(name), total=None, figures="")
        self._files = ""
        self._sentence = ""
        self._peers: list[str] = []
        self._moved_at = time.monotonic()

    def take(self, event: Event) -> None:
        """Note an event."""
        if event.get("event") == "state":
            self._sentence = display(text(event, "text"))
        elif event.get("event") == "progress":
            name = text(event, "name") or text(event, "title")
            if name:
                self._progress.update(self._task, description=display(name))
            total = number(event, "octets_total")
            if number(event, "octets_done") != self._progress.tasks[0].completed:
                self._moved_at = time.monotonic()
            self._progress.update(self._task, total=total or None, completed=number(event, "octets_done"))
            self._files = _files(event) if self._width >= WIDE else ""
            self._sentence = ""
        if "providers" in event:
            self._peers = [_peer(one) for one in records(event, "providers")]

    def render(self) -> Group:
        """Return what is on the screen now."""
        from rich.console import Group
        from rich.text import Text

        task = self._progress.tasks[0]
        still_seconds = time.monotonic() - self._moved_at
        figures = _figures(task, self._files, still_seconds if still_seconds > STILL_SECONDS else 0)
        self._progress.update(self._task, figures=figures)
        lines: list[Progress | Text] = [self._progress]
        below = [self._sentence] if self._sentence else []
        if self._peers:
            more = len(self._peers) - MAX_PEERS
            below.append(", ".join(self._peers[:MAX_PEERS]) + (f" and {more} more" if more > 0 else ""))
        lines += [Text(f"  {line}", no_wrap=True, overflow="ellipsis", style="dim") for line in below]
        return Group(*lines)


def _peer(one: Event) -> str:
    name, state = short(one.get("peer_id")), display(text(one, "state"))
    return state if name in state else f"{name} {state}"


def _columns(width: int) -> Progress:
    from rich import progress as rich_progress
    from rich.table import Column

    name = rich_progress.TextColumn(
        "{task.description}",
        markup=False,
        table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1, min_width=MIN_NAME),
    )
    figures = rich_progress.TextColumn(
        "{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True, justify="right")
    )
    if width < NARROW:
        return rich_progress.Progress(name, figures, expand=True)
    bar = rich_progress.BarColumn(bar_width=width // 5)
    return rich_progress.Progress(name, bar, figures, expand=True)


def _figures(task: Task, files: str, still_seconds: float) -> str:
    """Return percentage, rate, time left and files, as far as they are known.

    Args:
        task: what is measured.
        files: how many of them.
        still_seconds: how long nothing has come by now; 0: something comes.
    """
    parts = [f"{task.percentage:.0f} %"] if task.total else []
    if task.total and still_seconds:
        return "  ".join([*parts, f"nothing for {span_text(still_seconds)}"])
    if task.speed:
        parts.append(f"{size_text(task.speed)}/s")
    if task.time_remaining is not None:
        parts.append(f"{span_text(task.time_remaining)} left")
    return "  ".join([*parts, files] if files else parts)


def _files(event: Event) -> str:
    total = number(event, "files_total")
    return f"{number(event, 'files_done'):.0f}/{total:.0f} files" if total > 1 else ""


def _unseen(event: Event) -> None:
    del event
