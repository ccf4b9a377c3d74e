"""Are shares and links kept, without their leaves in memory?"""

from __future__ import annotations

import dataclasses

import pytest
from store_kit import import_tree, index_of, make_tree, octets_of, save_tree

from peertransfer.content.manifest import Manifest
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.content.shared import build_manifest, entry_opening
from peertransfer.errors import LocalError, NotFoundError
from peertransfer.store.database import Database
from peertransfer.store.links import Links, StoredLink
from peertransfer.store.networks import Networks, StoredNetwork
from peertransfer.store.shares import Shares


@pytest.fixture
async def database(tmp_path):
    async with Database(tmp_path / "x.db") as opened:
        yield opened


@pytest.fixture
def tree(tmp_path):
    root = make_tree(tmp_path / "tree", {"a/b.txt": b"hello", "big.bin": octets_of(3 * CHUNK_SIZE + 7)})
    (root / "empty").mkdir()
    return root


async def test_a_share_is_read_back_as_it_was_but_for_its_leaves(database, tree):
    options = {"labels": ["family"], "purpose": "p", "basis": "b", "expires_at": 99}
    imported = await import_tree(tree, **options)
    share = await save_tree(Shares(database), tree, **options)
    assert share.item.seed == imported.item.seed
    assert share.sources == imported.sources
    for given, found in zip(imported.item.entries, share.item.entries, strict=True):
        assert found.leaf_digests == b""
        assert entry_opening(imported.item, given, 0) == entry_opening(share.item, found, 0)
        assert found.identity == given.identity
    facts = (share.item.title, share.item.labels, share.item.purpose, share.item.basis, share.item.expires_at)
    assert facts == ("tree", ("family",), "p", "b", 99)


async def test_the_order_of_the_manifest_is_kept(database, tree):
    share = await save_tree(Shares(database), tree)
    manifest, order = build_manifest(share.item)
    assert Manifest.parse(share.manifest) == manifest
    assert share.order == order
    assert {share.entry(index).path for index in range(3)} == {"a/b.txt", "big.bin", "empty"}


async def test_leaf_digests_are_read_by_range(database, tree):
    shares = Shares(database)
    share = await save_tree(shares, tree)
    index = index_of(share, "big.bin")
    given = next(e.leaf_digests for e in (await import_tree(tree)).item.entries if e.path == "big.bin")
    assert len(given) == 4 * 32
    assert await shares.leaf_digests(share.manifest_cid, index) == given
    assert await shares.leaf_digests(share.manifest_cid, index, 1, 2) == given[32:96]
    assert await shares.leaf_digests(share.manifest_cid, index, 3) == given[96:]
    assert await shares.leaf_digests(share.manifest_cid, index, 9, 2) == b""


async def test_a_folder_and_a_stranger_have_no_leaves(database, tree):
    shares = Shares(database)
    share = await save_tree(shares, tree)
    with pytest.raises(NotFoundError):
        await shares.leaf_digests(share.manifest_cid, index_of(share, "empty"))
    with pytest.raises(NotFoundError):
        await shares.load_share("nothing")


async def test_shares_are_listed_with_counts_and_what_is_stale(database, tree):
    shares = Shares(database)
    share = await save_tree(shares, tree)
    index = index_of(share, "a/b.txt")
    await shares.mark_stale(share.manifest_cid, index)
    (found,) = await shares.list_shares()
    facts = (
        found.title,
        found.entry_count,
        found.file_count,
        found.size,
        found.created_at,
        found.stale_count,
    )
    assert facts == ("tree", 3, 2, 3 * CHUNK_SIZE + 12, 100, 1)
    assert (await shares.load_share(share.manifest_cid)).stale == {index}
    await shares.mark_ready(share.manifest_cid, index)
    assert (await shares.load_share(share.manifest_cid)).stale == frozenset()


async def test_the_same_share_twice_is_our_bug(database, tree):
    await save_tree(Shares(database), tree)
    with pytest.raises(LocalError, match="already"):
        await save_tree(Shares(database), tree)


