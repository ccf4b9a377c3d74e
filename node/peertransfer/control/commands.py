"""What can be asked of the node, and with which fields?

It does not know HTTP and does not carry anything out: each command is the node's method of the same
name, called with the body's fields by keyword. A field that is not listed is refused, never passed on.
Spec: CLI.md, "Commands".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from peertransfer.errors import UsageError

MAX_TEXT = 65_536
"""Characters of one text field; a policy file is the longest and has its own, larger one."""
MAX_TEXTS = 10_000
"""Texts in one list: paths to share."""
MAX_BODY = 1 << 20
"""Octets of a request's body (RELIABILITY.md, limits table)."""
MAX_LONG_BODY = 8 << 20
"""The same where a field is a whole policy file: up to 1 MiB, each octet written in JSON with up to six."""
MAX_NUMBER = 1 << 53
"""The largest whole number that every JSON reader keeps exact; also far beyond any date."""

Progress = Callable[[dict[str, object]], None]
"""Takes one JSON-ready event; never blocks."""


class Kind(Enum):
    """What a field may hold."""

    TEXT = auto()
    LONG_TEXT = auto()
    TEXTS = auto()
    PATH = auto()
    """Text that names a file: its octets need not be UTF-8, then they come as ``os.fsdecode`` gives them."""
    PATHS = auto()
    NUMBER = auto()
    FLAG = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be asked."""

    name: str
    """The node's method."""
    required: Mapping[str, Kind] = field(default_factory=dict)
    """Fields that must be there."""
    optional: Mapping[str, Kind] = field(default_factory=dict)
    """Fields that may be there; null means absent."""
    is_long: bool = False
    """Reports progress while it runs."""
    keeps_node: bool = False
    """A node that was started for somebody else's command waits for this one before it ends."""


_TEXT, _TEXTS, _NUMBER, _FLAG = Kind.TEXT, Kind.TEXTS, Kind.NUMBER, Kind.FLAG
_PATH, _PATHS = Kind.PATH, Kind.PATHS

_SHARE_OPTIONS: Final = {
    "network": _TEXT,
    "labels": _TEXTS,
    "hash": _TEXT,
    "purpose": _TEXT,
    "basis": _TEXT,
    "expires_at": _NUMBER,
    "with_addresses": _FLAG,
}
_GET_OPTIONS: Final = {
    "from_addrs": _TEXTS,
    "select": _TEXTS,
    "wait": _FLAG,
    "overwrite": _FLAG,
    "rename": _FLAG,
}
_LEDGER_FILTERS: Final = {
    "peer": _TEXT,
    "item": _TEXT,
    "link": _TEXT,
    "since": _NUMBER,
    "refusals": _FLAG,
    "limit": _NUMBER,
    "newest": _FLAG,
    "cursor": _TEXT,
}

