"""What would the engine say if it were asked again what it was asked before?

A past question is put to the engine's own methods, with stand-ins for the values, which the ledger does not
keep: what may leave depends on which fields held something, never on what they held. What is sealed that way
goes nowhere. It compares nothing (``policy.simulation``) and finds no fact out. Spec: docs/policy.md, "Trying
a policy on the past".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.disclosure.audience import LinkHolders
from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import CatalogueItem, Hello, PeerRecord
from peertransfer.policy.recording import NO_ITEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peertransfer.disclosure.audience import Audience
    from peertransfer.disclosure.disclosed import Decision
    from peertransfer.disclosure.views import View
    from peertransfer.policy.engine import Engine
    from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts

NONE: Final[frozenset[str]] = frozenset()


class Kind(Enum):
    """What the engine was asked; the value is the view."""

    ADDRESSES = ("addresses", "")
    PROTOCOL_IDS = ("protocols", "protocol_ids")
    HELLO = ("protocols", "hello")
    AGENT = ("agent", "")
    RECORD_TO_SERVERS = ("provide", "servers")
    RECORD_TO_PEER = ("provide", "peer")
    RECORDS_OF_OTHERS = ("provide", "others")
    LOOKUP = ("lookup", "")
    WANT = ("want", "item")
    WANT_CATALOGUE = ("want", "catalogue")
    CATALOGUE = ("catalogue", "")
    GRANT = ("grant", "")
    MANIFEST = ("manifest", "")
    SHARE_OPENINGS = ("openings", "share")
    OPENINGS = ("openings", "entries")
    CONTENT = ("content", "")
    REFUSAL = ("refusal", "")

    @property
    def view(self) -> str:
        """The view that was asked for."""
        return self.value[0]


OF_ENTRIES: Final = frozenset({Kind.OPENINGS, Kind.CONTENT})
"""Kinds whose answer can differ from one entry of a share to the next."""
UNDER_GRANT: Final = frozenset({Kind.GRANT, Kind.MANIFEST, Kind.SHARE_OPENINGS, *OF_ENTRIES})
"""Kinds of which nothing leaves where a want would not be granted."""

AFTER_HELLO: Final = UNDER_GRANT | {Kind.WANT, Kind.WANT_CATALOGUE, Kind.CATALOGUE, Kind.REFUSAL}
"""Kinds that are said on a stream of the exchange protocol, which begins with a hello."""
IN_DHT_ANSWER: Final = frozenset({Kind.RECORD_TO_PEER, Kind.RECORDS_OF_OTHERS})
"""Kinds of which nothing leaves where a peer is shown no addresses at all."""


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """What was asked once, as far as it is known."""

    kind: Kind
    asker: Asker
    """Who; its peer ID is empty for all the servers of a network's DHT."""
    item: ItemFacts = NO_ITEM
    values: frozenset[str] = NONE
    """Fields that held something, where that is not known by the kind: of addresses, the own provider
    record, a want, a catalogue and a grant."""


@dataclass(frozen=True, slots=True)
class Among:
    """How one field is shown among the entries of a share."""

    count: int
    """Entries of which it is shown."""
    first_shown: int
    """Index of the first of them; -1: none."""
    first_hidden: int
    """Index of the first entry of which it is hidden; -1: none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The fields that leave."""

    always: frozenset[str] = NONE
    """Those that leave whatever is not known."""
    ever: frozenset[str] = NONE
    """Those that may leave."""
    rule: str = ""
    """The rules that show them, or else that hide something; joined by ``,``."""
    among: Mapping[str, Among] = field(default_factory=dict)
    """By field, of kinds ``OF_ENTRIES``."""


