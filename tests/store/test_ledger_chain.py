"""Is every change of what was written seen, and can content go without breaking the chain?"""

from __future__ import annotations

import hashlib
import struct

import apsw
import pytest
import trio
from ledger_kit import entries_of, record, tamper

from peertransfer.store import ledger as ledger_module
from peertransfer.store import ledger_check, ledger_migration, ledger_retention
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_chain import chain_hash
from peertransfer.store.ledger_check import NotedHead
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.store.ledger_retention import DAY_SECONDS, Retention
from peertransfer.store.migrations import MIGRATIONS
from peertransfer.store.opening import backup_path

HOUR = 3600
EVERYTHING = LedgerFilter()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.db"


@pytest.fixture
async def ledger(path):
    async with Database(path) as database:
        yield Ledger(database)


async def fill(ledger, count, *, now=0):
    """Book one row in each of ``count`` hours, and leave the last one open."""
    for n in range(count):
        await ledger.record([record(peer=f"peer{n}")], now=now + n * HOUR)
        await ledger.tend(now=now + n * HOUR)


async def head_of(ledger):
    found = await ledger.check()
    return NotedHead(found.hash, found.sealed_index)


# --- what is written -----------------------------------------------------------------------------


async def test_a_ledger_as_it_was_written_is_unbroken(ledger):
    assert (await ledger.check()).is_unbroken
    await fill(ledger, 9, now=500)
    found = await ledger.check()
    assert found.is_unbroken
    assert (found.entries, found.opened, found.sealed_index, found.since) == (9, 1, 8, 500)


async def test_the_chain_is_what_the_document_says(ledger, path):
    """The octets are put together here by hand, as docs/ledger.md says."""
    await ledger.record([record(link="for Ann", item="cid", fields=("b", "a"))], now=7)
    await ledger.record([record(peer="", item="", fields=())], now=8)
    await ledger.seal(now=9)
    connection = apsw.Connection(str(path))
    rows = list(
        connection.execute("SELECT salt, commitment, chain_hash FROM disclosures ORDER BY chain_index")
    )
    connection.close()

    def text(value):
        return struct.pack(">I", len(value)) + value.encode()

    one = struct.pack(">qqq", 1, 7, 7)
    one += b"".join(map(text, ("net", "peer:peer1", "peer1", "grant", "cid", "for Ann")))
    one += struct.pack(">I", 2) + text("b") + text("a") + text("link") + struct.pack(">qq", 0, 1)
    two = struct.pack(">qqq", 2, 8, 8)
    two += b"".join(map(text, ("net", "dht-servers:net", "", "grant", "", "")))
    two += struct.pack(">I", 0) + text("link") + struct.pack(">qq", 0, 1)
    previous = bytes(32)
    for index, (entry, (salt, commitment, chained)) in enumerate(zip((one, two), rows, strict=True), start=1):
        assert len(salt) == 16
        assert commitment == hashlib.sha256(b"peertransfer/ledger/entry/1" + salt + entry).digest()
        previous = hashlib.sha256(
            b"peertransfer/ledger/chain/1" + previous + struct.pack(">q", index) + commitment
        ).digest()
        assert chained == previous


async def test_equal_rows_have_different_commitments(ledger, path):
    await ledger.record([record()], now=0)
    await ledger.record([record()], now=HOUR)
    connection = apsw.Connection(str(path))
    salts = {salt for (salt,) in connection.execute("SELECT salt FROM disclosures")}
    connection.close()
    assert len(salts) == 2


async def test_a_row_is_sealed_once_nothing_can_be_added_to_it(ledger):
    await ledger.record([record()], now=1000)
    await ledger.record([record(peer="other")], now=1000 + HOUR - 1)
    await ledger.tend(now=1000 + HOUR - 1)
    assert (await ledger.check()).opened == 2
    await ledger.tend(now=1000 + HOUR)
    assert (await ledger.check()).opened == 1
    await ledger.tend(now=1000 + 3 * HOUR)
    assert (await ledger.check()).opened == 0


