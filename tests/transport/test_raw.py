"""One connection below the upgrade: exact reads, the budget, and how a wrong key ends it."""

import contextlib
import socket
import struct

import pytest
import trio.testing
from libp2p.io.exceptions import MessageTooLarge

from peertransfer.errors import NetworkKeyError
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.pnet import GREETING, PnetCipher
from peertransfer.transport.raw import GREETING_SECONDS, RawConn

HANDSHAKE_BUDGET = Limits().handshake_octets

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
REMOTE = TcpAddr("ip4", "192.0.2.1", 4001)


def conn_of(stream, key=None, *, is_initiator=False, nonce=bytes(24)):
    cipher = None if key is None else PnetCipher(key, nonce)
    return RawConn(stream, cipher, is_initiator=is_initiator, remote=REMOTE, allowance=Allowance())


def ends(key=None, other_key=None):
    one, two = trio.testing.memory_stream_pair()
    return conn_of(one, key, is_initiator=True), conn_of(two, other_key, nonce=bytes(range(24)))


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "private"])
async def test_a_read_gives_exactly_what_was_asked_for(key):
    near, far = ends(key, key)
    await near.write(GREETING)
    await near.write(b"abcdefgh")
    assert await far.read(len(GREETING)) == GREETING
    assert [await far.read(size) for size in (3, 0, 1)] == [b"abc", b"", b"d"]
    assert await far.read() == b"efgh"
    await near.close()
    assert await far.read(5) == b""


async def test_a_frame_in_a_thousand_segments_is_read_whole():
    """The library's reader gives up after about a hundred (fact 3)."""
    one, two = trio.testing.memory_stream_pair()
    far = conn_of(two)
    async with trio.open_nursery() as nursery:

        async def send():
            await one.send_all(GREETING)
            for number in range(1000):
                await one.send_all(bytes([number % 256]))
                await trio.testing.wait_all_tasks_blocked()

        nursery.start_soon(send)
        assert await far.read(len(GREETING)) == GREETING
        assert await far.read(1000) == bytes(number % 256 for number in range(1000))


async def test_the_last_octets_are_given_even_if_more_was_asked_for():
    near, far = ends()
    await near.write(GREETING + b"end")
    await near.close()
    assert await far.read(100) == GREETING + b"end"


async def test_a_length_that_no_handshake_has_is_refused_before_anything_is_read():
    near, far = ends()
    await near.write(GREETING)
    assert await far.read(len(GREETING)) == GREETING
    with pytest.raises(MessageTooLarge):
        await far.read(1 << 62)
    far.end_handshake()
    await near.write(b"x" * 10)
    assert await far.read(10) == b"x" * 10


async def test_a_peer_that_is_not_upgraded_makes_us_take_64_kib_and_no_more():
    one, two = trio.testing.memory_stream_pair()
    far = conn_of(two)
    await one.send_all(GREETING + bytes(4 * HANDSHAKE_BUDGET))
    taken = 0
    with pytest.raises(MessageTooLarge):  # noqa: PT012 - at the first octet over the budget
        while True:
            taken += len(await far.read())
    assert taken == HANDSHAKE_BUDGET


async def test_after_the_upgrade_there_is_no_budget():
    near, far = ends()
    await near.write(GREETING)
    assert await far.read(len(GREETING)) == GREETING
    far.end_handshake()
    await near.write(bytes(3 * HANDSHAKE_BUDGET))
    assert len(await far.read(3 * HANDSHAKE_BUDGET)) == 3 * HANDSHAKE_BUDGET


async def test_what_is_written_to_a_lost_connection_is_dropped_and_the_reader_finds_the_end():
    one, two = trio.testing.memory_stream_pair()
    near = conn_of(one)
    await two.aclose()
    await near.write(b"into the void")
    assert await near.read(1) == b""
    await near.close()
    await near.write(b"again")


@pytest.mark.parametrize(
    ("key", "other_key"),
    [(KEY, OTHER_KEY), (KEY, None), (None, KEY)],
    ids=["another", "they none", "we none"],
)
async def test_a_peer_of_another_network_is_named_and_hung_up_on(key, other_key):
    near, far = ends(key, other_key)
    await near.write(GREETING)
    await far.write(GREETING)
    with pytest.raises(NetworkKeyError):
        await near.read(20)
    # The other side is hung up on, and names it as well where its own look tells.
    with contextlib.suppress(NetworkKeyError):
        assert await far.read(100) in {b"", GREETING}


async def test_a_hang_up_inside_the_nonce_is_most_likely_another_key():
    one, two = trio.testing.memory_stream_pair()
    near = conn_of(one, KEY, is_initiator=True)
    await two.send_all(bytes(23))
    await two.aclose()
    with pytest.raises(NetworkKeyError, match="hangs up"):
        await near.read(20)


async def test_a_peer_that_is_silent_at_our_key_is_named_within_two_seconds(autojump_clock):
    one, two = trio.testing.memory_stream_pair()
    near = conn_of(one, KEY, is_initiator=True)
    await near.write(GREETING)
    began = trio.current_time()
    with pytest.raises(NetworkKeyError, match="silent"):
        await near.read(20)
    assert trio.current_time() - began <= GREETING_SECONDS < 2
    assert len(await two.receive_some(100)) == 24 + len(GREETING)


async def test_whoever_is_dialled_waits_for_the_greeting_longer(autojump_clock):
    one, two = trio.testing.memory_stream_pair()
    far = conn_of(two, KEY)
    with trio.move_on_after(60) as scope:
        await far.read(20)
    assert scope.cancelled_caught
    await one.aclose()


def test_the_remote_address_is_told_to_the_library():
    one, _ = trio.testing.memory_stream_pair()

    async def look():
        conn = conn_of(one)
        assert conn.get_remote_address() == ("192.0.2.1", 4001)
        assert conn.get_transport_addresses() == []

    trio.run(look)


@pytest.mark.parametrize("said", [0, 10, 24 + 5], ids=["at once", "in the nonce", "in the greeting"])
async def test_a_reset_before_the_greeting_is_judged_like_a_hang_up(said):
    """Closing without lingering sends a reset: js-libp2p ends a connection of another key so."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        far_stream = await trio.open_tcp_stream(*listener.socket.getsockname())
        near = conn_of(await listener.accept(), KEY)
    await far_stream.send_all(PnetCipher(KEY, bytes(24)).encrypt(memoryview(bytearray(GREETING)))[:said])
    far_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await far_stream.aclose()
    with pytest.raises(NetworkKeyError, match="hangs up"):
        await near.read(20)
    await near.close()
