"""What holds for every policy, asker and item."""

import policy_kit as kit
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.opening import OpenSlot
from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import DhtServers, LinkHolders, Members
from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.engine import Engine
from peertransfer.policy.explain import Explainer
from peertransfer.policy.globs import PathGlob
from peertransfer.policy.matching import RuleIndex, reach_of_asker
from peertransfer.policy.rules import AudienceKind, AudiencePattern, ItemPattern, Policy, Rule

RECORD = v.PeerRecord(b"peer", (b"addr",))

patterns = st.sampled_from(
    [
        AudiencePattern(kind, identity)
        for kind, identity in [
            (AudienceKind.ANYONE, ""),
            (AudienceKind.PEER, kit.PEER),
            (AudienceKind.PEER, kit.OTHER),
            (AudienceKind.MEMBERS, ""),
            (AudienceKind.MEMBERS, "net1"),
            (AudienceKind.MEMBERS, "net2"),
            (AudienceKind.DHT_SERVERS, ""),
            (AudienceKind.DHT_SERVERS, "net1"),
            (AudienceKind.LINK, ""),
            (AudienceKind.LINK, "alice"),
            (AudienceKind.LINK, "bob"),
        ]
    ]
)
names = st.frozensets(st.sampled_from(["public", "secret"]), max_size=1)
globs = st.lists(st.sampled_from(["docs/**", "*.key", "docs", "**"]).map(PathGlob), max_size=2).map(tuple)
item_patterns = st.just(ItemPattern()) | st.builds(
    ItemPattern, st.frozensets(st.sampled_from(["bafya", "bafyb"]), max_size=1), names, globs
)


@st.composite
def effects(draw):
    views = draw(
        st.lists(st.sampled_from([one for one in v.VIEWS if v.VIEW_FIELDS[one]]), unique=True, max_size=6)
    )
    return {one: draw(st.frozensets(st.sampled_from(v.VIEW_FIELDS[one]), min_size=1)) for one in views}


@st.composite
def policies(draw, max_size=6):
    bodies = draw(
        st.lists(
            st.tuples(st.lists(patterns, min_size=1, max_size=3), item_patterns, effects(), effects()),
            max_size=max_size,
        )
    )
    rules = (
        Rule(f"r{place}", tuple(to), items, show, hide)
        for place, (to, items, show, hide) in enumerate(bodies)
    )
    return Policy(tuple(rules))


audiences = st.lists(
    st.sampled_from(
        [
            Members("net1"),
            Members("net2"),
            Members("open"),
            DhtServers("net1"),
            DhtServers("open"),
            LinkHolders("alice"),
            LinkHolders("bob"),
        ]
    ),
    max_size=4,
)
askers = st.builds(
    lambda proven, network: kit.asker(*proven, network=network), audiences, st.sampled_from(["net1", "open"])
)
items = st.builds(
    kit.item,
    st.sampled_from(["bafya", "bafyb"]),
    names.map(tuple),
    st.sampled_from(["", "alice", "bob"]),
    st.sampled_from([0, kit.NOW, kit.NOW + 1]),
)
entries = st.lists(
    st.tuples(st.sampled_from(["docs/a", "docs/b.key", "c", "x/docs/d"]), names.map(tuple)), max_size=5
).map(lambda found: [kit.entry(index, path, labels) for index, (path, labels) in enumerate(found)])


def decisions(engine, asker, item, facts):
    """Every decision, by the name of what was asked."""
    now = kit.NOW
    full = v.CatalogueItem(item.manifest_cid, "title", 1, 2, "link")
    return {
        "addresses": engine.addresses(
            asker, listen_addrs=(b"a",), observed_addr=b"o", closer_peers=(RECORD,)
        ),
        "identify": engine.protocols(asker, protocol_ids=("/p",)),
        "hello": engine.protocols(asker, hello=v.Hello(1, 8, b"n" * 32)),
        "agent": engine.agent(asker, agent_version="a", protocol_version="p"),
        "provide": engine.provide(asker.network_id, item, locator=b"l", addrs=(b"a",), now=now),
        "provide_to": engine.provide_to(asker, item, locator=b"l", addrs=(b"a",), now=now),
        "records": engine.provider_records(asker, provider_records=(RECORD,)),
        "lookup": engine.lookup(asker.network_id, key=b"k"),
        "want": engine.want(asker, item_cid=item.manifest_cid, locator=b"l", proof=b"p"),
        "catalogue": engine.catalogue(asker, items=[(item, full)]),
        "manifest": engine.manifest(asker, item, octets=b"m", now=now),
        "openings": kit.decide_openings(engine, asker, item, facts),
        "content": engine.content(asker, item, facts, now=now),
        "grant": engine.grant(asker, item, proof=b"p", until=9, now=now),
        "refusal": engine.refusal(asker, code=1, request_id=2),
    }


def facts_of(decision):
    """Everything that a decision lets out, as a set of comparable facts."""
    if isinstance(decision, Denied):
        return set()
    view = decision.view
    if isinstance(view, v.OpeningsView):
        found = {
            (entry.index, slot.slot)
            for entry in view.entries
            for slot in entry.slots
            if isinstance(slot, OpenSlot)
        }
        return found | ({("share", slot) for slot in kit.opened(view.share.slots)} if view.share else set())
    if isinstance(view, v.ContentView):
        return set(range(100)) if view.entries is None else set(view.entries)
    if isinstance(view, v.CatalogueView):
        return {
            name
            for one in view.items
            for name in v.VIEW_FIELDS["catalogue"]
            if getattr(one, name) is not None
        }
    if isinstance(view, v.RefusalView):
        return {"code"}
    return {name for name in v.VIEW_FIELDS[view.name] if getattr(view, name) not in (None, (), False)}


