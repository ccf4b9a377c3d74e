"""Several addresses, one peer: staggered attempts, the first success, and the order of addresses."""

import pytest
import trio

from peertransfer.errors import DialError
from peertransfer.transport.dialing import MAX_ADDRS, STAGGER_SECONDS, first_to_answer
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.tcp import order


def addr(number, kind="ip4"):
    return TcpAddr(kind, f"192.0.2.{number}" if kind == "ip4" else f"2001:db8::{number}", 4001)


class Attempts:
    """Plays attempts: how long each takes, and whether it succeeds."""

    def __init__(self, **takes):
        self.takes = takes
        self.started = []
        self.discarded = []

    async def attempt(self, one):
        name = "abcdefghijklmnopqrstuvwxyz"[int(one.host.rpartition(".")[2])]
        self.started.append((name, trio.current_time()))
        seconds, succeeds = self.takes.get(name, (0, False))
        await trio.sleep(seconds)
        if not succeeds:
            raise DialError(f"{name} failed")
        return name

    async def discard(self, name):
        self.discarded.append(name)

    async def run(self, count):
        self.began = trio.current_time()
        return await first_to_answer([addr(number) for number in range(count)], self.attempt, self.discard)


async def test_an_address_that_answers_at_once_costs_no_wait(autojump_clock):
    attempts = Attempts(a=(0, True))
    assert await attempts.run(3) == (["a"], [])
    assert trio.current_time() == attempts.began
    assert [name for name, _ in attempts.started] == ["a"]


async def test_the_next_is_tried_after_a_quarter_of_a_second_while_the_first_still_hangs(autojump_clock):
    attempts = Attempts(a=(10, True), b=(0.1, True))
    won, failures = await attempts.run(2)
    assert (won, failures) == (["b"], [])
    assert attempts.started[1][1] - attempts.began == pytest.approx(STAGGER_SECONDS)
    assert trio.current_time() - attempts.began == pytest.approx(STAGGER_SECONDS + 0.1)


async def test_the_next_is_tried_at_once_when_one_failed(autojump_clock):
    attempts = Attempts(a=(0, False), b=(0, True))
    won, failures = await attempts.run(2)
    assert won == ["b"]
    assert [error.message for error in failures] == ["a failed"]
    assert trio.current_time() == attempts.began


async def test_all_that_failed_is_told(autojump_clock):
    won, failures = await Attempts().run(3)
    assert won == []
    assert sorted(error.message for error in failures) == ["a failed", "b failed", "c failed"]


async def test_a_peer_with_a_hundred_addresses_is_not_dialled_a_hundred_times(autojump_clock):
    attempts = Attempts()
    await first_to_answer([addr(number % 20) for number in range(100)], attempts.attempt, attempts.discard)
    assert len(attempts.started) == MAX_ADDRS


async def test_of_two_that_answer_at_the_same_moment_one_is_used_and_one_discarded(autojump_clock):
    attempts = Attempts(a=(STAGGER_SECONDS * 2, True), b=(STAGGER_SECONDS, True))
    won, _ = await attempts.run(2)
    assert len(won) == 1
    assert len(won) + len(attempts.discarded) <= 2
    assert won[0] not in attempts.discarded


def test_the_two_kinds_of_ip_take_turns_and_duplicates_are_dialled_once():
    four, six = [addr(number) for number in (1, 2, 3)], [addr(number, "ip6") for number in (1, 2)]
    assert order([*four, *six, four[0]]) == [four[0], six[0], four[1], six[1], four[2]]
    assert order([six[0], *four]) == [six[0], *four]
    assert order([]) == []


def test_what_is_dialled_carries_no_peer_id():
    one = TcpAddr.parse("/ip4/192.0.2.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")
    assert order([one, one.bare()]) == [one.bare()]
