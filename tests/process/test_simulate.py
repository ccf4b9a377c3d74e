"""What ``policy simulate`` says of a real day: something was fetched, something refused."""

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process

DENIED = """
[[rule]]
name = "not-bob"
to = ["peer:{peer}"]
items = ["share:{cid}"]
hide.grant = ["*"]
"""
NO_SIZES = """
[[rule]]
name = "no-sizes"
to = ["link-holders"]
hide.openings = ["size", "size_class"]
"""


@pytest.fixture(scope="module")
def day():
    """Return a node from which bob fetched one share and was refused another, and both CIDs."""
    with people("alice", "bob") as (alice, bob):
        for person in (alice, bob):
            person.start()
        shares = []
        for name in ("given", "kept"):
            (alice.folder / name).write_bytes(octets(300))
            shares.append(alice.ask("share", alice.folder / name, "--with-addresses"))
        given, kept = shares
        bob.ask("ls", "-", text=given["link"])
        (identity,) = bob.ask("id")["identities"]
        before = (alice.home / "policy.toml").read_text()
        with (alice.home / "policy.toml").open("a") as policy:
            policy.write(DENIED.format(peer=identity["peer_id"], cid=kept["manifest_cid"]))
        alice.ask("policy", "reload")
        bob.ask("get", "-", alice.folder / "got", text=given["link"])
        refused(bob.command("get", "-", alice.folder / "not", text=kept["link"]), 5)
        tried = alice.folder / "tried.toml"
        tried.write_text(before + NO_SIZES)
        yield alice, tried, identity["peer_id"], given["manifest_cid"], kept["manifest_cid"]


def told(answer, name):
    return {
        (one["item"], f"{one['view']}.{field}"): one["rule"]
        for one in answer[name]
        for field in one["fields"]
    }


def test_another_policy_shows_and_hides_what_the_ledger_says(day):
    alice, tried, peer, given, kept = day
    answer = alice.ask("policy", "simulate", tried)
    assert told(answer, "newly_hidden") == {(given, "openings.size"): "no-sizes"}
    shown = told(answer, "newly_shown")
    assert {item for item, _ in shown} == {kept}
    assert {(kept, "grant.proof"), (kept, "content.octets")} <= set(shown)
    assert (kept, "openings.size") not in shown
    assert {one["peer_id"] for name in ("newly_hidden", "newly_shown") for one in answer[name]} == {peer}
    assert answer["entries"] == len(alice.ask("privacy", "ledger")["entries"])


def test_the_policy_in_force_changes_nothing(day):
    alice, *_ = day
    answer = alice.ask("policy", "simulate", alice.home / "policy.toml")
    assert (answer["newly_shown"], answer["newly_hidden"], answer["undecided"]) == ([], [], [])
    said = alice.command("policy", "simulate", alice.home / "policy.toml", as_json=False).stdout
    assert said.splitlines()[-1] == "Nothing would have been different."


def test_people_read_a_table(day):
    alice, tried, peer, *_ = day
    said = alice.command("policy", "simulate", tried, "--limit", "2", as_json=False).stdout
    assert "Would have been shown:" in said
    (row,) = [line.split() for line in said.splitlines() if "no-sizes" in line]
    assert row[2:] == [f"…{peer[-8:]}", "openings", "given", "size", "no-sizes", "2"]
    assert "more are left out" in said


def test_without_a_node_it_is_the_same(day):
    alice, tried, *_ = day
    running = alice.ask("policy", "simulate", tried)
    alice.stop()
    alone = alice.ask("policy", "simulate", tried)
    alice.start()
    for name in ("newly_shown", "newly_hidden", "undecided", "counts", "entries", "refusals"):
        assert alone[name] == running[name]


def test_a_bad_file_is_told_as_policy_check_tells_it(day):
    alice, *_ = day
    bad = alice.folder / "bad.toml"
    for text in ('version = 1\n[[rule]]\nname = "x"\nto = ["nobody"]\n', "version = 9\n", "\xff"):
        bad.write_text(text, encoding="latin-1")
        assert refused(alice.command("policy", "simulate", bad), 2) == refused(
            alice.command("policy", "check", bad), 2
        )
    refused(alice.command("policy", "simulate", alice.folder / "gone"), 1)
    refused(alice.command("policy", "simulate", bad, "--limit", "0"), 2)
