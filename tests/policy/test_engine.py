"""Each method of the engine, and what its rules mean."""

import policy_kit as kit
import pytest

from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import DhtServers, LinkHolders, Members, OnePeer
from peertransfer.disclosure.disclosed import Denied, DisclosureRecord
from peertransfer.errors import DisclosureError
from peertransfer.policy.rules import Policy

ALL = kit.engine(
    'to = ["anyone"]\n'
    + "\n".join(f'show.{view} = ["*"]' for view in v.VIEWS if view not in ("provide", "want"))
)
NONE = kit.Engine(Policy())
HELLO = v.Hello(1, 8, b"n" * 32)
RECORD = v.PeerRecord(b"peer", (b"addr",))


def every_decision(engine, asker, item, now=kit.NOW):
    """Every decision but the catalogue's, which is never denied."""
    facts = [kit.entry(0)]
    return [
        engine.addresses(
            asker, listen_addrs=(b"a",), observed_addr=b"o", closer_peers=(RECORD,), now=kit.NOW
        ),
        engine.protocols(asker, protocol_ids=("/p/1",), now=kit.NOW),
        engine.protocols(asker, hello=HELLO, now=kit.NOW),
        engine.agent(asker, agent_version="a", protocol_version="p", now=kit.NOW),
        engine.provide(asker.network_id, item, locator=b"l" * 32, addrs=(b"a",), now=now),
        engine.provide_to(asker, item, locator=b"l" * 32, addrs=(b"a",), now=now),
        engine.provider_records(asker, provider_records=(RECORD,), now=kit.NOW),
        engine.lookup(asker.network_id, key=b"k", now=kit.NOW),
        engine.want(asker, item_cid=item.manifest_cid, locator=b"l" * 32, proof=b"p" * 32, now=kit.NOW),
        engine.manifest(asker, item, octets=b"m", now=now),
        kit.decide_openings(engine, asker, item, facts, now=now),
        engine.content(asker, item, facts, now=now),
        engine.grant(asker, item, proof=b"p" * 32, until=9, now=now),
        engine.refusal(asker, code=1, request_id=7, now=kit.NOW),
    ]


def test_without_a_rule_everything_is_denied():
    for decision in every_decision(NONE, kit.asker(Members("net1"), LinkHolders("l")), kit.item(link="l")):
        assert isinstance(decision, Denied)
        assert decision.rule == ""
    assert (
        NONE.catalogue(kit.asker(), items=[(kit.item(), v.CatalogueItem(title="t"))], now=kit.NOW).view.items
        == ()
    )
    assert not NONE.may_serve(kit.asker(), kit.item(), kit.NOW)


def test_what_nothing_makes_yet_is_denied_even_where_a_rule_shows_all():
    for name in ("membership", "statistics", "update"):
        assert getattr(ALL, name)(kit.asker(), now=kit.NOW) == Denied(name, "", "")


def test_a_record_tells_who_learns_which_fields_by_which_rules():
    engine = kit.engine(
        'name = "b"\nto = ["anyone"]\nshow.grant = ["proof"]',
        'name = "a"\nto = ["members"]\nshow.grant = ["*"]',
        'name = "c"\nto = ["members"]\nshow.agent = ["*"]',
    )
    sealed = engine.grant(kit.asker(Members("net1")), kit.item(), proof=b"p", until=9, now=1)
    assert sealed.audience == OnePeer(kit.PEER)
    assert sealed.view == v.GrantView(b"p", 9)
    assert sealed.record == DisclosureRecord(
        "net1", f"peer:{kit.PEER}", kit.PEER, "grant", kit.CID, ("proof", "until"), "a,b"
    )


def test_a_provider_record_without_addresses_is_none():
    for field in ("locator", "addrs"):
        engine = kit.engine(f'to = ["dht-servers"]\nshow.provide = ["{field}"]')
        answer = engine.provide("net1", kit.item(), locator=b"l", addrs=(b"a",), now=1)
        assert isinstance(answer, Denied)


