"""May this audience see this? One method for each view; the only place that seals.

Each method builds its view from what the rules show and nothing else, and returns it sealed, or
``Denied``. Pure and total: it reads no clock and no file, keeps no state between calls, and gives the
same answer for the same policy and facts. Whether the answer is ``Denied`` depends on the rules and on
which item is asked for, never on the value of a field that is hidden. A view that shows no field
(every slot hidden, an empty catalogue) is sealed with a record that names no field.
Spec: ARCHITECTURE.md, "The door"; docs/disclosure.md.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import Audience, DhtServers, OnePeer
from peertransfer.disclosure.disclosed import Decision, Denied, Disclosed, DisclosureRecord
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
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
from peertransfer.policy.masking import Masking
from peertransfer.policy.matching import (
    RuleIndex,
    Verdict,
    reach_of_asker,
    reach_of_dht,
    reach_of_dht_asker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from peertransfer.policy.rules import Policy

V = TypeVar("V", bound=View)
A = TypeVar("A", bound=Audience)
T = TypeVar("T")

_NO_ITEM = ItemFacts("")


class Engine:
    """The decisions of one policy; a new policy is a new engine."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._index = RuleIndex(policy)

    # --- identify and the DHT ----------------------------------------------------------------------

    def addresses(
        self,
        asker: Asker,
        *,
        listen_addrs: tuple[bytes, ...],
        observed_addr: bytes | None = None,
        closer_peers: tuple[PeerRecord, ...] = (),
    ) -> Decision[AddressesView, OnePeer]:
        """Decide where this host, and peers that it knows, can be reached."""
        verdict = self._on_peer("addresses", asker)
        if not verdict.shown:
            return _denied("addresses", verdict)
        view = AddressesView(
            listen_addrs if "listen_addrs" in verdict else (),
            observed_addr if "observed_addr" in verdict else None,
            closer_peers if "closer_peers" in verdict else (),
        )
        return _sealed_for_peer(view, asker, verdict, _filled(view))

    def protocols(
        self, asker: Asker, *, protocol_ids: tuple[str, ...] = (), hello: Hello | None = None
    ) -> Decision[ProtocolsView, OnePeer]:
        """Decide which protocols this host speaks (identify), or, with ``hello``, whether it says hello."""
        verdict = self._on_peer("protocols", asker)
        if ("protocol_ids" if hello is None else "hello") not in verdict:
            return _denied("protocols", verdict)
        view = ProtocolsView(
            protocol_ids if "protocol_ids" in verdict else (), hello if "hello" in verdict else None
        )
        return _sealed_for_peer(view, asker, verdict, _filled(view))

    def agent(
        self, asker: Asker, *, agent_version: str, protocol_version: str
    ) -> Decision[AgentView, OnePeer]:
        """Decide what this program calls itself."""
        verdict = self._on_peer("agent", asker)
        if not verdict.shown:
            return _denied("agent", verdict)
        view = AgentView(
            agent_version if "agent_version" in verdict else None,
            protocol_version if "protocol_version" in verdict else None,
        )
        return _sealed_for_peer(view, asker, verdict, _filled(view))

    def provide(
        self, network_id: str, item: ItemFacts, *, locator: bytes, addrs: tuple[bytes, ...], now: int
    ) -> Decision[ProvideView, DhtServers]:
        """Decide whether the DHT's servers learn that this host provides an item; asked at each republish.

        A record without addresses is none.
        """
        verdict = self._index.verdict("provide", reach_of_dht(network_id), item)
        if "locator" not in verdict or "addrs" not in verdict or item.is_expired(now):
            return _denied("provide", verdict, item.manifest_cid)
        view = ProvideView(locator, addrs)
        return _sealed_for_dht(view, network_id, verdict, item)

    def provide_to(
        self, asker: Asker, item: ItemFacts, *, locator: bytes, addrs: tuple[bytes, ...], now: int
    ) -> Decision[ProvideView, OnePeer]:
        """Decide whether a peer that asks who provides an item learns that this host does, and where it is.

        It learns what the DHT's servers are told (``provide``), unless a rule hides that from this very
        peer. A record without addresses is none.
        """
        verdict = self._index.verdict("provide", reach_of_dht_asker(asker), item)
        if "locator" not in verdict or "addrs" not in verdict or item.is_expired(now):
            return _denied("provide", verdict, item.manifest_cid)
        view = ProvideView(locator, addrs)
        return _sealed_for_peer(view, asker, verdict, _filled(view), item)

    def provider_records(
        self, asker: Asker, *, provider_records: tuple[PeerRecord, ...]
    ) -> Decision[ProvideView, OnePeer]:
        """Decide whether a peer learns which others provide the key that it asks for."""
        verdict = self._on_peer("provide", asker)
        if "provider_records" not in verdict:
            return _denied("provide", verdict)
        view = ProvideView(provider_records=provider_records)
        return _sealed_for_peer(view, asker, verdict, _filled(view))

    def lookup(self, network_id: str, *, key: bytes) -> Decision[LookupView, DhtServers]:
        """Decide whether the DHT's servers are asked for a key; asking is a disclosure too."""
        verdict = self._index.verdict("lookup", reach_of_dht(network_id))
        if "key" not in verdict:
            return _denied("lookup", verdict)
        return _sealed_for_dht(LookupView(key), network_id, verdict)

    def may_use_as_server(self, asker: Asker) -> bool:
        """Tell whether what is sealed for the DHT's servers may go to this one.

        Look-ups and provider records are decided for all servers at once. Where a rule hides those from
        this very peer, the shell must not count it among the servers.
        """
        reach = reach_of_asker(asker)
        provide = self._index.verdict("provide", reach).hidden.keys()
        lookup = self._index.verdict("lookup", reach).hidden.keys()
        return provide.isdisjoint(("locator", "addrs")) and "key" not in lookup

    # --- the getter's side -------------------------------------------------------------------------

    def want(
        self, asker: Asker, *, item_cid: str, locator: bytes, proof: bytes
    ) -> Decision[WantView, OnePeer]:
        """Decide whether a provider (the ``asker``) is asked for an item, and what it may be told after."""
        item = ItemFacts(item_cid)  # the link is the provider's: it has no name here
        verdict = self._on_peer("want", asker, item)
        if "locator" not in verdict or "proof" not in verdict:
            return _denied("want", verdict, item_cid)
        view = WantView(locator, proof, requests="requests" in verdict, delivered="delivered" in verdict)
        return _sealed_for_peer(view, asker, verdict, _filled(view), item)

    def want_catalogue(self, asker: Asker) -> Decision[WantView, OnePeer]:
        """Decide whether a provider (the ``asker``) is asked what it lists; no item is named by that."""
        verdict = self._on_peer("want", asker)
        if "requests" not in verdict:
            return _denied("want", verdict)
        view = WantView(requests=True)
        return _sealed_for_peer(view, asker, verdict, _filled(view))

    # --- the provider's side -----------------------------------------------------------------------

    def catalogue(
        self, asker: Asker, *, items: Sequence[tuple[ItemFacts, CatalogueItem]]
    ) -> Decision[CatalogueView, OnePeer]:
        """Choose the shares, and of each the fields, that a peer may see listed.

        It is never ``Denied``: no share at all and no share for this peer are the same empty catalogue.
        """
        audience = OnePeer(asker.peer_id)
        listed: list[CatalogueItem] = []
        records: list[DisclosureRecord] = []
        for facts, item in items:
            verdict = self._on_peer("catalogue", asker, facts)
            chosen = _only(item, verdict)
            shown = _filled(chosen)
            if shown:
                rules = verdict.showing(shown)
                listed.append(chosen)
                records.append(_record("catalogue", asker.network_id, audience, facts, shown, rules))
        if not records:
            records = [_record("catalogue", asker.network_id, audience, _NO_ITEM, (), ())]
        return seal(CatalogueView(tuple(listed)), audience, *records)

    def manifest(
        self, asker: Asker, item: ItemFacts, *, octets: bytes, now: int
    ) -> Decision[ManifestView, OnePeer]:
        """Decide whether a peer gets the manifest of commitments."""
        verdict = self._on_peer("manifest", asker, item)
        if "octets" not in verdict or item.is_expired(now):
            return _denied("manifest", verdict, item.manifest_cid)
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
        whole = self._on_peer("openings", asker, item)
        if not self._may_open(asker, item, whole) or item.is_expired(now):
            return _denied("openings", whole, item.manifest_cid)
        verdicts = self._index.verdicts("openings", reach_of_asker(asker, item), item)
        masking = Masking(hide)
        own = None if share is None else ShareOpening(masking.mask(share.slots, whole, "share_"))
        pages = tuple(
            EntryOpening(opening.index, masking.mask(opening.slots, verdicts.on(facts)))
            for facts, opening in zip(entries, openings, strict=True)
        )
        audience = OnePeer(asker.peer_id)
        record = _record("openings", asker.network_id, audience, item, masking.fields, masking.rules)
        return seal(OpeningsView(own, pages), audience, record)

    def content(
        self, asker: Asker, item: ItemFacts, entries: Sequence[EntryFacts], *, now: int
    ) -> Decision[ContentView, OnePeer]:
        """Decide of which entries a peer may get the octets: those whose ``content`` slot it may open too.

        ``entries`` are all entries of the item; a view with ``entries=None`` covers all of them.
        """
        reach = reach_of_asker(asker, item)
        octets = self._index.verdicts("content", reach, item)
        openings = self._index.verdicts("openings", reach, item)
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
            return _denied("content", octets.common, item.manifest_cid)
        audience = OnePeer(asker.peer_id)
        record = _record("content", asker.network_id, audience, item, ("octets",), rules)
        return seal(ContentView(covered), audience, record)

    def grant(
        self, asker: Asker, item: ItemFacts, *, proof: bytes, until: int, now: int
    ) -> Decision[GrantView, OnePeer]:
        """Decide whether a peer gets a yes, with this side's proof and until when it holds."""
        verdict = self._on_peer("grant", asker, item)
        if "proof" not in verdict or item.is_expired(now):
            return _denied("grant", verdict, item.manifest_cid)
        # Without end and hidden are the same octets: nothing is said then.
        view = GrantView(proof, until or None if "until" in verdict else None)
        return _sealed_for_peer(view, asker, verdict, _filled(view), item)

    def refusal(self, asker: Asker, *, code: int, request_id: int) -> Decision[RefusalView, OnePeer]:
        """Decide whether a peer gets a no in words; if not, the stream just ends."""
        verdict = self._on_peer("refusal", asker)
        if "code" not in verdict:
            return _denied("refusal", verdict)
        return _sealed_for_peer(RefusalView(code, request_id), asker, verdict, ("code",))

    def may_serve(self, asker: Asker, item: ItemFacts, now: int) -> bool:
        """Tell whether grant, manifest and openings would all be allowed: whether a want can be granted."""
        if item.is_expired(now):
            return False
        return (
            "proof" in self._on_peer("grant", asker, item)
            and "octets" in self._on_peer("manifest", asker, item)
            and self._may_open(asker, item, self._on_peer("openings", asker, item))
        )

    # --- what nothing makes yet --------------------------------------------------------------------

    def membership(self, asker: Asker) -> Denied:
        """Deny: the view has no fields yet."""
        return _denied("membership", self._on_peer("membership", asker))

    def statistics(self, asker: Asker) -> Denied:
        """Deny: the view has no fields yet."""
        return _denied("statistics", self._on_peer("statistics", asker))

    def update(self, asker: Asker) -> Denied:
        """Deny: the view has no fields yet."""
        return _denied("update", self._on_peer("update", asker))

    def _on_peer(self, view: str, asker: Asker, item: ItemFacts | None = None) -> Verdict:
        return self._index.verdict(view, reach_of_asker(asker, item), item)

    def _may_open(self, asker: Asker, item: ItemFacts, whole: Verdict) -> bool:
        """Tell whether any slot, of the share or of some entry, might be shown."""
        return bool(whole.shown) or (
            self._index.verdicts("openings", reach_of_asker(asker, item), item).could_show
        )


