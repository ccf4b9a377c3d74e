"""One file and one folder between two nodes, from ``share`` to what is on the other's disk."""

import unicodedata

import pytest
from process_kit import octets, refused, tree

pytestmark = pytest.mark.process
MIB = 1 << 20
NFC = unicodedata.normalize("NFC", "café.txt")
NFD = unicodedata.normalize("NFD", "thé.txt")


@pytest.fixture(scope="module")
def one(pair):
    """Return one shared file and what ``share`` answered."""
    path = pair[0].folder / "one.bin"
    path.write_bytes(octets(100_000))
    return path, pair[0].ask("share", path)


@pytest.fixture(scope="module")
def folder(pair):
    """Return a folder with everything that is awkward in it."""
    root = pair[0].folder / "My folder"
    (root / "empty").mkdir(parents=True)
    (root / "in side" / "deep er").mkdir(parents=True)
    (root / NFC).write_bytes(b"composed")
    (root / NFD).write_bytes(b"decomposed")
    (root / unicodedata.normalize("NFD", NFC)).write_bytes(b"its twin")
    (root / "zero").write_bytes(b"")
    (root / "in side" / "single octet").write_bytes(b"x")
    (root / "in side" / "deep er" / "leaf").write_bytes(octets(MIB, 1))
    (root / "leaf and one").write_bytes(octets(MIB + 1, 2))
    (root / "run me").write_bytes(b"#!/bin/sh\n")
    (root / "run me").chmod(0o755)
    (root / "pointer").symlink_to("zero")
    return root


@pytest.fixture(scope="module")
def shared(pair, folder):
    """Return what ``share`` answered for the folder."""
    return pair[0].ask("share", folder)


@pytest.fixture(scope="module")
def fetched(pair, shared):
    """Return where the folder arrived, and what ``get`` answered."""
    dest = pair[1].folder / "arrived"
    return dest, pair[1].ask("get", "-", dest, text=shared["link"])


def expected(folder):
    """Return the tree that must arrive: everything but the symlink."""
    return {name: value for name, value in tree(folder).items() if value != "symlink"}


def test_a_file_is_fetched_by_the_addresses_in_its_link(pair, one):
    path, answer = one
    got = pair[1].ask("get", answer["link"], pair[1].folder / "by-link")
    assert (pair[1].folder / "by-link").read_bytes() == path.read_bytes()
    assert (got["files"], got["size"], got["octets_received"]) == (1, 100_000, 100_000)
    assert got["providers"][0]["peer_id"] in pair[0].address()


def test_a_file_is_fetched_from_an_address_that_is_named(pair, one):
    path, answer = one
    bare = answer["link"].split("&a=")[0]
    dest = pair[1].folder / "by-from"
    pair[1].ask("get", "-", dest, "--from", pair[0].address(), text=bare)
    assert dest.read_bytes() == path.read_bytes()


def test_a_folder_that_is_there_receives_the_share_under_its_title(pair, one):
    path, answer = one
    into = pair[1].folder / "into"
    into.mkdir()
    pair[1].ask("get", "-", into, text=answer["link"])
    assert (into / "one.bin").read_bytes() == path.read_bytes()


def test_what_is_not_followed_is_listed(shared):
    assert "pointer" in str(shared["skipped"])
    assert shared["files"] == 8
    texts = [b"composed", b"its twin", b"decomposed", b"#!/bin/sh\n"]
    assert shared["size"] == 2 * MIB + 1 + 1 + sum(map(len, texts))


def test_names_that_some_disks_take_for_one_are_told(shared):
    assert sorted(shared["twins"]) == sorted([NFC, unicodedata.normalize("NFD", NFC)])


def test_a_folder_arrives_as_it_was_shared(folder, fetched):
    dest, got = fetched
    assert tree(dest) == expected(folder)
    assert got["files"] == 8
    assert got["octets_received"] == got["size"]


def test_a_second_get_fetches_nothing(pair, folder, shared, fetched):
    dest, first = fetched
    again = pair[1].ask("get", "-", dest, text=shared["link"])
    assert (again["octets_received"], again["octets_reused"]) == (0, first["size"])
    assert tree(dest) == expected(folder)


def test_ls_shows_what_is_behind_a_link_and_fetches_nothing(pair, folder, shared):
    before = pair[1].ask("status")["octets_received"]
    (share,) = pair[1].ask("ls", "-", text=shared["link"])["shares"]
    files = {name for name, value in expected(folder).items() if value}
    assert {entry["path"] for entry in share["entries"] if entry["kind"] == "file"} == files
    assert share["title"] == "My folder"
    assert pair[1].ask("status")["octets_received"] == before


def test_a_selection_now_and_the_rest_later(pair, folder, shared):
    dest = pair[1].folder / "in parts"
    first = pair[1].ask("get", "-", dest, "--select", "in side/*", text=shared["link"])
    files = {str(path.relative_to(dest)) for path in dest.rglob("*") if path.is_file()}
    assert files == {"in side/single octet", "in side/deep er/leaf"}
    assert first["octets_received"] == MIB + 1
    rest = pair[1].ask("get", "-", dest, text=shared["link"])
    assert (rest["octets_reused"], rest["octets_received"]) == (MIB + 1, shared["size"] - MIB - 1)
    assert tree(dest) == expected(folder)


def test_a_changed_folder_shared_again_costs_only_what_differs(pair):
    root, dest = pair[0].folder / "versions", pair[1].folder / "versions-here"
    root.mkdir()
    (root / "same").write_bytes(octets(MIB, 3))
    (root / "edited").write_bytes(octets(5_000, 4))
    pair[1].ask("get", "-", dest, text=pair[0].ask("share", root)["link"])
    (root / "edited").write_bytes(octets(6_000, 5))
    (root / "new").write_bytes(octets(7_000, 6))
    link = pair[0].ask("share", root)["link"]
    refused(pair[1].command("get", "-", dest, text=link), 1)
    got = pair[1].ask("get", "-", dest, "--overwrite", text=link)
    assert (got["octets_received"], got["octets_reused"]) == (13_000, MIB)
    assert tree(dest) == tree(root)
