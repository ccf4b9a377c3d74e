"""How does an error cross the socket, and how is it written? As a JSON object, and back; as whole sentences.

It writes nothing itself (``cli``, ``daemon``) and never holds a traceback.
Spec: CLI.md, "Everywhere" (exit codes, the error object).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from peertransfer.errors import PeertransferError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TEXT = 4_096
"""Characters of a message or hint that are believed; ours are under 500."""
_COMMANDS = frozenset({"peertransfer", "chmod", "chown", "kill"})
"""What a hint can end in, to be typed as it stands: no full stop comes behind it."""
_BEGINNING = re.compile(r"[a-z][a-z']*(?=[ ,:;])")
"""A word of a sentence; a file's name or a command's is left as it is written."""
_ENDED = re.compile(r"[.!?][\"')]?$")
_KEYS = frozenset({"code", "message", "hint", "exit_code"})


def fault_object(error: PeertransferError) -> dict[str, object]:
    """Return ``code``, ``message``, ``hint`` and ``exit_code`` of an error, and its further facts."""
    return {
        **error.facts,
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }


def fault_line(error: PeertransferError) -> dict[str, object]:
    """Return the event that ends a stream that failed."""
    return {"event": "error", "error": fault_object(error)}


def error_of(fault: Mapping[str, object]) -> PeertransferError:
    """Return the error that ``fault`` was made from; of a code that is not known, the base class."""
    kind = _classes().get((_text(fault, "code"), fault.get("exit_code")), PeertransferError)
    error = kind(_text(fault, "message") or "The node failed and gave no reason", _text(fault, "hint"))
    error.facts = {key: value for key, value in fault.items() if key not in _KEYS}
    return error


def sentences(*parts: str) -> str:
    """Join parts into sentences: each begins in upper case and ends in one stop, except after a command."""
    return " ".join(_sentence(part.strip()) for part in parts if part.strip())


def _sentence(part: str) -> str:
    first = _BEGINNING.match(part)
    if first is not None and first[0] not in _COMMANDS:
        part = part[0].upper() + part[1:]
    return part if _ENDED.search(part) or _ends_in_command(part) else f"{part}."


def _ends_in_command(part: str) -> bool:
    _, colon, command = part.rpartition(": ")
    return bool(colon) and command.split(" ", 1)[0] in _COMMANDS


def _text(fault: Mapping[str, object], key: str) -> str:
    value = fault.get(key)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _classes() -> dict[tuple[object, object], type[PeertransferError]]:
    """Return classes by code and exit code: the same code may be nobody's fault on one side only."""
    found: dict[tuple[object, object], type[PeertransferError]] = {}
    for kind in _descendants(PeertransferError):
        found.setdefault((kind.code, kind.exit_code), kind)
    return found


def _descendants(kind: type[PeertransferError]) -> Iterator[type[PeertransferError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)
