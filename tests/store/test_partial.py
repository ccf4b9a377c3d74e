"""Is nothing marked before it is on the disk, and nothing wrong under a final name?"""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest
import trio
import trio.testing
from store_kit import TRANSFER, everything_below, file_to_send, octets_of, receiving

from peertransfer.content.bitmap import Bitmap
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import (
    ClashError,
    ForgeryError,
    IntegrityError,
    LocalProtocolError,
    SpaceError,
    StoreError,
)
from peertransfer.store import syscalls
from peertransfer.store.partial import Target
from peertransfer.store.partial_folder import MAX_UNSYNCED, SYNC_SECONDS
from peertransfer.store.placing import PARTIAL_FOLDER
from peertransfer.store.transfers import EntryProgress, Transfers

FILE = file_to_send(octets_of(5 * CHUNK_SIZE + 9))
LARGE = file_to_send(octets_of(20 * CHUNK_SIZE))


@pytest.fixture
async def here(tmp_path):
    async with receiving(tmp_path) as made:
        yield made


@pytest.fixture
def steps(monkeypatch):
    """Record the calls that must stand in a certain order."""
    done: list[str] = []

    def recorded(name, real):
        def call(*args, **kwargs):
            result = real(*args, **kwargs)
            done.append(name)
            return result

        return call

    async def mark(self, transfer_id, progress, real=Transfers.mark):
        done.append("done" if all(each.is_done for each in progress.values()) else "bitmap")
        await real(self, transfer_id, progress)

    for name in ("pwrite", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, recorded(name, getattr(os, name)))
    monkeypatch.setattr(syscalls, "rename_noreplace", recorded("rename", syscalls.rename_noreplace))
    monkeypatch.setattr(syscalls, "syncfs", recorded("syncfs", syscalls.syncfs))
    monkeypatch.setattr(Transfers, "mark", mark)
    return done


async def marked(here, file=FILE, entry=0):
    progress = await here.transfers.entry_progress(TRANSFER, entry)
    if progress is None:
        return None
    bitmap = Bitmap(len(file.digests) // 32, progress.bitmap)
    return [index for index in range(bitmap.count) if index in bitmap]


async def test_a_file_is_put_together_from_leaves_in_any_order(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("d", "f.bin", executable=True), FILE.leaf_cid)
        assert list(file.missing()) == [0, 1, 2, 3, 4, 5]
        await file.write(FILE.leaves([5, 2]))
        await file.write(FILE.leaves([0, 4, 3]))
        assert list(file.missing()) == [1]
        assert everything_below(here.path).keys() == {
            PARTIAL_FOLDER,
            f"{PARTIAL_FOLDER}/{TRANSFER}",
            f"{PARTIAL_FOLDER}/{TRANSFER}/0",
        }
        await file.write(FILE.leaves([1]))
        await file.finish()
    assert everything_below(here.path) == {"d": None, "d/f.bin": FILE.octets}
    assert stat.S_IMODE((here.path / "d" / "f.bin").stat().st_mode) == 0o755
    assert (await here.transfers.entry_progress(TRANSFER, 0)).is_done


async def test_the_folder_of_partial_files_is_private(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0]))
        for path in (here.path / PARTIAL_FOLDER, here.path / PARTIAL_FOLDER / TRANSFER):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_octets_are_synced_before_they_are_marked_and_the_folder_before_done(here, steps):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        steps.clear()
        await file.write(FILE.leaves([0, 1, 2]))
        assert steps == ["pwrite"] * 3
        await folder.sync()
        assert steps == ["pwrite"] * 3 + ["fdatasync", "bitmap"]
        steps.clear()
        await file.write(FILE.leaves([3, 4, 5]))
        await file.finish()
        assert steps == ["pwrite"] * 3 + ["fsync", "bitmap", "rename", "fsync", "done"]


async def test_from_4_mib_on_what_is_written_is_synced(here, steps):
    async with here.folder() as folder:
        file = await folder.open_file(LARGE.target("f"), LARGE.leaf_cid)
        other = await folder.open_file(FILE.target("g", entry=1), FILE.leaf_cid)
        for index in range(3):
            await file.write(LARGE.leaves([index]))
        assert "bitmap" not in steps
        await other.write(FILE.leaves([0]))
        assert steps[-4:] == ["pwrite", "fdatasync", "fdatasync", "bitmap"]
        assert folder.unsynced == 0
        assert await marked(here, LARGE) == list(range(3))
        assert await marked(here, FILE, 1) == [0]
        await file.write(LARGE.leaves(range(3, 20)))
        assert folder.unsynced < MAX_UNSYNCED // 2


