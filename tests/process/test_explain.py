"""What ``policy explain`` says a peer would see, beside what that peer then gets."""

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process

RULES = """
[[rule]]
name = "no-sizes-for-bob"
to = ["link:bob"]
hide.openings = ["size", "size_class"]

[[rule]]
name = "keys-stay-here"
to = ["anyone"]
items = ["path:*.key"]
hide.openings = ["*"]
hide.content = ["*"]
"""
SLOTS = {"path": "openings.name", "size": "openings.size", "cid": "openings.content"}


@pytest.fixture(scope="module")
def shared():
    """Return a node with a folder shared under rules, a peer with a link of its own, and its answers."""
    with people("alice", "bob") as (alice, bob):
        for person in (alice, bob):
            person.start()
        folder = alice.folder / "case"
        folder.mkdir()
        (folder / "note.txt").write_bytes(octets(300))
        (folder / "sign.key").write_bytes(octets(100))
        answer = alice.ask("share", folder)
        link = alice.ask("link", "create", answer["manifest_cid"], "--for", "bob")["link"]
        with (alice.home / "policy.toml").open("a") as policy:
            policy.write(RULES)
        alice.ask("policy", "reload")
        (share,) = bob.ask("ls", "-", text=link)["shares"]
        (identity,) = bob.ask("id")["identities"]
        yield alice, answer, share, identity["peer_id"]


def explained(alice, answer, peer_id, *options):
    return alice.ask("policy", "explain", answer["manifest_cid"], "--as", peer_id, *options)["fields"]


def test_what_is_explained_is_what_the_peer_got(shared):
    alice, answer, share, peer_id = shared
    note = next(one for one in share["entries"] if one["path"] == "note.txt")
    fields = explained(alice, answer, peer_id, "--link", "bob", "--path", "note.txt")
    for field, slot in SLOTS.items():
        assert fields[slot]["shown"] is (note[field] is not None), field
    assert fields["openings.size"] == {"shown": False, "rule": "no-sizes-for-bob"}
    assert fields["openings.name"] == {"shown": True, "rule": "link-holders-fetch"}
    assert (note["size"], fields["catalogue.title"]) == (None, {"shown": False, "rule": ""})


def test_one_file_may_be_hidden_and_its_octets_with_it(shared):
    alice, answer, share, peer_id = shared
    assert "sign.key" not in {one["path"] for one in share["entries"]}
    fields = explained(alice, answer, peer_id, "--with-link", "--path", "sign.key")
    assert fields["openings.name"] == {"shown": False, "rule": "keys-stay-here"}
    assert not fields["content.octets"]["shown"]


def test_without_a_link_nothing_of_it_is_shown_and_without_a_node_it_is_the_same(shared):
    alice, answer, _, peer_id = shared
    while_running = explained(alice, answer, peer_id)
    assert not [name for name, one in while_running.items() if one["shown"] and "openings" in name]
    said = alice.command("policy", "explain", "case", "--as", peer_id, "--with-link", as_json=False).stdout
    assert [line.split()[1] for line in said.splitlines() if line.startswith("content.octets")] == ["shown"]
    refused(alice.command("policy", "explain", "case", "--as", "nobody"), 2)
    refused(alice.command("policy", "explain", "case", "--as", peer_id, "--link", "carol"), 1)
    refused(alice.command("policy", "explain", "case", "--as", peer_id, "--path", "gone"), 1)
    alice.stop()
    assert explained(alice, answer, peer_id) == while_running
    alice.start()