def answered(engine: Engine, asked: PastQuestion, entries: Sequence[EntryFacts], now: int) -> Shown:
    """Return what ``engine`` would show if it were asked at ``now`` (Unix seconds).

    Args:
        engine: of the policy that is tried.
        asked: the question.
        entries: all entries of its item, for kinds ``OF_ENTRIES``; which of them were asked for is not known.
        now: when it was asked.
    """
    if not _is_led_to(engine, asked, now):
        return Shown()
    if asked.kind is Kind.OPENINGS:
        return _openings(engine, asked, entries, now)
    if asked.kind is Kind.CONTENT:
        return _content(engine, asked, entries, now)
    shown = _shown(_ASK[asked.kind](engine, asked, now))
    if asked.kind is Kind.WANT:  # what may be said is not yet said
        shown = replace(shown, always=shown.always & asked.values, ever=shown.ever & asked.values)
    return shown


def greets(engine: Engine, asked: PastQuestion, now: int) -> bool:
    """Tell whether the hello goes out, without which nothing of kinds ``AFTER_HELLO`` is said."""
    # A link is proven after the hello.
    proven = frozenset(one for one in asked.asker.audiences if not isinstance(one, LinkHolders))
    hello = PastQuestion(Kind.HELLO, replace(asked.asker, audiences=proven))
    return bool(_shown(_ASK[Kind.HELLO](engine, hello, now)).ever)


def _is_led_to(engine: Engine, asked: PastQuestion, now: int) -> bool:
    """Tell whether it comes to the question: a want is granted, a DHT's query is answered at all."""
    if asked.kind in UNDER_GRANT:
        holds = engine.may_serve if asked.kind is Kind.GRANT else engine.may_go_on
        return holds(asked.asker, asked.item, now)
    if asked.kind in IN_DHT_ANSWER:
        return not isinstance(engine.addresses(asked.asker, listen_addrs=(), now=now), Denied)
    return True


def _shown(decision: Decision[View, Audience]) -> Shown:
    if isinstance(decision, Denied):
        return Shown(rule=decision.rule)
    fields = frozenset(decision.records[0].fields)
    return Shown(fields, fields, decision.records[0].rule)


# --- about a share's entries ---------------------------------------------------------------------


def _openings(engine: Engine, asked: PastQuestion, entries: Sequence[EntryFacts], now: int) -> Shown:
    decision = engine.openings(
        asked.asker,
        asked.item,
        entries,
        share=None,
        openings=[EntryOpening(one.index, _ENTRY) for one in entries],
        hide=_hide,
        now=now,
    )
    if isinstance(decision, Denied):
        return Shown(rule=decision.rule)
    masks = [
        frozenset(slot.slot for slot in one.slots if isinstance(slot, OpenSlot))
        for one in decision.view.entries
    ]
    return _of_entries(masks, decision.records[0].rule)


def _content(engine: Engine, asked: PastQuestion, entries: Sequence[EntryFacts], now: int) -> Shown:
    decision = engine.content(asked.asker, asked.item, entries, now=now)
    if isinstance(decision, Denied):
        return Shown(rule=decision.rule)
    octets = frozenset({"octets"})
    masks = [octets if decision.view.covers(one.index) else NONE for one in entries]
    return _of_entries(masks, decision.records[0].rule)


def _of_entries(masks: Sequence[frozenset[str]], rule: str) -> Shown:
    kinds = Counter(masks)
    ever = NONE.union(*kinds)
    among = {}
    for name in ever:
        holding = {mask for mask in kinds if name in mask}
        among[name] = Among(
            sum(kinds[mask] for mask in holding),
            next(place for place, mask in enumerate(masks) if mask in holding),
            next((place for place, mask in enumerate(masks) if mask not in holding), -1),
        )
    always = frozenset(name for name, one in among.items() if one.first_hidden < 0)
    return Shown(always, ever, rule, among)


# --- stand-ins -----------------------------------------------------------------------------------

