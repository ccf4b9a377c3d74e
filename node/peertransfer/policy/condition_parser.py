"""When does this rule speak, and how much does it show? Its ``when`` and ``limit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peertransfer.policy.budget import Limit
from peertransfer.policy.quantities import SIZE_MEND, parse_size
from peertransfer.policy.when import Dates, Hours, When, parse_when
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from peertransfer.policy.reader import TableReader

LIMIT_KEYS: Final = ("per_minute", "octets_per_day", "items_per_day")
MAX_LIMIT: Final = 10_000
"""Decisions a minute, and items a day: that many are remembered for each peer."""


def parse_when_words(reader: TableReader, words: Collection[str]) -> When:
    """Return the time that ``words`` mean together."""
    spans: list[Dates | Hours] = []
    for word in words:
        try:
            spans.append(parse_when(word))
        except ValueError as error:
            reader.fail(("when",), word, f"{quoted(word)} is no time", str(error))
    return When(
        tuple(words),
        tuple(one for one in spans if isinstance(one, Dates)),
        tuple(one for one in spans if isinstance(one, Hours)),
    )


def parse_limit(reader: TableReader, value: object) -> Limit:
    """Return what ``limit`` says."""
    if not isinstance(value, dict) or not value:
        mend = "write: limit.per_minute = 10"
        reader.fail(("limit",), None, f'"limit" must be a table of {", ".join(LIMIT_KEYS)}', mend)
    for key in value:
        if key not in LIMIT_KEYS:
            reader.fail(("limit", key), None, f"unknown limit {quoted(key)}", hint(key, LIMIT_KEYS))
    return Limit(
        _count(reader, value, "per_minute"),
        _octets(reader, value, "octets_per_day"),
        _count(reader, value, "items_per_day"),
    )


def _count(reader: TableReader, table: Mapping[str, object], key: str) -> int | None:
    number = table.get(key)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= MAX_LIMIT:
        what = f'"{key}" must be a whole number from 1 to {MAX_LIMIT}'
        reader.fail(("limit", key), None, what, f"write: limit.{key} = 10")
    return number


def _octets(reader: TableReader, table: Mapping[str, object], key: str) -> int | None:
    text = table.get(key)
    if text is None:
        return None
    octets = parse_size(text) if isinstance(text, str) else None
    if not octets:
        reader.fail(("limit", key), None, f'"{key}" must be a size over 0, as a text', SIZE_MEND)
    return octets
