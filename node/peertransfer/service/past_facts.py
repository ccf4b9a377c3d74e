"""What was the policy asked, and what did it know, when this ledger row was written?

A row names the peer, the network, the link, the share and the fields; what else the engine was told is taken
from what the store still knows. Where several things may have been asked, all of them are named, each with
what is not known. It asks no policy (``policy.simulation``). Spec: docs/policy.md, "Trying a policy on the
past".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from peertransfer.disclosure.audience import LinkHolders, Members
from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.membership.network import OPEN
from peertransfer.policy.facts import Asker, ItemFacts
from peertransfer.policy.past import NONE, UNDER_GRANT, Kind, PastQuestion
from peertransfer.policy.recording import NO_ITEM
from peertransfer.policy.simulation import PastAnswer
from peertransfer.service.facts import earliest_end
from peertransfer.store.links import Links
from peertransfer.store.refusals import DAY_SECONDS
from peertransfer.store.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peertransfer.disclosure.audience import Audience
    from peertransfer.policy.simulation import Simulator
    from peertransfer.store.database import Database
    from peertransfer.store.ledger_chain import LedgerEntry
    from peertransfer.store.links import StoredLink
    from peertransfer.store.refusals import RefusalEntry
    from peertransfer.store.shares import ShareSummary

Readings: TypeAlias = "tuple[tuple[str, PastQuestion], ...]"

MAX_READINGS: Final = 16
"""Links of which a peer may have proven one; of more, nobody looks at each."""
_UNDER_GRANT: Final = {kind.view: kind for kind in UNDER_GRANT if kind is not Kind.SHARE_OPENINGS}
_ADDRESSES: Final = frozenset(VIEW_FIELDS["addresses"])
_IDENTIFY: Final = frozenset({"observed_addr", "private_addrs"})
"""Addresses beside which there are this host's own."""
_WANT: Final = frozenset(VIEW_FIELDS["want"])
_SEVERAL: Final = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """What entries and refusals have in common."""

    network_id: str
    peer_id: str
    view: str
    item: str
    link: str
    at: int
    """Unix seconds."""
    links: tuple[str, ...]
    """The links of which the policy that is tried speaks."""
    fields: frozenset[str] = NONE
    is_refusal: bool = False


