"""Who is in which group? The table ``[groups]`` to the peers of each group, groups inside it included.

Strategy: a group is worked out once all groups in it are; where none of those that are left can be, they
contain each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peertransfer.policy.audience_parser import PEER_ID, check_known
from peertransfer.policy.reader import TableReader
from peertransfer.policy.rule_parser import MAX_NAME, is_name
from peertransfer.policy.words import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.lines import Lines

MAX_GROUPS: Final = 1000
MAX_MEMBERS: Final = 100_000
"""Peers of all groups together, each counted once for each group that it is in."""
_MEND: Final = 'write: name = ["peer:...", "group:..."]'


def parse_groups(file: str, lines: Lines, value: object) -> Mapping[str, frozenset[str]]:
    """Return each group's peers, as ``Policy.groups`` has them; or raise for the first mistake."""
    reader = TableReader(file, lines, "groups", 0)
    if not isinstance(value, dict):
        reader.fail((), None, '"groups" must be a table', f"begin it with [groups], and {_MEND}")
    if len(value) > MAX_GROUPS:
        reader.fail((), None, f"there are {len(value)} groups", f"at most {MAX_GROUPS} are read")
    members = {name: _members(reader, value, name) for name in value}
    return _resolved(reader, members)


def _members(reader: TableReader, groups: Mapping[str, object], name: str) -> list[str]:
    if not is_name(name) or ":" in name:
        what = f"{quoted(name)} can't be the name of a group"
        reader.fail((name,), None, what, f"1 to {MAX_NAME} printable characters without comma and colon")
    words = reader.words(groups, name, "a group needs a peer; or leave it out")
    for word in words:
        kind, _, identity = word.partition(":")
        if kind == "group":
            check_known(reader, name, word, groups)
        elif kind != "peer" or not PEER_ID.fullmatch(identity):
            reader.fail((name,), word, f"{quoted(word)} can't be in a group", _MEND)
    return words


def _resolved(reader: TableReader, members: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    done: dict[str, frozenset[str]] = {}
    inner = {
        name: {word.removeprefix("group:") for word in words if word.startswith("group:")}
        for name, words in members.items()
    }
    outer: dict[str, list[str]] = {}
    for name, groups in inner.items():
        for one in groups:
            outer.setdefault(one, []).append(name)
    ready = [name for name, groups in inner.items() if not groups]
    count = 0
    while ready:
        name = ready.pop()
        peers = {word.removeprefix("peer:") for word in members[name] if word.startswith("peer:")}
        own = frozenset([f"group:{name}"])
        done[name] = own.union(
            peers, *(done[word[6:]] for word in members[name] if word.startswith("group:"))
        )
        count += len(done[name])
        if count > MAX_MEMBERS:
            what = f"the groups have over {MAX_MEMBERS} members, those of groups inside of groups included"
            reader.fail((name,), None, what, "make them smaller")
        for one in outer.get(name, ()):
            inner[one].discard(name)
            if not inner[one]:
                ready.append(one)
    if len(done) < len(members):
        _fail_for_circle(reader, {name: groups for name, groups in inner.items() if groups})
    return done


def _fail_for_circle(reader: TableReader, inner: Mapping[str, set[str]]) -> None:
    """Refuse groups each of which holds another of them."""
    name = next(iter(inner))
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = min(inner[name])
    circle = seen[seen.index(name) :]
    through = f", through {quoted(circle[1])}" if len(circle) > 1 else ""
    what = f"the group {quoted(name)} contains itself{through}"
    reader.fail((name,), f"group:{circle[1] if len(circle) > 1 else name}", what, "take one of them out")
