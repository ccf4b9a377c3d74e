"""On a clock that the test moves: a no leaves at one instant, in equal octets, whatever its reason."""

from dataclasses import replace

import answering_kit as kit
import pytest
import trio
import trio.testing

from peertransfer.errors import PeertransferError
from peertransfer.policy.parse import parse_policy
from peertransfer.service.answering import REFUSAL_TICK_SECONDS
from peertransfer.service.served_shares import ServedShares

STEP = 0.001
ARRIVES_AT = 7.0131
"""Virtual seconds: within a tick, so that a whole one is not to be waited for."""
RULES = {
    "as the preset has it": "",
    "holders are told no reason": '[[rule]]\nname = "r"\nto = ["link-holders"]\nhide.refusal = ["code"]',
    "one holder is told no reason": '[[rule]]\nname = "r"\nto = ["link:alice"]\nhide.refusal = ["code"]',
    "nobody is told a reason": '[[rule]]\nname = "r"\nto = ["anyone"]\nhide.refusal = ["code"]',
}


class Slow(kit.Wire):
    """A stream that keeps when each of the provider's octets left, and when it ended."""

    def __init__(self):
        super().__init__()
        self.events = []
        write, end = self.to_getter.write, self.to_getter.end

        async def noting_write(octets):
            self.events.append((trio.current_time(), bytes(octets)))
            return await write(octets)

        async def noting_end(*, broken=False):
            self.events.append((trio.current_time(), b"", broken))
            await end(broken=broken)

        self.to_getter.write, self.to_getter.end = noting_write, noting_end


@pytest.fixture
def laborious(monkeypatch):
    """To find a share takes time on the virtual clock too, and a link that is there more than one that is not."""
    load, find = ServedShares.load, ServedShares.find

    async def slow_load(self, cid):
        await trio.sleep(11 * STEP)
        return await load(self, cid)

    async def slow_find(self, network_id, locator):
        found = await find(self, network_id, locator)
        await trio.sleep(STEP if found is None else 4 * STEP)
        return found

    monkeypatch.setattr(ServedShares, "load", slow_load)
    monkeypatch.setattr(ServedShares, "find", slow_find)


async def settle(*databases):
    """Wait until all that can happen at this instant has: the databases' threads have nothing to do."""
    for _ in range(3):
        for database in databases:
            await database.run(lambda _: None)
            await database.read(lambda _: None)
        await trio.testing.wait_all_tasks_blocked()


def add_rule(provider, text):
    policy = provider.policy.engine.policy
    more = parse_policy(f"version = 1\n{text}", "policy.toml").rules
    provider.policy.replace(provider.policy.engine_of(replace(policy, rules=policy.rules + more)))


async def refused(folder, reason, rule, clock):
    """Be refused for a reason; return what left after the hello, and when."""
    folder.mkdir()
    async with kit.scene(folder) as one:
        wanted = kit.REASONS[reason](one)
        if hasattr(wanted, "__await__"):
            wanted = await wanted
        add_rule(one.provider, rule)
        databases = (one.provider.database, one.getter.database)
        await settle(*databases)
        one.wire = Slow()

        async def ask():
            with pytest.raises(PeertransferError):
                async with one.ask(wanted):
                    pass

        async with trio.open_nursery() as nursery:
            clock.jump(ARRIVES_AT - clock.current_time() % 1 + 1)
            started = clock.current_time()
            nursery.start_soon(one.provider.answer, one.wire)
            nursery.start_soon(ask)
            await settle(*databases)
            while clock.current_time() < started + 3 * REFUSAL_TICK_SECONDS:
                clock.jump(STEP)
                await settle(*databases)
            nursery.cancel_scope.cancel()
        (_, hello), *rest = one.wire.events
        assert hello
        return tuple((round(at - started, 6), *what) for at, *what in rest)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.usefixtures("laborious")
async def test_absent_unproven_denied_and_expired_leave_at_one_instant_in_equal_octets(
    tmp_path, rule, mock_clock
):
    found = {
        reason: await refused(tmp_path / f"{place}", reason, RULES[rule], mock_clock)
        for place, reason in enumerate(kit.REASONS)
    }
    assert len(set(found.values())) == 1, found
    (events,) = set(found.values())
    if "nobody" not in rule:
        assert bytes.fromhex("0422021001") in [octets for _, octets, *_ in events]
    assert 0 < events[0][0] <= REFUSAL_TICK_SECONDS
