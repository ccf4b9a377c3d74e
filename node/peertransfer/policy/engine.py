"""May this audience see this? One method for each view; the only place that seals.

Each method builds its view from what the rules show and nothing else, and returns it sealed, or
``Denied``. Pure and total: it reads no clock and no file, and gives the same answer for the same policy,
facts and time; what was spent of a rule's limit is such a fact. The record of a decision names the rules by
which it shows something, so that the shell can book what it spends. Whether the answer is ``Denied`` depends
on the rules, the time and which item is asked for, never on the value of a field that is hidden. A view that
shows no field (every slot hidden, an empty catalogue) is sealed with a record that names no field.
Spec: ARCHITECTURE.md, "The door"; docs/disclosure.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import Audience, DhtServers, OnePeer
from peertransfer.disclosure.views import (
    AddressesView,
    AgentView,
    CatalogueItem,
    CatalogueView,
    ContentView,
    GrantView,
    Hello,
    LookupView,
    ManifestView,
    OpeningsView,
    PeerRecord,
    ProtocolsView,
    ProvideView,
    RefusalView,
    View,
    WantView,
)
from peertransfer.errors import DisclosureError
from peertransfer.policy.budget import nothing_spent
from peertransfer.policy.combined import hiding_from_server, hiding_record, serves
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
from peertransfer.policy.masking import Masking, only_shown, own_record
from peertransfer.policy.matching import RuleIndex, Verdict
from peertransfer.policy.private_addrs import private_only
from peertransfer.policy.recording import NO_ITEM, denial, filled, record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peertransfer.disclosure.disclosed import Decision, Denied, Disclosed, DisclosureRecord
    from peertransfer.policy.budget import SpentBy
    from peertransfer.policy.question import Question
    from peertransfer.policy.rules import Policy

V = TypeVar("V", bound=View)
A = TypeVar("A", bound=Audience)
T = TypeVar("T")


class Engine:
    """The decisions of one policy; a new policy is a new engine."""

    def __init__(self, policy: Policy, spent_by: SpentBy = nothing_spent) -> None:
        self.policy = policy
        self.limits = {rule.name: rule.limit for rule in policy.rules if not rule.limit.is_none}
        """The limits of the rules that have one, by the rule's name."""
        self._index = RuleIndex(policy, spent_by)
        self.is_steady = all(
            rule.when.is_always and rule.limit.is_none and rule.items.ages.is_all for rule in policy.rules
        )
        """Whether no rule depends on the time or on what was spent."""

    # --- identify and the DHT ----------------------------------------------------------------------

    def addresses(
        self,
        asker: Asker,
        *,
        listen_addrs: tuple[bytes, ...],
        observed_addr: bytes | None = None,
        closer_peers: tuple[PeerRecord, ...] = (),
        now: int,
    ) -> Decision[AddressesView, OnePeer]:
        """Decide where this host, and peers that it knows, can be reached."""
        verdict = self._on_peer("addresses", asker, now)
        if not verdict.shown:
            return denial("addresses", verdict)
        view = AddressesView(
            listen_addrs if "listen_addrs" in verdict else (),
            observed_addr if "observed_addr" in verdict else None,
            closer_peers if "closer_peers" in verdict else (),
            private_only(listen_addrs) if "private_addrs" in verdict else (),
        )
        return _sealed_for_peer(view, asker, verdict, filled(view))

    def protocols(
        self, asker: Asker, *, protocol_ids: tuple[str, ...] = (), hello: Hello | None = None, now: int
    ) -> Decision[ProtocolsView, OnePeer]:
        """Decide which protocols this host speaks (identify), or, with ``hello``, whether it says hello."""
        verdict = self._on_peer("protocols", asker, now)
        if ("protocol_ids" if hello is None else "hello") not in verdict:
            return denial("protocols", verdict)
        view = ProtocolsView(
            protocol_ids if "protocol_ids" in verdict else (), hello if "hello" in verdict else None
        )
        return _sealed_for_peer(view, asker, verdict, filled(view))

    def agent(
        self, asker: Asker, *, agent_version: str, protocol_version: str, now: int
    ) -> Decision[AgentView, OnePeer]:
        """Decide what this program calls itself."""
        verdict = self._on_peer("agent", asker, now)
        if not verdict.shown:
            return denial("agent", verdict)
        view = AgentView(
            agent_version if "agent_version" in verdict else None,
            protocol_version if "protocol_version" in verdict else None,
        )
        return _sealed_for_peer(view, asker, verdict, filled(view))

    def provide(
        self, network_id: str, item: ItemFacts, *, locator: bytes, addrs: tuple[bytes, ...], now: int
    ) -> Decision[ProvideView, DhtServers]:
        """Decide whether the DHT's servers learn that this host provides an item; asked at each republish.

        A record without addresses is none.
        """
        verdict = self._index.verdict("provide", self._index.of_dht(network_id, now, item))
        view = own_record(verdict, locator, addrs)
        if view is None or item.is_expired(now):
            return denial("provide", verdict, item)
        return _sealed_for_dht(view, network_id, verdict, item)

    def provide_to(
        self, asker: Asker, item: ItemFacts, *, locator: bytes, addrs: tuple[bytes, ...], now: int
    ) -> Decision[ProvideView, OnePeer]:
        """Decide whether a peer that asks who provides an item learns that this host does, and where it is.

        It learns what the DHT's servers are told (``provide``), unless a rule hides that from this very
        peer. A record without addresses is none.
        """
        verdict = self._index.verdict("provide", self._index.of_dht_asker(asker, now, item))
        view = own_record(verdict, locator, addrs)
        if view is None or item.is_expired(now):
            return denial("provide", verdict, item)
        return _sealed_for_peer(view, asker, verdict, filled(view), item)

    def provider_records(
        self, asker: Asker, *, provider_records: tuple[PeerRecord, ...], now: int
    ) -> Decision[ProvideView, OnePeer]:
        """Decide whether a peer learns which others provide the key that it asks for."""
        verdict = self._on_peer("provide", asker, now)
        if "provider_records" not in verdict:
            return denial("provide", verdict)
        view = ProvideView(provider_records=provider_records)
        return _sealed_for_peer(view, asker, verdict, filled(view))

    def lookup(self, network_id: str, *, key: bytes, now: int) -> Decision[LookupView, DhtServers]:
        """Decide whether the DHT's servers are asked for a key; asking is a disclosure too."""
        verdict = self._index.verdict("lookup", self._index.of_dht(network_id, now))
        if "key" not in verdict:
            return denial("lookup", verdict)
        return _sealed_for_dht(LookupView(key), network_id, verdict)

    def may_use_as_server(self, asker: Asker, now: int) -> bool:
        """Tell whether what is sealed for the DHT's servers may go to this one.

        Look-ups and provider records are decided for all servers at once. Where a rule hides those from
        this very peer, the shell must not count it among the servers.
        """
        return not hiding_from_server(self._index, self._index.of_peer(asker, now))

    def may_tell_server(self, asker: Asker, item: ItemFacts, now: int) -> bool:
        """Tell whether a record of an item that is sealed for the DHT's servers may go to this one."""
        return not hiding_record(self._index, asker, item, now)

    # --- the getter's side -------------------------------------------------------------------------

    def want(
        self, asker: Asker, *, item_cid: str, locator: bytes, proof: bytes, now: int
    ) -> Decision[WantView, OnePeer]:
        """Decide whether a provider (the ``asker``) is asked for an item, and what it may be told after."""
        item = ItemFacts(item_cid)  # the link is the provider's: it has no name here
        verdict = self._on_peer("want", asker, now, item)
        if "locator" not in verdict or "proof" not in verdict:
            return denial("want", verdict, item)
        view = WantView(locator, proof, requests="requests" in verdict, delivered="delivered" in verdict)
        audience, shown = OnePeer(asker.peer_id), filled(view)
        # A record for each part: they go out one after the other, and perhaps by different rules.
        parts = (("locator", "proof"), *((name,) for name in shown if name in {"requests", "delivered"}))
        records = (
            record_of("want", asker.network_id, audience, item, part, verdict.showing(part)) for part in parts
        )
        return seal(view, audience, *records)

    def want_catalogue(self, asker: Asker, *, now: int) -> Decision[WantView, OnePeer]:
        """Decide whether a provider (the ``asker``) is asked what it lists; no item is named by that."""
        verdict = self._on_peer("want", asker, now)
        if "requests" not in verdict:
            return denial("want", verdict)
        view = WantView(requests=True)
        return _sealed_for_peer(view, asker, verdict, filled(view))

    # --- the provider's side -----------------------------------------------------------------------

    def catalogue(
        self, asker: Asker, *, items: Sequence[tuple[ItemFacts, CatalogueItem]], now: int
    ) -> Decision[CatalogueView, OnePeer]:
        """Choose the shares, and of each the fields, that a peer may see listed.

        It is never ``Denied``: no share at all and no share for this peer are the same empty catalogue.
        """
        audience = OnePeer(asker.peer_id)
        listed: list[CatalogueItem] = []
        records: list[DisclosureRecord] = []
        budget = self._index.budget(asker.network_id, asker.peer_id, now)
        for facts, item in items:
            verdict = self._index.verdict("catalogue", self._index.of_peer(asker, now, facts, budget))
            chosen = only_shown(item, verdict)
            shown = filled(chosen)
            if shown:
                rules = verdict.showing(shown)
                budget.note(rules, facts.manifest_cid)
                listed.append(chosen)
                records.append(record_of("catalogue", asker.network_id, audience, facts, shown, rules))
        if not records:
            records = [record_of("catalogue", asker.network_id, audience, NO_ITEM, (), ())]
        return seal(CatalogueView(tuple(listed)), audience, *records)

    def manifest(
        self, asker: Asker, item: ItemFacts, *, octets: bytes, now: int
    ) -> Decision[ManifestView, OnePeer]:
        """Decide whether a peer gets the manifest of commitments."""
        verdict = self._on_peer("manifest", asker, now, item)
        if "octets" not in verdict or item.is_expired(now):
            return denial("manifest", verdict, item)
        return _sealed_for_peer(ManifestView(octets), asker, verdict, ("octets",), item)

    def openings(
        self,
        asker: Asker,
        item: ItemFacts,
        entries: Sequence[EntryFacts],
        *,
        share: ShareOpening | None,
        openings: Sequence[EntryOpening],
        hide: Callable[[OpenSlot], HiddenSlot],
        now: int,
    ) -> Decision[OpeningsView, OnePeer]:
        """Decide slot by slot which openings a peer gets; what is not shown goes as its commitment.

        Args:
            asker: Who gets them.
            item: The share.
            entries: The facts of the entries in ``openings``, one for each, in the same order.
            share: The share's own slots, all open; ``None`` where they were not asked for.
            openings: One page of entries, all slots open.
            hide: Makes the commitment of an open slot.
            now: Unix seconds.

        Raises:
            DisclosureError: ``entries`` and ``openings`` do not speak of the same entries.
        """
        if [facts.index for facts in entries] != [opening.index for opening in openings]:
            raise DisclosureError("the facts and the openings are of different entries")
        question = self._index.of_peer(asker, now, item)
        whole = self._index.verdict("openings", question)
        verdicts = self._index.verdicts("openings", question)
        if not (whole.shown or verdicts.could_show) or item.is_expired(now):
            return denial("openings", whole, item)
        masking = Masking(hide)
        own = None if share is None else ShareOpening(masking.mask(share.slots, whole, "share_"))
        pages = tuple(
            EntryOpening(opening.index, masking.mask(opening.slots, verdicts.on(facts)))
            for facts, opening in zip(entries, openings, strict=True)
        )
        audience = OnePeer(asker.peer_id)
        record = record_of("openings", asker.network_id, audience, item, masking.fields, masking.rules)
        return seal(OpeningsView(own, pages), audience, record)

    def content(
        self, asker: Asker, item: ItemFacts, entries: Sequence[EntryFacts], *, now: int
    ) -> Decision[ContentView, OnePeer]:
        """Decide of which entries a peer may get the octets: those whose ``content`` slot it may open too.

        ``entries`` are all entries of the item; a view with ``entries=None`` covers all of them.
        """
        question = self._index.of_peer(asker, now, item)
        octets = self._index.verdicts("content", question)
        if not octets.could_show:
            return denial("content", octets.common, item)
        openings = self._index.verdicts("openings", question)
        covered: frozenset[int] | None = None
        if octets.is_uniform and openings.is_uniform:
            rules = octets.common.showing(("octets",)) if "content" in openings.common else frozenset[str]()
        else:
            chosen = {
                facts.index: octets.on(facts).showing(("octets",))
                for facts in entries
                if "content" in openings.on(facts)
            }
            chosen = {index: names for index, names in chosen.items() if names}
            covered = frozenset(chosen)
            rules = frozenset[str]().union(*chosen.values())
        if not rules or item.is_expired(now):
            return denial("content", octets.common, item)
        audience = OnePeer(asker.peer_id)
        record = record_of("content", asker.network_id, audience, item, ("octets",), rules)
        return seal(ContentView(covered), audience, record)

    def grant(
        self, asker: Asker, item: ItemFacts, *, proof: bytes, until: int, now: int
    ) -> Decision[GrantView, OnePeer]:
        """Decide whether a peer gets a yes, with this side's proof and until when it holds."""
        verdict = self._on_peer("grant", asker, now, item)
        if "proof" not in verdict or item.is_expired(now):
            return denial("grant", verdict, item)
        # Without end and hidden are the same octets: nothing is said then.
        view = GrantView(proof, until or None if "until" in verdict else None)
        return _sealed_for_peer(view, asker, verdict, filled(view), item)

    def refusal(
        self, asker: Asker, *, code: int, request_id: int, now: int
    ) -> Decision[RefusalView, OnePeer]:
        """Decide whether a peer gets a no in words; if not, the stream just ends."""
        verdict = self._on_peer("refusal", asker, now)
        if "code" not in verdict:
            return denial("refusal", verdict)
        return _sealed_for_peer(RefusalView(code, request_id), asker, verdict, ("code",))

    # --- grants ------------------------------------------------------------------------------------

    def may_serve(self, asker: Asker, item: ItemFacts, now: int) -> bool:
        """Tell whether grant, manifest and openings would all be allowed: whether a want can be granted."""
        return self._serves(self._index.of_peer(asker, now, item), item, now)

    def may_go_on(self, asker: Asker, item: ItemFacts, now: int) -> bool:
        """Tell whether a want that was granted would be so now; of its limits, octets alone end a grant."""
        return self._serves(self._under_way(asker, item, now), item, now)

    def basis(self, asker: Asker, item: ItemFacts, now: int) -> frozenset[str]:
        """Return the names of the rules that let content go now and do not always hold.

        As long as these are the same, so is a decision on content that was made under a grant.
        """
        if self.is_steady:
            return frozenset()
        question = self._under_way(asker, item, now)
        return self._index.holding("content", question) | self._index.holding("openings", question)

    def _serves(self, question: Question, item: ItemFacts, now: int) -> bool:
        return not item.is_expired(now) and serves(self._index, question)

    def _under_way(self, asker: Asker, item: ItemFacts, now: int) -> Question:
        budget = self._index.budget(asker.network_id, asker.peer_id, now, is_under_way=True)
        return self._index.of_peer(asker, now, item, budget)

    # --- what nothing makes yet --------------------------------------------------------------------

    def membership(self, asker: Asker, *, now: int) -> Denied:
        """Deny: the view has no fields yet."""
        return denial("membership", self._on_peer("membership", asker, now))

    def statistics(self, asker: Asker, *, now: int) -> Denied:
        """Deny: the view has no fields yet."""
        return denial("statistics", self._on_peer("statistics", asker, now))

    def update(self, asker: Asker, *, now: int) -> Denied:
        """Deny: the view has no fields yet."""
        return denial("update", self._on_peer("update", asker, now))

    def _on_peer(self, view: str, asker: Asker, now: int, item: ItemFacts | None = None) -> Verdict:
        return self._index.verdict(view, self._index.of_peer(asker, now, item))


def _sealed_for_peer(
    view: V, asker: Asker, verdict: Verdict, shown: Iterable[str], item: ItemFacts = NO_ITEM
) -> Disclosed[V, OnePeer]:
    audience = OnePeer(asker.peer_id)
    shown = tuple(shown)
    record = record_of(view.name, asker.network_id, audience, item, shown, verdict.showing(shown))
    return seal(view, audience, record)


def _sealed_for_dht(
    view: V, network_id: str, verdict: Verdict, item: ItemFacts = NO_ITEM
) -> Disclosed[V, DhtServers]:
    audience = DhtServers(network_id)
    shown = filled(view)
    record = record_of(view.name, network_id, audience, item, shown, verdict.showing(shown))
    return seal(view, audience, record)