def test_what_is_sealed_for_the_dht_names_no_peer():
    engine = kit.engine('to = ["dht-servers"]\nshow.provide = ["locator", "addrs"]\nshow.lookup = ["key"]')
    sealed = engine.provide("net1", kit.item(), locator=b"l", addrs=(b"a",), now=1)
    assert sealed.audience == DhtServers("net1")
    assert sealed.view == v.ProvideView(b"l", (b"a",))
    assert sealed.record == DisclosureRecord(
        "net1", "dht-servers:net1", "", "provide", kit.CID, ("addrs", "locator"), "r0"
    )
    assert engine.lookup("net1", key=b"k", now=kit.NOW).view == v.LookupView(b"k")
    assert engine.lookup("net1", key=b"k", now=kit.NOW).record.item == ""


def test_a_record_names_the_link_under_which_an_item_is_asked_for():
    asker, item = kit.asker(LinkHolders("ann")), kit.item(link="ann")
    entries = [kit.entry(0)]
    decisions = [
        ALL.grant(asker, item, proof=b"p", until=9, now=1),
        ALL.manifest(asker, item, octets=b"m", now=1),
        ALL.openings(asker, item, entries, share=None, openings=[kit.open_entry(0)], hide=kit.hide, now=1),
        ALL.content(asker, item, entries, now=1),
        kit.engine('to = ["dht-servers"]\nshow.provide = ["*"]').provide(
            "net1", item, locator=b"l", addrs=(b"a",), now=1
        ),
    ]
    assert [one.record.link for one in decisions] == ["ann"] * len(decisions)
    assert ALL.grant(asker, kit.item(), proof=b"p", until=9, now=1).record.link == ""
    getter = kit.engine('to = ["anyone"]\nshow.want = ["*"]')
    assert getter.want(asker, item_cid=kit.CID, locator=b"l", proof=b"p", now=1).record.link == ""


def test_each_field_is_shown_by_itself():
    addresses = kit.engine('to = ["anyone"]\nshow.addresses = ["observed_addr"]').addresses(
        kit.asker(), listen_addrs=(b"a",), observed_addr=b"o", closer_peers=(RECORD,), now=kit.NOW
    )
    assert addresses.view == v.AddressesView(observed_addr=b"o")
    assert addresses.record.fields == ("observed_addr",)
    whole = ALL.addresses(kit.asker(), listen_addrs=(b"a",), closer_peers=(RECORD,), now=kit.NOW)
    assert whole.view == v.AddressesView((b"a",), None, (RECORD,))
    assert whole.record.fields == ("closer_peers", "listen_addrs")
    agent = kit.engine('to = ["anyone"]\nshow.agent = ["protocol_version"]').agent(
        kit.asker(), agent_version="a", protocol_version="p", now=kit.NOW
    )
    assert agent.view == v.AgentView(None, "p")
    assert ALL.agent(kit.asker(), agent_version="a", protocol_version="p", now=kit.NOW).view == v.AgentView(
        "a", "p"
    )
    grant = kit.engine('to = ["anyone"]\nshow.grant = ["proof"]').grant(
        kit.asker(), kit.item(), proof=b"p", until=9, now=1
    )
    assert grant.view == v.GrantView(b"p", None)
    assert ALL.refusal(kit.asker(), code=3, request_id=7, now=kit.NOW).view == v.RefusalView(3, 7)


def test_hello_and_protocol_ids_are_two_questions():
    engine = kit.engine('to = ["anyone"]\nshow.protocols = ["hello"]')
    assert engine.protocols(kit.asker(), hello=HELLO, now=kit.NOW).view == v.ProtocolsView((), HELLO)
    assert engine.protocols(
        kit.asker(), hello=HELLO, protocol_ids=("/p",), now=kit.NOW
    ).view == v.ProtocolsView((), HELLO)
    assert isinstance(engine.protocols(kit.asker(), protocol_ids=("/p",), now=kit.NOW), Denied)
    assert ALL.protocols(kit.asker(), protocol_ids=("/p",), now=kit.NOW).view == v.ProtocolsView(("/p",))