async def test_unshare_erases_entries_links_and_the_seed(tmp_path, tree):
    seed = b"THIS-SEED-OPENS-ALL-COMMITMENTS!"
    async with Database(tmp_path / "y.db") as database:
        shares, links = Shares(database), Links(database)
        share = await save_tree(shares, tree, seed=seed)
        await links.add_link(
            StoredLink("for Ann", share.manifest_cid, "net", 1, secret=b"s" * 16, locator=b"l")
        )
        await shares.remove_share(share.manifest_cid)
        assert await shares.list_shares() == ()
        assert await links.list_links() == ()
        with pytest.raises(NotFoundError):
            await shares.remove_share(share.manifest_cid)
    assert seed not in (tmp_path / "y.db").read_bytes()


async def test_a_large_inode_is_kept(database, tree):
    shares = Shares(database)
    imported = await import_tree(tree / "a" / "b.txt")
    (entry,) = imported.item.entries
    identity = dataclasses.replace(entry.identity, inode=2**64 - 3)
    item = dataclasses.replace(imported.item, entries=(dataclasses.replace(entry, identity=identity),))
    cid = await shares.save_share(item, *build_manifest(item), sources=imported.sources, now=1)
    assert (await shares.load_share(cid)).item.entries[0].identity.inode == 2**64 - 3


# --- links ---------------------------------------------------------------------------------------------


@pytest.fixture
async def link(database, tree):
    share = await save_tree(Shares(database), tree)
    given = StoredLink(
        "Ann", share.manifest_cid, "net", 10, expires_at=50, secret=b"S" * 16, locator=b"l" * 32
    )
    await Links(database).add_link(given)
    return given


async def test_a_link_is_found_by_its_locator_in_its_network_only(database, link):
    links = Links(database)
    assert await links.find_link_by_locator("net", b"l" * 32) == link
    assert await links.find_link_by_locator("other", b"l" * 32) is None
    assert await links.find_link_by_locator("net", b"m" * 32) is None
    assert "SSS" not in repr(link)


async def test_an_ended_link_holds_no_more_and_the_others_go_on(database, link):
    links = Links(database)
    await links.add_link(StoredLink("Bob", link.manifest_cid, "net", 11, locator=b"m" * 32))
    assert link.holds(49)
    assert not link.holds(50)
    ended = await links.end_link("Ann", 20)
    assert not ended.holds(21)
    assert ended.secret == b""
    assert (await links.find_link_by_locator("net", b"l" * 32)).ended_at == 20
    assert (await links.find_link("Bob")).holds(21)
    assert (await links.end_link("Ann", 30)).ended_at == 20


async def test_links_are_listed_by_share_and_by_network(database, link):
    links = Links(database)
    other = StoredLink("Bob", link.manifest_cid, "net2", 11, locator=b"m" * 32)
    await links.add_link(other)
    assert await links.list_links() == (link, other)
    assert await links.list_links(network_id="net2") == (other,)
    assert await links.list_links(manifest_cid=link.manifest_cid) == (link, other)
    assert await links.list_links(manifest_cid="none") == ()


async def test_a_taken_name_and_a_missing_share_are_said(database, link):
    links = Links(database)
    with pytest.raises(LocalError, match="Ann"):
        await links.add_link(link)
    with pytest.raises(NotFoundError):
        await links.add_link(StoredLink("Bob", "none", "net", 1))
    for call in (links.find_link("Cid"), links.end_link("Cid", 1), links.set_locator("Cid", b"")):
        with pytest.raises(NotFoundError, match="Cid"):
            await call


async def test_a_new_epoch_gives_a_link_a_new_locator(database, link):
    links = Links(database)
    await links.set_locator("Ann", b"n" * 32)
    assert await links.find_link_by_locator("net", b"l" * 32) is None
    assert (await links.find_link_by_locator("net", b"n" * 32)).name == "Ann"


async def test_leaving_a_network_ends_its_links_for_good(database, link):
    networks = Networks(database)
    await networks.save(StoredNetwork("net", "n", "psk", 1))
    await networks.leave("net")
    assert await Links(database).list_links() == ()