def _only(item: CatalogueItem, verdict: Verdict) -> CatalogueItem:
    return CatalogueItem(
        item.manifest_cid if "manifest_cid" in verdict else None,
        item.title if "title" in verdict else None,
        item.entries if "entries" in verdict else None,
        item.size if "size" in verdict else None,
        item.link if "link" in verdict else None,
    )


def _filled(view: View | CatalogueItem) -> tuple[str, ...]:
    """Return the fields that hold something; 0 entries or octets are something."""
    values: Mapping[str, object] = {one.name: getattr(view, one.name) for one in fields(view)}
    return tuple(name for name, value in values.items() if value not in (None, ()) and value is not False)


def _denied(view: str, verdict: Verdict, item: str = "") -> Denied:
    return Denied(view, item, ",".join(sorted(verdict.hiding())))


def _sealed_for_peer(
    view: V, asker: Asker, verdict: Verdict, shown: Iterable[str], item: ItemFacts = _NO_ITEM
) -> Disclosed[V, OnePeer]:
    audience = OnePeer(asker.peer_id)
    shown = tuple(shown)
    record = _record(view.name, asker.network_id, audience, item, shown, verdict.showing(shown))
    return seal(view, audience, record)


def _sealed_for_dht(
    view: V, network_id: str, verdict: Verdict, item: ItemFacts = _NO_ITEM
) -> Disclosed[V, DhtServers]:
    audience = DhtServers(network_id)
    shown = _filled(view)
    record = _record(view.name, network_id, audience, item, shown, verdict.showing(shown))
    return seal(view, audience, record)


def _record(
    view: str,
    network_id: str,
    audience: Audience,
    item: ItemFacts,
    shown: Iterable[str],
    rules: Iterable[str],
) -> DisclosureRecord:
    peer_id = audience.peer_id if isinstance(audience, OnePeer) else ""
    return DisclosureRecord(
        network_id=network_id,
        audience=str(audience),
        peer_id=peer_id,
        view=view,
        item=item.manifest_cid,
        fields=tuple(sorted(shown)),
        rule=",".join(sorted(rules)),
        link=item.link_id,
    )
