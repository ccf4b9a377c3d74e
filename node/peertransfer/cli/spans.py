"""Sizes, times and dates: as people write them, and as they read them.

It reads no clock: ``now`` is passed in.
"""

from __future__ import annotations

import datetime as dt
import re

from peertransfer.errors import UsageError

_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_HINT = "Write 30m, 12h, 7d, or a date such as 2027-01-31."
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI = 1_024
_FEW = 10
"""Below it, one digit after the point says something."""


def parse_expiry(text: str, now: int) -> int:
    """Return when ``text`` is over, in Unix seconds.

    Args:
        text: a span from now (``90s 30m 12h 7d 2w``), or a date, which is included, in local time.
        now: Unix seconds.

    Raises:
        UsageError: it is neither, or over already.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match:
        seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
        if seconds == 0:
            raise UsageError(f"The expiry {text!r} is over at once", _HINT)
        return now + seconds
    try:
        day = dt.date.fromisoformat(text.strip())
        end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time()).astimezone()
        expires_at = int(end.timestamp())
    except (ValueError, OverflowError) as exc:
        raise UsageError(f"The expiry {text!r} is neither a span nor a date", _HINT) from exc
    if expires_at <= now:
        raise UsageError(f"The date {text} is over already", _HINT)
    return expires_at


def parse_moment(text: str, now: int) -> int:
    """Return the moment ``text`` in the past, in Unix seconds: a span ago (``7d``), or a date's beginning.

    Raises:
        UsageError: it is neither.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match:
        return max(0, now - int(match[1]) * _UNIT_SECONDS[match[2]])
    try:
        return max(0, int(dt.datetime.fromisoformat(text.strip()).astimezone().timestamp()))
    except (ValueError, OverflowError) as exc:
        raise UsageError(f"The time {text!r} is neither a span nor a date", _HINT) from exc


def size_text(size: float) -> str:
    """Return octets as people read them: ``1.5 MiB``."""
    for unit in _UNITS:
        if size < _KIBI or unit == _UNITS[-1]:
            break
        size /= _KIBI
    return f"{size:.1f} {unit}" if unit != "B" and size < _FEW else f"{size:.0f} {unit}"


def span_text(seconds: float) -> str:
    """Return a length of time in its two largest units: ``2h 05m``."""
    whole = max(0, int(seconds))
    if whole < _UNIT_SECONDS["m"]:
        return f"{whole}s"
    if whole < _UNIT_SECONDS["h"]:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < _UNIT_SECONDS["d"]:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}h"


def moment_text(at: float) -> str:
    """Return Unix seconds as local date and time; 0 is ``never``."""
    if not at:
        return "never"
    return dt.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def count_text(count: float, word: str) -> str:
    """Return ``1 file``, ``2 files``."""
    return f"{count:.0f} {word}" if count == 1 else f"{count:.0f} {word}s"
