"""How many octets, or how long, does this word say? Text to number and back."""

from __future__ import annotations

import re
from typing import Final

_SIZE: Final = re.compile(r"(\d{1,15})(B|KiB|MiB|GiB)", re.ASCII)
_AGE: Final = re.compile(r"(\d{1,6})(h|d)", re.ASCII)
_OCTETS: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
_SECONDS: Final = {"d": 86_400, "h": 3600}

SIZE_MEND: Final = "write a whole number and B, KiB, MiB or GiB, as in 10MiB"
AGE_MEND: Final = "write a whole number and h (hours) or d (days), as in 30d"


def parse_size(text: str) -> int | None:
    """Return the octets that a text like ``10MiB`` says; ``None`` where it says none."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _OCTETS[found[2]] if found else None


def parse_age(text: str) -> int | None:
    """Return the seconds that a text like ``30d`` says; ``None`` where it says none."""
    found = _AGE.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def size_text(octets: int) -> str:
    """Return the shortest exact text for octets."""
    return _text(octets, _OCTETS)


def age_text(seconds: int) -> str:
    """Return the shortest exact text for whole hours, in seconds."""
    return _text(seconds, _SECONDS)


def _text(number: int, units: dict[str, int]) -> str:
    unit = next((one for one, factor in units.items() if number and number % factor == 0), [*units][-1])
    return f"{number // units[unit]}{unit}"