def test_provider_records_are_apart_from_what_this_host_provides():
    engine = kit.engine('to = ["members"]\nshow.provide = ["provider_records"]')
    asker = kit.asker(Members("net1"))
    assert engine.provider_records(asker, provider_records=(RECORD,), now=kit.NOW).view.provider_records == (
        RECORD,
    )
    assert engine.provider_records(asker, provider_records=(), now=kit.NOW).record.fields == ()
    assert isinstance(engine.provide("net1", kit.item(), locator=b"l", addrs=(), now=1), Denied)


MEMBER = (Members("net1"),)
ROUTING = 'to = ["dht-servers"]\nshow.provide = ["locator", "addrs"]'


def told(engine, item=None, *, peer=kit.PEER, proven=MEMBER, now=kit.NOW):
    """Return what a peer that asks for the locator of an item is told."""
    asker = kit.asker(*proven, peer=peer)
    return engine.provide_to(asker, item or kit.item(), locator=b"l", addrs=(b"a", b"b"), now=now)


def test_who_asks_for_what_this_host_provides_learns_it_as_the_servers_do():
    sealed = told(kit.engine(ROUTING))
    assert sealed.audience == OnePeer(kit.PEER)
    assert sealed.view == v.ProvideView(b"l", (b"a", b"b"))
    assert sealed.record == DisclosureRecord(
        "net1", f"peer:{kit.PEER}", kit.PEER, "provide", kit.CID, ("addrs", "locator"), "r0"
    )


@pytest.mark.parametrize(
    "rule",
    [
        ROUTING.replace("dht-servers", "members"),
        ROUTING.replace("dht-servers", f"peer:{kit.PEER}"),
        ROUTING.replace("dht-servers", "dht-servers:net2"),
        ROUTING.replace('"addrs"', '"provider_records"'),
        ROUTING.replace('"locator"', '"provider_records"'),
        ROUTING + '\nitems = ["share:bafyother"]',
    ],
)
def test_what_the_servers_are_not_told_nobody_is_told_who_asks(rule):
    assert told(kit.engine(rule)) == Denied("provide", kit.CID, "")


@pytest.mark.parametrize("field", ["locator", "addrs"])
@pytest.mark.parametrize(
    "items", ["", f'items = ["share:{kit.CID}"]\n'], ids=["of everything", "of the share"]
)
def test_what_is_hidden_from_one_peer_it_is_not_told_when_it_asks(field, items):
    engine = kit.engine(ROUTING, f'to = ["peer:{kit.PEER}"]\n{items}hide.provide = ["{field}"]')
    assert told(engine) == Denied("provide", kit.CID, "r1")
    assert told(engine, peer=kit.OTHER).view.addrs == (b"a", b"b")
    assert isinstance(told(engine, kit.item("bafyother")), Denied) is not bool(items)


def test_what_is_hidden_from_the_members_or_from_a_proven_link_is_told_to_none_of_them():
    for word, proven in (("members", Members("net1")), ("link:alice", LinkHolders("alice"))):
        engine = kit.engine(ROUTING, f'to = ["{word}"]\nhide.provide = ["addrs"]')
        assert told(engine, proven=(proven,)) == Denied("provide", kit.CID, "r1")


def test_what_others_provide_is_hidden_without_hiding_what_this_host_does():
    engine = kit.engine(ROUTING, f'to = ["peer:{kit.PEER}"]\nhide.provide = ["provider_records"]')
    assert told(engine).view.locator == b"l"


def test_an_expired_share_is_told_to_nobody_who_asks():
    engine, item = kit.engine(ROUTING), kit.item(expires_at=100)
    assert told(engine, item, now=99).view.locator == b"l"
    assert told(engine, item, now=100) == Denied("provide", kit.CID, "")


