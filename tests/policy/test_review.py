"""What is told of a valid policy."""

import time

import policy_kit as kit
import pytest

from peertransfer.policy import overlaps
from peertransfer.policy.parse import MAX_RULES, parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.policy.review import review

GROUPS = """version = 1
[groups]
friends = ["peer:12D3a", "peer:12D3b"]
family = ["peer:12D3c", "group:friends"]
"""
ALL = 'name = "all"\nto = ["anyone"]\nshow.openings = ["name", "size", "content"]\nshow.content = "*"'


def told(*rules, now=kit.NOW):
    """The findings on ``[[rule]]`` bodies, by the rule's name, as a person reads them."""
    bodies = [one if "name =" in one else f'name = "r{place}"\n{one}' for place, one in enumerate(rules)]
    text = GROUPS + "".join(f"[[rule]]\n{one}\n" for one in bodies)
    found = {}
    for one in review(parse_policy(text, "my.toml"), now).findings:
        found.setdefault(one.rule.name, []).append(str(one))
        line = text.split("\n")[one.rule.line - 1 :]
        assert line[0] == "[[rule]]"
        assert one.rule.name in line[1]
    return found


def only(*rules, now=kit.NOW):
    """The one finding, without the rule's line and name."""
    ((sentence,),) = told(*rules, now=now).values()
    return sentence.partition(": ")[2]


def test_what_init_writes_says_nothing_in_vain():
    assert review(parse_policy(CLOSED, "policy.toml"), kit.NOW).findings == ()


# --- rules that never speak ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ('to = ["anyone"]\nshow = {}', "it names no view, so that it does nothing"),
        (
            'to = ["anyone"]\nshow.agent = "*"\nwhen = ["1970-01-10..1970-01-11", "mon-fri"]',
            "its dates and its hours never meet, so that it shows nothing",
        ),
        (
            'to = ["anyone"]\nhide.agent = "*"\nwhen = ["..1970-01-11"]',
            "its time is over, so that it hides nothing",
        ),
        (
            'to = ["role:admin", "role:nurse@net1"]\nshow.agent = "*"\nhide.lookup = "*"',
            "nobody has a role in this version, so that it shows and hides nothing",
        ),
        (
            'to = ["anyone"]\nhide.update = "*"',
            "it hides nothing of update, which has no fields in this version",
        ),
        ('to = ["anyone"]\nshow.agent = []', "it shows nothing of agent"),
        (
            'to = ["members", "peer:12D3a"]\nshow.lookup = "*"',
            'lookup goes to all the servers of a DHT at once, and only "anyone" and "dht-servers" show that',
        ),
        (
            'to = ["link:bob"]\nshow.want = ["locator", "proof"]',
            "want (locator, proof) is about a share of somebody else, and links open none but this node's own",
        ),
        (
            'to = ["members:open"]\nshow.agent = "*"',
            "the open network has no members, so that it shows them nothing",
        ),
        (
            'to = ["anyone"]\nitems = ["label:a"]\nhide.provide = ["provider_records"]',
            "provide (provider_records) is about no item, and it has items",
        ),
        (
            'to = ["anyone"]\nshow.content = "*"',
            "content leaves only together with openings.content, which no rule shows",
        ),
        (
            'to = ["anyone"]\nshow.provide = ["locator"]',
            "provide (locator) leaves only together with provide.addrs or provide.private_addrs, which no rule shows",
        ),
        (
            'to = ["anyone"]\nshow.grant = ["until"]',
            "grant (until) leaves only together with grant.proof, which no rule shows",
        ),
    ],
)
def test_what_can_never_match_is_told(rule, what):
    assert only(rule).startswith(what + ". ")


