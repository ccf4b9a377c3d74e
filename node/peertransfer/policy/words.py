"""Which word was probably meant, and how is a word from a file shown on a terminal?

It knows no grammar: the words that would be valid are handed in.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_LONGEST = 64
"""Characters of a word that are looked at or shown; no valid word is longer."""


def quoted(word: str) -> str:
    """Return the word in quotes, cut, with what a terminal could take for a command escaped."""
    cut = word if len(word) <= _LONGEST else word[:_LONGEST] + "..."
    safe = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in cut)
    return f'"{safe}"'


def nearest(word: str, valid: Collection[str]) -> str | None:
    """Return the valid word that looks most like ``word``, or ``None`` where none does."""
    close = difflib.get_close_matches(word[:_LONGEST].strip().lower(), sorted(valid), n=1)
    return close[0] if close else None


def hint(word: str, valid: Collection[str], more: str = "") -> str:
    """Return the sentence that mends a wrong word: the nearest one, or all there are; then ``more``."""
    close = nearest(word, valid)
    first = f"did you mean {quoted(close)}?" if close else f"valid here: {', '.join(sorted(valid))}"
    return f"{first} {more}".rstrip()
