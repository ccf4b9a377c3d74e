"""Are records on the disk when it is said, and is a file that is not for us left alone?"""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import apsw
import pytest
import trio

from peertransfer.errors import CatalogError, NotFoundError, SpaceError, StoreError
from peertransfer.store.database import Database
from peertransfer.store.migrations import MIGRATIONS
from peertransfer.store.opening import APPLICATION_ID, backup_path
from peertransfer.store.worker import MAX_GROUP

TABLE = ("CREATE TABLE things (thing TEXT UNIQUE) STRICT",)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "peertransfer.db"


@pytest.fixture
async def database(path):
    async with Database(path, migrations=TABLE) as opened:
        yield opened


def add(thing):
    return lambda connection: connection.execute("INSERT INTO things VALUES (?)", (thing,)) and None


def things(connection):
    return [thing for (thing,) in connection.execute("SELECT thing FROM things ORDER BY rowid")]


def pragma(name):
    return lambda connection: next(iter(connection.execute(f"PRAGMA {name}")))[0]


def octets_of(path):
    return {each.name: each.read_bytes() for each in path.parent.iterdir()}


async def test_the_database_is_set_up_for_power_loss_and_hostile_files(path):
    async with Database(path) as database:
        found = {
            name: await database.run(pragma(name))
            for name in (
                *("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "cell_size_check"),
                *("busy_timeout", "secure_delete", "application_id", "user_version"),
            )
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
        "application_id": APPLICATION_ID,
        "user_version": len(MIGRATIONS),
    }


async def test_all_its_files_are_private(path):
    old = os.umask(0)
    try:
        async with Database(path):
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


async def test_what_was_run_is_read_back_after_a_restart(path, database):
    await database.run(add("one"))
    assert await database.read(things) == ["one"]
    await database.aclose()
    async with Database(path, migrations=TABLE) as again:
        assert await again.read(things) == ["one"]
        assert not again.was_unclean


async def test_a_failing_job_takes_nothing_of_the_others_with_it(database):
    async def run(name):
        if name % 3:
            await database.run(add(str(name)))
            return
        with pytest.raises(NotFoundError):
            await database.run(fail)

    def fail(connection):
        connection.execute("INSERT INTO things VALUES ('lost')")
        raise NotFoundError("nothing here")

    async with trio.open_nursery() as nursery:
        for name in range(30):
            nursery.start_soon(run, name)
    assert sorted(await database.read(things)) == sorted(str(name) for name in range(30) if name % 3)


async def test_a_job_that_fails_alone_leaves_nothing(database):
    def fail(connection):
        connection.execute("INSERT INTO things VALUES ('lost')")
        raise NotFoundError("nothing here")

    with pytest.raises(NotFoundError):
        await database.run(fail)
    await database.run(add("kept"))
    assert await database.read(things) == ["kept"]


async def test_jobs_that_wait_share_a_commit(database):
    commits = []
    database._writer_connection.set_commit_hook(lambda: bool(commits.append(1)))
    async with trio.open_nursery() as nursery:
        for name in range(MAX_GROUP * 2):
            nursery.start_soon(database.run, add(str(name)))
    assert len(await database.read(things)) == MAX_GROUP * 2
    assert len(commits) < MAX_GROUP / 4


async def test_nobody_is_answered_whose_commit_failed(database):
    database._writer_connection.set_commit_hook(lambda: True)  # SQLite: roll back instead
    with pytest.raises(StoreError):
        await database.run(add("one"))
    database._writer_connection.set_commit_hook(None)
    assert await database.read(things) == []
    await database.run(add("two"))
    assert await database.read(things) == ["two"]


async def test_a_full_database_is_said_and_costs_nothing(database):
    await database.run(add("kept"))
    pages = await database.run(pragma("page_count"))
    await database.run(pragma(f"max_page_count = {pages}"))
    with pytest.raises(SpaceError, match="full"):
        await database.run(add("x" * 100_000))
    assert await database.read(things) == ["kept"]
    await database.run(pragma("max_page_count = 100000"))
    await database.run(add("again"))
    assert await database.read(things) == ["kept", "again"]


@pytest.mark.parametrize("room", [0, 4096, 40_000, 100_000])
def test_a_disk_that_takes_no_more_is_said_when_the_database_is_made(path, room):
    script = f"""
import resource
from pathlib import Path
from peertransfer.errors import SpaceError
from peertransfer.store.database import Database
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
try:
    Database(Path({str(path)!r}))
except SpaceError as error:
    print(error.message, error.hint)"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert str(path) in done.stdout
    assert "Free some room" in done.stdout
    Database(path).close()


def test_a_disk_that_takes_no_more_is_said_by_the_commit(path):
    script = f"""
import resource, trio
from pathlib import Path
from peertransfer.errors import SpaceError
from peertransfer.store.database import Database
async def main():
    async with Database(Path({str(path)!r}), migrations={TABLE!r}) as database:
        await database.run(lambda c: c.execute("INSERT INTO things VALUES ('kept')") and None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            await database.run(lambda c: c.execute("INSERT INTO things VALUES (?)", ("x" * 100_000,)) and None)
        except SpaceError as error:
            print(error.message, error.hint)
        print(await database.read(lambda c: list(c.execute("SELECT thing FROM things"))))
trio.run(main)"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "Free some room" in done.stdout
    assert done.stdout.endswith("[('kept',)]\n")


def test_a_full_disk_is_said_when_the_file_cannot_be_made(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SpaceError, match="full"):
        Database(tmp_path / "x.db")


async def test_a_reader_can_change_nothing(database):
    with pytest.raises(CatalogError):
        await database.read(add("one"))


async def test_a_cancelled_job_that_waits_is_not_done(database):
    begun, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def slow(connection):
        token.run_sync_soon(begun.set)
        go_on.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run, slow)
        await begun.wait()
        with trio.move_on_after(0):
            await database.run(add("never"))
        go_on.set()
    assert await database.read(things) == []


async def test_a_cancelled_job_that_runs_is_finished(database):
    begun, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def slow(connection):
        token.run_sync_soon(begun.set)
        go_on.wait()
        connection.execute("INSERT INTO things VALUES ('done')")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run, slow)
        await begun.wait()
        nursery.cancel_scope.cancel()
        go_on.set()
    assert await database.read(things) == ["done"]


