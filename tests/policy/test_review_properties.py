"""What is told to be in vain is in vain: without it, everybody is shown what they are with it."""

from dataclasses import replace
from itertools import product

import policy_kit as kit
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_decisions import decisions, facts_of
from policy_strategies import DAY, alike_policies, books, spent_by

from peertransfer.disclosure.audience import DhtServers, LinkHolders, Members
from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import ContentView
from peertransfer.policy.engine import Engine
from peertransfer.policy.facts import Asker
from peertransfer.policy.review import review
from peertransfer.policy.rules import AudienceKind

MANY = settings(max_examples=300)
ASKERS = [
    Asker(network, kit.PEER, frozenset(proven), frozenset(roles))
    for network, proven, roles in [
        ("net1", [], []),
        ("net1", [Members("net1"), LinkHolders("alice")], []),
        ("net1", [Members("net1"), DhtServers("net1"), LinkHolders("bob")], ["admin"]),
        ("open", [DhtServers("open")], []),
        ("open", [Members("net2"), LinkHolders("alice"), LinkHolders("bob")], []),
    ]
]
ITEMS = [
    kit.item("bafya", (), "alice", 0, kit.NOW - DAY),
    kit.item("bafyb", ("public",), "bob", 0, kit.NOW - 3 * DAY),
    kit.item("bafyc", ("public", "secret"), "", kit.NOW + 1, kit.NOW - 1),
    kit.item("bafya", ("secret",)),
]
ENTRIES = [
    kit.entry(index, *facts)
    for index, facts in enumerate(
        [
            ("docs/a", (), "image/png", 9),
            ("docs/b.key", (), "image/jpeg", 999),
            ("docs/b.key/c", ("secret",), "text/plain", 1000),
            ("x/docs/d", ("public",), "", 10),
            ("x.key", (), "image/png", None),
            ("", ("public", "secret"), "", None),
        ]
    )
]


def without(policy, findings):
    """The policy without what the findings name."""
    rules = {rule.name: rule for rule in policy.rules}
    for finding in findings:
        rule = rules[finding.rule.name]
        sides = {side: less(getattr(rule, side), getattr(finding, side)) for side in ("show", "hide")}
        rules[rule.name] = replace(rule, **sides)
    return replace(policy, rules=tuple(rules.values()))


def less(effect, vain):
    left = {view: fields - vain.get(view, frozenset()) for view, fields in effect.items()}
    return {view: fields for view, fields in left.items() if fields}


def as_this_version_asks(asker, findings):
    """The open network has no members; and nobody has a role in this version, as the findings may say."""
    is_said = any(all(one.kind is AudienceKind.ROLE for one in finding.rule.to) for finding in findings)
    roles = frozenset() if is_said else asker.roles
    return replace(asker, audiences=asker.audiences - {Members("open")}, roles=roles)


def shown(policy, book, asker, item):
    engine = Engine(policy, spent_by(book))
    told = {}
    for name, decision in decisions(engine, asker, item, ENTRIES).items():
        is_of_all = not isinstance(decision, Denied) and decision.view == ContentView(None)
        told[name] = {one.index for one in ENTRIES} if is_of_all else facts_of(decision)
    return told, engine.may_use_as_server(asker, kit.NOW)


@MANY
@given(alike_policies(), books, st.data())
def test_what_is_in_vain_can_go_one_by_one_or_all_at_once(policy, book, data):
    found = review(policy, kit.NOW).findings
    if not found:
        return
    gone = data.draw(st.sampled_from([found, *((one,) for one in found)]))
    fewer = without(policy, gone)
    for one, item in product(ASKERS, ITEMS):
        asker = as_this_version_asks(one, gone)
        assert shown(fewer, book, asker, item) == shown(policy, book, asker, item)


@MANY
@given(alike_policies(), books)
def test_whether_a_share_is_given_changes_only_where_all_that_is_hidden_is_single_entries(policy, book):
    """Where entries may show something is not looked at one by one: what is shown and hidden of some counts."""
    vain = [
        one
        for one in review(policy, kit.NOW).findings
        if not one.rule.items.narrows_entries and not one.rule.items.labels
    ]
    engine, other = Engine(policy, spent_by(book)), Engine(without(policy, vain), spent_by(book))
    for one, item in product(ASKERS, ITEMS):
        asker = as_this_version_asks(one, vain)
        assert engine.may_serve(asker, item, kit.NOW) == other.may_serve(asker, item, kit.NOW)


@given(alike_policies())
def test_a_finding_names_what_its_rule_says(policy):
    for finding in review(policy, kit.NOW).findings:
        for vain, said in ((finding.show, finding.rule.show), (finding.hide, finding.rule.hide)):
            assert all(fields <= said[view] for view, fields in vain.items())
        assert str(finding).startswith(f"Line 0, rule {finding.rule.name}: ")
        assert finding.mend.endswith(".")
