"""Is of a file that is to be replaced taken what is the same, and nothing else?"""

import os

import pytest
from store_kit import file_to_send, octets_of, receiving

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.store.seeding import seed

FILE = file_to_send(octets_of(4 * CHUNK_SIZE + 9))
END = 4 * CHUNK_SIZE


@pytest.fixture
async def here(tmp_path):
    async with receiving(tmp_path) as made:
        yield made


async def missing_after(here, path="old"):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("new"), FILE.leaf_cid)
        await seed(file, here.root, (path,), FILE.leaf_cid)
        return list(file.missing())


@pytest.mark.parametrize(
    ("old", "missing"),
    [
        (FILE.octets, []),
        (b"", [0, 1, 2, 3, 4]),
        (FILE.octets[:END] + b"other", [4]),
        (b"x" + FILE.octets[1:], [0]),
        (b"x" + FILE.octets, [0, 1, 2, 3, 4]),
        (FILE.octets[: 2 * CHUNK_SIZE + 1], [2, 3, 4]),
        (FILE.octets + b"more", []),
    ],
    ids=["all", "empty", "other end", "other begin", "moved", "shorter", "longer"],
)
async def test_what_is_the_same_at_the_same_place_is_taken(here, old, missing):
    (here.path / "old").write_bytes(old)
    assert await missing_after(here) == missing
    assert (here.path / "old").read_bytes() == old


async def test_what_is_no_file_gives_nothing(here):
    (here.path / "target").write_bytes(FILE.octets)
    (here.path / "link").symlink_to("target")
    os.mkfifo(here.path / "fifo")
    (here.path / "folder").mkdir()
    for name in ("link", "fifo", "folder", "nothing"):
        assert await missing_after(here, name) == [0, 1, 2, 3, 4]


async def test_what_was_taken_is_journalled_like_what_was_fetched(here):
    (here.path / "old").write_bytes(b"x" + FILE.octets[1:])
    assert await missing_after(here) == [0]
    (here.path / "old").unlink()
    assert await missing_after(here) == [0]
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("new"), FILE.leaf_cid)
        await file.write(FILE.leaves([0]))
        await file.finish()
    assert (here.path / "new").read_bytes() == FILE.octets
