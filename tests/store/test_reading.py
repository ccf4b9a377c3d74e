"""Do only the octets that were shared leave?"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from store_kit import index_of, make_tree, octets_of, save_tree

from peertransfer.content.dag import DagVerifier
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import LocalError, SourceChangedError, StoreError
from peertransfer.store.database import Database
from peertransfer.store.reading import MAX_DAGS, SourceReader
from peertransfer.store.shares import Shares

BIG = octets_of(3 * CHUNK_SIZE + 5)


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "tree", {"a/big": BIG, "small": b"hello", "none": b""})


@pytest.fixture
async def shares(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        yield Shares(database)


@pytest.fixture
async def share(shares, tree):
    return await save_tree(shares, tree)


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def reader(shares, request):
    return SourceReader(shares, use_openat2=request.param)


async def test_leaves_are_read_in_the_order_asked_for(reader, share):
    found = await reader.read_leaves(share, [(index_of(share, "a/big"), leaf) for leaf in [3, 0, 1]])
    assert [bytes(leaf.octets) for leaf in found] == [
        BIG[3 * CHUNK_SIZE :],
        BIG[:CHUNK_SIZE],
        BIG[CHUNK_SIZE : 2 * CHUNK_SIZE],
    ]


async def test_a_small_and_an_empty_file_are_their_own_roots(reader, share):
    for path, octets in (("small", b"hello"), ("none", b"")):
        index = index_of(share, path)
        (leaf,) = await reader.read_leaves(share, [(index, 0)])
        assert (bytes(leaf.octets), leaf.cid) == (octets, share.entry(index).root)


async def test_nodes_and_leaves_satisfy_the_getters_verifier(reader, share):
    index = index_of(share, "a/big")
    verifier = DagVerifier(share.entry(index).root)
    while missing := verifier.missing_nodes():
        for node, block in zip(missing, await reader.read_nodes(share, index, missing), strict=True):
            verifier.add_node(node, block.octets)
    leaves = await reader.read_leaves(share, [(index, leaf) for leaf in range(4)])
    assert [leaf.cid for leaf in leaves] == [verifier.leaf_cid(leaf) for leaf in range(4)]


async def test_leaves_of_several_groups_of_digests_are_found(shares, share, monkeypatch):
    monkeypatch.setattr("peertransfer.store.reading.DIGESTS_AT_ONCE", 2)
    monkeypatch.setattr("peertransfer.store.reading.MAX_GROUPS", 1)
    found = await SourceReader(shares).read_leaves(
        share, [(index_of(share, "a/big"), leaf) for leaf in [0, 3, 1]]
    )
    assert [bytes(leaf.octets) for leaf in found] == [
        BIG[:CHUNK_SIZE],
        BIG[3 * CHUNK_SIZE :],
        BIG[CHUNK_SIZE : 2 * CHUNK_SIZE],
    ]


async def test_digests_are_looked_up_once_for_many_leaves(shares, share, monkeypatch):
    asked = []
    real = shares.leaf_digests

    async def counted(*args):
        asked.append(args)
        return await real(*args)

    monkeypatch.setattr(shares, "leaf_digests", counted)
    reader = SourceReader(shares)
    for leaf in range(4):
        await reader.read_leaves(share, [(index_of(share, "a/big"), leaf)])
    assert len(asked) == 1


async def test_files_of_several_paths_are_found(shares, reader, tree, tmp_path):
    other = tmp_path / "elsewhere" / "alone.txt"
    other.parent.mkdir()
    other.write_bytes(b"alone")
    share = await save_tree(shares, tree, other)
    (leaf,) = await reader.read_leaves(share, [(index_of(share, "alone.txt"), 0)])
    assert bytes(leaf.octets) == b"alone"
    (leaf,) = await reader.read_leaves(share, [(index_of(share, "tree/small"), 0)])
    assert bytes(leaf.octets) == b"hello"


def edit(path):
    path.write_bytes(b"HELLO")


def cut(path):
    os.truncate(path, 2)


def swap_for_link(path):
    (path.parent.parent / "same").write_bytes(b"hello")
    path.unlink()
    path.symlink_to(path.parent.parent / "same")


def swap_for_pipe(path):
    path.unlink()
    os.mkfifo(path)


def swap_for_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [edit, cut, os.unlink, swap_for_link, swap_for_pipe, swap_for_folder])
async def test_what_is_not_what_was_shared_is_changed(reader, share, tree, spoil):
    spoil(tree / "small")
    with pytest.raises(SourceChangedError) as caught:
        await reader.read_leaves(share, [(index_of(share, "small"), 0)])
    assert (caught.value.code, caught.value.path) == ("changed", "small")


async def test_one_changed_leaf_does_not_spoil_the_others(reader, share, tree):
    with (tree / "a" / "big").open("r+b") as file:
        file.seek(CHUNK_SIZE)
        file.write(b"x")
    index = index_of(share, "a/big")
    await reader.read_leaves(share, [(index, leaf) for leaf in [0, 2, 3]])
    with pytest.raises(SourceChangedError):
        await reader.read_leaves(share, [(index, leaf) for leaf in [0, 1]])


async def test_a_folder_swapped_for_a_link_is_not_followed(reader, share, tree):
    (tree / "a").rename(tree.parent / "moved")
    (tree / "a").symlink_to(tree.parent / "moved")
    with pytest.raises(SourceChangedError):
        await reader.read_leaves(share, [(index_of(share, "a/big"), 0)])


async def test_appended_octets_never_leave(reader, share, tree):
    with (tree / "small").open("ab") as file:
        file.write(b"SECRET")
    (leaf,) = await reader.read_leaves(share, [(index_of(share, "small"), 0)])
    assert bytes(leaf.octets) == b"hello"


async def test_a_machine_out_of_descriptors_is_not_the_owners_edit(shares, share, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("peertransfer.store.reading.open_beneath", refuse)
    with pytest.raises(StoreError, match="Too many"):
        await SourceReader(shares).read_leaves(share, [(index_of(share, "small"), 0)])


async def test_a_leaf_or_node_that_is_not_there_is_our_bug(reader, share):
    for leaf in (-1, 4):
        with pytest.raises(LocalError):
            await reader.read_leaves(share, [(index_of(share, "a/big"), leaf)])
    for node in (-1, 1):
        with pytest.raises(LocalError):
            await reader.read_nodes(share, index_of(share, "a/big"), [node])


async def test_no_file_stays_open(reader, share, tree):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        await reader.read_leaves(share, [(index_of(share, "a/big"), leaf) for leaf in [0, 1]])
    edit(tree / "small")
    with pytest.raises(SourceChangedError):
        await reader.read_leaves(share, [(index_of(share, "small"), 0)])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


async def test_only_a_few_dags_are_kept(shares, tmp_path):
    root = make_tree(tmp_path / "many", {f"f{n}": octets_of(CHUNK_SIZE + 1, n) for n in range(MAX_DAGS + 2)})
    share = await save_tree(shares, root)
    reader = SourceReader(shares)
    for index in range(MAX_DAGS + 2):
        await reader.read_nodes(share, index, [0])
    assert len(reader._dags) == MAX_DAGS
