"""The socket below the library: long lengths are refused, and pieces are joined."""

import pytest
import trio.testing
from libp2p.io.exceptions import IOException
from libp2p.io.utils import read_exactly

from peertransfer.net.dialing import MAX_READ, BoundedStream


@pytest.fixture
def ends():
    near, far = trio.testing.memory_stream_pair()
    return BoundedStream(near), far


async def test_a_length_over_the_bound_is_refused_before_anything_is_read(ends):
    near, far = ends
    await far.send_all(b"x")
    for length in (MAX_READ + 1, 1 << 40, (1 << 64) - 1):
        with pytest.raises(IOException, match="over-long"):
            await near.read(length)
    assert await near.read(1) == b"x"


async def test_a_message_in_any_number_of_pieces_is_read(ends, nursery):
    near, far = ends

    async def send():
        for _ in range(1000):
            await far.send_all(b"p")
            await trio.testing.wait_all_tasks_blocked()

    nursery.start_soon(send)
    assert await read_exactly(near, 1000) == b"p" * 1000


async def test_what_came_before_the_end_is_read_and_then_nothing(ends):
    near, far = ends
    await far.send_all(b"abc")
    await far.aclose()
    assert await near.read(10) == b"abc"
    assert await near.read(10) == b""


async def test_without_a_length_what_is_there_is_read(ends):
    near, far = ends
    await far.send_all(b"abc")
    assert await near.read() == b"abc"
