"""The room of connections that are not upgraded yet: the newest push out the oldest."""

import trio
import trio.testing

from peertransfer.net.gate import WaitingRoom
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits

MAX_WAITING = Limits().waiting
MAX_WAITING_PER_SOURCE = Limits().waiting_per_ipv4


async def fill(nursery, room, hosts, pushed_out):
    async def wait(host):
        with room.enter(host):
            await trio.sleep_forever()
        pushed_out.append(host)

    for host in hosts:
        nursery.start_soon(wait, host)
        await trio.testing.wait_all_tasks_blocked()


async def test_the_ninth_of_one_source_pushes_out_the_first_of_it():
    room, pushed_out = WaitingRoom(Allowance()), []
    async with trio.open_nursery() as nursery:
        others = ["192.0.2.1", "198.51.100.7"]
        await fill(nursery, room, [*others, *["203.0.113.9"] * MAX_WAITING_PER_SOURCE], pushed_out)
        assert pushed_out == []
        await fill(nursery, room, ["203.0.113.9"], pushed_out)
        assert pushed_out == ["203.0.113.9"]
        assert len(room) == MAX_WAITING_PER_SOURCE + 2
        nursery.cancel_scope.cancel()
    assert len(room) == 0


async def test_addresses_of_one_ipv6_network_are_one_source():
    room, pushed_out = WaitingRoom(Allowance()), []
    async with trio.open_nursery() as nursery:
        await fill(nursery, room, [f"2001:db8::{number:x}" for number in range(1, 10)], pushed_out)
        assert pushed_out == ["2001:db8::1"]
        await fill(nursery, room, ["2001:db8:0:1::1"], pushed_out)
        assert pushed_out == ["2001:db8::1"]
        nursery.cancel_scope.cancel()


async def test_a_full_room_makes_place_at_the_cost_of_who_holds_most():
    room, pushed_out = WaitingRoom(Allowance()), []
    async with trio.open_nursery() as nursery:
        crowd = [f"203.0.113.{number // 8}" for number in range(MAX_WAITING - 3)]
        await fill(nursery, room, [*crowd, "192.0.2.1", "192.0.2.2", "192.0.2.3"], pushed_out)
        assert len(room) == MAX_WAITING
        await fill(nursery, room, ["198.51.100.1"], pushed_out)
        assert pushed_out == ["203.0.113.0"]
        assert len(room) == MAX_WAITING
        nursery.cancel_scope.cancel()


async def test_this_machine_has_no_bound_of_its_own():
    room, pushed_out = WaitingRoom(Allowance()), []
    async with trio.open_nursery() as nursery:
        await fill(nursery, room, ["127.0.0.1"] * (MAX_WAITING_PER_SOURCE + 4), pushed_out)
        assert pushed_out == []
        nursery.cancel_scope.cancel()


async def test_whoever_is_done_leaves_the_room():
    room = WaitingRoom(Allowance())
    for _ in range(3 * MAX_WAITING):
        with room.enter("203.0.113.9"):
            assert len(room) == 1
    assert len(room) == 0