@pytest.mark.parametrize(
    "rule",
    [
        'to = ["anyone"]\nshow.agent = "*"\nwhen = ["1970-01-11..1970-01-12", "mon-fri"]',
        'to = ["anyone"]\nshow.agent = "*"\nwhen = ["1970-01-12..1970-01-12"]',
        'to = ["role:admin", "members"]\nshow.agent = "*"',
        'to = ["members", "dht-servers"]\nshow.lookup = "*"',
        'to = ["members"]\nhide.lookup = "*"',
        'to = ["peer:12D3a"]\nhide.provide = ["locator"]',
        'to = ["members:open"]\nhide.lookup = "*"',
        'to = ["link:bob"]\nshow.want = ["requests"]',
        'to = ["link:bob"]\nshow.addresses = "*"',
        'to = ["members"]\nshow.provide = "*"',
        'to = ["dht-servers"]\nitems = ["label:a"]\nshow.provide = "*"',
        'to = ["anyone"]\nhide.content = "*"',
        'to = ["anyone"]\nshow.openings = ["content"]\nshow.content = "*"',
    ],
)
def test_what_can_match_is_not_told(rule):
    assert told(rule) == {}


# --- rules that contradict each other --------------------------------------------------------------


@pytest.mark.parametrize(
    ("shows", "hides"),
    [
        ('to = ["anyone"]', 'to = ["anyone"]'),
        ('to = ["peer:12D3a"]', 'to = ["group:friends"]'),
        ('to = ["group:friends", "peer:12D3c"]', 'to = ["group:family"]'),
        ('to = ["members:net1", "link:bob"]', 'to = ["members", "link-holders"]'),
        ('to = ["role:a@net1", "peer:12D3a"]', 'to = ["role:a", "anyone"]'),
        ('to = ["anyone"]\nitems = ["label:a"]', 'to = ["anyone"]\nitems = ["label:a", "label:b"]'),
        ('to = ["anyone"]\nitems = ["path:docs/*.txt"]', 'to = ["anyone"]\nitems = ["path:docs"]'),
        ('to = ["anyone"]\nitems = ["media:image/png"]', 'to = ["anyone"]\nitems = ["media:image/*"]'),
        (
            'to = ["anyone"]\nitems = ["larger:2B", "smaller:1KiB", "newer:1d"]',
            'to = ["anyone"]\nitems = ["smaller:1MiB", "newer:2d"]',
        ),
        ('to = ["anyone"]\nwhen = ["mon"]', 'to = ["anyone"]\nwhen = ["mon", "tue"]'),
        (
            'to = ["anyone"]\nwhen = ["2026-02-01..2026-02-02"]',
            'to = ["anyone"]\nwhen = ["2026-01-01..2026-12-31"]',
        ),
        ('to = ["anyone"]\nlimit.per_minute = 1', 'to = ["anyone"]'),
    ],
)
def test_an_allow_that_a_deny_wholly_covers_is_told(shows, hides):
    rules = (f'{shows}\nshow.openings = ["name", "size"]', f'{hides}\nhide.openings = ["name", "size_class"]')
    rule = 'what it shows of openings (name, size), the rule "r1" (line'
    assert only(*rules).startswith(rule)
    assert "hides again. Remove one of the two" in only(*rules)


