"""Sampled stacks, as py-spy writes them in its raw format: which functions were at the end of most."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

FRAME = re.compile(r"^(?P<name>.*) \((?P<place>[^()]*?)(:\d+)?\)$")


@dataclass(frozen=True, slots=True)
class Stacks:
    """How often each stack was seen, outermost frame first."""

    counts: dict[tuple[str, ...], int]

    @property
    def total(self) -> int:
        """All samples."""
        return sum(self.counts.values())

    def without(self, innermost: frozenset[str]) -> Stacks:
        """Return these stacks without those that end in one of the given functions."""
        return Stacks({stack: count for stack, count in self.counts.items() if stack[-1] not in innermost})

    def own(self) -> Counter[str]:
        """Return how often each frame was the innermost one."""
        found: Counter[str] = Counter()
        for stack, count in self.counts.items():
            found[stack[-1]] += count
        return found


def parse(text: str) -> Stacks:
    """Read ``outermost;…;innermost COUNT`` lines; lines of the same functions are added up."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        found[tuple(short(frame) for frame in stack.split(";"))] += int(count)
    return Stacks(dict(found))


def short(frame: str) -> str:
    """Return a frame's function and file, without the line and without the folders of the machine."""
    matched = FRAME.match(frame)
    if matched is None:
        return frame
    place = matched["place"]
    for root in ("peertransfer/", "site-packages/", "/lib/"):
        place = place.rpartition(root)[2]
    return f"{matched['name']} ({place})"
