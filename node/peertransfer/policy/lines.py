"""On which line of a TOML text does a rule, key or word stand?

``tomllib`` gives values without places. This finds them again, for error messages only: where it can't
(an escaped or quoted key), it answers with the line of the enclosing rule, never with a wrong rule.
It checks no syntax; the text has been through ``tomllib`` before.
"""

from __future__ import annotations

import bisect
import re

_TOKEN = re.compile(
    r'(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')|(?P<comment>#[^\n]*)',
    re.DOTALL,
)
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)


class Lines:
    """The lines of one text."""

    def __init__(self, text: str) -> None:
        self._values = _TOKEN.sub(lambda found: _blank(found) if found["comment"] else found[0], text)
        self._keys = _TOKEN.sub(_blank, text)
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._headers = [found.start() for found in _HEADER.finditer(self._keys)]

    def of_rule(self, place: int) -> int:
        """Return the line of the header of rule ``place`` (from 0), or of what holds the rules."""
        if place >= len(self._headers):
            return self.of_key("rule")
        return self._line(self._headers[place])

    def of_key(self, key: str) -> int:
        """Return the line of the first key or header of that name outside of rules, or 1."""
        found = _key(key).search(self._keys)
        return self._line(found.start()) if found else 1

    def in_rule(self, place: int, keys: tuple[str, ...], value: str | None = None) -> int:
        """Return the line of ``value`` under the path of ``keys`` in rule ``place``, as far as known."""
        if place >= len(self._headers):
            return self.of_rule(place)
        line = self._headers[place]
        end = self._headers[place + 1] if place + 1 < len(self._headers) else len(self._keys)
        at = self._keys.index("]]", line) + 2
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
