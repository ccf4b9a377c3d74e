"""How much is told of one policy, and what it costs the node."""

import time

import pytest
import trio

from peertransfer.policy import overlaps
from peertransfer.policy.parse import MAX_RULES, parse_policy
from peertransfer.service.policy_names import check_ids
from peertransfer.service.policy_warnings import MAX_WARNINGS, check_policy
from peertransfer.store.database import Database
from peertransfer.transport.multiaddrs import peer_id_text

KEY = bytes.fromhex("002408011220")
"""Before the 32 octets of an Ed25519 key in a peer ID."""
SAME = '[[rule]]\nname = "r{}"\nto = ["anyone"]\nshow.agent = ["*"]\n'
ONE_LABEL = '[[rule]]\nname = "r{}"\nto = ["link-holders"]\nitems = ["label:l{}"]\nshow.grant = ["*"]\n'


@pytest.fixture
async def database(tmp_path):
    async with Database(tmp_path / "x.db") as opened:
        yield opened


def policy(rule, count):
    return "version = 1\n" + "".join(rule.format(number, number) for number in range(count))


async def warnings(text, database):
    return (await check_policy(text, "my.toml", database))["warnings"]


@pytest.mark.parametrize("rule", [SAME, ONE_LABEL], ids=["findings", "names"])
async def test_a_person_is_told_only_so_much(database, rule):
    told = await warnings(policy(rule, MAX_WARNINGS), database)
    assert len(told) == MAX_WARNINGS - (rule is SAME)
    told = await warnings(policy(rule, MAX_WARNINGS + 2), database)
    assert len(told) == MAX_WARNINGS + 1
    assert told[-1] == "There are more warnings. Mend these first."


async def test_what_is_told_stands_in_the_order_of_the_file(database):
    text = policy(SAME, 2) + ONE_LABEL.format(2, 2) + SAME.format(3)
    assert [one.partition(",")[0] for one in await warnings(text, database)] == [
        "Line 6",
        "Line 10",
        "Line 15",
    ]


async def test_that_not_all_was_compared_is_told(database, monkeypatch):
    monkeypatch.setattr(overlaps, "MAX_STEPS", 0)
    (sentence,) = await warnings(policy(SAME, 2), database)
    assert sentence.startswith("The rules are too many and too much alike")


async def test_the_node_goes_on_while_the_largest_policy_is_checked(database):
    longest, is_done = 0.0, False

    async def watch():
        nonlocal longest
        while not is_done:
            begin = time.perf_counter()
            await trio.sleep(0.005)
            longest = max(longest, time.perf_counter() - begin)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        begin = time.perf_counter()
        await warnings(policy(SAME, MAX_RULES), database)
        seconds = time.perf_counter() - begin
        is_done = True
    assert longest < seconds / 2


def test_many_rules_to_one_large_group_are_read_at_once():
    peers = ", ".join(f'"peer:{peer_id_text(KEY + number.to_bytes(32))}"' for number in range(5000))
    rules = "".join(
        f'[[rule]]\nname = "r{one}"\nto = ["group:g"]\nshow.agent = ["*"]\n' for one in range(5000)
    )
    parsed = parse_policy(f"version = 1\n[groups]\ng = [{peers}]\n{rules}", "my.toml")
    begin = time.process_time()
    check_ids(parsed)
    assert time.process_time() - begin < 2
