"""What does a line of the log look like, and where does it go?

It does not decide what is logged: rooms log one event name and attributes. Standard error only; no link
and no invite ever gets through, not even inside somebody else's text.
Spec: STYLE.md 8; RELIABILITY.md A6 (nothing from a peer reaches a log unescaped).
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO

from peertransfer.content.names import display

LEVELS = ("debug", "info", "warning", "error")
MAX_HELD_LINES = 10_000
"""Lines that wait for the start's outcome, so that an error comes first."""

MAX_TEXT = 2_048
"""Characters of one value in a line."""

_SECRET = re.compile(r"(peertransfer:|ptinvite:)[^\s'\"]+")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; what is left is the event's."""
_OURS = "peertransfer"
"""Below a warning only these lines are shown: those of libraries, some of which are logged on the root
logger, hold whole peer IDs and addresses."""


def start_logging(level: str, *, as_json: bool, stream: TextIO | None = None) -> HeldLog:
    """Send records to standard error, and hold them until ``let_through``.

    Args:
        level: one of ``LEVELS``.
        as_json: one JSON object per line.
        stream: where lines go; standard error if None.
    """
    target = logging.StreamHandler(stream or sys.stderr)
    target.setFormatter(JsonFormatter() if as_json else TextFormatter())
    held = HeldLog(target)
    root = logging.getLogger()
    root.handlers[:] = [held]
    ours = logging.getLogger(_OURS)
    ours.setLevel(level.upper())
    root.setLevel(max(logging.WARNING, ours.level))
    logging.captureWarnings(capture=True)
    return held


class HeldLog(logging.handlers.MemoryHandler):
    """Keeps records back until it is known whether the node starts."""

    def __init__(self, target: logging.Handler) -> None:
        super().__init__(MAX_HELD_LINES, flushLevel=logging.CRITICAL + 1, target=target)

    def let_through(self) -> None:
        """Write what was held; from now on records go straight through."""
        self.flush()
        self.flushLevel = logging.NOTSET


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00Z info net peer_connected peer=…abcd1234``, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without control characters."""
        parts = [_moment(record), record.levelname.lower(), _room(record), clean(record.getMessage())]
        parts += [f"{key}={clean(str(value))}" for key, value in _attributes(record).items()]
        return " ".join(parts)


class JsonFormatter(logging.Formatter):
    """The same as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        facts: dict[str, object] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "room": _room(record),
            "event": clean(record.getMessage()),
        }
        for key, value in _attributes(record).items():
            facts.setdefault(key, value if isinstance(value, bool | int | float) else clean(str(value)))
        return json.dumps(facts)


def clean(text: str) -> str:
    """Return ``text`` without secrets and without anything that a terminal would act on."""
    shown = _SECRET.sub(r"\1(withheld)", text)
    return display(shown, MAX_TEXT)


def where(error: BaseException) -> str:
    """Return ``file.py:12`` of the place that raised ``error``, for a report of a fault of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"


def _attributes(record: logging.LogRecord) -> dict[str, object]:
    found = {key: value for key, value in vars(record).items() if key not in _OWN}
    error = record.exc_info[1] if record.exc_info else None
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        found["error"] = f"{type(error).__name__}: {error}"
        found["raised_in"] = where(error)
    return found


def _moment(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("peertransfer.")
