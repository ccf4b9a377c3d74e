"""A rule that names nobody hides nothing: a wrong ID is a mistake, and what the node does not know is told."""

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


def test_whom_and_what_the_node_does_not_know_is_told(alice):
    policy = alice.home / "policy.toml"
    old = policy.read_text()
    to = f'peer:{UNMET}", "link:typo'
    policy.write_text(old + RULE.format(to=to, item=f"share:{CID}"))
    for words in (("check", policy), ("reload",)):
        warnings = alice.ask("policy", *words)["warnings"]
        assert [one.split("knows no ")[1] for one in warnings] == [
            f"peer ID {UNMET}.",
            "link typo.",
            f"share {CID}.",
        ]
        assert "warning: Line" in alice.command("policy", *words, as_json=False).stderr
    policy.write_text(old)
    assert alice.ask("policy", "reload")["warnings"] == []
