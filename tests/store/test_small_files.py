"""Do many small files reach the disk whole, together, and in few steps?"""

from __future__ import annotations

import errno
import os
import stat

import pytest
import trio
import trio.testing
from store_kit import TRANSFER, everything_below, file_to_send, octets_of, receiving

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import ClashError, LocalProtocolError, SpaceError, StoreError
from peertransfer.store import small_files, syscalls
from peertransfer.store.small_files import MAX_FILES, SmallFileBatch
from peertransfer.store.transfers import Transfers

FILES = [file_to_send(octets_of(number * 37, number)) for number in range(300)]


@pytest.fixture
async def here(tmp_path):
    async with receiving(tmp_path) as made:
        yield made


async def add_all(batch, files=FILES, **options):
    for entry, file in enumerate(files):
        await batch.add(file.target(f"d{entry % 3}", f"f{entry}", entry=entry, **options), file.leaf(0))


async def test_all_files_are_in_place_and_journalled(here):
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch)
        await batch.flush()
    found = everything_below(here.path)
    assert {name: octets for name, octets in found.items() if octets is not None} == {
        f"d{entry % 3}/f{entry}": file.octets for entry, file in enumerate(FILES)
    }
    progress = await here.transfers.progress(TRANSFER)
    assert len(progress) == 300
    assert all(each.is_done for each in progress.values())


@pytest.mark.parametrize("has_syncfs", [True, False])
async def test_a_batch_costs_one_commit_and_one_sync_of_each_folder(here, monkeypatch, has_syncfs):
    steps = []

    def recorded(name, real):
        return lambda *args: (steps.append(name), real(*args))[1]

    async def mark(self, transfer_id, progress, real=Transfers.mark):
        steps.append("done")
        await real(self, transfer_id, progress)

    def missing(fd):
        raise syscalls.MissingCallError(errno.ENOSYS, "missing")

    async with here.folder() as folder:
        for name in ("d0", "d1", "d2"):
            here.root.make_folders((name,))
        monkeypatch.setattr(os, "fsync", recorded("fsync", os.fsync))
        monkeypatch.setattr(
            syscalls, "syncfs", recorded("syncfs", syscalls.syncfs) if has_syncfs else missing
        )
        monkeypatch.setattr(syscalls, "rename_noreplace", recorded("rename", syscalls.rename_noreplace))
        monkeypatch.setattr(Transfers, "mark", mark)
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[:30])
        assert steps == []
        await batch.flush()
    synced = ["syncfs"] if has_syncfs else ["fsync"] * 30
    assert steps == [*synced, *[*["rename"] * 10, "fsync"] * 3, "done"]


async def test_a_full_batch_is_flushed_by_itself(here):
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[: MAX_FILES + 1])
        assert len(await here.transfers.progress(TRANSFER)) == MAX_FILES
        one = file_to_send(octets_of(CHUNK_SIZE))
        for entry in range(1000, 1008):
            await batch.add(one.target(f"big{entry}", entry=entry), one.leaf(0))
        assert len(await here.transfers.progress(TRANSFER)) == MAX_FILES + 1 + 7


async def test_the_executable_bit_is_set_and_the_umask_holds(here):
    old = os.umask(0o027)
    try:
        async with here.folder() as folder:
            batch = SmallFileBatch(folder)
            await batch.add(FILES[1].target("run", entry=1, executable=True), FILES[1].leaf(0))
            await batch.add(FILES[2].target("plain", entry=2), FILES[2].leaf(0))
            await batch.flush()
    finally:
        os.umask(old)
    assert stat.S_IMODE((here.path / "run").stat().st_mode) == 0o750
    assert stat.S_IMODE((here.path / "plain").stat().st_mode) == 0o640


async def test_a_block_that_is_not_the_whole_file_is_our_bug(here):
    two = file_to_send(octets_of(2 * CHUNK_SIZE))
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        for target, leaf in ((FILES[1].target("f"), FILES[2].leaf(0)), (two.target("f"), two.leaf(0))):
            with pytest.raises(LocalProtocolError):
                await batch.add(target, leaf)
        await batch.flush()
    assert everything_below(here.path) == {}


