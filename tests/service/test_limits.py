"""A rule shows so much to each peer and no more: on real streams, over restarts, and for all streams together."""

import answering_kit as kit
import pytest
import trio

from peertransfer.errors import EndedError, RefusedError
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service import answering, granted
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.spending import Spending
from peertransfer.store.ledger_pages import LedgerFilter

MIB = kit.MIB
DAY = 86_400
GRANT = 'show.grant = ["proof", "until"]'
LISTING = '[[rule]]\nname = "lists"\nto = ["anyone"]\nshow.catalogue = ["title"]\n'


def limited(line):
    """The preset with a condition for those who hold a link."""
    return CLOSED.replace(GRANT, f"{GRANT}\n{line}")


@pytest.fixture
def clock(monkeypatch):
    """The wall clock of the provider, in the test's hands: noon of a Monday."""
    now = [1_767_614_400]
    for module in (answering, granted):
        monkeypatch.setattr(module, "wall_clock", lambda: now[0])
    return now


async def restart(one, policy):
    """Let the provider forget all that it has in memory."""
    spending = Spending(one.provider.database)
    await spending.load(granted.wall_clock())
    one.provider.policy = PolicyInForce(parse_policy(policy, "policy.toml"), spending)
    one.provider.door = Door(one.provider.policy, one.provider.ledger, kit.NETWORK)


async def test_a_grant_ends_with_its_octets_and_the_next_day_there_are_more(tmp_path, clock):
    policy = limited('limit.octets_per_day = "3MiB"')
    async with kit.scene(tmp_path, kit.LONG, policy) as one:
        async with one.ask() as asking:
            count, error = await kit.outcome(asking, kit.blocks_of(0, 40))
        await one.until_over()
        assert (count, error) == (3, EndedError)
        assert kit.leaf_octets_answered(one.wire) == 3 * MIB
        for _ in range(2):
            await one.another().refused()
            await restart(one, policy)
        clock[0] += DAY
        again = one.another()
        async with again.ask() as asking:
            assert len(await kit.take(asking, kit.blocks_of(0, 2))) == 2


async def test_a_limit_of_octets_counts_all_streams_of_a_peer_together(tmp_path, clock):
    async with kit.scene(tmp_path, kit.LONG, limited('limit.octets_per_day = "4MiB"')) as one:
        other = one.another()
        async with one.ask() as first, other.ask() as second:
            assert len(await kit.take(first, kit.blocks_of(0, 2))) == 2
            count, error = await kit.outcome(second, kit.blocks_of(0, 40))
            assert (count, error) == (2, EndedError)
            await trio.sleep(2 * answering.REVIEW_SECONDS)
            assert await kit.outcome(first, kit.blocks_of(0, 1, 5)) == (0, EndedError)


async def test_octets_of_one_link_leave_those_of_another_rule(tmp_path, clock):
    bob = '[[rule]]\nname = "bob"\nto = ["link:bob"]\nshow.content = ["octets"]\nlimit.octets_per_day = "1MiB"\n'
    policy = CLOSED.replace('show.content = ["octets"]', "") + bob
    async with kit.scene(tmp_path, kit.LONG, policy) as one:
        link = await one.provider.link(one.cid, "bob")
        async with one.ask(link) as asking:
            assert await kit.outcome(asking, kit.blocks_of(0, 3)) == (1, RefusedError)
            assert await kit.outcome(asking, kit.openings_of(0, 1)) == (1, None)
        async with one.another().ask() as asking:
            assert await kit.outcome(asking, kit.blocks_of(0, 1)) == (0, RefusedError)


async def test_octets_under_way_are_on_the_disk_within_a_second(tmp_path, clock):
    policy = limited('limit.octets_per_day = "30MiB"')
    async with kit.scene(tmp_path, kit.LONG, policy) as one, one.ask() as asking:
        await kit.take(asking, kit.blocks_of(0, 5))
        await trio.sleep(answering.LIMITED_ACCOUNT_SECONDS + 0.3)
        spending = Spending(one.provider.database)
        await spending.load(clock[0])
        used = spending.spent("link-holders-fetch", kit.NETWORK, kit.GETTER, clock[0])
        assert used.octets == 5 * MIB


async def test_a_rule_shows_so_often_in_a_minute(tmp_path, clock):
    policy = CLOSED + LISTING + "limit.per_minute = 2\n"
    async with kit.scene(tmp_path, policy=policy) as one, one.ask() as asking:
        found = []
        for _ in range(3):
            found += [len(page.items) for page in await kit.take(asking, kit.catalogue)]
        clock[0] += 60
        found += [len(page.items) for page in await kit.take(asking, kit.catalogue)]
        assert found == [1, 1, 0, 1]


