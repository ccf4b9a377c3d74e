"""Does the journal hold what is needed to go on?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from peertransfer.errors import NotFoundError
from peertransfer.store.database import Database
from peertransfer.store.transfers import EntryProgress, StoredTransfer, Transfers


@pytest.fixture
async def transfers(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        yield Transfers(database)


def transfer(transfer_id="t1", dest="/home/me/Downloads", **facts):
    return StoredTransfer(transfer_id, "cid1", "net", b"SECRETSECRET1234", Path(dest), "Photos", 5, **facts)


async def test_a_transfer_is_read_back_as_it_was(transfers):
    given = transfer(addrs=("/ip4/1.2.3.4/tcp/1",), selected=("*.jpg",), clash_mode="rename", updated_at=6)
    await transfers.begin(given)
    assert await transfers.find("t1") == given
    assert await transfers.list() == (given,)
    assert "SECRET" not in repr(given)


async def test_a_destination_need_not_be_text(transfers):
    dest = os.fsdecode(b"/tmp/\xff\xfe")
    await transfers.begin(transfer(dest=dest))
    assert (await transfers.find("t1")).dest == Path(dest)


async def test_the_same_get_finds_what_it_left_behind(transfers):
    await transfers.begin(transfer())
    await transfers.begin(transfer("t2", "/elsewhere"))
    assert (await transfers.find_unfinished("cid1", Path("/home/me/Downloads"))).transfer_id == "t1"
    assert await transfers.find_unfinished("cid2", Path("/home/me/Downloads")) is None
    await transfers.set_state("t1", "paused", 7)
    assert await transfers.find_unfinished("cid1", Path("/home/me/Downloads")) is not None
    await transfers.set_state("t1", "done", 8)
    assert await transfers.find_unfinished("cid1", Path("/home/me/Downloads")) is None


async def test_octets_add_up_over_the_runs(transfers):
    await transfers.begin(transfer())
    await transfers.set_state("t1", "paused", 7, received=100, reused=1)
    await transfers.set_state("t1", "running", 8)
    await transfers.set_state("t1", "done", 9, received=50, reused=100)
    found = await transfers.find("t1")
    assert (found.state, found.updated_at, found.octets_received, found.octets_reused) == (
        "done",
        9,
        150,
        101,
    )


async def test_what_is_there_and_how_much_there_is_are_kept(transfers):
    await transfers.begin(transfer(octets_total=200))
    await transfers.set_state("t1", "paused", 7, received=100, reused=1)
    await transfers.set_state("t1", "running", 8)
    await transfers.set_state("t1", "paused", 9, reused=50)
    await transfers.set_link("t1", b"n" * 16, ["/a"])
    found = await transfers.find("t1")
    assert (found.octets_done, found.octets_total) == (101, 200)
    await transfers.set_link("t1", b"n" * 16, ["/a"], 220)
    await transfers.set_state("t1", "done", 9, received=120, reused=110)
    found = await transfers.find("t1")
    assert (found.octets_done, found.octets_total) == (230, 230)


@pytest.mark.parametrize(
    ("state", "left"), [("done", b""), ("cancelled", b""), ("failed", b"SECRETSECRET1234")]
)
async def test_the_links_secret_is_kept_only_while_it_is_needed(transfers, state, left):
    await transfers.begin(transfer())
    await transfers.set_state("t1", state, 7)
    assert (await transfers.find("t1")).secret == left


async def test_another_link_of_the_same_share_can_take_over(transfers):
    await transfers.begin(transfer())
    await transfers.set_link("t1", b"n" * 16, ["/a"])
    found = await transfers.find("t1")
    assert (found.secret, found.addrs) == (b"n" * 16, ("/a",))


async def test_progress_is_marked_for_many_entries_at_once(transfers):
    await transfers.begin(transfer())
    first = {
        0: EntryProgress(b"r0", is_done=False, bitmap=b"\x01"),
        7: EntryProgress(b"r7", is_done=True, bitmap=b"\x01"),
    }
    await transfers.mark("t1", first)
    assert await transfers.progress("t1") == first
    await transfers.mark("t1", {0: EntryProgress(b"r0", is_done=True, bitmap=b"\x03")})
    assert await transfers.entry_progress("t1", 0) == EntryProgress(b"r0", is_done=True, bitmap=b"\x03")
    assert await transfers.entry_progress("t1", 1) is None


async def test_a_forgotten_transfer_takes_its_progress_along(transfers):
    await transfers.begin(transfer())
    await transfers.mark("t1", {0: EntryProgress(b"r0", is_done=False, bitmap=b"\x01")})
    await transfers.forget("t1")
    assert await transfers.progress("t1") == {}
    with pytest.raises(NotFoundError, match="t1"):
        await transfers.find("t1")
