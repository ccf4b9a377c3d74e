"""All that is on the way out is counted by ``buffers``, and little memory makes things slow and nothing else."""

import contextlib
import hashlib

import pytest
import trio
from attacker_kit import MIB, RawPeer, data, host_of, proposal, until
from kad_kit import sealed

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.frame import seal_frame
from peertransfer.transport.allowance import LEAST_BATCH, Allowance, PoolShare
from peertransfer.transport.answer_memory import AnswerMemory
from peertransfer.transport.limits import Limits
from peertransfer.transport.yamux_frames import SYN, WINDOW_UPDATE, pack_header

pytestmark = pytest.mark.swarm

GIVE = "/test/give/1.0.0"
SAID = hashlib.shake_256(b"octets").digest(8 * MIB)


def frame_for(peer_id, *body):
    return seal_frame(sealed(v.AgentView("x"), OnePeer(peer_id)), b"", tuple(map(memoryview, body)))


async def give(stream):
    for at in range(0, len(SAID), MIB):
        await stream.send(frame_for(stream.peer_id, SAID[at : at + MIB]))


def kept_by(connection):
    """The octets that a connection really keeps to send: those that wait, and those in which they are sealed."""
    sealer, session = connection._wire._sealer, connection.session
    waiting = sum(session.waiting_size(number) for number in session._streams)
    return len(sealer._small) + len(sealer._records) + waiting


async def test_what_waits_and_what_is_being_sealed_is_counted_to_the_octet():
    async with host_of(1, stall_seconds=5) as host:
        host.set_handler(GIVE, give)
        peers = [await RawPeer.connect(host, source=f"127.2.0.{number + 1}") for number in range(3)]
        for peer in peers:
            for number in range(1, 8, 2):
                await peer.send(data(number, proposal(GIVE), SYN))
                await peer.send(pack_header(WINDOW_UPDATE, 0, number, 1 << 28))
        await trio.sleep(1)
        kept = sum(kept_by(one.muxed_conn) for one in host._swarm.get_connections())
        assert kept > 3 * 4 * MIB  # a MiB waits on each stream, and a batch stands sealed before each socket
        assert host.allowance.to_send.taken == pytest.approx(kept, rel=0.001)
        for peer in peers:
            await peer.close()
        await until(lambda: host.allowance.to_send.taken == 0)


async def test_memory_for_sealing_is_given_back_in_a_rest():
    async with host_of(1) as host, host_of(2) as near:
        host.set_handler(GIVE, give)
        await near.connect(host.listen_addrs)
        assert await received(near, host) == SAID
        assert host.allowance.to_send.taken > MIB
        await until(lambda: host.allowance.to_send.taken == 0)


async def received(near, host):
    stream = await near.open_stream(host.peer_id, GIVE)
    heard = bytearray()
    with trio.fail_after(20):
        while octets := await stream.receive(MIB):
            heard += octets
    await stream.aclose()
    return heard


async def test_with_little_memory_left_everything_still_arrives_in_small_records():
    async with host_of(1, buffers=64 * MIB, connections=64) as host, host_of(2) as near:
        host.set_handler(GIVE, give)
        await near.connect(host.listen_addrs)
        pool = host.allowance.to_send
        others = 14 * MIB
        pool.take(others)
        most = 0

        async def watch():
            nonlocal most
            while True:
                most = max(most, *[kept_sealed(one.muxed_conn) for one in host._swarm.get_connections()])
                await trio.sleep(0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            assert await received(near, host) == SAID
            nursery.cancel_scope.cancel()
        assert most < 2 * (LEAST_BATCH + 100) + LEAST_BATCH
        assert host.allowance.reached("buffers") > 100
        pool.take(-others)


def kept_sealed(connection):
    sealer = connection._wire._sealer
    return len(sealer._small) + len(sealer._records)


# --- answers ---------------------------------------------------------------------------------------


def memories(count, **limits):
    allowance = Allowance(Limits(**limits))
    shares = [PoolShare(allowance.to_send) for _ in range(count)]
    return allowance, [AnswerMemory(share, allowance) for share in shares], shares


async def test_an_answer_waits_while_others_hold_all_memory_and_goes_on_when_they_give_it_back(
    nursery, autojump_clock
):
    allowance, (first, second), (share, _) = memories(2, buffers=64 * MIB, connections=64)
    order = []

    async def answer():
        with await second.take(MIB):
            order.append("second")

    with await first.take(15 * MIB - MIB // 2):
        nursery.start_soon(answer)
        await trio.sleep(1)
        assert order == []
        assert allowance.reached("buffers") == 1
        order.append("first")
    await trio.sleep(1)
    assert order == ["first", "second"]
    assert allowance.to_send.taken == 0
    del share


async def test_a_connection_has_its_first_answer_at_once_and_further_ones_by_the_rule_of_quarters(
    autojump_clock,
):
    allowance, (own, other), _ = memories(2, buffers=64 * MIB, connections=64)
    async with contextlib.AsyncExitStack() as stack:
        count = 0
        while own.may_have(MIB):
            stack.enter_context(await own.take(MIB))
            count += 1
        assert 2 <= count <= 4
        with trio.move_on_after(1) as late:
            stack.enter_context(await own.take(MIB))
        assert late.cancelled_caught
        with trio.move_on_after(1) as late:
            stack.enter_context(await other.take(4 * MIB))
        assert not late.cancelled_caught
    assert allowance.to_send.taken == 0


async def test_whoever_waits_on_a_connection_that_ends_is_let_go(nursery, autojump_clock):
    _, (first, second), (_, share) = memories(2, buffers=64 * MIB, connections=64)
    is_over = trio.Event()

    async def answer():
        with await second.take(MIB):
            is_over.set()

    with await first.take(15 * MIB - MIB // 2):
        nursery.start_soon(answer)
        await trio.sleep(1)
        share.give_all()
        with trio.fail_after(1):
            await is_over.wait()
