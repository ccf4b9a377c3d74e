"""What does one ``[[expect]]`` claim? A table of ``tomllib`` to an ``Expectation``.

It checks no claim (``policy.expectations``). Spec: docs/policy.md, "Tests inside a policy".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.audience import Audience, DhtServers, LinkHolders, Members
from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.audience_parser import ROLE_AT, parse_audience
from peertransfer.policy.facts import OPEN_NETWORK, Asker, EntryFacts, ItemFacts
from peertransfer.policy.item_parser import check_cid
from peertransfer.policy.quantities import AGE_MEND, SIZE_MEND, parse_age, parse_size
from peertransfer.policy.reader import TableReader
from peertransfer.policy.rule_parser import ALL
from peertransfer.policy.rules import AudienceKind, AudiencePattern
from peertransfer.policy.when import parse_moment
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from peertransfer.policy.lines import Lines

EXPECT_KEYS: Final = ("as", "item", "at", "shown", "hidden")
FACT_WORDS: Final = ("share:", "label:", "path:", "media:", "size:", "age:")
"""The words of ``item``: after the colon comes one fact, not a pattern."""
SOME_NETWORK: Final = "some private network"
"""Stands for a private network that no rule names; no ID has blanks."""
SOME_TIME: Final = 4_000_000_000
"""Unix seconds, where a claim names no time: long enough after any age."""
_FIELDS: Final = tuple(f"{view}.{name}" for view, names in VIEW_FIELDS.items() for name in (*names, ALL))


@dataclass(frozen=True, slots=True)
class Expectation:
    """One claim: who sees and does not see what of which item."""

    asker: Asker
    item: ItemFacts
    entry: EntryFacts | None
    """``None``: the item as a whole."""
    at: int | None
    """Unix seconds; ``None``: at every time."""
    shown: tuple[str, ...]
    """Fields, as ``view.field``."""
    hidden: tuple[str, ...]
    reader: TableReader
    """Where it stands, to say what is wrong with it."""

    @property
    def now(self) -> int:
        """The time at which it is looked at, Unix seconds."""
        return SOME_TIME if self.at is None else self.at


def parse_expectation(
    file: str, lines: Lines, place: int, value: object, groups: Collection[str]
) -> Expectation:
    """Return the claim at one place of a file, or raise ``PolicyError`` for the first mistake."""
    reader = TableReader(file, lines, "expect", place)
    table = reader.table(value, EXPECT_KEYS)
    words = _one_or_more(reader, table, "as", 'say as whom: as = "peer:..."')
    asker, link = _asker(reader, [parse_audience(reader, "as", word, groups) for word in words])
    at = _moment(reader, table["at"]) if "at" in table else None
    facts = _one_or_more(reader, table, "item", "say of which item") if "item" in table else []
    item, entry = _facts(reader, facts, link, SOME_TIME if at is None else at)
    shown, hidden = (_fields(reader, table, key) if key in table else () for key in ("shown", "hidden"))
    if not shown and not hidden:
        reader.fail((), None, "the expect claims nothing", "give it shown, hidden or both")
    return Expectation(asker, item, entry, at, shown, hidden, reader)


def _one_or_more(reader: TableReader, table: Mapping[str, object], key: str, why: str) -> list[str]:
    value = table.get(key)
    return reader.words({key: [value]} if isinstance(value, str) else table, key, why)


def _asker(reader: TableReader, patterns: list[AudiencePattern]) -> tuple[Asker, str]:
    """Return whoever is all of ``patterns``, and the link by which it asks."""
    networks = {network: None for one in patterns if (network := _network_of(one))}
    if len(networks) > 1:
        reader.fail(("as",), None, "nobody asks in two networks at once", "write an expect for each")
    network_id = next(iter(networks), OPEN_NETWORK)
    audiences, roles, peers, links = set[Audience](), set[str](), [""], [""]
    for one in patterns:
        if one.kind is AudienceKind.PEER:
            peers.append(one.id)
        elif one.kind is AudienceKind.GROUP:
            peers.append(str(one))
        elif one.kind is AudienceKind.MEMBERS:
            audiences.add(Members(network_id))
        elif one.kind is AudienceKind.DHT_SERVERS:
            audiences.add(DhtServers(network_id))
        elif one.kind is AudienceKind.ROLE:
            roles.add(one.id.partition(ROLE_AT)[0])
        elif one.kind is AudienceKind.LINK:
            links.append(one.id)
            audiences.add(LinkHolders(one.id))
    if max(len(peers), len(links)) > 2:  # noqa: PLR2004 - nobody, and one
        what = "it names more than one peer or group, or more than one link"
        reader.fail(("as",), None, what, "write an expect for each")
    return Asker(network_id, peers[-1], frozenset(audiences), frozenset(roles)), links[-1]


def _network_of(pattern: AudiencePattern) -> str:
    if pattern.kind in {AudienceKind.MEMBERS, AudienceKind.DHT_SERVERS}:
        return pattern.id or SOME_NETWORK
    if pattern.kind is AudienceKind.ROLE:
        return pattern.id.partition(ROLE_AT)[2] or SOME_NETWORK
    return ""


def _moment(reader: TableReader, value: object) -> int:
    if not isinstance(value, str):
        reader.fail(("at",), None, '"at" must be a text', 'write it like at = "2026-01-01T12:00Z"')
    try:
        return parse_moment(value)
    except ValueError as error:
        reader.fail(("at",), value, f"{quoted(value)} is no moment", str(error))


def _facts(reader: TableReader, words: list[str], link: str, now: int) -> tuple[ItemFacts, EntryFacts | None]:
    of: dict[str, list[str]] = {one[:-1]: [] for one in FACT_WORDS}
    for word in words:
        kind, colon, value = word.partition(":")
        if kind + colon not in FACT_WORDS or not value:
            reader.fail(("item",), word, f"unknown fact {quoted(word)}", hint(kind + ":", FACT_WORDS))
        of[kind].append(value)
        if kind != "label" and len(of[kind]) > 1:
            reader.fail(("item",), word, f"an item has one {kind}", "write an expect for each")
    for cid in of["share"]:
        check_cid(reader, "item", cid)
    age = _number(reader, "age", of["age"])
    created_at = 0 if age is None else now - age
    item = ItemFacts("".join(of["share"]), tuple(of["label"]), link, 0, created_at)
    size = _number(reader, "size", of["size"])
    if of["path"]:
        return item, EntryFacts(0, of["path"][0], (), "".join(of["media"]), size)
    if of["media"] or size is not None:
        reader.fail(("item",), None, "a media type or size is of one entry", 'say which: add "path:..."')
    return item, None


def _number(reader: TableReader, kind: str, values: list[str]) -> int | None:
    if not values:
        return None
    number = parse_size(values[0]) if kind == "size" else parse_age(values[0])
    if number is None or number >= SOME_TIME << 20:
        mend = SIZE_MEND if kind == "size" else AGE_MEND
        reader.fail(("item",), f"{kind}:{values[0]}", f"{quoted(values[0])} is no {kind}", mend)
    return number


def _fields(reader: TableReader, table: Mapping[str, object], key: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in reader.words(table, key, "name a field, or leave it out"):
        view, dot, name = word.partition(".")
        if not dot or view not in VIEW_FIELDS or name not in {*VIEW_FIELDS[view], ALL}:
            reader.fail(
                (key,), word, f"unknown field {quoted(word)}", hint(word, _FIELDS, 'Write "view.field".')
            )
        found += [f"{view}.{one}" for one in (VIEW_FIELDS[view] if name == ALL else (name,))]
    return tuple(found)
