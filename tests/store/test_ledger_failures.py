"""A disk that takes no more, and a process that is killed: nothing leaves unrecorded, and the chain holds."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from ledger_kit import entries_of, record

from peertransfer.errors import SpaceError
from peertransfer.store import ledger as ledger_module
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger

CHILD = Path(__file__).parents[1] / "kit" / "ledger_child.py"


@pytest.fixture
async def database(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        yield database


async def set_room(database, pages):
    """Let the database grow by so many pages from now on."""

    def work(connection):
        (count,) = next(iter(connection.execute("PRAGMA page_count")))
        connection.execute(f"PRAGMA max_page_count = {count + pages}")

    await database.run(work)


async def fill_up(ledger, now):
    """Book until nothing more fits; return how many rows did."""
    for n in range(10_000):
        try:
            await ledger.record([record(peer=f"peer{n}", rule="r" * 500)], now=now)
        except SpaceError:
            return n
    raise AssertionError("the disk is never full")


async def test_what_cannot_be_recorded_is_said_and_said_since_when(database):
    ledger = Ledger(database)
    assert ledger.failure is None
    await set_room(database, 3)
    count = await fill_up(ledger, 50)
    with pytest.raises(SpaceError):
        await ledger.record([record(rule="r" * 5000)], now=60)
    assert ledger.failure.since == 50
    assert isinstance(ledger.failure.error, SpaceError)
    assert len(await entries_of(ledger)) == count
    assert (await ledger.check()).is_unbroken


async def test_a_full_disk_is_believed_to_have_room_only_when_there_is_some_to_spare(database):
    ledger = Ledger(database)
    await set_room(database, 3)
    await fill_up(ledger, 50)
    await set_room(database, ledger_module.ROOM // 4096 // 2)
    with pytest.raises(SpaceError):
        await ledger.tend(51)
    assert ledger.failure is not None
    await set_room(database, ledger_module.ROOM // 4096 + 10)
    await ledger.tend(52)
    assert ledger.failure is None
    (size,) = (await database.read(lambda c: list(c.execute("SELECT length(room) FROM ledger_head"))))[0]
    assert size == 0
    await ledger.record([record(peer="late")], now=53)
    assert (await ledger.check()).is_unbroken


async def test_reading_does_not_make_a_full_disk_writable(database):
    ledger = Ledger(database)
    await set_room(database, 3)
    await fill_up(ledger, 50)
    await ledger._repeat(lambda connection: 0, 51)
    assert ledger.failure is not None


async def test_octets_that_left_are_booked_once_there_is_room(database):
    ledger = Ledger(database)
    content, other = record(view="content", peer="a"), record(view="content", peer="b")
    await ledger.record([content], now=50)
    await set_room(database, 0)
    await fill_up(ledger, 50)
    for now in (50 + 3600, 51 + 3600):
        with pytest.raises(SpaceError):
            await ledger.record([content, record(rule="r" * 9000)], octets=300, now=now)
    with pytest.raises(SpaceError):
        await ledger.record([other, record(rule="r" * 9000)], octets=5, now=52 + 3600)
    await set_room(database, 1000)
    await ledger.tend(53 + 3600)
    await ledger.tend(54 + 3600)
    booked = [(e["peer_id"], e["octets"], e["count"]) for e in await entries_of(ledger) if e["octets"]]
    assert sorted(booked) == [("a", 600, 0), ("b", 5, 0), ("peer1", 605, 0)]


async def test_octets_of_a_task_that_is_cancelled_before_its_turn_are_booked_later(database):
    ledger = Ledger(database)
    content = record(view="content")
    with trio.CancelScope() as scope:
        scope.cancel()
        await ledger.record([content], octets=300, now=50)
    await ledger.record([content], octets=20, now=51)
    assert [entry["octets"] for entry in await entries_of(ledger)] == [320]
    await ledger.tend(52)
    assert [entry["octets"] for entry in await entries_of(ledger)] == [320]


async def test_decisions_that_were_not_made_are_not_booked_later(database):
    ledger = Ledger(database)
    with trio.CancelScope() as scope:
        scope.cancel()
        await ledger.record([record()], now=50)
    await ledger.tend(52)
    assert await entries_of(ledger) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_ledger_whose_node_was_killed_is_unbroken_and_has_all_that_was_answered(tmp_path, seed):
    """Each round kills a process that books, seals, drops and destroys, and the next goes on with its ledger."""
    chance = random.Random(seed)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path), str(seed)], stdout=subprocess.PIPE, text=True
        ) as child:
            told = [child.stdout.readline() for _ in range(chance.randrange(2, 120))]
            child.send_signal(signal.SIGKILL)
            told += child.stdout.read().splitlines(keepends=True)
        last_index = max((int(line) for line in told if line.endswith("\n")), default=0)
        found = trio.run(checked, tmp_path / "x.db")
        assert found.first_broken is None, found.reason
        assert found.index >= last_index > 0
    assert found.erased or found.checkpoints


async def checked(path):
    async with Database(path) as database:
        return await Ledger(database).check()
