"""A policy's claims about itself."""

import pytest

from peertransfer.errors import PolicyError
from peertransfer.policy.expectations import MAX_WORK
from peertransfer.policy.parse import parse_policy, parse_policy_octets

POLICY = """version = 1
[groups]
friends = ["peer:12D3abc", "group:family"]
family = ["peer:12D3def"]
[[rule]]
name = "friends"
to = ["group:friends"]
items = ["label:public", "media:image/*", "smaller:1MiB", "newer:30d"]
show.openings = ["name", "size"]
[[rule]]
name = "docs"
to = ["link:bob", "members:net1", "role:admin"]
items = ["path:docs/**", "share:bafya"]
show.openings = ["*"]
show.content = ["octets"]
[[rule]]
name = "no-times"
to = ["anyone"]
hide.openings = ["mtime_month"]
[[rule]]
name = "office"
to = ["members"]
show.protocols = ["hello"]
when = ["mon-fri 08:00-18:00"]
[[rule]]
name = "night"
to = ["members"]
show.agent = ["*"]
[[rule]]
name = "no-agent-on-sundays"
to = ["members"]
hide.agent = ["agent_version"]
when = ["sun"]
"""
PICTURE = 'item = ["label:public", "path:a/b.png", "media:image/png", "size:5KiB", "age:3d"]'
PAGE = 'item = ["share:bafya", "path:docs/x.txt"]'
MONDAY = 'at = "2026-01-05T12:00Z"'
SUNDAY = 'at = "2026-01-04T12:00Z"'


def check(*lines):
    parse_policy(POLICY + "[[expect]]\n" + "\n".join(lines), "my.toml")


def fails(*lines):
    with pytest.raises(PolicyError) as caught:
        check(*lines)
    assert caught.value.message.startswith(f"my.toml:{caught.value.line}: ")
    return caught.value


@pytest.mark.parametrize(
    "lines",
    [
        (
            'as = "group:friends"',
            PICTURE,
            'shown = ["openings.name", "openings.size"]',
            'hidden = ["content.octets"]',
        ),
        ('as = "group:family"', PICTURE, 'shown = ["openings.name"]'),
        ('as = "peer:12D3def"', PICTURE, 'shown = ["openings.name"]'),
        ('as = "peer:12D3xyz"', PICTURE, 'hidden = ["openings.*"]'),
        ('as = "group:friends"', PICTURE.replace("5KiB", "1MiB"), 'hidden = ["openings.*"]'),
        ('as = "group:friends"', PICTURE.replace("image/png", "text/html"), 'hidden = ["openings.*"]'),
        ('as = "group:friends"', PICTURE.replace("3d", "30d"), 'hidden = ["openings.*"]'),
        ('as = "group:friends"', PICTURE.replace("public", "other"), 'hidden = ["openings.*"]'),
        (
            'as = "link:bob"',
            PAGE,
            'shown = ["openings.name", "content.octets"]',
            'hidden = ["openings.mtime"]',
        ),
        ('as = "link-holders"', PAGE, 'hidden = ["openings.name"]'),
        ('as = ["members:net1", "peer:12D3abc"]', PAGE, 'shown = ["openings.name"]'),
        ('as = "members"', PAGE, 'hidden = ["openings.name"]'),
        ('as = "role:admin"', PAGE, 'shown = ["openings.name"]'),
        ('as = "role:admin@net7"', PAGE, 'shown = ["openings.name"]'),
        ('as = "role:guest"', PAGE, 'hidden = ["openings.name"]'),
        ('as = "dht-servers:net1"', 'hidden = ["lookup.key"]'),
        ('as = "anyone"', 'item = "share:bafya"', 'hidden = ["openings.*", "content.*"]'),
        ('as = "members"', 'hidden = ["addresses.*"]', 'shown = ["agent.protocol_version"]'),
        ('as = "members"', MONDAY, 'shown = ["protocols.hello", "agent.agent_version"]'),
        ('as = "members"', SUNDAY, 'hidden = ["protocols.hello", "agent.agent_version"]'),
    ],
)
def test_a_claim_that_holds_lets_the_policy_be(lines):
    check(*lines)


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        (
            ('as = "group:friends"', PICTURE, 'hidden = [\n"content.octets",\n"openings.name"]'),
            39,
            'openings.name should be hidden, and the rule "friends" (line 5) shows it',
        ),
        (
            ('as = "link:bob"', PAGE, 'shown = ["openings.mtime"]'),
            37,
            'openings.mtime should be shown, and the rule "no-times" (line 16) hides it',
        ),
        (
            ('as = "anyone"', 'shown = ["agent.agent_version"]'),
            36,
            "agent.agent_version should be shown, and no rule shows it at every time",
        ),
        (
            ('as = "anyone"', MONDAY, 'shown = ["agent.agent_version"]'),
            37,
            "agent.agent_version should be shown, and no rule shows it",
        ),
        (
            ('as = "members"', 'shown = ["protocols.hello"]'),
            36,
            "protocols.hello should be shown, and no rule shows it at every time",
        ),
        (
            ('as = "members"', 'hidden = ["protocols.hello"]'),
            36,
            'protocols.hello should be hidden, and the rule "office" (line 20) shows it at some time',
        ),
        (
            ('as = "members"', 'shown = ["agent.agent_version"]'),
            36,
            'agent.agent_version should be shown, and the rule "no-agent-on-sundays" (line 29) hides it',
        ),
        (
            ('as = "members"', 'hidden = ["agent.agent_version"]'),
            36,
            'agent.agent_version should be hidden, and the rule "night" (line 25) shows it',
        ),
        (
            ('as = "group:friends"', PICTURE, 'hidden = ["openings.size_class"]'),
            37,
            'openings.size_class should be hidden, and the rule "friends" (line 5) shows openings.size, from which it follows',
        ),
    ],
)
def test_a_claim_that_does_not_hold_is_told_with_the_rule_that_makes_it_so(lines, line, what):
    error = fails(*lines)
    assert error.message.endswith(what)
    assert error.line == line
    assert "change the rule" in error.hint