async def test_a_clash_takes_none_of_its_batch_along(here):
    (here.path / "d1").mkdir()
    (here.path / "d1" / "f1").write_bytes(b"mine")
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[:5])
        with pytest.raises(ClashError) as caught:
            await batch.flush()
    assert caught.value.path == str(here.path / "d1" / "f1")
    assert (here.path / "d1" / "f1").read_bytes() == b"mine"
    assert sorted(await here.transfers.progress(TRANSFER)) == [0, 2, 3, 4]


async def test_a_file_where_a_folder_should_be_takes_only_the_files_of_that_folder_along(here):
    (here.path / "d1").write_bytes(b"mine")
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[:6])
        with pytest.raises(ClashError) as caught:
            await batch.flush()
    assert caught.value.path == str(here.path / "d1")
    assert (here.path / "d1").read_bytes() == b"mine"
    assert sorted(await here.transfers.progress(TRANSFER)) == [0, 2, 3, 5]


async def test_existing_files_are_replaced_where_that_was_asked_for(here):
    (here.path / "d1").mkdir()
    (here.path / "d1" / "f1").write_bytes(b"mine")
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[:5], overwrites=True)
        await batch.flush()
    assert (here.path / "d1" / "f1").read_bytes() == FILES[1].octets


async def test_a_full_disk_keeps_the_files_that_fitted(here, monkeypatch):
    real = os.pwrite
    written = [0]

    def pwrite(fd, octets, offset):
        written[0] += len(octets)
        if written[0] > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, octets, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await add_all(batch, FILES[:20])
        with pytest.raises(SpaceError):
            await batch.flush()
        done = sorted(await here.transfers.progress(TRANSFER))
    assert done == [0, 1, 2, 3, 4, 5, 6]
    assert all((here.path / f"d{n % 3}" / f"f{n}").read_bytes() == FILES[n].octets for n in done)


@pytest.mark.parametrize("count", [3, 30])
async def test_a_failed_sync_places_nothing(here, monkeypatch, count):
    def fail(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    folder = here.folder()
    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(syscalls, "syncfs", fail)
    batch = SmallFileBatch(folder)
    await add_all(batch, FILES[:count])
    with pytest.raises(StoreError, match="Input/output"):
        await batch.flush()
    await add_all(batch, FILES[:1])
    with pytest.raises(StoreError, match="disk failed"):
        await batch.flush()
    await folder.aclose(discard=True)
    assert everything_below(here.path) == {}
    assert await here.transfers.progress(TRANSFER) == {}


async def test_what_a_crash_left_half_written_is_written_anew(here):
    async with here.folder() as folder:
        (here.path / ".peertransfer-partial" / TRANSFER / "1").write_bytes(
            b"much longer than the real file is" * 9
        )
        batch = SmallFileBatch(folder)
        await batch.add(FILES[1].target("f", entry=1), FILES[1].leaf(0))
        await batch.flush()
    assert everything_below(here.path) == {"f": FILES[1].octets}


async def test_no_descriptor_stays_open(here):
    async with here.folder() as folder:
        before = len(list(os.scandir("/proc/self/fd")))
        batch = SmallFileBatch(folder)
        await add_all(batch)
        await batch.flush()
        assert len(list(os.scandir("/proc/self/fd"))) == before


def test_a_batch_stays_below_the_usual_limit_of_descriptors():
    assert small_files.MAX_FILES <= 256


async def test_a_flush_that_is_cancelled_while_another_syncs_loses_nothing(here):
    file = file_to_send(b"kept")
    async with here.folder() as folder:
        batch = SmallFileBatch(folder)
        await batch.add(file.target("f"), file.leaf(0))
        async with folder.lock, trio.open_nursery() as nursery:
            nursery.start_soon(batch.flush)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await batch.flush()
    assert (here.path / "f").read_bytes() == b"kept"
