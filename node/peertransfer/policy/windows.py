"""Is there any moment left at which a rule with this ``when`` speaks?

Strategy: hours come again every week. They are laid out once as spans of one week, merged and sorted, so that
each span of dates costs one look into them, however many hours there are.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from peertransfer.policy.when import Hours, When

_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_SINCE_MONDAY: Final = 3 * _DAY
"""Seconds by which 1 January 1970, a Thursday, came after a Monday."""


def has_moment(when: When, since: int | None = None) -> bool:
    """Tell whether ``when`` holds at any time, or at any from ``since`` (Unix seconds) on."""
    if not when.dates:
        return True
    spans = [(one.begin if since is None else max(one.begin, since), one.end) for one in when.dates]
    left = [(begin, end) for begin, end in spans if begin < end]
    if not left or not when.hours:
        return bool(left)
    week = _merged(part for one in when.hours for part in _parts_of_week(one))
    ends = [end for _, end in week]
    return any(end - begin >= _WEEK or _meets(week, ends, begin, end - begin) for begin, end in left)


def _meets(week: list[tuple[int, int]], ends: list[int], begin: int, length: int) -> bool:
    for first, last in _within_week(begin + _SINCE_MONDAY, length):
        place = bisect.bisect_right(ends, first)
        if place < len(week) and week[place][0] < last:
            return True
    return False


def _parts_of_week(hours: Hours) -> Iterator[tuple[int, int]]:
    length = hours.end - hours.start + (0 if hours.start < hours.end else _DAY)
    for day in hours.days:
        yield from _within_week(day * _DAY + hours.start - hours.offset, length)


def _within_week(begin: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield a span of less than a week, cut where a week ends, in seconds since Monday."""
    begin %= _WEEK
    yield begin, min(begin + length, _WEEK)
    if begin + length > _WEEK:
        yield 0, begin + length - _WEEK


def _merged(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
