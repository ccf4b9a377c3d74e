"""Does this path match that glob?

``*`` is any run of characters within a segment, ``?`` is one, ``**`` is any number of segments; a
glob without ``/`` is a name in any folder. Everything else stands for itself, upper and lower case
differ. It reads no directory.

Strategy: both sides are brought to Unicode NFC, because a file system may hand out another form than
the person typed. Segments are compared greedily and go back to the last ``**`` only, and a segment's
pieces are atomic groups, so no glob costs more than (its length) x (the path's length).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, field

_DEEP = "**"
_ANY = "*"
_WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A glob over paths below a share's root."""

    text: str
    segments: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The glob of each segment, in NFC; a name in any folder begins with ``**``."""
    _patterns: tuple[re.Pattern[str] | None, ...] = field(init=False, repr=False, compare=False)
    """One pattern for each segment; ``None`` stands for ``**``."""

    def __post_init__(self) -> None:
        """Compile the segments once."""
        names = unicodedata.normalize("NFC", self.text).split("/")
        segments = tuple(names if len(names) > 1 else (_DEEP, *names))
        patterns = tuple(None if one == _DEEP else _compile(one) for one in segments)
        object.__setattr__(self, "segments", segments)
        object.__setattr__(self, "_patterns", patterns)

    @property
    def first_name(self) -> str:
        """The folder below which all lies that it matches; empty where that is not one by its name."""
        return self.segments[0] if _is_literal(self.segments[0]) else ""

    def matches(self, path: str) -> bool:
        """Tell whether the whole path matches."""
        return self._match(_split(path))

    def covers(self, path: str) -> bool:
        """Tell whether the path, or a folder above it, matches."""
        segments = _split(path)
        return any(self._match(segments[:depth]) for depth in range(1, len(segments) + 1))

    def holds(self, inner: PathGlob, *, widely: bool) -> bool:
        """Tell whether every path that ``inner`` matches is matched by this glob, or ``widely`` covered.

        A yes is certain; a no may only say that it can't be told.
        """
        inside, outside = inner.segments, self.segments
        if inside == outside or all(pattern is None for pattern in self._patterns):
            return True
        fixed = tuple(itertools.takewhile(_is_literal, inside))
        if fixed and self._holds_below(fixed, widely=widely, is_whole=len(fixed) == len(inside)):
            return True
        return len(inside) == len(outside) and all(map(self._holds_segment, self._patterns, outside, inside))

    def _holds_below(self, fixed: tuple[str, ...], *, widely: bool, is_whole: bool) -> bool:
        """Tell it of a glob that begins with these names, or has no others (``is_whole``)."""
        if widely:
            return any(self._match(fixed[:depth]) for depth in range(1, len(fixed) + 1))
        return (is_whole or self._patterns[-1] is None) and self._match(fixed)

    @staticmethod
    def _holds_segment(pattern: re.Pattern[str] | None, outer: str, inner: str) -> bool:
        if outer == inner or pattern is None:
            return outer == inner
        return inner != _DEEP and (
            outer == _ANY or (_is_literal(inner) and pattern.fullmatch(inner) is not None)
        )

    def _match(self, path: tuple[str, ...]) -> bool:
        here = there = 0
        back: tuple[int, int] | None = None
        while there < len(path):
            if here < len(self._patterns):
                pattern = self._patterns[here]
                if pattern is None:
                    here += 1
                    back = (here, there)
                    continue
                if pattern.fullmatch(path[there]):
                    here, there = here + 1, there + 1
                    continue
            if back is None:
                return False
            here, there = back[0], back[1] + 1
            back = (here, there)
        return all(pattern is None for pattern in self._patterns[here:])


def _split(path: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", path).split("/")) if path else ()


def _is_literal(segment: str) -> bool:
    return _WILD.isdisjoint(segment)


def _compile(segment: str) -> re.Pattern[str]:
    """Turn one segment into a pattern that never goes back into a ``*`` that it left."""
    first, *rest = [_literal(piece) for piece in re.split(r"\*+", segment)]
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    atoms = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{atoms}.*{last}", re.DOTALL)


def _literal(piece: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in piece)
