"""Is every filter of a large ledger served by an index, and does paging lose or repeat nothing?"""

from __future__ import annotations

from itertools import combinations

import apsw
import pytest
import trio
from ledger_kit import entries_of, fill, record

from peertransfer.store import ledger_rows
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import MAX_PAGE, Cursor, LedgerFilter, page_statement
from peertransfer.store.ledger_rows import GRAIN_SECONDS

COUNT = 5000
VALUES = {
    "peer": f"12D3KooW{0:044}",
    "item": f"bafy{0:055}",
    "link": "link 0",
    "since": 1_700_000_000 + 60 * (COUNT // 2),
}
FILTERS = [chosen for size in range(5) for chosen in combinations(VALUES, size)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "x.db"
    Database(path).close()
    fill(path, COUNT)
    return path


@pytest.fixture
async def ledger(path):
    async with Database(path) as database:
        yield Ledger(database)


def plan(path, statement, values):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    connection.close()
    return found


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda chosen: "+".join(chosen) or "everything")
@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("cursor", [None, Cursor(1_700_000_600, 7)])
def test_every_filter_is_searched_by_an_index_in_the_order_of_the_answer(path, chosen, newest, cursor):
    asked = LedgerFilter(**{name: VALUES[name] for name in chosen})
    statement, values = page_statement(asked, newest=newest, cursor=cursor)
    steps = plan(path, statement, (*values, 10))
    equal = [name for name in chosen if name != "since"]
    used = ["peer", "link"] if len(equal) == 3 else equal
    columns = [f"{'peer_id' if name == 'peer' else name}=?" for name in used]
    columns += ["at>?", "at<?"] if newest and cursor else ["at>?"]
    index = f"disclosures_by_{'_'.join(used) or 'time'}"
    assert steps == [f"SEARCH disclosures USING INDEX {index} ({' AND '.join(columns)})"]


def test_the_row_to_which_a_repeat_is_added_is_searched_among_the_open_ones(path):
    (step,) = plan(path, ledger_rows._OPEN, ("p", "v", "i", "l", "[]", "r", "n", "a", 1, 2))
    assert step == "SEARCH disclosures USING INDEX disclosures_open (peer_id=? AND view=? AND item=?)"


async def all_of(path):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    statement = "SELECT chain_index, peer_id, item, link, last_at FROM disclosures ORDER BY at, chain_index"
    found = list(connection.execute(statement))
    connection.close()
    return found


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda chosen: "+".join(chosen) or "everything")
async def test_a_filter_finds_what_looking_at_every_row_finds(path, ledger, chosen):
    asked = {name: VALUES[name] for name in chosen}
    expected = [
        index
        for index, peer, item, link, last_at in await all_of(path)
        if {"peer": peer, "item": item, "link": link, "since": None} | asked
        == {"peer": peer, "item": item, "link": link, "since": asked.get("since")}
        and last_at >= asked.get("since", 0)
    ]
    assert [entry["index"] for entry in await entries_of(ledger, **asked)] == expected
    assert expected


async def test_paging_is_the_same_whatever_the_page(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        ledger = Ledger(database)
        for n in range(40):  # many in one second, and some out of order
            await ledger.record([record(peer=f"peer{n}")], now=100 - n // 10)
        whole = await entries_of(ledger)
        order = [(entry["at"], entry["index"]) for entry in whole]
        assert order == sorted(order)
        for limit in (1, 3, 40, 41):
            assert await entries_of(ledger, limit=limit) == whole
            assert await entries_of(ledger, limit=limit, newest=True) == whole[::-1]


async def test_a_page_has_its_most(ledger):
    assert len(await ledger.page(LedgerFilter(), limit=MAX_PAGE + 1)) == MAX_PAGE


async def test_a_row_that_went_on_after_the_moment_asked_for_is_found(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        ledger = Ledger(database)
        await ledger.record([record()], now=1000)
        await ledger.record([record()], now=1000 + GRAIN_SECONDS - 1)
        assert len(await entries_of(ledger, since=1000 + GRAIN_SECONDS - 1)) == 1
        assert await entries_of(ledger, since=1000 + GRAIN_SECONDS) == []


async def test_a_link_of_another_share_is_not_looked_for_among_all_rows(path, ledger):
    """No index has peer, item and link: the share that a link is of must be asked for first."""
    steps = []
    asked = LedgerFilter(peer=VALUES["peer"], item=VALUES["item"], link="link 1")

    def count(connection):
        connection.set_progress_handler(lambda: bool(steps.append(1)), 100)

    await ledger._database.read(count)
    assert await ledger.page(asked) == []
    assert len(steps) < 5
    assert len(await ledger.page(LedgerFilter(peer=VALUES["peer"], item=VALUES["item"]))) == COUNT // 20
    assert len(steps) > 5


async def test_content_that_was_destroyed_matches_nothing(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        ledger = Ledger(database)
        await ledger.record([record(peer="", item="")], now=1)
        await ledger.erase(LedgerFilter(), now=2)
        for chosen in ({}, {"since": 0}, {"peer": ""}, {"item": ""}, {"link": ""}):
            assert await entries_of(ledger, **chosen) == []


async def test_reading_goes_on_while_somebody_writes(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        ledger = Ledger(database)

        async def write():
            for n in range(100):
                await ledger.record([record(peer=f"peer{n}")], now=n)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for _ in range(20):
                found = [entry["index"] for entry in await entries_of(ledger, limit=7)]
                assert found == list(range(1, len(found) + 1))


@pytest.mark.parametrize("chosen", [(), ("since",), ("peer",)], ids=str)
@pytest.mark.parametrize("newest", [True, False])
def test_a_page_far_in_is_not_dearer_than_the_first(path, chosen, newest):
    asked = LedgerFilter(**{name: VALUES[name] for name in chosen})
    far = COUNT // 2 + 100 if newest else COUNT - 100
    costs = []
    for cursor in (None, Cursor(1_700_000_000 + 60 * far, far)):
        statement, values = page_statement(asked, newest=newest, cursor=cursor)
        connection, steps = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY), []
        connection.set_progress_handler(lambda steps=steps: bool(steps.append(1)), 10)
        assert len(list(connection.execute(statement, (*values, 5)))) == 5
        connection.close()
        costs.append(len(steps))
    assert costs[1] < 3 * costs[0] + 10
