"""Who is meant by this word of ``to``, or by this member of a group?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from peertransfer.policy.rules import AudienceKind, AudiencePattern
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from peertransfer.policy.reader import TableReader

AUDIENCE_WORDS: Final = (
    "anyone",
    "peer:",
    "group:",
    "members",
    "members:",
    "role:",
    "dht-servers",
    "dht-servers:",
    "link-holders",
    "link:",
)
"""The words of ``to``; after a colon comes an ID, or the name of a group, role or link."""
ROLE_AT: Final = "@"
"""Between a role and the ID of its network."""
PEER_ID: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]+")
"""The one form in which this program writes a peer ID; another one would never match."""
_ROLE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}(@[^@\s]+)?")
_ALONE: Final = ("anyone", "members", "dht-servers")
_WITH_ID: Final = ("peer", "group", "members", "role", "dht-servers", "link")


def parse_audience(reader: TableReader, key: str, word: str, groups: Collection[str]) -> AudiencePattern:
    """Return the audience that ``word`` under ``key`` names; groups must be among ``groups``."""
    kind, colon, identity = word.partition(":")
    if not colon and kind == "link-holders":
        return AudiencePattern(AudienceKind.LINK)
    if not colon and kind in _ALONE:
        return AudiencePattern(AudienceKind(kind))
    if not identity or kind not in _WITH_ID:
        meant = kind + ":" if kind in _WITH_ID and kind not in _ALONE else word if not colon else kind + colon
        reader.fail((key,), word, f"unknown audience {quoted(word)}", _audience_hint(meant))
    if kind == "peer" and not PEER_ID.fullmatch(identity):
        reader.fail((key,), word, f"{quoted(word)} names nothing", "write the ID as `peers` prints it")
    if kind == "role" and not _ROLE.fullmatch(identity):
        mend = "write role:NAME, or role:NAME@NETWORK-ID; a role has small letters, digits and -"
        reader.fail((key,), word, f"{quoted(word)} names no role", mend)
    if kind == "group" and identity not in groups:
        check_known(reader, key, word, groups)
    return AudiencePattern(AudienceKind(kind), identity)


def check_known(reader: TableReader, key: str, word: str, groups: Collection[str]) -> None:
    """Refuse a ``group:NAME`` that is not among ``groups``."""
    name = word.removeprefix("group:")
    if name not in groups:
        mend = hint(name, groups) if groups else 'write a table [groups] with: name = ["peer:..."]'
        reader.fail((key,), word, f"unknown group {quoted(name)}", mend)


def _audience_hint(word: str) -> str:
    if word in {f"{kind}:" for kind in _WITH_ID}:
        return f"write an ID or name after {quoted(word)}"
    if word in {"anyone:", "link-holders:"}:
        return f"did you mean {quoted(word[:-1])}? It takes no ID"
    return hint(word, AUDIENCE_WORDS)
