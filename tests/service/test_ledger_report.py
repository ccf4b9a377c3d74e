"""What ``privacy ledger`` is answered: page by page, and after a check of the chain."""

from __future__ import annotations

import pytest
import trio
from ledger_kit import record, tamper

from peertransfer.errors import ConfigError, SpaceError, UsageError
from peertransfer.service import offline
from peertransfer.service.config import Config, parse_config
from peertransfer.service.home_setup import init_home
from peertransfer.service.ledger_report import checked, condition, told
from peertransfer.store.database import Database
from peertransfer.store.home import open_home
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import MAX_PAGE
from peertransfer.store.ledger_retention import DAY_SECONDS, Retention


@pytest.fixture
async def ledger(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        yield Ledger(database)


async def test_pages_follow_each_other_by_their_cursors(ledger):
    await ledger.record([record(peer=f"peer{n}") for n in range(5)], now=7)
    for newest, order in ((None, [1, 2, 3, 4, 5]), (True, [5, 4, 3, 2, 1])):
        found, cursor = [], None
        for size in (2, 2, 1):
            answer = await told(ledger, limit=2, newest=newest, cursor=cursor)
            assert len(answer["entries"]) == size
            found += [entry["index"] for entry in answer["entries"]]
            cursor = answer.get("cursor")
        assert (found, cursor) == (order, None)


async def test_a_page_without_a_limit_has_its_most(ledger):
    await ledger.record([record(peer=f"peer{n}") for n in range(MAX_PAGE + 1)], now=7)
    for limit in (None, 0, MAX_PAGE + 50):
        answer = await told(ledger, limit=limit)
        assert len(answer["entries"]) == MAX_PAGE
        assert "cursor" in answer
    rest = await told(ledger, cursor=answer["cursor"])
    assert [entry["index"] for entry in rest["entries"]] == [MAX_PAGE + 1]
    assert "cursor" not in rest


@pytest.mark.parametrize("cursor", ["", "x", "1", "1:2:3", "-1:2", "1:-2", "9" * 19 + ":1"])
async def test_a_cursor_that_no_page_gave_is_refused(ledger, cursor):
    with pytest.raises(UsageError, match="cursor"):
        await told(ledger, cursor=cursor)


async def test_refusals_are_found_by_the_link_that_was_proven(ledger):
    for peer, link in (("peer1", ""), ("peer2", "ann")):
        await ledger.refused(peer_id=peer, view="grant", item="cid1", now=5, link=link)
    for asked, peers in (({}, ["peer1", "peer2"]), ({"link": "ann"}, ["peer2"]), ({"link": "bob"}, [])):
        found = (await told(ledger, refusals=True, **asked))["refusals"]
        assert [one["peer_id"] for one in found] == peers


async def test_a_check_puts_every_row_under_the_head_that_it_tells(ledger):
    await ledger.record([record(), record(peer="other")], now=7)
    answer = await checked(ledger, None, 8)
    assert (answer["verified"], answer["entries"], answer["open"], answer["head_found"]) == (True, 2, 0, None)
    assert answer["head"].startswith("2:")
    await ledger.record([record()], now=9)
    for head in (answer["head"], answer["head"].upper(), answer["head"].partition(":")[2]):
        again = await checked(ledger, head, 10)
        assert (again["verified"], again["entries"], again["head_found"]) == (True, 3, True)


async def test_an_empty_ledger_is_unbroken_and_has_no_head(ledger):
    answer = await checked(ledger, None, 8)
    assert (answer["verified"], answer["entries"], answer["head"], answer["since"]) == (True, 0, None, None)


async def test_a_head_that_is_not_there_fails_the_check(ledger):
    await ledger.record([record()], now=7)
    answer = await checked(ledger, "00" * 32, 8)
    assert (answer["verified"], answer["first_broken"], answer["head_found"]) == (False, None, False)


@pytest.mark.parametrize("head", ["", "x", "12", "ab" * 31, f"x:{'ab' * 32}", f":{'ab' * 32}", "g" * 64])
async def test_what_is_no_head_is_refused(ledger, head):
    with pytest.raises(UsageError, match="no head"):
        await checked(ledger, head, 8)


async def test_a_full_disk_does_not_keep_the_chain_from_being_checked(ledger):
    await ledger.record([record()], now=7)

    async def refuse(now):
        raise SpaceError("full")

    ledger.seal = refuse
    answer = await checked(ledger, None, 8)
    assert (answer["verified"], answer["open"], answer["head"]) == (True, 1, None)


async def test_the_condition_tells_since_when_and_why(ledger):
    assert condition(ledger) == {"recording": True}
    await ledger.record([record()], now=7)

    def full(connection):
        (count,) = next(iter(connection.execute("PRAGMA page_count")))
        connection.execute(f"PRAGMA max_page_count = {count}")

    await ledger._database.run(full)
    with pytest.raises(SpaceError):
        await ledger.record([record(rule="r" * 100_000)], now=9)
    told_condition = condition(ledger)
    assert "is full" in told_condition.pop("reason")
    assert told_condition == {"recording": False, "since": 9}


def test_the_ledger_is_checked_without_a_node(tmp_path):
    init_home(tmp_path, accept_privacy=True)
    path = open_home(tmp_path).database_path

    async def book():
        async with Database(path) as database:
            await Ledger(database).record([record(), record(peer="other")], now=7)

    trio.run(book)
    head = offline.ledger_check(tmp_path)["head"]
    assert offline.ledger_check(tmp_path, head=head)["verified"]
    assert [entry["index"] for entry in offline.ledger(tmp_path, limit=1, newest=True)["entries"]] == [2]
    tamper(path, "UPDATE disclosures SET rule = 'nicer' WHERE chain_index = 1")
    assert offline.ledger_check(tmp_path)["first_broken"] == 1


def test_how_much_is_kept_is_configured():
    assert Config().retention == Retention() == Retention(400 * DAY_SECONDS, 2_000_000)
    config = parse_config(b"ledger_days = 30\nledger_entries = 5000\n", "c")
    assert config.retention == Retention(30 * DAY_SECONDS, 5000)
    for key in ("ledger_days", "ledger_entries"):
        for value in ("0", "-1", '"x"', "true"):
            with pytest.raises(ConfigError, match=f"line 2: {key} must be a whole number from 1 on"):
                parse_config(f"version = 1\n{key} = {value}\n".encode(), "c")