@pytest.mark.parametrize(
    ("shows", "hides"),
    [
        ('to = ["anyone"]', 'to = ["members"]'),
        ('to = ["group:family"]', 'to = ["group:friends"]'),
        ('to = ["group:friends", "link:bob"]', 'to = ["group:family"]'),
        ('to = ["dht-servers:open"]', 'to = ["dht-servers"]'),
        ('to = ["role:a@open", "peer:12D3a"]', 'to = ["role:a", "peer:12D3a"]'),
        ('to = ["anyone"]', 'to = ["anyone"]\nitems = ["label:a"]'),
        ('to = ["anyone"]\nitems = ["label:a", "share:bafya"]', 'to = ["anyone"]\nitems = ["label:a"]'),
        ('to = ["anyone"]\nitems = ["path:docs/*"]', 'to = ["anyone"]\nitems = ["path:docs/*.txt"]'),
        ('to = ["anyone"]\nitems = ["media:*/*"]', 'to = ["anyone"]\nitems = ["media:image/*"]'),
        ('to = ["anyone"]\nitems = ["larger:2B"]', 'to = ["anyone"]\nitems = ["larger:3B"]'),
        ('to = ["anyone"]\nitems = ["larger:2B"]', 'to = ["anyone"]\nitems = ["smaller:3B"]'),
        ('to = ["anyone"]\nitems = ["newer:2d"]', 'to = ["anyone"]\nitems = ["newer:1d"]'),
        ('to = ["anyone"]', 'to = ["anyone"]\nwhen = ["mon"]'),
        ('to = ["anyone"]\nwhen = ["2026-01-01.."]', 'to = ["anyone"]\nwhen = ["2026-01-01..2026-12-31"]'),
        ('to = ["anyone"]\nwhen = ["2026-01-01.."]', 'to = ["anyone"]\nwhen = ["2026-01-01..", "mon"]'),
    ],
)
def test_an_allow_of_which_something_is_left_is_not_told(shows, hides):
    assert told(f'{shows}\nshow.openings = ["name"]', f'{hides}\nhide.openings = ["name"]') == {}


def test_denies_can_cover_an_allow_together():
    shows = 'to = ["group:friends"]\nshow.openings = ["name", "size"]'
    hides = ('to = ["anyone"]\nhide.openings = ["name"]', 'to = ["group:family"]\nhide.openings = ["size"]')
    assert 'the rule "r1" (line 9) and the rule "r2" (line 13) hide again' in only(shows, *hides)
    assert told(shows, hides[0]) == {}


def test_a_rule_that_hides_what_it_shows_is_told():
    rule = 'to = ["anyone"]\nshow.openings = ["name"]\nhide.openings = ["name", "size"]'
    assert only(rule).startswith("what it shows of openings (name), it hides itself. ")


def test_what_members_are_not_shown_goes_to_no_server():
    shows = 'to = ["dht-servers:net1"]\nshow.lookup = "*"\nshow.addresses = "*"'
    hides = 'to = ["members"]\nhide.lookup = "*"\nhide.addresses = "*"'
    assert only(shows, hides).startswith('what it shows of lookup, the rule "r1"')


# --- rules that are wider than others intend -------------------------------------------------------


@pytest.mark.parametrize(
    ("narrow", "wide", "to"),
    [
        ('to = ["group:friends"]', 'to = ["anyone"]', "anyone"),
        ('to = ["peer:12D3a"]', 'to = ["group:family", "link:bob"]', "group:family and link:bob"),
        ('to = ["members:net1"]\nitems = ["label:a"]', 'to = ["members"]', "members"),
        (
            'to = ["anyone"]\nitems = ["path:docs/a.txt"]',
            'to = ["anyone"]\nitems = ["path:docs/**"]',
            "anyone",
        ),
        ('to = ["link:bob"]\nwhen = ["mon"]', 'to = ["link:bob"]', "link:bob"),
    ],
)
def test_a_rule_whose_all_another_gives_to_more_is_told(narrow, wide, to):
    rules = (f'{narrow}\nshow.openings = ["name"]', f'{wide}\nshow.openings = ["name", "size"]')
    told_of = f"too, to {to}. Narrow that one, or take this out."
    assert only(*rules).startswith('all that it shows, the rule "r1" (line')
    assert only(*rules).endswith(told_of)
    assert only(*reversed(rules)).endswith(told_of)


def test_a_view_that_another_rule_gives_to_more_is_told():
    narrow = 'to = ["link:bob"]\nitems = ["path:docs/**"]\nshow.openings = "*"\nshow.content = "*"'
    assert only(narrow, ALL) == (
        'what it shows of content, the rule "all" (line 11) shows too, to anyone. Narrow that one, or take this out.'
    )


