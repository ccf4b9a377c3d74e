"""The accounts of what peers used of rules."""

import pytest
import trio

from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.errors import StoreError
from peertransfer.policy.budget import Limit
from peertransfer.service import accounts as module
from peertransfer.service.spending import Spending
from peertransfer.store.database import Database

LIMITS = {"some": Limit(3, 1000, 2), "often": Limit(per_minute=5)}
NOW = 1_767_614_400


@pytest.fixture
async def database(tmp_path):
    async with Database(tmp_path / "x.db") as opened:
        yield opened


def record(rule="some", item="cid1", peer="peer1", network="net"):
    return DisclosureRecord(network, f"peer:{peer}", peer, "catalogue", item, ("title",), rule)


async def test_a_decision_counts_once_for_each_of_its_rules_and_with_all_its_items(database):
    spending = Spending(database)
    assert spending.charge(LIMITS, [record(), record(item="cid2", rule="often,other,some")], NOW)
    used = spending.spent("some", "net", "peer1", NOW)
    assert (used.decisions, used.octets, set(used.items)) == (1, 0, {"cid1", "cid2"})
    assert spending.spent("often", "net", "peer1", NOW).decisions == 1
    assert spending.spent("often", "net", "peer1", NOW).items == set()
    for other in (("some", "net", "peer2"), ("some", "net2", "peer1"), ("other", "net", "peer1")):
        assert spending.spent(*other, NOW).decisions == 0


async def test_a_rule_without_a_limit_has_no_account(database):
    spending = Spending(database)
    assert not spending.charge(LIMITS, [record("other"), record("")], NOW)
    assert not spending.charge({}, [record()], NOW)
    spending.charge_octets(LIMITS, record("often"), 10, NOW)
    assert spending.spent("often", "net", "peer1", NOW).octets == 0


async def test_a_new_minute_and_a_new_day_begin_anew(database):
    spending = Spending(database)
    spending.charge(LIMITS, [record()], NOW)
    spending.charge_octets(LIMITS, record(), 10, NOW)

    def used(now):
        found = spending.spent("some", "net", "peer1", now)
        return found.decisions, found.octets, len(found.items)

    assert used(NOW + 59) == (1, 10, 1)
    assert used(NOW + 60) == (0, 10, 1)
    assert used(NOW - 3 * 86_400) == (0, 10, 1)  # a clock that is put back gives nothing back
    assert used(NOW + 43_199) == (0, 10, 1)
    assert used(NOW + 43_200) == (0, 0, 0)


async def test_what_was_used_is_known_after_a_restart(database):
    spending = Spending(database)
    spending.charge(LIMITS, [record(), record(item="cid2")], NOW)
    spending.charge_octets(LIMITS, record(), 10, NOW)
    await spending.save()
    again = Spending(database)
    await again.load(NOW)
    used = again.spent("some", "net", "peer1", NOW)
    assert (used.decisions, used.octets, set(used.items)) == (1, 10, {"cid1", "cid2"})
    late = Spending(database)
    await late.load(NOW + 2 * 86_400)
    assert late.spent("some", "net", "peer1", NOW).decisions == 0


async def test_what_was_used_is_forgotten_after_two_days(database):
    spending = Spending(database)
    spending.charge(LIMITS, [record()], NOW)
    await spending.save()

    async def count():
        return await database.read(
            lambda connection: connection.execute("SELECT count(*) FROM spent").fetchone()[0]
        )

    await spending.expire(NOW + 86_400)
    assert await count() == 1
    await spending.expire(NOW + 2 * 86_400)
    assert await count() == 0


async def test_whoever_waits_for_another_to_save_waits_until_it_is_done(database, monkeypatch):
    spending = Spending(database)
    save = spending._rows.save
    gate, done = trio.Event(), []

    async def held(rows):
        await gate.wait()
        await save(rows)
        done.append(len(rows))

    monkeypatch.setattr(spending._rows, "save", held)

    async def save_what_was_counted():
        await spending.save()
        assert done

    async with trio.open_nursery() as nursery:
        for number in range(3):
            spending.charge(LIMITS, [record(peer=f"peer{number}")], NOW)
        for _ in range(3):
            nursery.start_soon(save_what_was_counted)
        await trio.testing.wait_all_tasks_blocked()
        assert not done
        gate.set()
    assert done == [3]


async def test_what_could_not_be_saved_is_saved_by_the_next(database, monkeypatch):
    spending = Spending(database)
    spending.charge(LIMITS, [record()], NOW)

    async def fail(rows):
        raise StoreError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(spending._rows, "save", fail)
        with pytest.raises(StoreError):
            await spending.save()
    await spending.save()
    again = Spending(database)
    await again.load(NOW)
    assert again.spent("some", "net", "peer1", NOW).decisions == 1


async def test_where_the_books_are_full_a_new_peer_is_shown_nothing(database, monkeypatch):
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 3)
    spending = Spending(database)
    for number in range(3):
        assert not spending.spent("some", "net", f"peer{number}", NOW).is_all
        spending.charge(LIMITS, [record(peer=f"peer{number}")], NOW)
    assert spending.spent("some", "net", "peer9", NOW).is_all
    assert not spending.spent("some", "net", "peer1", NOW).is_all
    await spending.save()
    later = NOW + 2 * 86_400
    assert not spending.spent("some", "net", "peer9", later).is_all
