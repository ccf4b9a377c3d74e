"""What is said of the past is true: the engine of the other policy is asked with all facts, and compared."""

from dataclasses import replace
from functools import partial

import policy_kit as kit
import policy_strategies as many
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import HashFunction
from peertransfer.disclosure.audience import LinkHolders, Members
from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import CatalogueItem, Hello, PeerRecord
from peertransfer.policy.engine import Engine
from peertransfer.policy.facts import ItemFacts
from peertransfer.policy.simulation import Change, Simulator
from peertransfer.service.past_facts import PastFacts
from peertransfer.store.ledger_chain import LedgerEntry
from peertransfer.store.links import StoredLink
from peertransfer.store.refusals import RefusalEntry
from peertransfer.store.shares import ShareSummary

NOW = kit.NOW
SHARE_OF = {"alice": "bafya", "bob": "bafyb"}
UNASKED = frozenset()
"""It did not come to the question."""
addrs = st.sets(st.sampled_from([kit.PUBLIC_ADDR, kit.PRIVATE_ADDR]), min_size=1).map(tuple)


def fields_of(decision):
    """Return what left; ``None``: it was refused."""
    return None if isinstance(decision, Denied) else frozenset(decision.records[0].fields)


class World:
    """One peer, two shares of this node, and everything that happened between them."""

    def __init__(self, draw):
        self.network = draw(st.sampled_from(["net1", "open"]))
        members = frozenset() if self.network == "open" else frozenset({Members(self.network)})
        self.peer = kit.asker(*members, network=self.network)
        self.link = draw(st.sampled_from(sorted(SHARE_OF)))
        self.holder = kit.asker(*members, LinkHolders(self.link), network=self.network)
        self.labels = draw(many.names.map(tuple))
        self.created_at = draw(st.sampled_from([NOW - 1, NOW - many.DAY, NOW - 3 * many.DAY]))
        self.expires_at = draw(st.sampled_from([0, NOW, NOW + 1]))
        self.entries = draw(many.entries.filter(bool))
        self.page = draw(st.sets(st.sampled_from(range(len(self.entries))), min_size=1))
        self.addrs = draw(addrs)
        self.observed = draw(st.sampled_from([None, b"seen"]))
        self.closer = draw(st.sampled_from([(), (PeerRecord(b"p", ()),)]))
        self.is_lost = draw(st.booleans())

    @property
    def item(self):
        cid = SHARE_OF[self.link]
        return ItemFacts(cid, self.labels, self.link, self.expires_at, self.created_at)

    def facts(self):
        """Return what the node knows of it afterwards."""
        shares = {
            cid: ShareSummary(
                *(cid, cid, HashFunction.BLAKE3, self.labels, 0, 0, 0, self.expires_at, self.created_at, 0)
            )
            for cid in SHARE_OF.values()
            if not self.is_lost
        }
        links = {name: StoredLink(name, cid, self.network, 1) for name, cid in SHARE_OF.items()}
        return PastFacts(shares, {name: one for name, one in links.items() if one.manifest_cid in shares})

    def questions(self):
        """Yield view, item, link and the answer that an engine gives, as the node asks it."""
        peer, item = self.peer, self.item
        if self.expires_at != NOW:  # what has expired is neither provided nor listed
            yield "provide", item, "", lambda engine: self.record(engine, to_peer=False)
            yield "provide", item, self.peer.peer_id, lambda engine: self.record(engine, to_peer=True)
            yield "catalogue", replace(item, link_id=""), self.peer.peer_id, self.catalogue
        for view, answer in (
            ("addresses", self.identify),
            ("addresses", self.dht),
            ("protocols", lambda engine: fields_of(engine.protocols(peer, protocol_ids=("x",), now=NOW))),
            ("protocols", lambda engine: frozenset({"hello"}) if self.greets(engine) else None),
            ("agent", self.agent),
            ("provide", self.others),
            ("refusal", partial(self.refusal, asker=peer)),
            ("refusal", partial(self.refusal, asker=self.holder)),
            ("want", lambda engine: self.greeted(engine, engine.want_catalogue(peer, now=NOW))),
        ):
            yield view, ItemFacts(""), peer.peer_id, answer
        yield "want", ItemFacts("bafyc"), peer.peer_id, self.want
        yield "lookup", ItemFacts(""), "", self.lookup
        for view, answer in (
            ("grant", self.grant),
            ("manifest", lambda engine: fields_of(engine.manifest(self.holder, item, octets=b"m", now=NOW))),
            ("openings", partial(self.openings, share=True)),
            ("openings", partial(self.openings, share=False)),
            ("content", self.content),
        ):
            yield view, item, peer.peer_id, partial(self.granted, answer=answer)

    # --- what the shell asks before, or does with an answer ----------------------------------------

    def greets(self, engine):
        return not isinstance(engine.protocols(self.peer, hello=Hello(1, 1, b"n"), now=NOW), Denied)

    def greeted(self, engine, decision):
        return fields_of(decision) if self.greets(engine) else UNASKED

    def granted(self, engine, answer):
        if not self.greets(engine):
            return UNASKED
        if not engine.may_serve(self.holder, self.item, NOW):
            return None if answer == self.grant else UNASKED
        return answer(engine)

    def agent(self, engine):
        return fields_of(engine.agent(self.peer, agent_version="a", protocol_version="p", now=NOW))

    def lookup(self, engine):
        return fields_of(engine.lookup(self.network, key=b"k", now=NOW))

    def refusal(self, engine, *, asker):
        return self.greeted(engine, engine.refusal(asker, code=1, request_id=0, now=NOW))

    def want(self, engine):
        told = {"item_cid": "bafyc", "locator": b"l", "proof": b"p", "now": NOW}
        return self.greeted(engine, engine.want(self.peer, **told))

    def identify(self, engine):
        return fields_of(
            engine.addresses(self.peer, listen_addrs=self.addrs, observed_addr=self.observed, now=NOW)
        )

    def dht(self, engine):
        left = fields_of(engine.addresses(self.peer, listen_addrs=(), closer_peers=self.closer, now=NOW))
        return UNASKED if left is None else left  # the introduction before was refused the same

    def others(self, engine):
        if isinstance(engine.addresses(self.peer, listen_addrs=(), now=NOW), Denied):
            return UNASKED
        return fields_of(
            engine.provider_records(self.peer, provider_records=(PeerRecord(b"p", ()),), now=NOW)
        )

    def record(self, engine, *, to_peer):
        told = {"locator": b"l", "addrs": self.addrs, "now": NOW}
        if not to_peer:
            return fields_of(engine.provide(self.network, self.item, **told))
        if isinstance(engine.addresses(self.peer, listen_addrs=(), now=NOW), Denied):
            return UNASKED
        left = fields_of(engine.provide_to(self.peer, self.item, **told))
        return UNASKED if left is None else left  # that it keeps its own record is booked nowhere

    def catalogue(self, engine):
        item = CatalogueItem(self.item.manifest_cid, "t", 1, 1, "link")
        facts = replace(self.item, link_id="")
        return self.greeted(engine, engine.catalogue(self.peer, items=[(facts, item)], now=NOW))

    def grant(self, engine):
        return fields_of(engine.grant(self.holder, self.item, proof=b"p", until=self.expires_at, now=NOW))

    def openings(self, engine, *, share):
        entries = [] if share else [one for one in self.entries if one.index in self.page]
        return fields_of(kit.decide_openings(engine, self.holder, self.item, entries, share=share))

    def content(self, engine):
        decision = engine.content(self.holder, self.item, self.entries, now=NOW)
        if isinstance(decision, Denied) or not all(map(decision.view.covers, self.page)):
            return None
        return fields_of(decision)

    # --- what the ledger keeps ---------------------------------------------------------------------

    def entry(self, view, item, peer_id, fields):
        place = (peer_id, self.network, "audience", view, item.manifest_cid, item.link_id)
        return LedgerEntry(1, NOW, NOW, *place, tuple(sorted(fields)), "rule", 0, 1)

    def in_vain(self, view, item, peer_id):
        return RefusalEntry(NOW, self.network, peer_id, view, item.manifest_cid, item.link_id, 1)


