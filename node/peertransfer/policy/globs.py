"""Does this path match that glob?

``*`` is any run of characters within a segment, ``?`` is one, ``**`` is any number of segments; a
glob without ``/`` is a name in any folder. Everything else stands for itself, upper and lower case
differ. It reads no directory.

Strategy: both sides are brought to Unicode NFC, because a file system may hand out another form than
the person typed. Segments are compared greedily and go back to the last ``**`` only, and a segment's
pieces are atomic groups, so no glob costs more than (its length) x (the path's length).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

_DEEP = "**"


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A glob over paths below a share's root."""

    text: str
    _segments: tuple[re.Pattern[str] | None, ...] = field(init=False, repr=False, compare=False)
    """One pattern for each segment; ``None`` stands for ``**``."""

    def __post_init__(self) -> None:
        """Compile the segments once."""
        segments = unicodedata.normalize("NFC", self.text).split("/")
        if len(segments) == 1:
            segments.insert(0, _DEEP)
        compiled = tuple(None if one == _DEEP else _compile(one) for one in segments)
        object.__setattr__(self, "_segments", compiled)

    def matches(self, path: str) -> bool:
        """Tell whether the whole path matches."""
        return self._match(_split(path))

    def covers(self, path: str) -> bool:
        """Tell whether the path, or a folder above it, matches."""
        segments = _split(path)
        return any(self._match(segments[:depth]) for depth in range(1, len(segments) + 1))

    def _match(self, path: tuple[str, ...]) -> bool:
        here = there = 0
        back: tuple[int, int] | None = None
        while there < len(path):
            if here < len(self._segments):
                pattern = self._segments[here]
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
        return all(pattern is None for pattern in self._segments[here:])


def _split(path: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", path).split("/")) if path else ()


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