@pytest.mark.parametrize("shown", ["locator", "proof", "requests"])
def test_a_want_without_locator_and_proof_is_none(shown):
    engine = kit.engine(f'to = ["anyone"]\nshow.want = ["{shown}"]')
    assert isinstance(engine.want(kit.asker(), item_cid="c", locator=b"l", proof=b"p", now=kit.NOW), Denied)


def test_a_want_says_what_may_follow_it():
    engine = kit.engine('to = ["anyone"]\nshow.want = ["locator", "proof", "delivered"]')
    sealed = engine.want(kit.asker(), item_cid="c", locator=b"l", proof=b"p", now=kit.NOW)
    assert sealed.view == v.WantView(b"l", b"p", requests=False, delivered=True)
    assert [one.fields for one in sealed.records] == [("locator", "proof"), ("delivered",)]
    assert {one.item for one in sealed.records} == {"c"}


def test_each_part_of_a_want_names_the_rules_that_show_it():
    engine = kit.engine(
        'to = ["anyone"]\nshow.want = ["locator", "requests"]',
        'to = ["members"]\nshow.want = ["proof", "requests"]',
    )
    asker = kit.asker(Members(kit.NETWORK))
    sealed = engine.want(asker, item_cid="c", locator=b"l", proof=b"p", now=kit.NOW)
    assert [(one.fields, one.rule) for one in sealed.records] == [
        (("locator", "proof"), "r0,r1"),
        (("requests",), "r0,r1"),
    ]
    engine = kit.engine(
        'to = ["anyone"]\nshow.want = ["locator", "proof"]', 'to = ["members"]\nshow.want = ["requests"]'
    )
    sealed = engine.want(asker, item_cid="c", locator=b"l", proof=b"p", now=kit.NOW)
    assert [one.rule for one in sealed.records] == ["r0", "r1"]


# --- audiences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "proven", "network", "shown"),
    [
        ("anyone", [], "open", True),
        ("peer:12D3peer", [], "net1", True),
        ("peer:12D3xther", [], "net1", False),
        ("peer:12D3xther", [OnePeer("12D3xther")], "net1", False),
        ("members", [Members("net1")], "net1", True),
        ("members", [], "net1", False),
        ("members", [Members("open")], "open", False),
        ("members", [Members("net2")], "net1", False),
        ("members:net1", [Members("net1")], "net1", True),
        ("members:net2", [Members("net1")], "net1", False),
        ("members:net2", [Members("net2")], "net1", False),
        ("dht-servers", [DhtServers("net1")], "net1", True),
        ("dht-servers", [DhtServers("open")], "open", False),
        ("dht-servers:open", [DhtServers("open")], "open", True),
        ("link-holders", [LinkHolders("l")], "net1", True),
        ("link-holders", [], "net1", False),
        ("link:l", [LinkHolders("l")], "net1", True),
        ("link:m", [LinkHolders("l")], "net1", False),
    ],
)
def test_a_rule_speaks_to_whom_it_names(to, proven, network, shown):
    engine = kit.engine(f'to = ["{to}"]\nshow.refusal = ["code"]')
    decision = engine.refusal(kit.asker(*proven, network=network), code=1, request_id=0, now=kit.NOW)
    assert isinstance(decision, Denied) is not shown


@pytest.mark.parametrize(
    ("to", "network", "shown"),
    [
        ("dht-servers", "net1", True),
        ("dht-servers", "open", False),
        ("dht-servers:open", "open", True),
        ("dht-servers:net2", "net1", False),
        ("members", "net1", False),
        ("anyone", "net1", True),
        ("peer:12D3peer", "net1", False),
    ],
)
def test_a_rule_speaks_to_the_servers_of_a_dht(to, network, shown):
    engine = kit.engine(f'to = ["{to}"]\nshow.lookup = ["key"]')
    assert isinstance(engine.lookup(network, key=b"k", now=kit.NOW), Denied) is not shown


