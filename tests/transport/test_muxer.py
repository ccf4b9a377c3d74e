"""The muxer's own task for writing, and its bounds on windows."""

import pytest
import trio
import trio.testing
from libp2p.network.connection.exceptions import RawConnError
from libp2p.peer.id import ID

from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.muxer import QUEUED_FRAMES, Muxer

MAX_WINDOWS = Limits().windows_per_connection

PEER = ID(b"\x00\x24\x08\x01\x12\x20" + bytes(32))
FRAME = b"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x08" + b"payload."


class Slow:
    """A secured connection that writes half of what it is given, and the rest once it may."""

    is_initiator = True

    def __init__(self):
        self.written = b""
        self.may_go_on = trio.Event()
        self.is_closed = False

    async def write(self, octets):
        middle = len(octets) // 2
        self.written += octets[:middle]
        await self.may_go_on.wait()
        if not self.is_closed:
            self.written += octets[middle:]

    async def read(self, n):
        await trio.sleep_forever()

    async def close(self):
        self.is_closed = True


@pytest.fixture
async def slow():
    return Slow()


@pytest.fixture
async def muxer(slow, nursery):
    muxer = Muxer(slow, PEER, slow, Allowance())
    nursery.start_soon(muxer.start)
    await trio.testing.wait_all_tasks_blocked()
    return muxer


async def test_a_writer_that_is_cancelled_in_the_middle_of_a_frame_leaves_it_whole(
    muxer, slow, autojump_clock
):
    with trio.move_on_after(0.1):
        await muxer._write_frame(FRAME)
    await trio.testing.wait_all_tasks_blocked()
    assert slow.written == FRAME[: len(FRAME) // 2]
    slow.may_go_on.set()
    with trio.move_on_after(0.1):
        await muxer._write_frame(FRAME)
    await trio.testing.wait_all_tasks_blocked()
    assert slow.written == FRAME * 2


async def test_a_writer_waits_once_the_queue_is_full_and_what_it_gave_up_is_not_sent(
    muxer, slow, autojump_clock
):
    sent = 0
    with trio.move_on_after(0.2):
        while True:
            await muxer._write_frame(FRAME)
            sent += 1
    assert sent == QUEUED_FRAMES + 1  # one is half written
    slow.may_go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert slow.written == FRAME * sent


async def test_what_is_queued_leaves_before_the_connection_is_closed(muxer, slow, nursery, autojump_clock):
    for _ in range(3):
        await muxer._write_frame(FRAME)
    nursery.start_soon(muxer.close)
    await trio.sleep(0.1)
    assert not slow.is_closed
    slow.may_go_on.set()
    await trio.sleep(0.1)
    assert slow.is_closed
    assert slow.written == FRAME * 3


async def test_a_peer_that_takes_nothing_does_not_hold_up_our_hanging_up(muxer, slow, autojump_clock):
    await muxer._write_frame(FRAME)
    with trio.fail_after(5):
        await muxer.close()
    assert slow.is_closed
    with pytest.raises(RawConnError):
        await muxer._write_frame(FRAME)


async def test_all_windows_of_a_connection_have_one_bound(muxer, slow):
    slow.may_go_on.set()
    one, other = await muxer.open_stream(), await muxer.open_stream()
    doublings = 0
    while muxer.may_grow:
        one.target_recv_window *= 2
        doublings += 1
    assert doublings > 2
    assert one.target_recv_window + other.target_recv_window <= MAX_WINDOWS