class PastFacts:
    """What this node still knows of its shares and links."""

    def __init__(self, shares: dict[str, ShareSummary], links: dict[str, StoredLink]) -> None:
        self.shares = shares
        self._links = links
        self._links_of: dict[tuple[str, str], list[StoredLink]] = {}
        for one in links.values():  # the oldest first
            self._links_of.setdefault((one.network_id, one.manifest_cid), []).append(one)
        self._by_view: dict[str, Callable[[_Row], Readings | None]] = {
            "addresses": self._addresses,
            "protocols": self._protocols,
            "agent": self._agent,
            "provide": self._provide,
            "lookup": self._lookup,
            "want": self._want,
            "catalogue": self._catalogue,
            **dict.fromkeys(_UNDER_GRANT, self._under_grant),
            "refusal": self._refusal,
        }

    @classmethod
    async def read(cls, database: Database) -> PastFacts:
        """Read them, as they are now."""
        shares = {one.manifest_cid: one for one in await Shares(database).list_shares()}
        return cls(shares, {one.name: one for one in await Links(database).list_links()})

    # --- answers -----------------------------------------------------------------------------------

    def of_entry(self, entry: LedgerEntry, simulator: Simulator) -> PastAnswer | None:
        """Return what was asked when ``entry`` was written; ``None``: nobody can tell."""
        row = _Row(
            *(entry.network_id, entry.peer_id, entry.view, entry.item, entry.link, entry.at),
            simulator.links_named(entry.view),
            frozenset(entry.fields),
        )
        readings = self._readings(row)
        if not readings:
            return None
        return PastAnswer(
            readings,
            simulator.moments(entry.at, entry.last_at, entry.count),
            row.fields,
            is_share_lost=self._is_lost(row),
            # What may follow a want has rows of its own.
            is_whole=row.view != "want" or "locator" in row.fields or not row.item,
        )

    def of_refusal(self, entry: RefusalEntry, simulator: Simulator) -> PastAnswer | None:
        """Return what was refused; ``None``: nobody can tell. Without questions, no policy shows it."""
        row = _Row(
            *(entry.network_id, entry.peer_id, entry.view, entry.item, entry.link or "", entry.last_at),
            simulator.links_named(entry.view),
            is_refusal=True,
        )
        is_proven = entry.link != "" and bool(row.item)
        readings = self._readings(row) if is_proven or row.view not in _UNDER_GRANT else ()
        if readings is None:
            return None
        moments: tuple[int, ...] = (entry.last_at,)
        if entry.count > 1:  # the others were at any time of that day
            moments = simulator.moments(entry.last_at // DAY_SECONDS * DAY_SECONDS, entry.last_at, _SEVERAL)
        return PastAnswer(readings, moments, is_refusal=True, is_share_lost=self._is_lost(row))

    def under_new_grant(self, past: PastAnswer) -> Iterator[PastAnswer]:
        """Yield what could have been asked as well, had this want been granted."""
        asked = past.questions[0][1]
        for kind in (one for one in Kind if one in UNDER_GRANT and one is not Kind.GRANT):
            yield replace(past, questions=(("", replace(asked, kind=kind, values=NONE)),))

    def listed_beside(
        self, network_id: str, peer_id: str, at: int, simulator: Simulator
    ) -> Iterator[tuple[str, PastAnswer]]:
        """Yield each share that a catalogue could have listed at ``at``, and what was asked of it."""
        names = simulator.links_named("catalogue")
        for (network, cid), links in self._links_of.items():
            is_there = network == network_id and self.shares[cid].created_at < at
            if is_there and any(_is_held(link, at) for link in links):
                readings = self._catalogue(_Row(network_id, peer_id, "catalogue", cid, "", at, names))
                if readings is not None and not readings[0][1].item.is_expired(at):
                    yield cid, PastAnswer(readings, (at,))

    # --- what may have been asked, view by view ----------------------------------------------------

    def _readings(self, row: _Row) -> Readings | None:
        return self._by_view[row.view](row) if row.view in self._by_view else None

    def _addresses(self, row: _Row) -> Readings:
        sure = row.fields
        if row.is_refusal or sure & _IDENTIFY:
            sure |= {"listen_addrs"}
        # An introduction has the address under which the peer is seen, an answer of the DHT those of others.
        others = {"observed_addr"} if "closer_peers" in sure else NONE
        others |= {"closer_peers"} if "observed_addr" in sure else NONE
        return self._valued(row, Kind.ADDRESSES, sure, _ADDRESSES - others)

    def _protocols(self, row: _Row) -> Readings:
        if row.is_refusal:
            return self._plain(row, Kind.PROTOCOL_IDS) + self._plain(row, Kind.HELLO, why="question")
        return self._plain(row, Kind.HELLO if "hello" in row.fields else Kind.PROTOCOL_IDS)

    def _agent(self, row: _Row) -> Readings:
        return self._plain(row, Kind.AGENT)

    def _lookup(self, row: _Row) -> Readings:
        return self._plain(row, Kind.LOOKUP)

    def _provide(self, row: _Row) -> Readings:
        # To keep its own record from a peer is booked nowhere: what was refused are those of others.
        if "provider_records" in row.fields or (row.is_refusal and row.peer_id):
            return self._plain(row, Kind.RECORDS_OF_OTHERS)
        kind = Kind.RECORD_TO_PEER if row.peer_id else Kind.RECORD_TO_SERVERS
        return self._valued(row, kind, row.fields | {"addrs"}, frozenset({"private_addrs"}))

    def _want(self, row: _Row) -> Readings:
        if not row.item:
            return self._plain(row, Kind.WANT_CATALOGUE)
        return self._valued(row, Kind.WANT, row.fields | {"locator", "proof"}, _WANT)

    def _catalogue(self, row: _Row) -> Readings | None:
        links = self._links_of.get((row.network_id, row.item), [])
        link = frozenset({"link"})
        sure = row.fields | (link if links and _is_held(links[0], row.at) else NONE)
        beside = link if self._is_lost(row) else NONE
        return self._with_any_link(row, self._valued(row, Kind.CATALOGUE, sure, beside))

    def _under_grant(self, row: _Row) -> Readings | None:
        if not row.link:
            return None
        kind = _UNDER_GRANT[row.view]
        if kind is Kind.GRANT:
            until = frozenset({"until"})
            ends = self._item(row, kind).expires_at or "until" in row.fields
            beside = until if self._is_lost(row) else NONE
            return self._valued(row, kind, until if ends else NONE, beside)
        if any(name.startswith("share_") for name in row.fields):
            return self._plain(row, Kind.SHARE_OPENINGS)
        readings = self._plain(row, kind)
        if kind is Kind.OPENINGS and row.is_refusal:
            readings += self._plain(row, Kind.SHARE_OPENINGS, why="question")
        return readings

    def _refusal(self, row: _Row) -> Readings | None:
        return self._with_any_link(row, self._plain(row, Kind.REFUSAL))

    # --- questions ---------------------------------------------------------------------------------

    def _plain(self, row: _Row, kind: Kind, *, why: str = "") -> Readings:
        return ((why, PastQuestion(kind, _asker(row, kind), self._item(row, kind))),)

    def _valued(self, row: _Row, kind: Kind, sure: frozenset[str], beside: frozenset[str]) -> Readings:
        """Return what was asked where some fields may have held nothing."""
        ((_, asked),) = self._plain(row, kind)
        least = replace(asked, values=sure)
        most = replace(asked, values=sure | beside)
        return (("", least),) if least == most else (("", least), ("value", most))

    def _with_any_link(self, row: _Row, readings: Readings) -> Readings | None:
        """Add the same, asked by a holder of any link of which a rule speaks: the row does not name it."""
        if len(row.links) > MAX_READINGS:
            return None
        return readings + tuple(
            ("link", replace(asked, asker=_proving(asked.asker, name)))
            for name in row.links
            for _, asked in readings
        )

    def _item(self, row: _Row, kind: Kind) -> ItemFacts:
        if not row.item:
            return NO_ITEM
        share = self.shares.get(row.item)
        if kind is Kind.WANT or share is None:  # of another's share nothing is known, and of one that is gone
            return ItemFacts(row.item, link_id=row.link)
        link = self._links.get(row.link)
        if link is not None and link.manifest_cid != row.item:
            link = None  # another one, that was given the name of one that is gone
        until = share.expires_at if link is None else earliest_end(link.expires_at, share.expires_at)
        return ItemFacts(row.item, share.labels, row.link, until, share.created_at)

    def _is_lost(self, row: _Row) -> bool:
        return bool(row.item) and row.view != "want" and row.item not in self.shares


def _asker(row: _Row, kind: Kind) -> Asker:
    proven: set[Audience] = set() if row.network_id == OPEN else {Members(row.network_id)}
    if kind in UNDER_GRANT:
        proven.add(LinkHolders(row.link))
    return Asker(row.network_id, row.peer_id, frozenset(proven))


def _proving(asker: Asker, link: str) -> Asker:
    return replace(asker, audiences=asker.audiences | {LinkHolders(link)})


def _is_held(link: StoredLink, at: int) -> bool:
    """Tell whether a link surely held at ``at``: not in the second in which it began or ended."""
    has_ended = bool(link.ended_at) and link.ended_at <= at
    return link.created_at < at and not has_ended and (not link.expires_at or at < link.expires_at)
