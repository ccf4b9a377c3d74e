"""The table ``[limits]`` of ``config.toml``: how it is written by ``init``, and how it is read.

What the limits are is ``transport.limits``; the rest of the file is ``service.config``.
"""

from __future__ import annotations

import difflib
import re

from peertransfer.errors import ConfigError
from peertransfer.transport.limits import LimitFacts, Limits, facts

TABLE = "limits"
HEADER = f"[{TABLE}]"
LONGEST = 64
"""Characters of a wrong word that are looked at and told; no valid one is longer."""
NAMES = tuple(one.name for one in facts())
_HEAD = f"""\
# What strangers may cost this node, and why; `peertransfer status` tells which limit was reached, how often.
# To change one, take the # away from {HEADER} and from its line. Other keys must stand above {HEADER}.
# {HEADER}
"""


def limits_text() -> str:
    """Return the table as comments: for each limit its default, unit, reason and range."""
    return _HEAD + "".join(map(_line, facts()))


def _line(one: LimitFacts) -> str:
    return f"# {one.name} = {one.default}  # {one.unit} {one.why} ({one.least} to {one.most})\n"


def parse_limits(values: object, text: str, file: str) -> Limits:
    """Read the table; what it leaves out has its default.

    Args:
        values: as ``tomllib`` gives the table.
        text: the whole file, for the numbers of lines.
        file: its name in errors.

    Raises:
        ConfigError: an unknown name, a value of another kind or out of its range, or values that don't fit
            together; with file, line and what is allowed.
    """
    if not isinstance(values, dict):
        line = line_in_table(text, TABLE)
        raise _error(file, line, TABLE, f"{TABLE} must be a table", f"Write {HEADER} as init does.")
    known = {one.name: one for one in facts()}
    for name, value in values.items():
        line = line_in_table(text, name)
        if name not in known:
            word = name[:LONGEST]
            near = difflib.get_close_matches(word, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
            raise _error(file, line, name, f"unknown limit {word!r}", hint)
        _check_range(known[name], value, file, line)
    limits = Limits(**values)
    _check_together(limits, values, text, file)
    return limits


def _check_range(one: LimitFacts, value: object, file: str, line: int) -> None:
    if type(value) is not int or not one.least <= value <= one.most:
        hint = f"From {one.least} to {one.most} {one.unit}; the default is {one.default}."
        raise _error(file, line, one.name, f"{one.name} must be a whole number in its range", hint)


def _check_together(limits: Limits, values: dict[str, object], text: str, file: str) -> None:
    for large, small, is_least in (
        ("windows_per_connection", ("window",), 2 * limits.window),
        ("buffers", ("windows_per_connection",), 2 * limits.windows_per_connection),
        ("buffers", ("connections", "window"), 2 * limits.connections * limits.window),
        ("streams", ("connections",), 2 * limits.connections),
    ):
        if getattr(limits, large) < is_least:
            name = next(one for one in (large, *small) if one in values)
            raise _error(
                file,
                line_in_table(text, name),
                name,
                f"{large} must be at least twice {' times '.join(small)}",
                f"That is {is_least}; {large} is {getattr(limits, large)}.",
            )


def key_pattern(key: str) -> str:
    """Return the pattern of ``key``, bare or in quotes, and what stands behind it; of a long one, its head.

    It never crosses a line: else a file of blank lines would cost the square of their number.
    """
    end = r"\"?[ \t]*=" if len(key) <= LONGEST else ""
    return rf"\"?{re.escape(key[:LONGEST])}{end}"


def line_in_table(text: str, name: str) -> int:
    """Return the number of the line where the table sets ``name``; 0 where it can't be told."""
    start = re.search(rf"^[ \t]*\[[ \t]*{TABLE}[ \t]*\]", text, re.MULTILINE)
    inline = rf"(?:{TABLE}[ \t]*(?:\.|=.*[{{,]))?"
    pattern = re.compile(rf"^[ \t]*{inline}[ \t]*{key_pattern(name)}", re.MULTILINE)
    found = pattern.search(text, start.end() if start else 0)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def _error(file: str, line: int, key: str, problem: str, hint: str) -> ConfigError:
    return ConfigError(f"{file}, line {line}: {problem}", hint, file=file, line=line, key=key)
