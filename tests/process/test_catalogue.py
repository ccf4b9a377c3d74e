"""What a peer lists for us: what its policy shows, and an empty list in every other case."""

import os

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process

RULE = """
[[rule]]
name = "bob-sees-the-leaflets"
to = ["peer:{peer}"]
items = ["label:leaflet"]
show.catalogue = ["title", "size", "link"]
"""
TELLING = """
[[rule]]
name = "holders-see-more"
to = ["link-holders"]
items = ["label:told"]
show.openings = ["share_labels", "media_type", "mtime_month"]
"""


@pytest.fixture(scope="module")
def listed():
    """Return a node with two shares, of which a rule lists one for the other, and that other."""
    with people("alice", "bob") as (alice, bob):
        for person in (alice, bob):
            person.start()
        for name in ("leaflet.txt", "payroll.txt"):
            (alice.folder / name).write_bytes(octets(1234))
        alice.ask("share", alice.folder / "payroll.txt")
        alice.ask("share", alice.folder / "leaflet.txt", "--label", "leaflet")
        assert bob.ask("ls", alice.address())["shares"] == []
        (bobs,) = bob.ask("id")["identities"]
        with (alice.home / "policy.toml").open("a") as policy:
            policy.write(RULE.format(peer=bobs["peer_id"]))
        alice.ask("policy", "reload")
        yield alice, bob


def test_what_a_rule_lists_is_shown_and_its_link_works(listed):
    alice, bob = listed
    (share,) = bob.ask("ls", alice.address())["shares"]
    assert share.keys() == {"title", "size", "link"}
    assert (share["title"], share["size"]) == ("leaflet.txt", 1234)
    # Alice's policy shows no address; the one at which bob reached her is his own knowledge.
    assert f"&a={alice.address()}" in share["link"]
    dest = bob.folder / "by-catalogue"
    bob.ask("get", "-", dest, text=share["link"])
    assert dest.read_bytes() == octets(1234)


def test_a_peer_that_is_connected_is_asked_by_its_id(listed):
    alice, bob = listed
    peer_id = alice.address().rpartition("/")[2]
    assert len(bob.ask("ls", peer_id)["shares"]) == 1


def test_a_link_that_ended_is_not_listed(listed):
    alice, bob = listed
    (alice.folder / "old.txt").write_bytes(octets(10))
    link = alice.ask("share", alice.folder / "old.txt", "--label", "leaflet")["link"]
    assert len(bob.ask("ls", alice.address())["shares"]) == 2
    alice.ask("link", "end", "-", text=link)
    assert len(bob.ask("ls", alice.address())["shares"]) == 1


def test_both_sides_can_show_what_was_said(listed):
    alice, bob = listed
    bob.ask("ls", alice.address())
    rows = [one for one in alice.ask("privacy", "ledger")["entries"] if one["view"] == "catalogue"]
    assert {"title", "size", "link"} in [set(one["fields"]) for one in rows]
    asked = [one for one in bob.ask("privacy", "ledger")["entries"] if one["view"] == "want"]
    assert {"requests"} in [set(one["fields"]) for one in asked]


def test_who_can_not_be_asked_is_told_apart(listed):
    _, bob = listed
    unmet = "12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p"
    assert "No address" in refused(bob.command("ls", unmet), 3)
    refused(bob.command("ls", "nonsense"), 2)
    assert "/p2p/" in refused(bob.command("ls", "/ip4/127.0.0.1/tcp/1"), 2)


def test_what_a_rule_tells_beyond_the_usual_is_shown_to_who_may_see_it(listed):
    alice, bob = listed
    path = alice.folder / "report.pdf"
    path.write_bytes(octets(10))
    os.utime(path, (86_400 * 365, 86_400 * 365))
    link = alice.ask("share", path, "--label", "told")["link"]
    (entry,) = bob.ask("ls", "-", text=link)["shares"][0]["entries"]
    assert entry.keys().isdisjoint({"mtime", "mtime_month", "media_type", "labels"})
    with (alice.home / "policy.toml").open("a") as policy:
        policy.write(TELLING)
    alice.ask("policy", "reload")
    (share,) = bob.ask("ls", "-", text=link)["shares"]
    (entry,) = share["entries"]
    assert (share["labels"], entry["media_type"], entry["mtime_month"]) == (["told"], "application/pdf", 12)
    assert "mtime" not in entry
