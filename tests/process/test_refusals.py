"""What a getter is told when it may not, or can't: the exit code, one line, and nothing lost or wrong."""

import time

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process
SIZE = 50_000


@pytest.fixture(scope="module")
def link(pair):
    """Return the link of a file that stays as it is."""
    path = pair[0].folder / "steady"
    path.write_bytes(octets(SIZE))
    return pair[0].ask("share", path)["link"]


def share_new(person, name, *options):
    """Share a new file; return its path and what ``share`` answered."""
    path = person.folder / name
    path.write_bytes(octets(SIZE, len(name)))
    return path, person.ask("share", path, *options)


def test_a_file_that_changed_after_it_was_shared_is_refused(pair):
    path, answer = share_new(pair[0], "changing")
    path.write_bytes(octets(SIZE, 99))
    dest = pair[1].folder / "changed-here"
    assert "changed" in refused(pair[1].command("get", "-", dest, text=answer["link"]), 5)
    assert not dest.exists()


def test_an_ended_link_is_refused_and_another_of_the_same_share_is_not(pair):
    path, answer = share_new(pair[0], "two-links")
    further = pair[0].ask("link", "create", answer["manifest_cid"], "--for", "bob")
    pair[0].ask("link", "end", "bob")
    refused(pair[1].command("get", "-", pair[1].folder / "ended", text=further["link"]), 5)
    assert not (pair[1].folder / "ended").exists()
    pair[1].ask("get", "-", pair[1].folder / "not-ended", text=answer["link"])
    assert (pair[1].folder / "not-ended").read_bytes() == path.read_bytes()


def test_a_share_that_was_withdrawn_is_refused(pair):
    path, answer = share_new(pair[0], "withdrawn")
    gone = pair[0].ask("unshare", "-", text=answer["link"])
    assert gone["manifest_cid"] == answer["manifest_cid"]
    refused(pair[1].command("get", "-", pair[1].folder / "withdrawn-here", text=answer["link"]), 5)
    assert not (pair[1].folder / "withdrawn-here").exists()
    assert path.read_bytes() == octets(SIZE, len("withdrawn"))


def test_an_expired_share_is_refused(pair):
    _, answer = share_new(pair[0], "short-lived", "--expires", "1s")
    time.sleep(2)
    refused(pair[1].command("get", "-", pair[1].folder / "expired-here", text=answer["link"]), 5)
    assert not (pair[1].folder / "expired-here").exists()


@pytest.mark.parametrize(
    "text", ["peertransfer:nothing", "https://example.org/", "", "peertransfer:bafk?n=open&s=AA"]
)
def test_a_malformed_link_is_a_usage_error(pair, text):
    refused(pair[1].command("get", "-", pair[1].folder / "no", text=text), 2)


def test_a_wrong_secret_is_refused(pair, link):
    head, _, tail = link.partition("&s=")
    wrong = f"{head}&s={'A' * 22}{tail[22:]}"
    refused(pair[1].command("get", "-", pair[1].folder / "no", text=wrong), 5)


def test_a_link_of_another_network_says_so(pair, link):
    other = link.replace("n=open", "n=nqaw626r4647wjrc2w4vuu32slk5scy6g")
    assert "network" in refused(pair[1].command("get", "-", pair[1].folder / "no", text=other), 3)


def test_a_clash_leaves_what_is_there(pair, link):
    dest = pair[1].folder / "mine"
    dest.write_bytes(b"mine")
    before = pair[1].ask("status")["octets_received"]
    assert str(dest) in refused(pair[1].command("get", "-", dest, text=link), 1)
    assert dest.read_bytes() == b"mine"
    assert pair[1].ask("status")["octets_received"] == before


def test_rename_puts_it_beside_and_says_where(pair, link):
    dest = pair[1].folder / "kept"
    dest.write_bytes(b"mine")
    got = pair[1].ask("get", "-", dest, "--rename", text=link)
    assert dest.read_bytes() == b"mine"
    beside = [path for path in pair[1].folder.glob("kept*") if path != dest]
    assert [str(path) for path in beside] == [got["dest"]]
    assert beside[0].read_bytes() == octets(SIZE)


def test_overwrite_and_rename_exclude_each_other(pair, link):
    refused(pair[1].command("get", "-", pair[1].folder / "no", "--overwrite", "--rename", text=link), 2)


def test_nobody_reachable_is_said_within_20_seconds():
    with people("alice", "bob") as (alice, bob):
        alice.start()
        _, answer = share_new(alice, "unreachable")
        alice.stop()
        bob.start()
        started = time.monotonic()
        refused(bob.command("get", "-", bob.folder / "no", text=answer["link"]), 3)
        assert time.monotonic() - started < 20
        assert not (bob.folder / "no").exists()