async def test_a_rule_shows_so_many_shares_in_a_day(tmp_path, clock):
    policy = limited("limit.items_per_day = 1")
    async with kit.scene(tmp_path, policy=policy) as one:
        other, _ = await one.provider.share({"other": b"o"}, "other")
        link = await one.provider.link(other, "bob")
        async with one.ask() as asking:
            await kit.take(asking, kit.openings_of(0, 1))
        await one.another().refused(link)
        await restart(one, policy)
        await one.another().refused(link)
        async with one.another().ask() as asking:
            await kit.take(asking, kit.openings_of(0, 1))
        clock[0] += DAY
        async with one.another().ask(link) as asking:
            await kit.take(asking, kit.openings_of(0, 1))


async def test_a_catalogue_lists_so_many_shares(tmp_path, clock):
    policy = CLOSED + LISTING + "limit.items_per_day = 2\n"
    async with kit.scene(tmp_path, policy=policy) as one:
        for number in range(3):
            cid, _ = await one.provider.share({"other": bytes([number])}, f"other{number}")
            await one.provider.link(cid, f"l{number}")
        async with one.ask() as asking:
            (page,) = await kit.take(asking, kit.catalogue)
            assert len(page.items) == 2
            (again,) = await kit.take(asking, kit.catalogue)
            assert again.items == page.items


async def test_a_limit_of_another_kind_ends_no_grant(tmp_path, clock):
    policy = limited("limit = { per_minute = 1, items_per_day = 1 }")
    async with kit.scene(tmp_path, policy=policy) as one, one.ask() as asking:
        await trio.sleep(3 * answering.REVIEW_SECONDS)
        assert await kit.outcome(asking, kit.openings_of(0, 1)) == (0, RefusedError)
        clock[0] += 60
        assert await kit.outcome(asking, kit.openings_of(0, 1)) == (1, None)


async def test_content_that_a_limit_refused_goes_in_the_next_minute(tmp_path, clock):
    content = (
        '[[rule]]\nname = "content"\nto = ["link-holders"]\nshow.content = ["octets"]\nlimit.per_minute = 1\n'
    )
    policy = CLOSED.replace('show.content = ["octets"]', "") + content
    async with kit.scene(tmp_path, policy=policy) as one:
        big = one.places["big"]
        async with one.ask() as asking:
            assert len(await kit.take(asking, kit.blocks_of(big, 1))) == 1
            assert len(await kit.take(asking, kit.blocks_of(big, 2))) == 2
        async with one.another().ask() as asking:
            assert await kit.outcome(asking, kit.blocks_of(big, 1)) == (0, RefusedError)
            clock[0] += 60
            assert len(await kit.take(asking, kit.blocks_of(big, 1))) == 1


async def test_content_goes_while_it_is_the_time_of_its_rule(tmp_path, clock):
    content = '[[rule]]\nname = "office"\nto = ["link-holders"]\nshow.content = ["octets"]\nwhen = ["08:00-18:00"]\n'
    policy = CLOSED.replace('show.content = ["octets"]', "") + content
    async with kit.scene(tmp_path, policy=policy) as one:
        big = one.places["big"]
        async with one.ask() as asking:
            assert len(await kit.take(asking, kit.blocks_of(big, 1))) == 1
            clock[0] += 6 * 3600
            assert await kit.outcome(asking, kit.blocks_of(big, 1)) == (0, RefusedError)
            clock[0] += 14 * 3600
            assert len(await kit.take(asking, kit.blocks_of(big, 1))) == 1


async def test_a_grant_ends_with_the_time_of_its_rule(tmp_path, clock):
    async with kit.scene(tmp_path, policy=limited('when = ["08:00-18:00"]')) as one:
        async with one.ask() as asking:
            clock[0] += 6 * 3600
            with trio.fail_after(1):
                await one.ended.wait()
            assert await kit.outcome(asking, kit.openings_of()) == (0, EndedError)
        await one.another().refused()


async def test_what_is_spent_is_refused_in_the_octets_of_any_other_refusal(tmp_path, clock):
    async with kit.scene(tmp_path, policy=limited("limit.per_minute = 1")) as one:
        async with one.ask():
            pass
        spent = await one.another().refused()
        one.provider.set_policy(CLOSED + kit.hides('hide.grant = ["*"]'))
        assert await one.another().refused() == spent
        refusals = await one.provider.ledger.refusals(LedgerFilter())
        assert [(row.view, row.count) for row in refusals] == [("grant", 2)]
