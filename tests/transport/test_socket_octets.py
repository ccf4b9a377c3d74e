"""Octets through a real socket: all of them, in whatever portions it takes them, and never a wait without end."""

import random
import socket

import pytest
import trio

from peertransfer.transport.socket_octets import SocketOctets

MIB = 1 << 20


@pytest.fixture
async def ends():
    sockets = [trio.SocketStream(trio.socket.from_stdlib_socket(one)) for one in socket.socketpair()]
    yield [SocketOctets(one) for one in sockets]
    for one in sockets:
        await one.aclose()


async def test_more_than_a_socket_holds_arrives_whole(ends, nursery):
    near, far = ends
    octets = random.Random(1).randbytes(5 * MIB)
    nursery.start_soon(near.send_all, octets)
    memory, received = memoryview(bytearray(MIB)), b""
    with trio.fail_after(10):
        while len(received) < len(octets):
            received += memory[: await far.receive_into(memory)]
    assert received == octets


async def test_others_have_a_turn_while_a_socket_always_has_something(ends, nursery):
    near, far = ends
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    await near.send_all(bytes(1000))
    nursery.start_soon(count)
    for _ in range(100):
        await far.receive_into(memoryview(bytearray(10)))
    assert turns >= 90
    nursery.cancel_scope.cancel()


async def test_the_end_is_none_and_a_broken_connection_an_error(ends):
    near, far = ends
    await near.aclose()
    assert await far.receive_into(memoryview(bytearray(10))) == 0
    with pytest.raises(OSError, match="pipe"):
        await far.send_all(b"nobody")


@pytest.mark.parametrize("does", ["receive", "send"])
async def test_who_waits_is_woken_when_the_socket_is_closed_here(ends, does):
    near, _ = ends

    acts = {
        "receive": lambda: near.receive_into(memoryview(bytearray(10))),
        "send": lambda: near.send_all(bytes(20 * MIB)),
    }

    async def wait():
        with pytest.raises(trio.ClosedResourceError):
            await acts[does]()

    with trio.fail_after(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(0.02)
            await near.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await near.receive_into(memoryview(bytearray(10)))
