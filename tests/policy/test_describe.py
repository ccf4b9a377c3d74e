import json
import tomllib

import policy_kit as kit

from peertransfer.policy.describe import describe, describe_text
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.rules import Policy

RULES = (
    (
        'name = "friends"\nto = ["members:net1", "peer:12D3abc", "link:bob"]\n'
        'items = ["share:bafya", "label:public", "path:docs/**", "path:*.md"]\n'
        'show.openings = ["size", "name"]\nhide.openings = ["mtime"]'
    ),
    'to = ["anyone", "dht-servers", "dht-servers:net1", "link-holders", "members"]\nshow.update = "*"',
)


def test_rules_are_told_to_a_program_in_the_words_of_the_file():
    told = describe(kit.policy(*RULES))
    assert json.loads(json.dumps(told)) == {
        "file": "policy.toml",
        "default": "hide",
        "groups": {},
        "rules": [
            {
                "name": "friends",
                "line": 2,
                "to": ["members:net1", "peer:12D3abc", "link:bob"],
                "items": ["share:bafya", "label:public", "path:docs/**", "path:*.md"],
                "show": {"openings": ["name", "size"]},
                "hide": {"openings": ["mtime"]},
                "when": [],
                "limit": {},
            },
            {
                "name": "r1",
                "line": 8,
                "to": ["anyone", "dht-servers", "dht-servers:net1", "link-holders", "members"],
                "items": [],
                "show": {"update": []},
                "hide": {},
                "when": [],
                "limit": {},
            },
        ],
    }


def test_rules_are_told_to_a_person():
    assert describe_text(kit.policy(*RULES)) == (
        "2 rules. What no rule shows is hidden; hiding wins.\n"
        "\n"
        "friends (line 2)\n"
        "  to     members of the network net1, or peer 12D3abc, or whoever proves that it holds the link bob\n"
        "  of     the share bafya and what is labelled public, only entries that match docs/** or *.md\n"
        "  shows  openings: name, size\n"
        "  hides  openings: mtime\n"
        "\n"
        "r1 (line 8)\n"
        "  to     anyone, or servers of the DHT of any private network, or servers of the DHT of the network net1, "
        "or whoever proves that it holds a link, for what is behind it, or members of any private network\n"
        "  of     everything\n"
        "  shows  update: nothing"
    )


def test_one_rule_that_comes_from_no_file_is_told_without_a_line():
    (rule,) = kit.policy('to = ["anyone"]\nshow.agent = "*"').rules
    bare = type(rule)("bare", rule.to, show=rule.show)
    text = describe_text(Policy((bare,)))
    assert text.startswith("1 rule. ")
    assert "\nbare\n" in text


CONDITIONS = """version = 1
[groups]
friends = ["peer:12D3abc", "group:family"]
family = ["peer:12D3def"]
[[rule]]
name = "all"
to = ["group:friends", "role:admin", "role:admin@net1"]
items = ["path:docs/**", "media:image/*", "smaller:5MiB", "larger:1000B", "older:36h", "newer:30d"]
show.content = ["octets"]
when = ["2026-01-01..", "mon-fri 08:00-18:00"]
limit = { per_minute = 10, octets_per_day = "1GiB", items_per_day = 5 }
"""


def test_conditions_are_told_in_the_words_of_the_file():
    told = describe(parse_policy(CONDITIONS, "p"))
    assert told["groups"] == {"friends": ["12D3abc", "12D3def"], "family": ["12D3def"]}
    (rule,) = told["rules"]
    read = tomllib.loads(CONDITIONS)["rule"][0]
    assert set(rule["items"]) == set(read["items"])
    assert (rule["to"], rule["when"], rule["limit"]) == (read["to"], read["when"], read["limit"])


def test_a_bound_on_one_side_is_told_alone():
    policy = kit.policy('to = ["anyone"]\nitems = ["larger:5MiB", "newer:30d"]\nshow.content = "*"')
    assert "younger than 30d old, only entries of at least 5MiB\n" in describe_text(policy)


def test_conditions_are_told_to_a_person():
    assert describe_text(parse_policy(CONDITIONS, "p")).splitlines()[3:] == [
        "  to     the peers of the group friends, or members with the role admin, or members with the role admin@net1",
        "  of     everything, only shares at least 36h and younger than 30d old, only entries that match docs/** and of the type image/* and of at least 1000B and less than 5MiB",
        "  shows  content: octets",
        "  when   2026-01-01.., mon-fri 08:00-18:00",
        "  limit  for each peer: per_minute 10, octets_per_day 1GiB, items_per_day 5",
    ]
