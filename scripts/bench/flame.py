"""A flame graph of sampled stacks as plain SVG: width is time, what calls stands above what is called."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.folded import Stacks

WIDTH = 1200
ROW = 17
LETTER = 6.6
"""Width of a letter, about."""
LEAST_LETTERS = 3
THINNEST = 1.0
"""Narrower boxes are left out."""


@dataclass(slots=True)
class Box:
    """A function, below the ones that called it."""

    name: str
    count: int = 0
    inner: dict[str, Box] = field(default_factory=dict)


def tree(stacks: Stacks) -> Box:
    """Put stacks with the same beginning together."""
    root = Box("all")
    for stack, count in sorted(stacks.counts.items()):
        box = root
        box.count += count
        for name in stack:
            box = box.inner.setdefault(name, Box(name))
            box.count += count
    return root


def flame_graph(stacks: Stacks, title: str) -> str:
    """Draw it; a pointer that rests on a box shows its full name and share."""
    root = tree(stacks)
    scale = WIDTH / max(root.count, 1)
    drawn: list[str] = []
    rows = _draw(root, 0.0, 1, scale, drawn)
    height = (rows + 1) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n<text x="4" y="13">{escape(title)}</text>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _draw(box: Box, left: float, row: int, scale: float, drawn: list[str]) -> int:
    """Draw a box and what is below it; return the number of rows down to the lowest."""
    width = box.count * scale
    share = width / WIDTH * 100
    letters = int((width - 4) / LETTER)
    label = escape(box.name if len(box.name) <= letters else box.name[: max(letters - 1, 0)] + "…")
    has_label = letters >= LEAST_LETTERS
    shade = 40 + zlib.crc32(box.name.encode()) % 120
    drawn.append(
        f'<g><title>{escape(box.name)} {share:.1f} %</title><rect x="{left:.1f}" y="{row * ROW}" '
        f'width="{width:.1f}" height="{ROW - 1}" fill="rgb(235,{shade + 60},60)"/>'
        + (f'<text x="{left + 2:.1f}" y="{row * ROW + 12}">{label}</text>' if has_label else "")
        + "</g>"
    )
    lowest = row + 1
    for inner in box.inner.values():
        if inner.count * scale >= THINNEST:
            lowest = max(lowest, _draw(inner, left, row + 1, scale, drawn))
        left += inner.count * scale
    return lowest