async def test_at_most_8_mib_are_at_risk_however_long_a_sync_takes(here, monkeypatch):
    begun, may_end = trio.Event(), threading.Event()
    real = os.fdatasync
    token = trio.lowlevel.current_trio_token()

    def slow(fd):
        token.run_sync_soon(begun.set)
        assert may_end.wait(10)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    async with here.folder() as folder, trio.open_nursery() as nursery:
        file = await folder.open_file(LARGE.target("f"), LARGE.leaf_cid)
        nursery.start_soon(file.write, LARGE.leaves(range(4)))
        await begun.wait()
        for index in range(4, 20):
            nursery.start_soon(file.write, LARGE.leaves([index]))
        await trio.testing.wait_all_tasks_blocked(0.2)
        assert len(list(file.missing())) == 20 - MAX_UNSYNCED // CHUNK_SIZE
        assert folder.unsynced == MAX_UNSYNCED
        assert await marked(here, LARGE) is None
        may_end.set()
    assert await marked(here, LARGE) == list(range(20))


async def test_what_is_written_during_a_sync_is_not_marked_by_it(here, monkeypatch):
    begun, may_end = trio.Event(), threading.Event()
    real = os.fdatasync
    token = trio.lowlevel.current_trio_token()

    def slow(fd):
        real(fd)
        token.run_sync_soon(begun.set)
        assert may_end.wait(10)

    async with here.folder() as folder:
        file = await folder.open_file(LARGE.target("f"), LARGE.leaf_cid)
        await file.write(LARGE.leaves([0, 1]))
        async with trio.open_nursery() as nursery:
            monkeypatch.setattr(os, "fdatasync", slow)
            nursery.start_soon(folder.sync)
            await begun.wait()
            await file.write(LARGE.leaves([2]))
            may_end.set()
        assert await marked(here, LARGE) == [0, 1]
        assert folder.unsynced == CHUNK_SIZE
        await folder.sync()
        assert await marked(here, LARGE) == [0, 1, 2]


async def test_what_could_not_be_written_is_not_at_risk(here, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    folder = here.folder()
    file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fail)
        with pytest.raises(StoreError):
            await file.write(FILE.leaves([0]))
    with pytest.raises(IntegrityError):
        await file.take(lambda: [(0, verify(FILE.leaf_cid(0), b"wrong"))], CHUNK_SIZE)
    await file.write(FILE.leaves([1]))
    await file.write(FILE.leaves([1]))
    assert folder.unsynced == CHUNK_SIZE
    await folder.aclose()
    assert await marked(here) == [1]


async def test_on_a_slow_line_two_seconds_are_at_risk(here, steps, autojump_clock):
    async with here.folder() as folder:
        file = await folder.open_file(LARGE.target("f"), LARGE.leaf_cid)
        await file.write(LARGE.leaves([0]))
        await trio.sleep(SYNC_SECONDS - 0.1)
        await file.write(LARGE.leaves([1]))
        assert "fdatasync" not in steps
        await trio.sleep(0.2)
        await file.write(LARGE.leaves([2]))
        assert steps[-3:] == ["pwrite", "fdatasync", "bitmap"]
        assert await marked(here, LARGE) == [0, 1, 2]
        await file.write(LARGE.leaves([3]))
        await trio.sleep(SYNC_SECONDS - 0.1)
        await file.write(LARGE.leaves([4]))
        assert steps[-2:] == ["pwrite", "pwrite"]


async def test_leaving_cleanly_keeps_everything(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0, 3]))
    assert await marked(here) == [0, 3]
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert list(file.missing()) == [1, 2, 4, 5]
        await file.write(FILE.leaves([1, 2, 4, 5]))
        await file.finish()
    assert everything_below(here.path) == {"f": FILE.octets}


async def test_cancelling_in_the_middle_keeps_everything(here):
    with trio.CancelScope() as scope:
        async with here.folder() as folder:
            file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
            await file.write(FILE.leaves([0, 3]))
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert await marked(here) == [0, 3]


async def test_marked_leaves_are_read_back_before_they_are_believed(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0, 1, 2, 3]))
    partial = here.path / PARTIAL_FOLDER / TRANSFER / "0"
    with partial.open("r+b") as spoiled:
        spoiled.seek(CHUNK_SIZE + 5)
        spoiled.write(b"rot")
        spoiled.truncate(3 * CHUNK_SIZE + 100)
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert list(file.missing()) == [1, 3, 4, 5]
        await file.write(FILE.leaves([1, 3, 4, 5]))
        await file.finish()
    assert (here.path / "f").read_bytes() == FILE.octets