@st.composite
def worlds(draw):
    return World(draw)


def judged(world, simulator, facts, view, item, peer_id, fields):
    """Return what is found of one question, or nothing where the ledger does not have it."""
    if fields:
        past = facts.of_entry(world.entry(view, item, peer_id, fields), simulator)
    elif fields is None:
        past = facts.of_refusal(world.in_vain(view, item, peer_id), simulator)
    else:  # it was not asked, or nothing was in the answer
        return None
    return simulator.judge(past, world.entries) if past and past.questions else None


@given(worlds(), many.policies(), many.policies(), many.books)
def test_what_is_sure_is_true(world, before, tried, book):
    first, second = Engine(before, many.spent_by(book)), Engine(tried)
    facts, simulator = world.facts(), Simulator(tried)
    for view, item, peer_id, answer in world.questions():
        left, would = answer(first), answer(second) or frozenset()
        findings = judged(world, simulator, facts, view, item, peer_id, left)
        if findings is None:
            continue
        left = left or frozenset()
        said = {change: set() for change in Change}
        for one in findings.found:
            said[one.change] |= set(one.fields)
        unsure = said[Change.UNDECIDED]
        assert said[Change.NEWLY_SHOWN] <= would - left, view
        assert said[Change.NEWLY_HIDDEN] <= left - would, view
        assert would - left <= said[Change.NEWLY_SHOWN] | unsure, view
        assert left - would <= said[Change.NEWLY_HIDDEN] | unsure, view


@given(worlds(), many.policies(), many.books)
def test_the_policy_in_force_changes_nothing(world, policy, book):
    engine = Engine(policy, many.spent_by(book))
    facts, simulator = world.facts(), Simulator(policy, policy)
    for view, item, peer_id, answer in world.questions():
        left = answer(engine)
        findings = judged(world, simulator, facts, view, item, peer_id, left)
        assert findings is None or findings.found == (), view
