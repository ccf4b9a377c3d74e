"""Does the ledger say who learned what, in few enough rows?"""

from __future__ import annotations

import pytest
import trio
from ledger_kit import entries_of, record

from peertransfer.store import refusals
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.store.ledger_retention import DAY_SECONDS, Retention
from peertransfer.store.migrations import MIGRATIONS

EVERYTHING = LedgerFilter()
RETENTION_SECONDS = Retention().seconds
COLUMNS = [
    "index",
    "at",
    "last_at",
    "peer_id",
    "network_id",
    "audience",
    "view",
    "item",
    "link",
    "fields",
    "rule",
    "octets",
    "count",
]


@pytest.fixture
async def ledger(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        yield Ledger(database)


async def test_an_entry_has_the_columns_of_the_command_line(ledger):
    await ledger.record([record()], now=1000)
    (entry,) = await entries_of(ledger)
    assert list(entry) == COLUMNS
    assert entry == {
        "index": 1,
        "at": 1000,
        "last_at": 1000,
        "peer_id": "peer1",
        "network_id": "net",
        "audience": "peer:peer1",
        "view": "grant",
        "item": "cid1",
        "link": "",
        "fields": ["proof", "until"],
        "rule": "link",
        "octets": 0,
        "count": 1,
    }


async def test_repeats_within_an_hour_are_one_row(ledger):
    for now in (1000, 1001, 4599):
        await ledger.record([record()], now=now)
    await ledger.record([record()], now=4600)
    found = [(entry["at"], entry["count"]) for entry in await entries_of(ledger)]
    assert found == [(1000, 3), (4600, 1)]


@pytest.mark.parametrize(
    "other",
    [
        record(peer="peer2"),
        record(view="manifest"),
        record(item="cid2"),
        record(fields=("proof",)),
        record(rule="other"),
        record(network="net2"),
        record(link="ann"),
    ],
)
async def test_anything_that_differs_is_a_row_of_its_own(ledger, other):
    await ledger.record([record(), other], now=1000)
    assert [entry["count"] for entry in await entries_of(ledger)] == [1, 1]


async def test_octets_of_content_add_up(ledger):
    content = record(view="content", fields=("octets",))
    await ledger.record([content], now=1000)
    await ledger.record([content], octets=700, now=1060)
    await ledger.record([content], octets=300, now=1120)
    (entry,) = await entries_of(ledger)
    assert (entry["octets"], entry["count"]) == (1000, 1)


async def test_octets_that_go_in_a_later_hour_are_a_row_that_counts_nothing(ledger):
    content = record(view="content", fields=("octets",))
    await ledger.record([content], now=1000)
    await ledger.record([content], octets=700, now=1000 + 3600)
    assert [(row["octets"], row["count"]) for row in await entries_of(ledger)] == [(0, 1), (700, 0)]


async def test_a_clock_that_was_set_back_makes_a_new_row(ledger):
    await ledger.record([record()], now=5000)
    await ledger.record([record()], now=1000)
    assert [entry["index"] for entry in await entries_of(ledger)] == [2, 1]
    assert [entry["at"] for entry in await entries_of(ledger)] == [1000, 5000]


async def test_entries_are_found_by_peer_item_and_time(ledger):
    await ledger.record([record(), record(peer="peer2"), record(item="cid2")], now=1000)
    await ledger.record([record(peer="peer2", item="cid2")], now=9000)
    assert len(await entries_of(ledger, peer="peer2")) == 2
    assert len(await entries_of(ledger, item="cid2")) == 2
    assert len(await entries_of(ledger, since=2000)) == 1
    assert len(await entries_of(ledger, peer="peer2", item="cid1", since=2000)) == 0


async def test_what_went_through_a_link_is_found_by_its_name(ledger):
    await ledger.record([record(link="ann"), record(link="ben"), record()], now=1000)
    assert [entry["link"] for entry in await entries_of(ledger)] == ["ann", "ben", ""]
    (found,) = await entries_of(ledger, link="ben")
    assert found["link"] == "ben"
    assert await entries_of(ledger, link="ben", since=2000) == []


async def test_a_row_that_began_before_and_went_on_after_is_found_by_time(ledger):
    await ledger.record([record()], now=1000)
    await ledger.record([record()], now=2000)
    assert len(await entries_of(ledger, since=1500)) == 1


async def test_hostile_text_is_kept_as_it_is(ledger):
    await ledger.record([record(item="'; DROP TABLE disclosures; --", peer='"\\\x1b')], now=1)
    assert len(await entries_of(ledger, item="'; DROP TABLE disclosures; --", peer='"\\\x1b')) == 1


async def test_a_busy_hour_of_a_dht_server_is_one_row(ledger):
    for hour in range(50):
        async with trio.open_nursery() as nursery:
            for minute in range(20):
                nursery.start_soon(lambda now=hour * 7200 + minute: ledger.record([record()], now=now))
    assert [entry["count"] for entry in await entries_of(ledger)] == [20] * 50


async def test_rows_are_kept_for_400_days(ledger):
    await ledger.record([record()], now=1000)
    await ledger.record([record()], now=6000)
    assert await ledger.expire(1000 + RETENTION_SECONDS) == 0
    assert await ledger.expire(1001 + RETENTION_SECONDS) == 1
    assert [entry["at"] for entry in await entries_of(ledger)] == [6000]


async def test_refusals_are_counted_by_day_and_kept_for_30(ledger):
    for now in (100, 200, DAY_SECONDS * 2):
        await ledger.refused(peer_id="peer1", view="grant", item="", now=now, network_id="net")
    assert [(each.last_at, each.count) for each in await ledger.refusals(EVERYTHING)] == [
        (200, 2),
        (DAY_SECONDS * 2, 1),
    ]
    assert await ledger.expire(DAY_SECONDS * 30 + 201) == 1
    assert [each.last_at for each in await ledger.refusals(EVERYTHING)] == [DAY_SECONDS * 2]


async def test_refusals_are_found_by_peer_item_and_time(ledger):
    for peer, item, now in (("peer1", "cid1", 100), ("peer2", "cid1", 200), ("peer2", "", 300)):
        await ledger.refused(peer_id=peer, view="grant", item=item, now=now, network_id="net")
    assert await ledger.refusals(LedgerFilter(peer="peer1")) == [
        refusals.RefusalEntry(100, "net", "peer1", "grant", "cid1", "", 1)
    ]
    assert len(await ledger.refusals(LedgerFilter(item="cid1"))) == 2
    assert len(await ledger.refusals(LedgerFilter(peer="peer2", since=250))) == 1


def test_what_was_refused_before_links_were_kept_says_so(tmp_path):
    old = Database(tmp_path / "old.db", migrations=MIGRATIONS[:7])
    row = "INSERT INTO refusals VALUES (0, 'net', 'peer1', 'grant', 'cid1', 100, 3)"
    trio.run(old.run, lambda connection: connection.execute(row) and None)
    old.close()

    async def look():
        async with Database(tmp_path / "old.db") as database:
            ledger = Ledger(database)
            for link in ("", "ann", "ann"):
                await ledger.refused(
                    peer_id="peer1", view="grant", item="cid1", now=200, network_id="net", link=link
                )
            return await ledger.refusals(EVERYTHING)

    assert [(one.last_at, one.link, one.count) for one in trio.run(look)] == [
        (100, None, 3),
        (200, "", 1),
        (200, "ann", 2),
    ]


async def test_minted_peers_cannot_fill_the_disk_by_being_refused(ledger, monkeypatch):
    assert refusals.MAX_REFUSALS == 100_000
    monkeypatch.setattr(refusals, "MAX_REFUSALS", 3)
    for number in range(5):
        await ledger.refused(peer_id=f"peer{number}", view="grant", item="", now=number)
    assert await ledger.expire(10) == 2
    assert [each.peer_id for each in await ledger.refusals(EVERYTHING)] == ["peer2", "peer3", "peer4"]
