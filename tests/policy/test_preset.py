"""What a node discloses as ``init`` leaves it."""

import policy_kit as kit

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import DhtServers, LinkHolders, Members
from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import COARSER
from peertransfer.policy.audience_parser import AUDIENCE_WORDS
from peertransfer.policy.condition_parser import LIMIT_KEYS
from peertransfer.policy.engine import Engine
from peertransfer.policy.explain import Explainer
from peertransfer.policy.item_parser import ITEM_WORDS
from peertransfer.policy.parse import TOP_KEYS, parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.policy.rule_parser import RULE_KEYS

POLICY = parse_policy(CLOSED, "policy.toml")
EXPLAINER = Explainer(POLICY)

STRANGER = {
    "protocols.hello",
    "refusal.code",
    "want.locator",
    "want.proof",
    "want.requests",
    "want.delivered",
}
LINK = {
    "manifest.octets",
    "content.octets",
    "grant.proof",
    "grant.until",
    *(
        f"openings.{slot}"
        for slot in ("share_title", "kind", "content", "name", "folder", "size", "executable")
    ),
}
MEMBER = {
    "addresses.listen_addrs",
    "addresses.closer_peers",
    "protocols.protocol_ids",
    "provide.provider_records",
}
DHT = {"provide.locator", "provide.addrs", "lookup.key"}


def shown(asker, item):
    return {name for name, why in EXPLAINER.explain(asker, item, now=kit.NOW).items() if why.shown}


def test_a_stranger_learns_no_more_than_a_greeting():
    assert shown(kit.asker(network="open"), kit.item()) == STRANGER


def test_who_holds_the_link_sees_what_is_behind_it_and_not_when_it_was_made():
    asker = kit.asker(LinkHolders("alice"), network="open")
    assert shown(asker, kit.item(link="alice")) == STRANGER | LINK
    assert shown(asker, kit.item(link="bob")) == STRANGER


def test_a_member_finds_hosts_and_no_shares():
    assert shown(kit.asker(Members("net1")), kit.item()) == STRANGER | MEMBER | DHT


def test_the_open_network_has_neither_members_nor_servers():
    asker = kit.asker(Members("open"), DhtServers("open"), network="open")
    assert shown(asker, kit.item()) == STRANGER
    engine = Engine(POLICY)
    assert isinstance(engine.lookup("open", key=b"k", now=kit.NOW), Denied)
    assert isinstance(engine.provide("open", kit.item(), locator=b"l", addrs=(), now=1), Denied)
    assert not isinstance(engine.lookup("net1", key=b"k", now=kit.NOW), Denied)


def test_the_main_job_works_from_the_first_minute():
    engine = Engine(POLICY)
    assert engine.may_serve(kit.asker(LinkHolders("alice")), kit.item(link="alice"), 1)
    assert not engine.may_serve(kit.asker(), kit.item(link="alice"), 1)
    assert (
        engine.content(kit.asker(LinkHolders("alice")), kit.item(link="alice"), [], now=1).view.entries
        is None
    )


def test_the_example_in_the_comments_is_a_rule():
    lines = CLOSED.splitlines()
    start = lines.index("# [[rule]]")
    example = "\n".join(line.removeprefix("# ") for line in lines[start:])
    policy = parse_policy(CLOSED + example, "policy.toml")
    assert len(policy.rules) == len(POLICY.rules) + 1
    facts = [kit.entry(0, "a"), kit.entry(1, "keys/b.key")]
    content = Engine(policy).content(kit.asker(LinkHolders("l")), kit.item(link="l"), facts, now=1)
    assert content.view.entries == {0}


def test_the_preset_fits_a_screen_and_names_each_audience():
    lines = CLOSED.splitlines()
    assert lines.index("version = 1") <= 40
    assert len(lines) <= 80
    assert max(map(len, CLOSED.splitlines())) <= 106
    for word in (*AUDIENCE_WORDS, *ITEM_WORDS):
        assert f'"{word}' in CLOSED
    for word in (*RULE_KEYS, *LIMIT_KEYS, *TOP_KEYS, *(name for of in COARSER.values() for name in of)):
        assert word in CLOSED


def test_the_rule_that_teaches_is_one_and_its_test_holds():
    text = CLOSED[: CLOSED.index("version = 1")].replace("<peer ID>", "12D3KooWFriend")
    lines = [line.removeprefix("#").strip() for line in text.splitlines()]
    start, end = (
        lines.index("[[rule]]"),
        lines.index("limit.per_minute = 10                              # for each peer"),
    )
    rule = lines[start : end + 1]
    taught = [line.partition(":  ")[2] or line for line in lines]
    groups = ["[groups]", 'friends = ["peer:12D3KooWFriend"]']
    assert any("[groups]" in line for line in taught)
    first = next(place for place, line in enumerate(taught) if "[[expect]]" in line)
    expect = ["[[expect]]", *taught[first + 1 : first + 4]]
    parse_policy("\n".join(["version = 1", *groups, *rule, *expect]), "policy.toml")


def test_every_view_that_is_never_shown_is_left_out_on_purpose():
    shown_views = {view for rule in POLICY.rules for view in rule.show}
    assert set(v.VIEWS) - shown_views == {"agent", "catalogue", "membership", "statistics", "update"}