def test_hiding_from_members_hides_from_the_servers_that_are_members():
    engine = kit.engine(
        'to = ["dht-servers"]\nshow.lookup = ["key"]', 'to = ["members"]\nhide.lookup = ["key"]'
    )
    assert engine.lookup("net1", key=b"k", now=kit.NOW) == Denied("lookup", "", "r1")


def test_a_peer_from_whom_look_ups_are_hidden_is_no_server_of_ours():
    for hidden in ('lookup = ["key"]', 'provide = ["addrs"]', 'provide = ["locator"]'):
        engine = kit.engine(f'to = ["peer:12D3peer"]\nhide.{hidden}')
        assert not engine.may_use_as_server(kit.asker(), kit.NOW)
        assert engine.may_use_as_server(kit.asker(peer=kit.OTHER), kit.NOW)
    engine = kit.engine('to = ["peer:12D3peer"]\nhide.provide = ["provider_records"]')
    assert engine.may_use_as_server(kit.asker(), kit.NOW)


def test_a_link_opens_only_what_is_asked_for_under_it():
    engine = kit.engine('to = ["link-holders"]\nshow.manifest = ["octets"]')
    asker = kit.asker(LinkHolders("alice"))
    assert isinstance(engine.manifest(asker, kit.item(), octets=b"m", now=1), Denied)
    assert isinstance(engine.manifest(asker, kit.item(link="bob"), octets=b"m", now=1), Denied)
    assert engine.manifest(asker, kit.item(link="alice"), octets=b"m", now=1).view.octets == b"m"


def test_hiding_from_the_holder_of_one_link_hides_under_every_link():
    engine = kit.engine(
        'to = ["link-holders"]\nshow.manifest = ["octets"]', 'to = ["link:bob"]\nhide.manifest = ["octets"]'
    )
    asker = kit.asker(LinkHolders("alice"), LinkHolders("bob"))
    assert engine.manifest(asker, kit.item(link="alice"), octets=b"m", now=1) == Denied(
        "manifest", kit.CID, "r1", "alice"
    )


# --- items ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "cid", "labels", "shown"),
    [
        ('"share:bafya"', "bafya", (), True),
        ('"share:bafya"', "bafyb", (), False),
        ('"label:public"', "bafya", ("x", "public"), True),
        ('"label:public"', "bafya", ("Public",), False),
        ('"share:bafya", "label:public"', "bafyb", ("public",), True),
        ('"share:bafya", "path:x"', "bafya", (), True),
        ('"share:bafya", "path:x"', "bafyb", (), False),
        ('"path:x"', "bafyb", (), True),
    ],
)
def test_a_rule_speaks_of_the_items_that_it_names(items, cid, labels, shown):
    engine = kit.engine(f'to = ["anyone"]\nitems = [{items}]\nshow.manifest = ["octets"]')
    decision = engine.manifest(kit.asker(), kit.item(cid, labels), octets=b"m", now=1)
    assert isinstance(decision, Denied) is not shown


def test_a_want_can_be_limited_to_a_share():
    engine = kit.engine('to = ["anyone"]\nitems = ["share:bafya"]\nshow.want = ["*"]')
    assert (
        engine.want(kit.asker(), item_cid="bafya", locator=b"l", proof=b"p", now=kit.NOW).record.item
        == "bafya"
    )
    assert isinstance(
        engine.want(kit.asker(), item_cid="bafyb", locator=b"l", proof=b"p", now=kit.NOW), Denied
    )


def test_a_rule_about_items_says_nothing_of_what_is_no_item():
    engine = kit.engine('to = ["anyone"]\nitems = ["share:bafya"]\nshow.provide = ["*"]')
    assert isinstance(engine.provider_records(kit.asker(), provider_records=(RECORD,), now=kit.NOW), Denied)
    assert (
        engine.provide("net1", kit.item("bafya"), locator=b"l", addrs=(b"a",), now=1).record.item == "bafya"
    )