_PUBLIC: Final = bytes.fromhex("0408080808060fa1")
_PRIVATE: Final = bytes.fromhex("047f000001060fa1")
_PEERS: Final = (PeerRecord(b"\x00", (_PUBLIC,)),)
_OCTETS: Final = b"\x00"
_SHARE: Final = tuple(OpenSlot(name, _OCTETS, _OCTETS) for name in SHARE_SLOTS)
_ENTRY: Final = tuple(OpenSlot(name, _OCTETS, _OCTETS) for name in ENTRY_SLOTS)
_HIDDEN: Final = {name: HiddenSlot(name, _OCTETS) for name in (*SHARE_SLOTS, *ENTRY_SLOTS)}


def _hide(slot: OpenSlot) -> HiddenSlot:
    return _HIDDEN[slot.slot]


def _addrs(asked: PastQuestion) -> tuple[bytes, ...]:
    if "private_addrs" in asked.values:
        return (_PUBLIC, _PRIVATE)
    return (_PUBLIC,) if asked.values & {"listen_addrs", "addrs"} else ()


def _addresses(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    return engine.addresses(
        asked.asker,
        listen_addrs=_addrs(asked),
        observed_addr=_PUBLIC if "observed_addr" in asked.values else None,
        closer_peers=_PEERS if "closer_peers" in asked.values else (),
        now=now,
    )


def _record_to_servers(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    network_id = asked.asker.network_id
    return engine.provide(network_id, asked.item, locator=_OCTETS, addrs=_addrs(asked), now=now)


def _record_to_peer(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    return engine.provide_to(asked.asker, asked.item, locator=_OCTETS, addrs=_addrs(asked), now=now)


def _want(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    cid = asked.item.manifest_cid
    return engine.want(asked.asker, item_cid=cid, locator=_OCTETS, proof=_OCTETS, now=now)


def _catalogue(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    link = "link" if "link" in asked.values else None
    item = CatalogueItem(asked.item.manifest_cid, "title", 0, 0, link)
    return engine.catalogue(asked.asker, items=[(asked.item, item)], now=now)


def _share_openings(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    share = ShareOpening(_SHARE)
    return engine.openings(asked.asker, asked.item, (), share=share, openings=(), hide=_hide, now=now)


def _grant(engine: Engine, asked: PastQuestion, now: int) -> Decision[View, Audience]:
    until = now + 1 if "until" in asked.values else 0
    return engine.grant(asked.asker, asked.item, proof=_OCTETS, until=until, now=now)


_Ask: TypeAlias = "Callable[[Engine, PastQuestion, int], Decision[View, Audience]]"
_ASK: Final[Mapping[Kind, _Ask]] = {
    Kind.ADDRESSES: _addresses,
    Kind.PROTOCOL_IDS: lambda engine, asked, now: engine.protocols(
        asked.asker, protocol_ids=("protocol",), now=now
    ),
    Kind.HELLO: lambda engine, asked, now: engine.protocols(asked.asker, hello=Hello(1, 1, _OCTETS), now=now),
    Kind.AGENT: lambda engine, asked, now: engine.agent(
        asked.asker, agent_version="agent", protocol_version="protocol", now=now
    ),
    Kind.RECORD_TO_SERVERS: _record_to_servers,
    Kind.RECORD_TO_PEER: _record_to_peer,
    Kind.RECORDS_OF_OTHERS: lambda engine, asked, now: engine.provider_records(
        asked.asker, provider_records=_PEERS, now=now
    ),
    Kind.LOOKUP: lambda engine, asked, now: engine.lookup(asked.asker.network_id, key=_OCTETS, now=now),
    Kind.WANT: _want,
    Kind.WANT_CATALOGUE: lambda engine, asked, now: engine.want_catalogue(asked.asker, now=now),
    Kind.CATALOGUE: _catalogue,
    Kind.GRANT: _grant,
    Kind.MANIFEST: lambda engine, asked, now: engine.manifest(
        asked.asker, asked.item, octets=_OCTETS, now=now
    ),
    Kind.SHARE_OPENINGS: _share_openings,
    Kind.REFUSAL: lambda engine, asked, now: engine.refusal(asked.asker, code=1, request_id=0, now=now),
}