async def test_what_the_journal_says_of_other_octets_is_not_believed(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0]))
    other = file_to_send(octets_of(5 * CHUNK_SIZE + 9, seed=1))
    async with here.folder() as folder:
        file = await folder.open_file(other.target("f"), other.leaf_cid)
        assert list(file.missing()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("bitmap", [b"", b"\xff", b"\x01\x00"], ids=["none", "a leaf too many", "too long"])
async def test_a_journal_that_can_not_be_read_is_not_believed(here, bitmap):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0]))
    root = FILE.target("f").root.to_bytes()
    await here.transfers.mark(TRANSFER, {0: EntryProgress(root, is_done=False, bitmap=bitmap)})
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert list(file.missing()) == [0, 1, 2, 3, 4, 5]


async def test_a_journal_without_its_partial_file_begins_anew(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves([0]))
    (here.path / PARTIAL_FOLDER / TRANSFER / "0").unlink()
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert len(list(file.missing())) == 6


async def test_a_finished_file_that_was_deleted_is_fetched_again(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves(range(6)))
        await file.finish()
    (here.path / "f").unlink()
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert len(list(file.missing())) == 6


async def test_only_verified_leaves_of_this_file_are_written(here, steps):
    with pytest.raises(ForgeryError):
        Verified(FILE.leaf_cid(0), memoryview(b""))
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        for index, leaf in ((1, FILE.leaf(0)), (6, FILE.leaf(5)), (-1, FILE.leaf(5)), (0, LARGE.leaf(1))):
            with pytest.raises(LocalProtocolError):
                await file.write([(index, leaf)])
        assert "pwrite" not in steps
        await file.write(FILE.leaves([0]))
        with pytest.raises(LocalProtocolError, match="missing"):
            await file.finish()
    assert not (here.path / "f").exists()


async def test_what_came_meanwhile_is_not_overwritten_and_nothing_is_lost(here):
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves(range(6)))
        (here.path / "f").write_bytes(b"mine")
        with pytest.raises(ClashError):
            await file.finish()
    assert (here.path / "f").read_bytes() == b"mine"
    assert await marked(here) == [0, 1, 2, 3, 4, 5]
    (here.path / "f").unlink()
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert file.is_complete
        await file.finish()
    assert everything_below(here.path) == {"f": FILE.octets}


async def test_a_file_is_replaced_in_one_step_where_that_was_asked_for(here):
    (here.path / "f").write_bytes(b"mine")
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f", overwrites=True), FILE.leaf_cid)
        await file.write(FILE.leaves(range(6)))
        assert (here.path / "f").read_bytes() == b"mine"
        await file.finish()
    assert everything_below(here.path) == {"f": FILE.octets}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_costs_nothing_that_was_synced(here, monkeypatch, number):
    real = os.pwrite
    room = [3 * CHUNK_SIZE]

    def pwrite(fd, octets, offset):
        count = min(len(octets), room[0])
        if count == 0:
            raise OSError(number, os.strerror(number))
        count = real(fd, octets[:count], offset)
        room[0] -= count
        return count

    monkeypatch.setattr(os, "pwrite", pwrite)
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        with pytest.raises(SpaceError):
            await file.write(FILE.leaves(range(6)))
    assert await marked(here) == [0, 1, 2]
    monkeypatch.setattr(os, "pwrite", real)
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        assert list(file.missing()) == [3, 4, 5]
        await file.write(FILE.leaves([3, 4, 5]))
        await file.finish()
    assert everything_below(here.path) == {"f": FILE.octets}


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
async def test_a_failed_sync_is_never_told_as_success_nor_tried_again(here, monkeypatch, call):
    real = getattr(os, call)
    folder = here.folder()
    file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
    await file.write(FILE.leaves(range(6)))
    before = await marked(here)
    failures = []

    def fail(fd):
        failures.append(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StoreError, match="Input/output"):
        await (folder.sync() if call == "fdatasync" else file.finish())
    monkeypatch.setattr(os, call, real)
    for again in (folder.sync, file.finish, lambda: file.write(FILE.leaves([0]))):
        with pytest.raises(StoreError, match="disk failed"):
            await again()
    await folder.aclose()
    assert len(failures) == 1
    assert await marked(here) == before == [0, 1, 2, 3]
    assert not (here.path / "f").exists()


