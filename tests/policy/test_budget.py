"""What is left of a rule for one peer."""

import policy_kit as kit
import pytest

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import Members
from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.budget import Budget, Limit, Spent
from peertransfer.policy.engine import Engine
from peertransfer.policy.rules import Rule

USED = Spent(3, 1000, frozenset({"bafya", "bafyb"}))


def allows(limit, item="", used=USED, **how):
    rule = Rule("r", (), limit=limit)
    return Budget(lambda *_: used, "net", "peer", 1, **how).allows(rule, item)


@pytest.mark.parametrize(
    ("limit", "item", "is_allowed"),
    [
        (Limit(), "bafyc", True),
        (Limit(per_minute=4), "bafyc", True),
        (Limit(per_minute=3), "bafyc", False),
        (Limit(octets_per_day=1001), "bafyc", True),
        (Limit(octets_per_day=1000), "bafyc", False),
        (Limit(items_per_day=3), "bafyc", True),
        (Limit(items_per_day=2), "bafyc", False),
        (Limit(items_per_day=2), "bafyb", True),
        (Limit(items_per_day=2), "", True),
        (Limit(4, 1001, 2), "bafyc", False),
        (Limit(4, 1001, 3), "bafyc", True),
        (Limit(3, 1001, 3), "bafyc", False),
        (Limit(4, 1000, 3), "bafyc", False),
    ],
)
def test_a_limit_is_reached_by_what_was_used_before(limit, item, is_allowed):
    assert allows(limit, item) is is_allowed


def test_what_is_under_way_ends_with_its_octets_alone():
    assert allows(Limit(per_minute=3, items_per_day=2), "bafyc", is_under_way=True)
    assert not allows(Limit(octets_per_day=1000), "bafya", is_under_way=True)


def test_where_the_books_are_full_no_rule_with_a_limit_shows_anything():
    full = Spent(is_all=True)
    assert not allows(Limit(per_minute=100), used=full)
    assert not allows(Limit(per_minute=100), used=full, is_under_way=True)
    assert allows(Limit(), used=full)


def test_a_decision_counts_what_it_lists_itself():
    rule = Rule("r", (), limit=Limit(items_per_day=4))
    budget = Budget(lambda *_: USED, "net", "peer", 1)
    found = []
    for item in ("bafya", "bafyc", "bafyc", "bafyd", "bafye", "bafyd", "bafyb"):
        found.append(budget.allows(rule, item))
        if found[-1]:
            budget.note(["r"], item)
    assert found == [True, True, True, True, False, True, True]


def limited(*rules, book):
    asked = []

    def spent_by(rule, network_id, peer_id, now):
        asked.append((rule, network_id, peer_id, now))
        return book.get(rule, Spent())

    return Engine(kit.policy(*rules), spent_by), asked


@pytest.mark.parametrize("when", ["", '\nwhen = ["00:00-24:00"]'])
def test_a_rule_without_anything_left_shows_nothing_and_hides_on(when):
    engine, asked = limited(
        f'to = ["anyone"]\nshow.agent = ["*"]\nhide.addresses = ["*"]\nlimit.per_minute = 3{when}',
        'to = ["members"]\nshow.agent = ["agent_version"]\nshow.addresses = ["*"]',
        book={"r0": USED},
    )
    stranger, member = kit.asker(), kit.asker(Members("net1"))
    assert isinstance(engine.agent(stranger, agent_version="a", protocol_version="p", now=7), Denied)
    assert asked == [("r0", "net1", kit.PEER, 7)]
    left = engine.agent(member, agent_version="a", protocol_version="p", now=7)
    assert left.record.fields == ("agent_version",)
    assert isinstance(engine.addresses(member, listen_addrs=(b"a",), now=7), Denied)


def test_what_goes_to_all_servers_is_counted_for_all_of_them():
    engine, asked = limited(
        'to = ["dht-servers"]\nshow.lookup = ["key"]\nlimit.per_minute = 3', book={"r0": USED}
    )
    assert isinstance(engine.lookup("net1", key=b"k", now=7), Denied)
    assert asked == [("r0", "net1", "", 7)]


def test_a_catalogue_stops_at_the_limit_of_its_rule():
    engine, _ = limited(
        'to = ["anyone"]\nshow.catalogue = ["title"]\nlimit.items_per_day = 3', book={"r0": USED}
    )
    items = [(kit.item(f"bafy{one}"), v.CatalogueItem(title=one)) for one in "cdab"]
    listed = engine.catalogue(kit.asker(), items=items, now=1)
    assert [one.title for one in listed.view.items] == ["c", "a", "b"]