def test_hiding_beats_showing_in_any_order():
    show, hide = (
        'name = "s"\nto = ["anyone"]\nshow.agent = ["*"]',
        'name = "h"\nto = ["anyone"]\nhide.agent = ["agent_version"]',
    )
    for rules in ([show, hide], [hide, show]):
        sealed = kit.engine(*rules).agent(kit.asker(), agent_version="a", protocol_version="p", now=kit.NOW)
        assert sealed.view == v.AgentView(None, "p")
        assert sealed.record.rule == "s"


def test_an_expired_share_is_neither_served_nor_provided():
    everything = kit.engine('to = ["anyone"]\n' + "\n".join(f'show.{view} = ["*"]' for view in v.VIEWS))
    item = kit.item(expires_at=100)
    now = dict(zip(("before", "at", "after"), (99, 100, 101), strict=True))
    views = ("provide", "provide", "manifest", "openings", "content", "grant")
    assert everything.may_serve(kit.asker(), item, now["before"])
    for decision in every_decision(everything, kit.asker(), item, now["before"]):
        assert not isinstance(decision, Denied)
    for late in (now["at"], now["after"]):
        denied = [
            one for one in every_decision(everything, kit.asker(), item, late) if isinstance(one, Denied)
        ]
        assert sorted(one.view for one in denied) == sorted(views)
        assert not everything.may_serve(kit.asker(), item, late)


# --- catalogue -----------------------------------------------------------------------------------


def test_a_catalogue_lists_of_each_share_what_is_shown():
    engine = kit.engine(
        'to = ["anyone"]\nitems = ["label:public"]\nshow.catalogue = ["title", "size"]',
        'to = ["anyone"]\nitems = ["share:bafyb"]\nhide.catalogue = ["size"]',
    )
    full = v.CatalogueItem("cid", "title", 2, 3, "link")
    items = [
        (kit.item("bafya", ("public",)), full),
        (kit.item("bafyb", ("public",)), full),
        (kit.item("bafyc"), full),
    ]
    sealed = engine.catalogue(kit.asker(), items=items, now=kit.NOW)
    assert sealed.view.items == (v.CatalogueItem(title="title", size=3), v.CatalogueItem(title="title"))
    assert [(one.item, one.fields, one.rule) for one in sealed.records] == [
        ("bafya", ("size", "title"), "r0"),
        ("bafyb", ("title",), "r0"),
    ]
    assert ALL.catalogue(kit.asker(), items=items, now=kit.NOW).view.items == (full, full, full)


def test_nothing_to_list_and_nothing_for_this_peer_are_the_same():
    hidden = NONE.catalogue(kit.asker(), items=[(kit.item(), v.CatalogueItem(title="t"))], now=kit.NOW)
    assert hidden.view == NONE.catalogue(kit.asker(), items=[], now=kit.NOW).view
    assert hidden.record.fields == ()


def test_a_record_of_a_catalogue_names_what_is_there_and_no_more():
    empty = v.CatalogueItem("bafya", "", 0, 0)
    (record,) = ALL.catalogue(kit.asker(), items=[(kit.item("bafya"), empty)], now=kit.NOW).records
    assert record.fields == ("entries", "manifest_cid", "size", "title")
    links = kit.engine('to = ["anyone"]\nshow.catalogue = ["link"]')
    assert links.catalogue(kit.asker(), items=[(kit.item("bafya"), empty)], now=kit.NOW).view.items == ()


def test_a_grant_without_end_says_nothing_of_its_end():
    sealed = ALL.grant(kit.asker(), kit.item(), proof=b"p", until=0, now=1)
    assert (sealed.view, sealed.record.fields) == (v.GrantView(b"p"), ("proof",))


# --- openings and content ------------------------------------------------------------------------