@pytest.mark.parametrize(
    ("lines", "what", "mend"),
    [
        (('shown = ["agent.*"]',), 'has no "as"', "say as whom"),
        (('as = "anyone"',), "claims nothing", "shown, hidden"),
        (('as = "anyone"', 'show = ["agent.*"]'), 'unknown key "show" in an expect', '"shown"'),
        (
            ('as = "group:enemies"', 'shown = ["agent.*"]'),
            'unknown group "enemies"',
            "valid here: family, friends",
        ),
        (('as = ["members:a", "members:b"]', 'shown = ["agent.*"]'), "two networks", "each"),
        (('as = ["peer:a", "group:family"]', 'shown = ["agent.*"]'), "more than one peer", "each"),
        (('as = ["link:a", "link:b"]', 'shown = ["agent.*"]'), "more than one link", "each"),
        (
            ('as = "anyone"', 'shown = ["agent.agent"]'),
            'unknown field "agent.agent"',
            '"agent.agent_version"',
        ),
        (('as = "anyone"', 'shown = ["hello"]'), 'unknown field "hello"', "view.field"),
        (('as = "anyone"', 'shown = "agent.*"'), "list of texts", "shown = ["),
        (('as = "anyone"', "at = 3", 'shown = ["agent.*"]'), '"at" must be a text', "2026-01-01T12:00Z"),
        (('as = "anyone"', 'at = "noon"', 'shown = ["agent.*"]'), '"noon" is no moment', "2026-01-01T12:00Z"),
        (
            ('as = "anyone"', 'item = "smaller:3B"', 'shown = ["agent.*"]'),
            'unknown fact "smaller:3B"',
            "share:",
        ),
        (('as = "anyone"', 'item = "share:Qm"', 'shown = ["agent.*"]'), "names nothing", "`ls`"),
        (('as = "anyone"', 'item = "size:3B"', 'shown = ["agent.*"]'), "of one entry", "path:"),
        (('as = "anyone"', 'item = ["path:a", "path:b"]', 'shown = ["agent.*"]'), "has one path", "each"),
        (('as = "anyone"', 'item = ["path:a", "size:3"]', 'shown = ["agent.*"]'), '"3" is no size', "10MiB"),
        (('as = "anyone"', 'item = ["age:3"]', 'shown = ["agent.*"]'), '"3" is no age', "30d"),
    ],
)
def test_a_mistake_in_a_claim_is_answered_with_the_mend(lines, what, mend):
    error = fails(*lines)
    assert what in error.message
    assert mend in error.hint
    assert error.line >= 34


def test_octets_need_the_slot_that_leads_to_them():
    text = (
        'version = 1\n[[rule]]\nname = "r"\nto = ["anyone"]\nshow.content = "*"\n[[expect]]\nas = "anyone"\n'
    )
    parse_policy_octets(f'{text}hidden = ["content.octets"]'.encode(), "p")
    with pytest.raises(PolicyError, match="no rule shows it"):
        parse_policy(f'{text}shown = ["content.octets"]', "p")


def test_claims_and_rules_together_are_bounded():
    rules = "".join(f'[[rule]]\nname="{n}"\nto=["anyone"]\nshow.agent="*"\n' for n in range(1000))
    claims = '[[expect]]\nas="anyone"\nshown=["agent.*"]\n' * (MAX_WORK // 1000)
    parse_policy(f"version = 1\n{rules}{claims}", "p")
    with pytest.raises(PolicyError, match="501 claims on 1000 rules"):
        parse_policy(f"version = 1\n{rules}{claims}[[expect]]\nas='anyone'\nshown=['agent.*']\n", "p")
