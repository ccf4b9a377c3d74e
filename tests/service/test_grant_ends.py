"""A grant ends with its link, its share, its rule or its time: within a second, and the getter is told."""

import answering_kit as kit
import pytest
import trio

from peertransfer.errors import EndedError
from peertransfer.policy.preset import CLOSED
from peertransfer.service import answering, granted

MIB = kit.MIB


@pytest.fixture
def clock(monkeypatch):
    """The wall clock of the provider, in the test's hands."""
    now = [100]
    for module in (answering, granted):
        monkeypatch.setattr(module, "wall_clock", lambda: now[0])
    return now


async def end_link(one, clock):
    await one.provider.end_link("alice")


async def unshare(one, clock):
    await one.unshare()


async def expire_share(one, clock):
    clock[0] = 1000


async def hide_grant(one, clock):
    one.provider.set_policy(CLOSED + kit.hides('hide.grant = ["*"]'))


ENDS = [end_link, unshare, expire_share, hide_grant]


@pytest.mark.parametrize("end", ENDS)
async def test_a_grant_that_ended_is_told_to_a_getter_that_asks_nothing(tmp_path, clock, end):
    async with kit.scene(tmp_path, expires_at=1000) as one:
        async with one.ask() as asking:
            await kit.take(asking, kit.blocks_of(one.places["big"], 1))
            await end(one, clock)
            with trio.fail_after(1):
                await one.ended.wait()
            assert await kit.outcome(asking, kit.openings_of()) == (0, EndedError)
        assert one.wire.answered()[-1][0] == kit.ENDED
        (row,) = [row for row in await one.provider.rows() if row["view"] == "content"]
        assert (row["octets"], row["count"]) == (MIB, 1)


@pytest.mark.parametrize("end", ENDS)
async def test_a_grant_that_ended_ends_the_answer_under_way(tmp_path, clock, end):
    async with kit.scene(tmp_path, kit.LONG, expires_at=1000) as one:
        one.wire.to_getter.window = MIB
        async with one.ask() as asking:
            count, error = await kit.outcome(asking, kit.blocks_of(0, 40), lambda: end(one, clock))
        await one.until_over()
        assert error is EndedError
        assert count < 6
        assert one.wire.answered()[-1][0] == kit.ENDED
        (row,) = [row for row in await one.provider.rows() if row["view"] == "content"]
        assert (row["octets"], row["count"]) == (count * MIB, 1)


async def test_a_getter_that_takes_nothing_can_not_hold_an_ended_grant(tmp_path):
    async with kit.scene(tmp_path, kit.LONG) as one:
        one.wire.to_getter.window = MIB
        async with one.ask() as asking, asking.request(kit.blocks_of(0, 40)):
            one.wire.to_getter.is_held = True
            await kit.until(lambda: len(one.wire.to_getter.log) > MIB)
            await one.provider.end_link("alice")
            with trio.fail_after(1.1):
                await one.ended.wait()
        assert one.wire.answered()[-1][0] != kit.ENDED


async def test_the_end_of_one_link_leaves_another_of_the_same_share(tmp_path):
    async with kit.scene(tmp_path) as one:
        other = await one.provider.link(one.cid, "bob")
        async with one.ask(other) as asking:
            await one.provider.end_link("alice")
            await trio.sleep(2 * answering.REVIEW_SECONDS)
            assert len(await kit.take(asking, kit.blocks_of(one.places["big"], 3))) == 3


async def test_a_link_that_ends_while_it_is_granted_is_ended(tmp_path, monkeypatch):
    async with kit.scene(tmp_path) as one:
        send = one.wire.provider_end.send

        async def end_first(frame):
            if len(one.wire.answered()) == 1:
                await one.provider.end_link("alice")
            await send(frame)

        monkeypatch.setattr(one.wire.provider_end, "send", end_first)
        async with one.ask() as asking:
            with trio.fail_after(1):
                await one.ended.wait()
            assert await kit.outcome(asking, kit.openings_of()) == (0, EndedError)


async def test_a_share_that_is_withdrawn_while_it_is_read_is_an_end_and_no_fault(tmp_path):
    async with kit.scene(tmp_path) as one:
        share = await one.provider.served.load(one.cid)
        read = share.blocks

        async def withdraw_first(*places, **kind):
            await one.unshare()
            return await read(*places, **kind)

        share.blocks = withdraw_first
        async with one.ask() as asking:
            assert await kit.outcome(asking, kit.blocks_of(one.places["big"], 1)) == (0, EndedError)
        await one.until_over()
