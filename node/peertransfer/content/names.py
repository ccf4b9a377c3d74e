"""Which names from a peer may become names on this disk, and how does one look on a terminal?

It opens nothing (``store.placing`` rebuilds names below one root). Spec: RELIABILITY.md A1, A4 to A6.
"""

from __future__ import annotations

import itertools
import unicodedata
from typing import TYPE_CHECKING

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SEGMENT_SIZE = 255
"""Octets of UTF-8, as POSIX file systems have it."""
MAX_PATH_SIZE = 4096
MAX_DEPTH = 64
MAX_DISPLAY = 200
"""Characters of a peer's text that are shown."""

_SUPERSCRIPTS = str.maketrans("¹²³", "123")
_DEVICES = frozenset(
    [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        "CONIN$",
        "CONOUT$",
        *(f"{port}{digit}" for port in ("COM", "LPT") for digit in range(10)),
    ]
)
_JOINERS = "\u200c\u200d"
"""Zero-width joiners: Persian and emoji need them."""
_FORBIDDEN = frozenset("/\\:")


def reason_against(segment: str) -> str | None:
    """Say why ``segment`` can't be a file's name everywhere; ``None`` where it can."""
    return next((reason for reason, applies in _REASONS if applies(segment)), None)


def check_segment(segment: str) -> str:
    """Return a name from a peer that may be used.

    Raises:
        RemoteProtocolError: it may not.
    """
    reason = reason_against(segment)
    if reason is not None:
        raise RemoteProtocolError(f"the name {display(segment)!r} can't be used: {reason}")
    return segment


def check_folder(folder: str) -> tuple[str, ...]:
    """Split a relative folder from a peer (``""`` is the root) into names that may be used.

    Raises:
        RemoteProtocolError: one may not, or they are too many or too long.
    """
    if not folder:
        return ()
    if len(folder.encode(errors="replace")) > MAX_PATH_SIZE:
        raise RemoteProtocolError("a folder's path is over 4096 octets")
    segments = tuple(folder.split("/"))
    if len(segments) > MAX_DEPTH:
        raise RemoteProtocolError("a folder's path is over 64 names deep")
    return tuple(check_segment(segment) for segment in segments)


def check_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a relative path of checked names that is not too long.

    Raises:
        RemoteProtocolError: it is, in names or in octets.
    """
    if len(path) > MAX_DEPTH:
        raise RemoteProtocolError("a path is over 64 names deep")
    if len("/".join(path).encode()) > MAX_PATH_SIZE:
        raise RemoteProtocolError("a path is over 4096 octets")
    return path


def neutral_name(index: int) -> str:
    """Return the name of an entry whose own name is hidden."""
    return f"file-{index + 1:05d}"


def fold(path: str) -> str:
    """Return the form under which two paths are the same file on some file systems."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def display(text: str, limit: int = MAX_DISPLAY) -> str:
    """Escape a peer's text for a terminal or a log, in at most ``limit`` characters and ``…``."""
    parts = [_escape(character) for character in text[:limit]]
    ends = itertools.accumulate(map(len, parts))
    shown = "".join(part for part, end in zip(parts, ends, strict=True) if end <= limit)
    return shown + ("…" if len(text) > limit or len(shown) < sum(map(len, parts)) else "")


def _is_over_long(segment: str) -> bool:
    return len(segment.encode(errors="replace")) > MAX_SEGMENT_SIZE


def _is_device(segment: str) -> bool:
    return segment.split(".", maxsplit=1)[0].rstrip(" ").upper().translate(_SUPERSCRIPTS) in _DEVICES


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _JOINERS


def _escape(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()


_REASONS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("it is empty or a dot name", lambda segment: segment in {"", ".", ".."}),
    ("it is over 255 octets", _is_over_long),
    ("it contains /, \\ or :", lambda segment: any(character in _FORBIDDEN for character in segment)),
    ("it contains control or formatting characters", lambda segment: any(map(_is_hidden, segment))),
    (
        "it begins or ends with a space, or ends with a dot",
        lambda segment: segment[0] == " " or segment[-1] in ". ",
    ),
    ("it is a device's name on Windows", _is_device),
)
"""Why a name can't be used everywhere, first reason first."""