def test_openings_show_slot_by_slot():
    engine = kit.engine('to = ["anyone"]\nshow.openings = ["share_title", "name", "size"]')
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), [kit.entry(4), kit.entry(7)])
    assert kit.opened(sealed.view.share.slots) == {"title"}
    assert [entry.index for entry in sealed.view.entries] == [4, 7]
    for entry in sealed.view.entries:
        assert tuple(slot.slot for slot in entry.slots) == ENTRY_SLOTS
        assert kit.opened(entry.slots) == {"name", "size"}
    assert sealed.record.fields == ("name", "share_title", "size")
    assert tuple(slot.slot for slot in sealed.view.share.slots) == SHARE_SLOTS


def test_labels_of_the_share_and_of_an_entry_are_two_fields():
    engine = kit.engine('to = ["anyone"]\nshow.openings = ["labels"]')
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), [kit.entry(0)])
    assert kit.opened(sealed.view.share.slots) == set()
    assert kit.opened(sealed.view.entries[0].slots) == {"labels"}


def test_a_slot_that_came_hidden_stays_hidden():
    engine = kit.engine('to = ["anyone"]\nshow.openings = ["*"]')
    hidden = kit.EntryOpening(0, tuple(kit.hide(slot) for slot in kit.open_entry(0).slots))
    sealed = engine.openings(
        kit.asker(), kit.item(), [kit.entry(0)], share=None, openings=[hidden], hide=kit.hide, now=1
    )
    assert sealed.view.entries == (hidden,)
    assert sealed.view.share is None
    assert sealed.record.fields == ()


def test_a_record_names_what_any_entry_of_a_page_left_open():
    hidden = kit.EntryOpening(0, tuple(kit.hide(slot) for slot in kit.open_entry(0).slots))
    sealed = kit.engine('to = ["anyone"]\nshow.openings = ["name"]').openings(
        kit.asker(),
        kit.item(),
        [kit.entry(0), kit.entry(1)],
        share=None,
        openings=[hidden, kit.open_entry(1)],
        hide=kit.hide,
        now=1,
    )
    assert sealed.record.fields == ("name",)
    assert sealed.record.rule == "r0"


def test_a_path_narrows_openings_to_the_entries_that_match():
    engine = kit.engine(
        'to = ["anyone"]\nitems = ["path:docs/**"]\nshow.openings = ["name"]\nshow.content = ["octets"]',
        'to = ["anyone"]\nshow.openings = ["content", "kind"]',
        'to = ["anyone"]\nitems = ["path:private"]\nhide.openings = ["name"]\nhide.content = ["octets"]',
    )
    paths = ["docs/a", "b", "docs/private/deep/c", "docs/d"]
    facts = [kit.entry(index, path) for index, path in enumerate(paths)]
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), facts)
    assert [kit.opened(entry.slots) for entry in sealed.view.entries] == [
        {"name", "content", "kind"},
        {"content", "kind"},
        {"content", "kind"},
        {"name", "content", "kind"},
    ]
    assert sealed.record.rule == "r0,r1"
    content = engine.content(kit.asker(), kit.item(), facts, now=1)
    assert content.view.entries == {0, 3}
    assert content.record.rule == "r0"


def test_showing_a_folder_shows_nothing_below_it():
    engine = kit.engine('to = ["anyone"]\nitems = ["path:docs"]\nshow.openings = ["name"]')
    facts = [kit.entry(0, "docs"), kit.entry(1, "docs/a")]
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), facts)
    assert [kit.opened(entry.slots) for entry in sealed.view.entries] == [{"name"}, set()]


def test_a_label_of_its_own_selects_an_entry():
    engine = kit.engine('to = ["anyone"]\nitems = ["label:public"]\nshow.openings = ["name"]')
    facts = [kit.entry(0, labels=("public",)), kit.entry(1)]
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), facts)
    assert [kit.opened(entry.slots) for entry in sealed.view.entries] == [{"name"}, set()]
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(labels=("public",)), facts)
    assert [kit.opened(entry.slots) for entry in sealed.view.entries] == [{"name"}, {"name"}]