def test_a_view_that_another_rule_gives_of_more_is_told():
    narrow = 'to = ["anyone"]\nitems = ["label:a"]\nshow.openings = "*"\nshow.content = "*"'
    assert only(narrow, ALL).startswith("what it shows of content, ")


def test_a_limit_that_another_rule_leads_around_is_told():
    narrow = 'to = ["link:bob"]\nshow.openings = "*"\nshow.content = "*"\nlimit.octets_per_day = "1GiB"'
    assert only(narrow, ALL) == (
        'what it shows of content, the rule "all" (line 11) shows too, to anyone, without its limit. '
        "Narrow that one, or give it the limit."
    )


@pytest.mark.parametrize(
    "other",
    [
        'to = ["members"]\nshow.openings = ["name"]',
        'to = ["anyone"]\nshow.openings = ["size"]',
        'to = ["anyone"]\nshow.openings = ["name"]\nlimit.per_minute = 9',
        'to = ["anyone"]\nshow.openings = ["name"]\nitems = ["label:a"]',
        'to = ["anyone"]\nshow.openings = ["name"]\nwhen = ["mon"]',
    ],
)
def test_a_rule_that_gives_less_than_another_is_not_told(other):
    assert told('to = ["group:friends"]\nshow.openings = ["name"]', other) == {}


def test_what_shows_a_folder_shows_nothing_below_it():
    rules = [
        f'to = ["anyone"]\nitems = ["path:{glob}"]\nshow.openings = ["name"]' for glob in ("docs/a", "docs")
    ]
    assert told(*rules) == {}


def test_of_two_that_say_the_same_one_is_told():
    rule = 'to = ["group:friends"]\nshow.openings = ["name"]'
    assert list(told(rule, rule, rule)) == ["r1", "r2"]


def test_what_two_rules_for_the_same_share_in_part_is_not_told():
    some = 'to = ["group:friends"]\nshow.manifest = "*"\nshow.openings = ["name"]'
    assert told(some, some.replace("name", "size")) == {}


def test_what_is_hidden_again_gives_nothing_to_more():
    rules = ('to = ["group:friends"]\nshow.agent = "*"', 'to = ["anyone"]\nshow.agent = "*"')
    hides = 'to = ["anyone"]\nhide.agent = "*"'
    assert [("hides again" in one) for some in told(*rules, hides).values() for one in some] == [True, True]


# --- how much it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        'to = ["anyone"]\nshow.openings = ["name"]',
        'to = ["link:n{number}"]\nitems = ["label:x"]\nshow.openings = ["name"]',
        'to = ["members"]\nitems = ["label:{number}"]\nshow.grant = "*"',
        'to = ["anyone"]\nitems = ["path:n{number}/**"]\nshow.openings = ["name"]',
        'to = ["anyone"]\nitems = ["path:*.{number}"]\nshow.grant = "*"',
    ],
    ids=["equal", "links", "labels", "folders", "patterns"],
)
def test_as_many_rules_as_there_may_be_are_looked_at_in_seconds(body):
    rules = "".join(
        f'[[rule]]\nname = "{one}"\n{body.replace("{number}", str(one))}\n' for one in range(MAX_RULES)
    )
    policy = parse_policy(f"version = 1\n{rules}", "my.toml")
    begin = time.process_time()
    reviewed = review(policy, kit.NOW)
    assert time.process_time() - begin < 5
    assert reviewed.is_complete == ("*." not in body)


def test_where_not_all_was_compared_it_is_told(monkeypatch):
    policy = kit.policy('to = ["members"]\nshow.agent = "*"', 'to = ["anyone"]\nshow.agent = "*"')
    assert review(policy, kit.NOW).is_complete
    monkeypatch.setattr(overlaps, "MAX_STEPS", 0)
    assert not review(policy, kit.NOW).is_complete
    assert review(policy, kit.NOW).findings == ()
