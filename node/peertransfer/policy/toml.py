"""Text to a TOML table, or the one mistake that is met first, with its line and its mend.

It opens no file and knows no key: ``policy.parse`` and ``service.config`` do. Spec: https://toml.io/en/v1.0.0

Strategy: ``tomllib`` keeps every beginning of a dotted key, so that a key of a hundred thousand parts takes
gigabytes. What no person writes is refused before it reads.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from peertransfer.errors import PeertransferError

if TYPE_CHECKING:
    from peertransfer.policy.lines import Lines

MAX_DOTS = 8
"""Dots of a key; a rule has one, and reading takes time that grows with the square of their number."""

Mistake = Callable[[int, str, str], PeertransferError]
"""Makes the error of a line (from 1), what is wrong there, and how to mend it."""

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"


def parse_toml(text: str, lines: Lines, mistake: Mistake) -> Mapping[str, object]:
    """Parse a text.

    Args:
        text: the whole file.
        lines: its lines.
        mistake: makes the error that is raised.

    Raises:
        PeertransferError: the text is not TOML, or nested beyond all need; it is what ``mistake`` makes.
    """
    long_key = lines.of_long_key(MAX_DOTS)
    if long_key is not None:
        raise mistake(long_key, "a key has too many parts", "two are enough, as in show.openings")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise mistake(1, "its values are nested too deeply", "two levels are enough") from error
    except ValueError as error:
        message = str(error)
        found = _AT_LINE.search(message)
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        what = message[: found.start()] if found else message.removesuffix(_AT_END)
        more = " at the end of the file" if message.endswith(_AT_END) else ""
        what = what[:1].lower() + what[1:] + more
        raise mistake(
            line, f"this is not TOML: {what}", "look for a missing quote, bracket or comma"
        ) from error