def test_a_path_and_a_label_must_both_match():
    engine = kit.engine('to = ["anyone"]\nitems = ["label:public", "path:docs/**"]\nshow.openings = ["name"]')
    facts = [kit.entry(0, "docs/a", ("public",)), kit.entry(1, "docs/b"), kit.entry(2, "c", ("public",))]
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), facts)
    assert [kit.opened(entry.slots) for entry in sealed.view.entries] == [{"name"}, set(), set()]


def test_a_page_with_no_open_slot_is_sealed_where_another_page_could_have_one():
    engine = kit.engine('to = ["anyone"]\nitems = ["path:docs/**"]\nshow.openings = ["name"]')
    sealed = kit.decide_openings(engine, kit.asker(), kit.item(), [kit.entry(0, "b")], share=False)
    assert kit.opened(sealed.view.entries[0].slots) == set()
    assert sealed.record.fields == ()
    assert sealed.record.rule == ""


def test_openings_are_denied_where_everything_shown_is_hidden_again():
    engine = kit.engine(
        'to = ["anyone"]\nitems = ["path:docs/**"]\nshow.openings = ["name"]',
        'to = ["anyone"]\nhide.openings = ["*"]',
    )
    assert kit.decide_openings(engine, kit.asker(), kit.item(), [kit.entry(0)]) == Denied(
        "openings", kit.CID, "r1"
    )


def test_facts_and_openings_of_different_entries_are_our_bug():
    with pytest.raises(DisclosureError):
        ALL.openings(
            kit.asker(),
            kit.item(),
            [kit.entry(1)],
            share=None,
            openings=[kit.open_entry(2)],
            hide=kit.hide,
            now=1,
        )
    with pytest.raises(DisclosureError):
        ALL.openings(kit.asker(), kit.item(), [kit.entry(1)], share=None, openings=[], hide=kit.hide, now=1)


def test_content_that_is_shown_whole_covers_every_entry():
    sealed = ALL.content(kit.asker(), kit.item(), [], now=1)
    assert sealed.view.entries is None
    assert sealed.record == DisclosureRecord(
        "net1", f"peer:{kit.PEER}", kit.PEER, "content", kit.CID, ("octets",), "r0"
    )


def test_octets_go_only_where_the_content_slot_is_open():
    show = 'to = ["anyone"]\nshow.content = ["octets"]'
    facts = [kit.entry(0, "a"), kit.entry(1, "b.key")]
    assert isinstance(kit.engine(show).content(kit.asker(), kit.item(), facts, now=1), Denied)
    engine = kit.engine(
        show,
        'to = ["anyone"]\nshow.openings = ["content"]',
        'to = ["anyone"]\nitems = ["path:*.key"]\nhide.openings = ["content"]',
    )
    assert engine.content(kit.asker(), kit.item(), facts, now=1).view.entries == {0}
    assert isinstance(engine.content(kit.asker(), kit.item(), facts[1:], now=1), Denied)


@pytest.mark.parametrize("missing", ["grant", "manifest", "openings"])
def test_a_want_can_be_granted_where_grant_manifest_and_openings_are_allowed(missing):
    shows = {"grant": ["proof"], "manifest": ["octets"], "openings": ["name"]}
    assert kit.engine(rule(shows)).may_serve(kit.asker(), kit.item(), 1)
    del shows[missing]
    assert not kit.engine(rule(shows)).may_serve(kit.asker(), kit.item(), 1)


def rule(shows):
    return 'to = ["anyone"]\n' + "\n".join(f"show.{view} = {fields}" for view, fields in shows.items())


def test_asking_what_a_peer_lists_takes_requests_and_names_no_item():
    shown = kit.engine('to = ["anyone"]\nshow.want = ["requests"]').want_catalogue(kit.asker(), now=1)
    assert (shown.view, shown.record.item) == (v.WantView(requests=True), "")
    hidden = kit.engine('to = ["anyone"]\nshow.want = ["locator", "proof"]')
    assert isinstance(hidden.want_catalogue(kit.asker(), now=1), Denied)