_ALL = (
    Command("status"),
    Command("identities"),
    Command("peers"),
    Command("share", {"paths": _PATHS}, _SHARE_OPTIONS, is_long=True, keeps_node=True),
    Command("unshare", {"ref": _TEXT}),
    Command("deliveries_follow", {"manifest_cid": _TEXT}, is_long=True, keeps_node=True),
    Command("link_create", {"share": _TEXT}, {"name": _TEXT, "expires_at": _NUMBER}),
    Command("link_list"),
    Command("link_show", {"link": _TEXT}),
    Command("link_end", {"ref": _TEXT}),
    Command("get", {"link": _TEXT, "dest": _PATH}, _GET_OPTIONS, is_long=True, keeps_node=True),
    Command("ls", {}, {"target": _TEXT}),
    Command("transfers"),
    Command("pause", {"transfer_id": _TEXT}),
    Command("resume", {"transfer_id": _TEXT}, is_long=True, keeps_node=True),
    Command("cancel", {"transfer_id": _TEXT}),
    Command("policy_show"),
    Command("policy_check", {"text": Kind.LONG_TEXT, "file": _PATH}),
    Command(
        "policy_explain",
        {"peer": _TEXT, "item": _TEXT},
        {"path": _TEXT, "link": _TEXT, "with_link": _FLAG, "network": _TEXT},
    ),
    Command("policy_simulate", {"text": Kind.LONG_TEXT, "file": _PATH}, {"limit": _NUMBER}),
    Command("policy_reload"),
    Command("ledger", {}, _LEDGER_FILTERS),
    Command("ledger_check", {}, {"head": _TEXT}),
    Command("network_create", {"name": _TEXT}, {"contact": _TEXT, "use_psk": _FLAG}),
    Command("network_list"),
    Command("network_show", {"network": _TEXT}),
    Command("network_invite", {"network": _TEXT}, {"expires_seconds": _NUMBER}),
    Command("network_join_invite", {"invite": _TEXT}, {"name": _TEXT}, is_long=True),
    Command("network_join_psk", {"name": _TEXT, "psk_text": _TEXT}, {"bootstrap": _TEXTS}),
    Command("network_leave", {"network": _TEXT}),
    Command("network_export_psk", {"network": _TEXT}),
    Command("doctor"),
    Command("stop"),
)
COMMANDS: Final[Mapping[str, Command]] = MappingProxyType({command.name: command for command in _ALL})
"""All commands by name."""


def max_body(name: str) -> int:
    """Return how many octets the body of a request may have that asks for the command of this name."""
    command = COMMANDS.get(name)
    is_long = command is not None and Kind.LONG_TEXT in command.required.values()
    return MAX_LONG_BODY if is_long else MAX_BODY


def checked_fields(command: Command, body: Mapping[str, object]) -> dict[str, object]:
    """Return the keyword arguments for the node's method.

    Args:
        command: whose fields they are.
        body: as it came over the socket.

    Raises:
        UsageError: a field is missing, not known, or of another kind.
    """
    known = {**command.required, **command.optional}
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in known:
            raise UsageError(f"{command.name} has no field {name[:64]!r}", _nearest(name, known))
    for name in command.required:
        if name not in given:
            raise UsageError(f"{command.name} needs the field {name!r}")
    return {name: _checked(name, known[name], value) for name, value in given.items()}


def _nearest(name: str, known: Mapping[str, Kind]) -> str:
    close = difflib.get_close_matches(name[:64], known, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _checked(name: str, kind: Kind, value: object) -> object:
    if kind in _KIND_OF_EACH:
        each = _KIND_OF_EACH[kind]
        if isinstance(value, list) and len(value) <= MAX_TEXTS and all(_fits(each, one) for one in value):
            return tuple(value)
    elif _fits(kind, value):
        return value
    raise UsageError(f"The field {name!r} is not a {_WORDS[kind]}")


def _fits(kind: Kind, value: object) -> bool:
    if kind in _STRANGE:
        return isinstance(value, str) and len(value) <= MAX_TEXT and not _STRANGE[kind].search(value)
    if kind is Kind.LONG_TEXT:
        return isinstance(value, str)
    if kind is Kind.FLAG:
        return isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


_KIND_OF_EACH = {Kind.TEXTS: Kind.TEXT, Kind.PATHS: Kind.PATH}
_STRANGE = {
    Kind.TEXT: re.compile(r"[\0\ud800-\udfff]"),
    Kind.PATH: re.compile(r"[\0\ud800-\udc7f\udd00-\udfff]"),
}
"""What can't be in it: NUL, and halves of a character, which JSON can carry and UTF-8 can't."""
_WORDS = {
    Kind.TEXT: "text in UTF-8",
    Kind.LONG_TEXT: "text",
    Kind.TEXTS: "list of texts in UTF-8",
    Kind.PATH: "path",
    Kind.PATHS: "list of paths",
    Kind.NUMBER: "whole number",
    Kind.FLAG: "truth value",
}