@pytest.mark.parametrize("call", ["open", "pwrite", "fdatasync", "fsync", "fstat", "mkdir", "ftruncate"])
@pytest.mark.parametrize("nth", range(1, 8))
async def test_whichever_call_fails_the_next_run_ends_well(here, monkeypatch, call, nth):
    real = getattr(os, call)
    count = [0]

    def fail(*args, **kwargs):
        count[0] += 1
        if count[0] == nth:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, fail)
    try:
        async with here.folder() as folder:
            file = await folder.open_file(FILE.target("d", "f"), FILE.leaf_cid)
            for index in list(file.missing()):
                await file.write(FILE.leaves([index]))
            await folder.sync()
            await file.finish()
    except StoreError:
        pass
    monkeypatch.setattr(os, call, real)
    final = here.path / "d" / "f"
    if not final.exists():
        async with here.folder() as folder:
            file = await folder.open_file(FILE.target("d", "f"), FILE.leaf_cid)
            await file.write(FILE.leaves(list(file.missing())))
            await file.finish()
    assert final.read_bytes() == FILE.octets


async def test_a_partial_folder_that_is_a_link_is_not_entered(here, tmp_path):
    (tmp_path / "outside").mkdir()
    (here.path / PARTIAL_FOLDER).symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError):
        here.folder()
    assert list((tmp_path / "outside").iterdir()) == []


async def test_a_partial_folder_that_others_can_enter_is_not_used(here):
    (here.path / PARTIAL_FOLDER).mkdir()
    (here.path / PARTIAL_FOLDER).chmod(0o777)
    with pytest.raises(StoreError, match="somebody else"):
        here.folder()


async def test_a_partial_file_that_is_a_link_is_not_written_through(here, tmp_path):
    (tmp_path / "victim").write_bytes(b"theirs")
    async with here.folder() as folder:
        (here.path / PARTIAL_FOLDER / TRANSFER / "0").symlink_to(tmp_path / "victim")
        with pytest.raises(StoreError):
            await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        (here.path / PARTIAL_FOLDER / TRANSFER / "0").unlink()
    assert (tmp_path / "victim").read_bytes() == b"theirs"


async def test_giving_up_removes_what_is_left_and_spares_other_transfers(here):
    other = here.folder("ffff")
    kept = await other.open_file(FILE.target("g"), FILE.leaf_cid)
    folder = here.folder()
    file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
    await file.write(FILE.leaves([0]))
    await folder.aclose(discard=True)
    await folder.aclose(discard=True)
    assert set(everything_below(here.path)) == {
        PARTIAL_FOLDER,
        f"{PARTIAL_FOLDER}/ffff",
        f"{PARTIAL_FOLDER}/ffff/0",
    }
    assert list(kept.missing()) == [0, 1, 2, 3, 4, 5]
    await other.aclose(discard=True)
    assert everything_below(here.path) == {}


async def test_a_huge_claim_takes_no_room(here):
    huge = Target(0, ("f",), LARGE.root, 1 << 46)
    async with here.folder() as folder:
        file = await folder.open_file(huge, LARGE.leaf_cid)
        assert next(file.missing()) == 0
        assert (here.path / PARTIAL_FOLDER / TRANSFER / "0").stat().st_blocks == 0


async def test_writers_of_several_providers_do_not_hurt_each_other(here):
    async with here.folder() as folder:
        file = await folder.open_file(LARGE.target("f"), LARGE.leaf_cid)
        async with trio.open_nursery() as nursery:
            for index in range(20):
                nursery.start_soon(file.write, LARGE.leaves([index]))
                nursery.start_soon(file.write, LARGE.leaves([index]))
        await file.finish()
    assert (here.path / "f").read_bytes() == LARGE.octets


async def test_a_folder_that_another_transfer_removes_meanwhile_is_made_again(here, monkeypatch):
    mkdir = os.mkdir
    removals = 3

    def racing(name, *args, **kwargs):
        nonlocal removals
        if name == TRANSFER and removals:
            removals -= 1
            (here.path / PARTIAL_FOLDER).rmdir()
        return mkdir(name, *args, **kwargs)

    monkeypatch.setattr("os.mkdir", racing)
    async with here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        await file.write(FILE.leaves(range(6)))
        await file.finish()
    assert removals == 0
    assert everything_below(here.path) == {"f": FILE.octets}


async def test_a_folder_that_another_transfer_removed_at_the_end_is_no_error(here, monkeypatch):
    rmdir = os.rmdir

    def racing(name, *args, **kwargs):
        rmdir(name, *args, **kwargs)
        if name == f"{PARTIAL_FOLDER}/{TRANSFER}":
            rmdir(here.path / PARTIAL_FOLDER)

    async with here.folder():
        monkeypatch.setattr("os.rmdir", racing)
    assert everything_below(here.path) == {}