def fields_of(decision):
    """The fields that a sealed view holds, by the names of ``VIEW_FIELDS``."""
    found = facts_of(decision)
    if isinstance(decision.view, v.OpeningsView):
        return {f"share_{slot}" if where == "share" else slot for where, slot in found}
    return {"octets"} if isinstance(decision.view, v.ContentView) else found


@given(policies(), askers, items, entries)
def test_no_view_holds_a_field_that_its_rules_do_not_show(policy, asker, item, facts):
    by_name = {rule.name: rule for rule in policy.rules}
    for decision in decisions(Engine(policy), asker, item, facts).values():
        if isinstance(decision, Denied):
            continue
        record = decision.record
        assert set(record.fields) == fields_of(decision)
        rules = [by_name[name] for name in record.rule.split(",") if name]
        shown = set().union(*(rule.show.get(record.view, ()) for rule in rules))
        assert set(record.fields) <= shown
        for rule in rules:
            assert rule.show[record.view] & set(record.fields)


@given(policies(), policies(max_size=2), askers, items, entries)
def test_adding_what_hides_never_reveals_more(policy, more, asker, item, facts):
    hiding = tuple(Rule(f"h{place}", one.to, one.items, {}, one.hide) for place, one in enumerate(more.rules))
    before = decisions(Engine(policy), asker, item, facts)
    after = decisions(Engine(Policy(policy.rules + hiding)), asker, item, facts)
    for name, decision in after.items():
        assert facts_of(decision) <= facts_of(before[name])


@given(policies(), st.randoms(use_true_random=False), askers, items, entries)
def test_the_order_of_rules_does_not_matter(policy, random, asker, item, facts):
    shuffled = list(policy.rules)
    random.shuffle(shuffled)
    again = Engine(Policy(tuple(shuffled)))
    engine = Engine(policy)
    assert decisions_equal(decisions(engine, asker, item, facts), decisions(again, asker, item, facts))
    assert decisions_equal(decisions(engine, asker, item, facts), decisions(engine, asker, item, facts))
    assert engine.may_serve(asker, item, kit.NOW) == again.may_serve(asker, item, kit.NOW)
    assert engine.may_use_as_server(asker) == again.may_use_as_server(asker)


def decisions_equal(some, others):
    return all(some[name] == others[name] for name in some)


@given(policies(), askers, items, entries)
def test_proving_less_reveals_no_more_where_nothing_is_hidden(policy, asker, item, facts):
    showing = Engine(Policy(tuple(Rule(one.name, one.to, one.items, one.show) for one in policy.rules)))
    more = decisions(showing, asker, item, facts)
    less = decisions(showing, kit.asker(network=asker.network_id), item, facts)
    for name, decision in less.items():
        assert facts_of(decision) <= facts_of(more[name])


@given(policies(), askers, items, entries, entries)
def test_whether_it_is_denied_does_not_depend_on_what_is_hidden(policy, asker, item, some, others):
    """Two runs that differ only in a field's value get the same answer up to that field."""
    engine = Engine(policy)
    full = engine.addresses(asker, listen_addrs=(b"a",), observed_addr=b"o", closer_peers=(RECORD,))
    index = RuleIndex(policy)
    shown = index.verdict("addresses", reach_of_asker(asker))
    other = engine.addresses(
        asker,
        listen_addrs=(b"a",) if "listen_addrs" in shown else (b"b",),
        observed_addr=b"o" if "observed_addr" in shown else None,
        closer_peers=(RECORD,) if "closer_peers" in shown else (),
    )
    assert other == full
    first, second = (kit.decide_openings(engine, asker, item, facts) for facts in (some, others))
    assert isinstance(first, Denied) == isinstance(second, Denied)


@given(policies(), askers, items)
def test_who_asks_is_told_no_more_than_the_servers_of_the_dht(policy, asker, item):
    made = decisions(Engine(policy), asker, item, [])
    assert facts_of(made["provide_to"]) in (set(), facts_of(made["provide"]))


@given(policies(), askers, items, entries)
def test_what_is_granted_can_be_served(policy, asker, item, facts):
    engine = Engine(policy)
    made = decisions(engine, asker, item, facts)
    granted = all(not isinstance(made[name], Denied) for name in ("grant", "manifest", "openings"))
    assert engine.may_serve(asker, item, kit.NOW) == granted


@given(policies(), askers, items, entries)
def test_what_is_explained_is_what_is_decided(policy, asker, item, facts):
    item = kit.item(item.manifest_cid, item.labels, item.link_id)
    made = decisions(Engine(policy), asker, item, facts)
    explained = Explainer(policy).explain(asker, item)
    for name in ("addresses", "agent", "catalogue", "manifest"):
        shown = {field for field in v.VIEW_FIELDS[name] if explained[f"{name}.{field}"].shown}
        assert shown == facts_of(made[name])
    for facts_of_entry in facts:
        told = Explainer(policy).explain(asker, item, facts_of_entry)
        slots = {slot for where, slot in facts_of(made["openings"]) if where == facts_of_entry.index}
        assert slots == {slot for slot in v.ENTRY_SLOTS if told[f"openings.{slot}"].shown}
        assert told["content.octets"].shown == (facts_of_entry.index in facts_of(made["content"]))