async def test_all_rows_of_a_busy_hour_are_sealed_batch_by_batch(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "SEAL_BATCH", 7)
    await ledger.record([record(peer=f"peer{n}") for n in range(100)], now=0)
    await ledger.tend(now=HOUR)
    found = await ledger.check()
    assert (found.is_unbroken, found.sealed_index) == (True, 100)


async def test_a_row_that_was_sealed_early_is_never_added_to(ledger):
    await ledger.record([record()], now=0)
    await ledger.seal(now=1)
    await ledger.record([record()], now=2)
    await ledger.record([record()], now=3)
    assert [entry["count"] for entry in await entries_of(ledger)] == [1, 2]
    assert (await ledger.check()).is_unbroken


async def test_a_clock_that_was_set_back_does_not_keep_the_chain_open(ledger):
    await ledger.record([record()], now=50 * HOUR)
    await ledger.record([record()], now=HOUR)
    await ledger.tend(now=3 * HOUR)
    found = await ledger.check()
    assert (found.is_unbroken, found.opened) == (True, 0)


# --- what is changed -----------------------------------------------------------------------------

CHANGES = {
    "who": ("UPDATE disclosures SET peer_id = 'somebody' WHERE chain_index = 4", 4),
    "nobody": ("UPDATE disclosures SET peer_id = NULL WHERE chain_index = 4", 4),
    "when": ("UPDATE disclosures SET at = at - 1 WHERE chain_index = 4", 4),
    "until when": ("UPDATE disclosures SET last_at = last_at + 1 WHERE chain_index = 4", 4),
    "what": ("UPDATE disclosures SET fields = '[]' WHERE chain_index = 4", 4),
    "another spelling": ('UPDATE disclosures SET fields = \'["proof", "until"]\' WHERE chain_index = 4', 4),
    "no list": ("UPDATE disclosures SET fields = 'x' WHERE chain_index = 4", 4),
    "no texts": ("UPDATE disclosures SET fields = '[1]' WHERE chain_index = 4", 4),
    "no text": ("UPDATE disclosures SET rule = CAST(x'ff' AS TEXT) WHERE chain_index = 4", 4),
    "how often": ("UPDATE disclosures SET count = 2 WHERE chain_index = 4", 4),
    "which link": ("UPDATE disclosures SET link = 'x' WHERE chain_index = 4", 4),
    "salt": ("UPDATE disclosures SET salt = zeroblob(16) WHERE chain_index = 4", 4),
    "commitment": ("UPDATE disclosures SET commitment = zeroblob(32) WHERE chain_index = 4", 4),
    "chain": ("UPDATE disclosures SET chain_hash = zeroblob(32) WHERE chain_index = 4", 4),
    "unsealed": ("UPDATE disclosures SET chain_hash = NULL WHERE chain_index = 4", 5),
    "deleted": ("DELETE FROM disclosures WHERE chain_index = 4", 4),
    "first deleted": ("DELETE FROM disclosures WHERE chain_index = 1", 1),
    "last sealed deleted": ("DELETE FROM disclosures WHERE chain_index = 8", 8),
    "open one changed": ("UPDATE disclosures SET count = 5 WHERE chain_index = 9", 9),
    "open one deleted": ("DELETE FROM disclosures WHERE chain_index = 9", 9),
    "all deleted": ("DELETE FROM disclosures", 1),
    "swapped": (
        """UPDATE disclosures SET chain_index = 1000 WHERE chain_index = 4;
        UPDATE disclosures SET chain_index = 4 WHERE chain_index = 5;
        UPDATE disclosures SET chain_index = 5 WHERE chain_index = 1000""",
        4,
    ),
    "added at the end": (
        """INSERT INTO disclosures SELECT 10, at, last_at, network_id, audience, peer_id, view, item, link,
        fields, rule, octets, count, salt, commitment, NULL FROM disclosures WHERE chain_index = 9""",
        10,
    ),
    "a copy in the middle": (
        """UPDATE disclosures SET (peer_id, audience, salt, commitment, chain_hash) = (SELECT peer_id, audience,
        salt, commitment, chain_hash FROM disclosures WHERE chain_index = 3) WHERE chain_index = 4""",
        4,
    ),
    "the oldest cut off without a checkpoint": ("DELETE FROM disclosures WHERE chain_index < 4", 1),
    "the oldest cut off with a false one": (
        """DELETE FROM disclosures WHERE chain_index < 4;
        INSERT INTO ledger_checkpoints VALUES (3, zeroblob(32), 1, 3)""",
        4,
    ),
    "head": ("UPDATE ledger_head SET sealed_hash = zeroblob(32)", 9),
    "another end": ("UPDATE ledger_head SET last_index = 11", 10),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("page", [2000, 3])
async def test_a_change_is_seen_at_its_row(ledger, path, monkeypatch, name, page):
    monkeypatch.setattr(ledger_check, "CHECK_COUNT", page)
    await fill(ledger, 9)
    assert (await ledger.check()).is_unbroken
    statement, index = CHANGES[name]
    tamper(path, statement)
    found = await ledger.check()
    assert (found.is_unbroken, found.first_broken) == (False, index)
    assert found.reason


async def test_writing_on_does_not_hide_what_was_changed(ledger, path):
    await ledger.record([record()], now=0)
    tamper(path, "UPDATE disclosures SET count = 40")
    await ledger.record([record()], now=1)
    await ledger.seal(now=2)
    assert (await ledger.check()).first_broken == 1


async def test_a_deleted_open_row_is_not_hidden_by_sealing(ledger, path):
    for n in range(4):
        await ledger.record([record(peer=f"peer{n}")], now=0)
    tamper(path, "DELETE FROM disclosures WHERE chain_index = 2")
    await ledger.seal(now=2)
    await ledger.record([record()], now=3)
    assert (await ledger.check()).first_broken == 2


async def test_a_row_that_the_rest_was_chained_around_is_seen(ledger, path):
    await fill(ledger, 9)
    connection = apsw.Connection(str(path))
    statement = "SELECT chain_index, commitment, chain_hash FROM disclosures WHERE chain_hash IS NOT NULL"
    rows = list(connection.execute(f"{statement} ORDER BY chain_index"))
    previous = rows[2][2]
    connection.execute("UPDATE disclosures SET chain_hash = NULL WHERE chain_index = 4")
    for index, commitment, _ in rows[4:]:
        previous = chain_hash(previous, index, commitment)
        connection.execute("UPDATE disclosures SET chain_hash = ? WHERE chain_index = ?", (previous, index))
    connection.execute("UPDATE ledger_head SET sealed_hash = ?", (previous,))
    connection.close()
    assert (await ledger.check()).first_broken == 5


async def test_a_chain_that_was_made_anew_holds_and_only_a_noted_head_shows_it(ledger, path):
    await fill(ledger, 5)
    noted = await head_of(ledger)
    await fill(ledger, 5, now=10 * HOUR)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE disclosures SET rule = 'nicer' WHERE chain_index = 2")
    connection.close()
    _make_anew(path)
    assert (await ledger.check()).is_unbroken
    found = await ledger.check(noted)
    assert (found.is_unbroken, found.first_broken, found.is_noted_found) == (False, None, False)


def _make_anew(path):
    """Do what an attacker does who can write the database and knows this program: with its own migration."""
    connection = apsw.Connection(str(path))
    names = ("time", "peer", "item", "link", "peer_item", "peer_link", "item_link")
    connection.execute("BEGIN; DROP INDEX disclosures_open")
    for name in names[4:]:
        connection.execute(f"DROP INDEX disclosures_by_{name}")
    connection.execute("DROP TABLE ledger_head; DROP TABLE ledger_checkpoints")
    connection.execute(
        "UPDATE disclosures SET peer_id = coalesce(peer_id, ''), item = coalesce(item, ''), link = ''"
    )
    connection.execute("ALTER TABLE disclosures RENAME COLUMN chain_index TO disclosure_id")
    ledger_migration.chain_the_ledger(connection)
    connection.execute("COMMIT")
    connection.close()


@pytest.mark.parametrize("has_index", [True, False])
async def test_a_noted_head_is_found_however_long_the_chain_became(ledger, has_index):
    await fill(ledger, 5)
    noted = await head_of(ledger)
    assert noted.index == 4
    await fill(ledger, 20, now=10 * HOUR)
    assert (await ledger.check(noted if has_index else NotedHead(noted.hash))).is_unbroken
    assert not (await ledger.check(NotedHead(noted.hash, 5))).is_unbroken
    assert not (await ledger.check(NotedHead(bytes(32)))).is_unbroken


async def test_rows_that_come_while_it_is_checked_break_nothing(ledger, monkeypatch):
    monkeypatch.setattr(ledger_check, "CHECK_COUNT", 2)
    await fill(ledger, 30)

    async def write():
        for n in range(60):
            await ledger.record([record(peer=f"late{n}")], now=40 * HOUR + n * 600)
            await ledger.tend(now=40 * HOUR + n * 600)

    async def expire():
        for n in range(20):
            await ledger.expire((n + 1) * HOUR + Retention().seconds)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        nursery.start_soon(expire)
        for _ in range(10):
            assert (await ledger.check()).first_broken is None
    assert (await ledger.check()).is_unbroken


# --- what is destroyed ---------------------------------------------------------------------------


async def test_content_can_be_destroyed_and_the_chain_holds(ledger, path):
    await fill(ledger, 9)
    noted = await head_of(ledger)
    assert await ledger.erase(LedgerFilter(peer="peer3"), now=9 * HOUR) == 1
    assert "peer3" not in {entry["peer_id"] for entry in await entries_of(ledger)}
    assert [entry["index"] for entry in await entries_of(ledger)] == [1, 2, 3, 5, 6, 7, 8, 9]
    found = await ledger.check(noted)
    assert (found.is_unbroken, found.entries, found.erased) == (True, 9, 1)
    connection = apsw.Connection(str(path))
    (row,) = connection.execute("SELECT * FROM disclosures WHERE chain_index = 4")
    connection.close()
    assert [value for value in row if value is not None] == [4, row[-2], row[-1]]
    assert [len(value) for value in row[-2:]] == [32, 32]
    tamper(path, "UPDATE disclosures SET commitment = zeroblob(32) WHERE chain_index = 4")
    assert (await ledger.check()).first_broken == 4


@pytest.mark.parametrize(
    ("asked", "before", "left"),
    [
        (LedgerFilter(item="cid1"), None, ["cid2", "cid2"]),
        (LedgerFilter(link="ann"), None, ["cid1", "cid2"]),
        (EVERYTHING, 2 * HOUR, ["cid1", "cid2"]),
        (LedgerFilter(item="cid1"), 2 * HOUR, ["cid2", "cid1", "cid2"]),
        (EVERYTHING, None, []),
        (LedgerFilter(item="nothing"), None, ["cid1", "cid2", "cid1", "cid2"]),
    ],
)
async def test_what_is_destroyed_is_what_matches(ledger, monkeypatch, asked, before, left):
    monkeypatch.setattr(ledger_retention, "BATCH", 1)
    for now, link in ((0, "ann"), (2 * HOUR, "")):
        await ledger.record([record(item="cid1", link=link), record(item="cid2", link=link)], now=now)
    assert await ledger.erase(asked, before=before, now=2 * HOUR) == 4 - len(left)
    assert [entry["item"] for entry in await entries_of(ledger)] == left
    found = await ledger.check()
    assert (found.is_unbroken, found.entries, found.erased) == (True, 4, 4 - len(left))
    await ledger.record([record()], now=3 * HOUR)
    assert (await ledger.check()).is_unbroken


async def test_what_a_peer_asked_in_vain_is_destroyed_too(ledger):
    for peer in ("peer1", "peer2"):
        await ledger.refused(peer_id=peer, view="grant", item="", now=5)
    assert await ledger.erase(LedgerFilter(peer="peer1"), now=9) == 1
    assert [one.peer_id for one in await ledger.refusals(EVERYTHING)] == ["peer2"]
    assert await ledger.erase(EVERYTHING, before=5, now=9) == 0
    assert await ledger.erase(EVERYTHING, before=6, now=9) == 1


async def test_an_open_row_whose_content_is_gone_is_seen(ledger, path):
    await ledger.record([record()], now=0)
    columns = (
        "at, last_at, network_id, audience, peer_id, view, item, link, fields, rule, octets, count, salt"
    )
    nothing = ", ".join(["NULL"] * 13)
    tamper(path, f"UPDATE disclosures SET ({columns}) = ({nothing})")
    assert (await ledger.check()).first_broken == 1


# --- what is dropped -----------------------------------------------------------------------------


async def test_the_oldest_are_dropped_by_age_and_a_checkpoint_stays(path):
    async with Database(path) as database:
        ledger = Ledger(database, Retention(seconds=10 * HOUR))
        await fill(ledger, 9)
        noted = await head_of(ledger)
        assert await ledger.expire(13 * HOUR) == 3
        found = await ledger.check(noted)
        assert (found.is_unbroken, found.entries, found.since) == (True, 6, 3 * HOUR)
        (kept,) = found.checkpoints
        assert (kept.index, kept.at, kept.dropped) == (3, 13 * HOUR, 3)
        assert (await ledger.check(NotedHead(kept.hash))).is_unbroken
        assert await ledger.expire(14 * HOUR) == 1
        (kept,) = (await ledger.check()).checkpoints
        assert (kept.index, kept.at, kept.dropped) == (4, 14 * HOUR, 4)
        assert await ledger.expire(DAY_SECONDS + 14 * HOUR) == 5
        found = await ledger.check()
        assert (found.is_unbroken, found.entries, [one.dropped for one in found.checkpoints]) == (
            True,
            0,
            [4, 5],
        )
        await ledger.record([record()], now=DAY_SECONDS * 2)
        assert [entry["index"] for entry in await entries_of(ledger)] == [10]
        assert (await ledger.check()).is_unbroken


async def test_the_oldest_are_dropped_by_number(path, monkeypatch):
    monkeypatch.setattr(ledger_retention, "BATCH", 2)
    async with Database(path) as database:
        ledger = Ledger(database, Retention(rows=4))
        await fill(ledger, 9)
        assert await ledger.expire(9 * HOUR) == 5
        assert [entry["index"] for entry in await entries_of(ledger)] == [6, 7, 8, 9]
        assert await ledger.expire(9 * HOUR) == 0
        found = await ledger.check()
        assert found.is_unbroken
        assert [(one.index, one.dropped) for one in found.checkpoints] == [(5, 5)]


async def test_open_rows_are_never_dropped(path):
    async with Database(path) as database:
        ledger = Ledger(database, Retention(rows=1))
        for n in range(5):
            await ledger.record([record(peer=f"peer{n}")], now=n)
        assert await ledger.expire(5) == 0
        assert len(await entries_of(ledger)) == 5


async def test_a_dropped_prefix_is_not_taken_for_more_than_it_was(path):
    async with Database(path) as database:
        ledger = Ledger(database, Retention(rows=4))
        await fill(ledger, 9)
        await ledger.expire(9 * HOUR)
        tamper(path, "DELETE FROM disclosures WHERE chain_index = 6")
        assert (await ledger.check()).first_broken == 6


async def test_destroyed_rows_go_with_the_one_behind_them(path):
    async with Database(path) as database:
        ledger = Ledger(database, Retention(seconds=10 * HOUR))
        await fill(ledger, 5)
        await ledger.erase(LedgerFilter(peer="peer0"), now=5 * HOUR)
        await ledger.erase(LedgerFilter(peer="peer3"), now=5 * HOUR)
        assert await ledger.expire(9 * HOUR) == 0
        assert await ledger.expire(12 * HOUR) == 2
        assert await ledger.expire(14 * HOUR) == 1
        assert (await ledger.check()).entries == 2
        assert await ledger.expire(15 * HOUR) == 2
        assert (await ledger.check()).is_unbroken


async def test_a_row_of_a_wrong_clock_keeps_no_contents_behind_it_from_going(path):
    async with Database(path) as database:
        ledger = Ledger(database, Retention(seconds=10 * HOUR))
        await ledger.record([record(peer="future")], now=10_000 * HOUR)
        await fill(ledger, 3)
        assert await ledger.expire(50 * HOUR) == 3
        assert [entry["peer_id"] for entry in await entries_of(ledger)] == ["future"]
        found = await ledger.check()
        assert (found.is_unbroken, found.entries, found.erased) == (True, 4, 3)
        assert await ledger.expire(50 * HOUR) == 0
        assert await ledger.expire(10_011 * HOUR) == 1


async def test_checkpoints_do_not_pile_up(path, monkeypatch):
    monkeypatch.setattr(ledger_retention, "MAX_CHECKPOINTS", 3)
    async with Database(path) as database:
        ledger = Ledger(database, Retention(rows=1))
        for day in range(8):
            await ledger.record([record()], now=day * DAY_SECONDS)
            await ledger.seal(now=day * DAY_SECONDS)
            await ledger.expire(day * DAY_SECONDS)
        assert [one.index for one in (await ledger.check()).checkpoints] == [5, 6, 7]


# --- what was there before -----------------------------------------------------------------------

OLD = """INSERT INTO disclosures (at, last_at, network_id, audience, peer_id, view, item, fields, rule, octets, count)
    VALUES (?, ?, 'net', ?, ?, 'grant', ?, '["proof"]', 'r', ?, ?)"""


def test_an_older_ledger_becomes_the_chains_first_part(path):
    old = Database(path, migrations=MIGRATIONS[:3])
    rows = [
        (n * HOUR, n * HOUR + 5, f"peer:p{n}", f"p{n}", "" if n % 2 else "cid", n, n + 1) for n in range(7)
    ]
    for row in (*rows, (99, 99, "dht-servers:net", "", "", 0, 1)):
        trio.run(old.run, lambda connection, row=row: connection.execute(OLD, row) and None)
    trio.run(
        old.run,
        lambda connection: connection.execute("DELETE FROM disclosures WHERE disclosure_id = 3") and None,
    )
    old.close()

    async def look():
        async with Database(path) as database:
            ledger = Ledger(database)
            before = await entries_of(ledger)
            await ledger.record([record()], now=99 * HOUR)
            return before, await ledger.check()

    entries, found = trio.run(look)
    assert found.is_unbroken
    assert (found.entries, found.sealed_index, found.opened) == (8, 7, 1)
    by_index = sorted(entries, key=lambda entry: entry["index"])
    assert [entry["index"] for entry in by_index] == list(range(1, 8))
    kept = [row for row in rows if row[0] != 2 * HOUR]
    assert [
        (e["at"], e["last_at"], e["audience"], e["peer_id"], e["item"], e["octets"], e["count"])
        for e in by_index[:6]
    ] == kept
    assert by_index[6]["audience"] == "dht-servers:net"
    assert {(e["link"], e["rule"], tuple(e["fields"])) for e in by_index} == {("", "r", ("proof",))}
    copy = apsw.Connection(str(backup_path(path, 3)), flags=apsw.SQLITE_OPEN_READONLY)
    assert list(copy.execute("SELECT count(*) FROM disclosures")) == [(7,)]
    copy.close()


def test_a_chaining_that_fails_leaves_the_old_ledger(path, monkeypatch):
    old = Database(path, migrations=MIGRATIONS[:4])
    trio.run(old.run, lambda connection: connection.execute(OLD, (1, 1, "a", "p", "", 0, 1)) and None)
    old.close()
    monkeypatch.setattr(ledger_migration, "_INDEXES", "CREATE TABLE disclosures (x)")
    with pytest.raises(Exception, match="already exists"):
        Database(path)
    again = Database(path, migrations=MIGRATIONS[:4])
    assert trio.run(again.read, lambda c: list(c.execute("SELECT peer_id FROM disclosures"))) == [("p",)]
    again.close()
