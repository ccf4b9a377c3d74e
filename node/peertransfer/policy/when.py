"""Is it the time of which a rule speaks?

Spans of dates and of hours, from the words of a rule's ``when``. It reads no clock: the time is handed in.
Spec: docs/policy.md, "when".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias

_DAY: Final = 86_400
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday."""
_EPOCH: Final = date(1970, 1, 1).toordinal()
_ALL_DAYS: Final = frozenset(range(len(_DAYS)))

_OFFSET: Final = r"(?: (?P<offset>Z|[+-]\d\d:\d\d))?"
_ONE_DAY: Final = r"(?:mon|tue|wed|thu|fri|sat|sun)"
_DAY_RANGE: Final = rf"{_ONE_DAY}(?:-{_ONE_DAY})?"
_DATES: Final = re.compile(
    rf"(?P<first>\d\d\d\d-\d\d-\d\d)?\.\.(?P<last>\d\d\d\d-\d\d-\d\d)?{_OFFSET}", re.ASCII
)
_HOURS: Final = re.compile(
    rf"(?P<days>{_DAY_RANGE}(?:,{_DAY_RANGE})*)?(?:(?:^| )(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d))?{_OFFSET}",
    re.ASCII,
)
_MOMENT: Final = re.compile(
    r"(\d\d\d\d-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d))?(?P<offset>Z|[+-]\d\d:\d\d)", re.ASCII
)
_MAX_OFFSET: Final = 14 * 3600

DATES_MEND: Final = 'write dates like "2026-01-01..2026-06-30"'
HOURS_MEND: Final = 'write days and hours like "mon-fri 08:00-18:00 +02:00"'
MOMENT_MEND: Final = 'write it like "2026-01-01T12:00Z"'


@dataclass(frozen=True, slots=True)
class Dates:
    """Whole days, one after the other."""

    begin: int
    """Unix seconds, the first that is in."""
    end: int
    """Unix seconds, the first that is no longer in."""

    def holds(self, now: int) -> bool:
        """Tell whether ``now`` (Unix seconds) is in."""
        return self.begin <= now < self.end


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day on some days of the week; hours over midnight belong to the day of their start."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    """Seconds after midnight, the first that is in."""
    end: int
    """Seconds after midnight, the first that is no longer in."""
    offset: int
    """Seconds by which the local time is ahead of UTC."""

    def holds(self, now: int) -> bool:
        """Tell whether ``now`` (Unix seconds) is in."""
        day, second = divmod(now + self.offset, _DAY)
        weekday = (day + _EPOCH_WEEKDAY) % 7
        if self.start < self.end:
            return weekday in self.days and self.start <= second < self.end
        begins = weekday in self.days and second >= self.start
        return begins or ((weekday - 1) % 7 in self.days and second < self.end)


WhenWord: TypeAlias = Dates | Hours


@dataclass(frozen=True, slots=True)
class When:
    """A rule's ``when``: any of the dates, and any of the hours."""

    words: tuple[str, ...] = ()
    """As the file has them."""
    dates: tuple[Dates, ...] = ()
    hours: tuple[Hours, ...] = ()

    @property
    def is_always(self) -> bool:
        """Whether no time is named."""
        return not self.dates and not self.hours

    def holds(self, now: int) -> bool:
        """Tell whether ``now`` (Unix seconds) is meant."""
        return (not self.dates or any(one.holds(now) for one in self.dates)) and (
            not self.hours or any(one.holds(now) for one in self.hours)
        )


def parse_when(word: str) -> WhenWord:
    """Read one word of ``when``.

    Raises:
        ValueError: it is no span of time; the message is the sentence that mends it.
    """
    found = _DATES.fullmatch(word)
    if found:
        return _dates(found)
    found = _HOURS.fullmatch(word)
    if not found or not (found["days"] or found["start"]):
        raise ValueError(DATES_MEND if ".." in word or word[:2] == "20" else HOURS_MEND)
    return _hours(found)


def parse_moment(text: str) -> int:
    """Return the Unix seconds of a moment with its offset.

    Raises:
        ValueError: it is no moment; the message is the sentence that mends it.
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(MOMENT_MEND)
    seconds = int(found[3] or 0)
    if seconds >= 60:  # noqa: PLR2004 - of a minute
        raise ValueError("a minute has 60 seconds")
    clock = _clock(found[2])
    if clock == _DAY:
        raise ValueError("midnight is 00:00 of the next day")
    return (_ordinal(found[1]) - _EPOCH) * _DAY + clock + seconds - _offset(found["offset"])


def moment_text(at: int) -> str:
    """Return Unix seconds as UTC, in the form that ``parse_moment`` reads."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dates(found: re.Match[str]) -> Dates:
    if not found["first"] and not found["last"]:
        raise ValueError("say at least one of the two dates")
    offset = _offset(found["offset"])
    first = _ordinal(found["first"]) if found["first"] else date.min.toordinal()
    last = _ordinal(found["last"]) if found["last"] else date.max.toordinal()
    if first > last:
        raise ValueError("the first date is after the last")
    return Dates((first - _EPOCH) * _DAY - offset, (last + 1 - _EPOCH) * _DAY - offset)


def _hours(found: re.Match[str]) -> Hours:
    start, end = (_clock(found["start"]), _clock(found["end"])) if found["start"] else (0, _DAY)
    if start in {end, _DAY}:
        raise ValueError('the hours must differ, and begin before midnight; a whole day is "00:00-24:00"')
    return Hours(_weekdays(found["days"]), start, end, _offset(found["offset"]))


def _weekdays(text: str | None) -> frozenset[int]:
    if not text:
        return _ALL_DAYS
    days = set[int]()
    for one in text.split(","):
        first, _, last = one.partition("-")
        begin = _DAYS.index(first)
        count = (_DAYS.index(last or first) - begin) % 7 + 1
        days.update((begin + step) % 7 for step in range(count))
    return frozenset(days)


def _ordinal(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise ValueError(f"there is no day {text}") from None


def _clock(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    seconds = hours * 3600 + minutes * 60
    if minutes >= 60 or seconds > _DAY:  # noqa: PLR2004 - of an hour
        raise ValueError(f"a day has no {text}; it ends at 24:00")
    return seconds


def _offset(text: str | None) -> int:
    if text is None or text == "Z":
        return 0
    seconds = _clock(text[1:])
    if seconds > _MAX_OFFSET:
        raise ValueError("no place on earth is more than 14 hours off UTC")
    return -seconds if text[0] == "-" else seconds
