"""A rule that names nobody hides nothing: a wrong ID is a mistake, and what the node does not know is told.

So is what a rule says in vain; the policy stays valid by that.
"""

import contextlib

import pytest
from process_kit import people, refused

pytestmark = pytest.mark.process
UNMET = "12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p"
RULE = """
[[rule]]
name = "mine"
to = ["{to}"]
items = ["{item}"]
hide.openings = ["*"]
"""
CID = "bafkr4iginfd66ggk7xk5icdhcxlw24f7brunzzytux7swiawkrdpc7bfum"


@pytest.fixture(scope="module")
def alice():
    with people("alice") as (one,):
        one.start()
        yield one


@pytest.mark.parametrize(
    ("to", "item"),
    [
        ("peer:xyz", "label:a"),
        (f"peer:{UNMET[:-1]}", "label:a"),
        ("members:zzz", "label:a"),
        ("anyone", "share:bafyx"),
    ],
    ids=["no peer", "cut short", "no network", "no share"],
)
def test_what_is_no_id_is_a_mistake_and_the_old_policy_stays(alice, to, item):
    policy = alice.home / "policy.toml"
    old = policy.read_text()
    policy.write_text(old + RULE.format(to=to, item=item))
    line = old.count("\n") + 2
    assert f"policy.toml:{line}:" in refused(alice.command("policy", "check", policy), 2)
    assert f"policy.toml:{line}:" in refused(alice.command("policy", "reload"), 2)
    assert "mine" not in [rule["name"] for rule in alice.ask("policy", "show")["rules"]]
    policy.write_text(old)


@contextlib.contextmanager
def added(person, rules):
    """Have the rules at the end of the person's policy."""
    policy = person.home / "policy.toml"
    old = policy.read_text()
    policy.write_text(old + rules)
    yield policy
    policy.write_text(old)
    assert person.ask("policy", "reload")["warnings"] == []


def warnings(person, policy):
    """What ``check`` warns of; a reload says the same."""
    found = person.ask("policy", "check", policy)
    assert found["valid"] is True
    assert person.ask("policy", "reload")["warnings"] == found["warnings"]
    return found["warnings"]


def test_whom_and_what_the_node_does_not_know_is_told(alice):
    to = f'peer:{UNMET}", "link:typo'
    rules = RULE.format(to=to, item=f'share:{CID}", "label:attic')
    with added(alice, rules + rules.replace("mine", "again")) as policy:
        assert [one.split("knows no ")[1] for one in warnings(alice, policy)] == [
            f"peer ID {UNMET}. Compare it with `peertransfer peers`.",
            "link typo. Compare it with `peertransfer link list`.",
            f"share {CID}. Compare it with `peertransfer ls`.",
            "label attic. Compare it with `peertransfer ls`.",
        ]
        for words in (("check", policy), ("reload",)):
            assert "warning: Line" in alice.command("policy", *words, as_json=False).stderr


def test_a_link_that_ended_is_told_and_what_is_shared_is_known(alice, tmp_path):
    (tmp_path / "note.txt").write_text("a note")
    shared = alice.ask("share", tmp_path / "note.txt", "--label", "cellar")
    cid = shared["manifest_cid"]
    name = alice.ask("link", "create", cid, "--for", "bob")["name"]
    rule = RULE.format(to=f"link:{name}", item=f'share:{cid}", "label:cellar')
    with added(alice, rule) as policy:
        assert warnings(alice, policy) == []
        alice.ask("link", "end", name)
        (sentence,) = warnings(alice, policy)
        assert sentence.endswith(f"rule mine: the link {name} has ended. Name another, or take it out.")


IN_VAIN = """
[[rule]]
name = "strangers-see-no-grant"
to = ["anyone"]
hide.grant = ["*"]

[[rule]]
name = "for-members"
to = ["members"]
show.protocols = ["hello"]
limit.per_minute = 5

[[rule]]
name = "last-year"
to = ["anyone"]
show.agent = ["*"]
when = ["..2020-12-31"]
"""


def test_what_rules_say_in_vain_is_told_with_rule_line_and_mend(alice):
    with added(alice, IN_VAIN) as policy:
        found = warnings(alice, policy)
        line = {name: number for number, name in enumerate(policy.read_text().split("\n"))}
        place = {
            name: line[f'name = "{name}"'] for name in ("link-holders-fetch", "for-members", "last-year")
        }
        assert [one.partition(": ")[0] for one in found] == [
            f"Line {place[name]}, rule {name}" for name in place
        ]
        assert ["hides again. Remove" in found[0], "without its limit. Narrow" in found[1]] == [True, True]
        assert found[2].endswith(
            "its time is over, so that it shows nothing. Give it other dates, or remove it."
        )


def test_a_policy_as_large_as_the_node_takes_is_checked(alice, tmp_path):
    file = tmp_path / "large.toml"
    file.write_text("version = 1\n" + "#" * ((1 << 20) - 12))
    assert alice.ask("policy", "check", file)["warnings"] == []
    file.write_text("version = 1\n" + "#" * ((1 << 20) - 11))
    assert "over 1048576 octets" in refused(alice.command("policy", "check", file), 2)