async def test_a_closed_database_says_so(database):
    await database.aclose()
    await database.aclose()
    with pytest.raises(StoreError, match="closed"):
        await database.run(things)


def test_a_database_of_a_newer_program_is_left_as_it_is(path):
    Database(path, migrations=(*TABLE, "CREATE TABLE more (x) ")).close()
    before = octets_of(path)
    with pytest.raises(CatalogError, match="newer"):
        Database(path, migrations=TABLE)
    assert octets_of(path) == before


def test_a_newer_version_that_is_only_in_the_journal_is_seen_too(path):
    Database(path, migrations=TABLE).close()
    child = f"""
import apsw, os
c = apsw.Connection({str(path)!r}); c.execute("PRAGMA user_version = 2")
os._exit(0)"""
    subprocess.run([sys.executable, "-c", child], check=True)
    before = {name: octets for name, octets in octets_of(path).items() if not name.endswith("-shm")}
    assert len(before["peertransfer.db-wal"]) > 0
    with pytest.raises(CatalogError, match="newer"):
        Database(path, migrations=TABLE)
    assert {name: octets for name, octets in octets_of(path).items() if not name.endswith("-shm")} == before


@pytest.mark.parametrize("octets", [b"garbage", b"\0" * 5000, b"SQLite format 3\0" + b"\xff" * 200])
def test_what_is_no_database_is_named_and_left_as_it_is(path, octets):
    path.write_bytes(octets)
    path.chmod(0o600)
    with pytest.raises(CatalogError, match=str(path)) as caught:
        Database(path)
    assert caught.value.hint
    assert octets_of(path) == {path.name: octets}


def test_a_damaged_page_is_found_at_the_start_and_nothing_is_overwritten(path):
    Database(path).close()
    octets = bytearray(path.read_bytes())
    octets[4096 * 2 : 4096 * 3] = os.urandom(4096)
    path.write_bytes(octets)
    before = octets_of(path)
    with pytest.raises(CatalogError, match="damaged") as caught:
        Database(path)
    assert "move it away" in caught.value.hint
    assert octets_of(path) == before


def test_another_programs_database_is_left_as_it_is(path):
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA application_id = 7; CREATE TABLE theirs (x)")
    connection.close()
    before = octets_of(path)
    with pytest.raises(CatalogError, match="another program"):
        Database(path)
    assert octets_of(path) == before


def test_a_migration_keeps_a_copy_and_what_was_there(path):
    first = Database(path, migrations=TABLE)
    trio.run(first.run, add("old"))
    first.close()
    second = Database(path, migrations=(*TABLE, "ALTER TABLE things ADD COLUMN size INTEGER"))
    assert trio.run(second.read, things) == ["old"]
    second.close()
    copy = backup_path(path, 1)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    assert (things(connection), pragma("user_version")(connection)) == (["old"], 1)
    connection.close()


def test_a_migration_that_fails_leaves_the_old_version(path):
    Database(path, migrations=TABLE).close()
    with pytest.raises(StoreError):
        Database(path, migrations=(*TABLE, "CREATE TABLE more (x); CREATE TABLE more (x)"))
    database = Database(path, migrations=TABLE)
    tables = trio.run(database.read, lambda c: [n for (n,) in c.execute("SELECT name FROM sqlite_schema")])
    database.close()
    assert "more" not in tables


def test_every_commit_that_was_answered_survives_a_kill(path):
    script = f"""
import sys, trio
from pathlib import Path
from peertransfer.store.database import Database
async def main():
    database = Database(Path({str(path)!r}), migrations={TABLE!r})
    for n in range(100000):
        await database.run(lambda c: c.execute("INSERT INTO things VALUES (?)", (str(n),)) and None)
        print(n, flush=True)
trio.run(main)"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
        last = [child.stdout.readline() for _ in range(200)][-1]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().splitlines(keepends=True)
    answered = [int(line) for line in (last, *rest) if line.endswith(b"\n")][-1]
    database = Database(path, migrations=TABLE)
    assert database.was_unclean
    found = trio.run(database.read, things)
    database.close()
    assert found[: answered + 1] == [str(n) for n in range(answered + 1)]


def test_a_database_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CatalogError, match="Permission denied"):
        Database(tmp_path / "x.db")


async def test_a_database_in_use_by_another_program_is_said(database, path):
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    database._writer_connection.set_busy_timeout(1)
    with pytest.raises(CatalogError, match="in use"):
        await database.run(add("one"))
    other.execute("ROLLBACK")
    other.close()
    await database.run(add("two"))
