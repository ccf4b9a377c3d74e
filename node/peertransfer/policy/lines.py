"""On which line of a TOML text does a rule, key or word stand?

``tomllib`` gives values without places. This finds them again, for error messages only: where it can't
(an escaped or quoted key), it answers with the line of the enclosing rule, never with a wrong rule.
It checks no syntax: of a text that is no TOML it says something, in time that grows with the length.
"""

from __future__ import annotations

import bisect
import re

_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?(?:"{3,5}|\\?\Z)|\'{3}.*?(?:\'{3,5}|\Z)'''
    r"""|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\\?\Z)|'[^'\n]*(?:'|(?=\n)|\Z)|(?P<comment>#[^\n]*)""",
    re.DOTALL,
)
"""A string or comment. A string without an end is taken to the end of its line or of the text, so that no
part of it is looked at twice."""
_HEADER = re.compile(r"^[ \t]*\[{1,2}[ \t]*(rule|expect|groups)[ \t]*\]{1,2}", re.MULTILINE)
_STRUCTURE = re.compile(r"[\n=\[\]{},]")


class Lines:
    """The lines of one text."""

    def __init__(self, text: str) -> None:
        self._values = _TOKEN.sub(lambda found: _blank(found) if found["comment"] else found[0], text)
        self._keys = _TOKEN.sub(_blank, text)
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._headers = [(found[1], found.start(), found.end()) for found in _HEADER.finditer(self._keys)]
        self._of: dict[str, list[int]] = {}
        for number, (name, _, _) in enumerate(self._headers):
            self._of.setdefault(name, []).append(number)

    def count(self, table: str) -> int:
        """Return how many headers there are of tables of that name."""
        return len(self._of.get(table, ()))

    def of_long_key(self, most: int) -> int | None:
        """Return the line of the first key or header that has more than ``most`` dots, if any."""
        line = 1
        start = 0
        for found in _STRUCTURE.finditer(self._keys):
            if self._keys.count(".", start, found.start()) > most:
                return line
            start = found.end()
            line += found[0] == "\n"
        return line if self._keys.count(".", start) > most else None

    def of_table(self, table: str, place: int) -> int:
        """Return the line of the header of table ``place`` (from 0) of that name, or of what holds them."""
        numbers = self._of.get(table, ())
        if place >= len(numbers):
            return self.of_key(table)
        return self._line(self._headers[numbers[place]][1])

    def of_key(self, key: str) -> int:
        """Return the line of the first key or header of that name outside of rules, or 1."""
        found = _key(key).search(self._keys)
        return self._line(found.start()) if found else 1

    def in_table(self, table: str, place: int, keys: tuple[str, ...], value: str | None = None) -> int:
        """Return the line of ``value`` under the path of ``keys`` in a table, as far as known."""
        numbers = self._of.get(table, ())
        if place >= len(numbers):
            return self.of_table(table, place)
        number = numbers[place]
        _, line, at = self._headers[number]
        end = self._headers[number + 1][1] if number + 1 < len(self._headers) else len(self._keys)
        dotted = re.compile(r"[ \t]*\.[ \t]*".join(map(re.escape, keys))).search(self._keys, at, end)
        if len(keys) > 1 and dotted:
            line, at, keys = dotted.start(), dotted.end(), ()
        for key in keys:
            found = _key(key).search(self._keys, at, end)
            if found is None:
                return self._line(line)
            line, at = found.start(), found.end()
        if value is not None:
            found = re.compile(f"[\"']{re.escape(value)}[\"']").search(self._values, at, end)
            line = found.start() if found else line
        return self._line(line)

    def _line(self, offset: int) -> int:
        return bisect.bisect_left(self._breaks, offset) + 1


def _key(key: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])(?=[ \t]*[=.\]])")


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])
