"""The private network's cipher over streams in memory."""

import socket
import struct

import pytest
import trio.testing
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.connection.raw_connection import RawConnection

from peertransfer.transport.pnet import GREETING, PnetConnection
from peertransfer.transport.salsa import NONCE_SIZE, xsalsa20

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


class Counted(TrioTCPStream):
    """A stream in memory that hands out at most ``cut`` octets a read."""

    def __init__(self, stream, cut):
        super().__init__(stream)
        self.cut = cut

    async def read(self, n=None):
        return await super().read(min(n or self.cut, self.cut))


def ends(cut=65_536, keys=(KEY, KEY)):
    one, two = trio.testing.memory_stream_pair()
    return (
        PnetConnection(RawConnection(Counted(one, cut), initiator=True), keys[0]),
        PnetConnection(RawConnection(Counted(two, cut), initiator=False), keys[1]),
    )


async def read_all(conn, size):
    octets = b""
    while len(octets) < size:
        piece = await conn.read(size - len(octets))
        assert piece
        octets += piece
    return octets


@pytest.mark.parametrize("cut", [1, 2, 23, 24, 25, 63, 64, 65, 4096])
async def test_both_sides_read_what_the_other_wrote_in_any_cut(cut):
    near, far = ends(cut)
    said = GREETING + bytes(range(200))
    for writer, reader in ((near, far), (far, near)):
        await writer.write(said[:20])
        await writer.write(said[20:])
        assert await read_all(reader, len(said)) == said
    assert near.is_greeted
    assert far.is_greeted
    assert not near.is_foreign


async def test_a_nonce_goes_first_and_the_rest_is_encrypted_under_it():
    near_stream, far_stream = trio.testing.memory_stream_pair()
    conn = PnetConnection(RawConnection(TrioTCPStream(near_stream), initiator=True), KEY)
    await conn.write(GREETING)
    await conn.write(b"more")
    octets = bytes(await far_stream.receive_some(1000))
    assert xsalsa20(KEY, octets[:NONCE_SIZE]).xor(octets[NONCE_SIZE:]) == GREETING + b"more"


async def test_each_connection_draws_its_own_nonce():
    nonces = set()
    for _ in range(4):
        near_stream, far_stream = trio.testing.memory_stream_pair()
        await PnetConnection(RawConnection(TrioTCPStream(near_stream), initiator=True), KEY).write(GREETING)
        nonces.add(bytes(await far_stream.receive_some(1000))[:NONCE_SIZE])
    assert len(nonces) == 4


@pytest.mark.parametrize("cut", [1, 4096])
async def test_a_peer_with_another_key_is_foreign_and_hung_up_on(cut):
    near, far = ends(cut, (KEY, OTHER_KEY))
    await near.write(GREETING)
    with pytest.raises(RawConnError, match="another network key"):
        await read_all(far, len(GREETING))
    assert far.is_foreign
    assert not far.is_greeted
    with pytest.raises(RawConnError):
        await near.read(1)
    assert near.is_foreign


async def test_a_peer_that_hangs_up_inside_the_nonce_is_foreign():
    near_stream, far_stream = trio.testing.memory_stream_pair()
    conn = PnetConnection(RawConnection(TrioTCPStream(near_stream), initiator=True), KEY)
    await far_stream.send_all(bytes(NONCE_SIZE - 1))
    await far_stream.aclose()
    with pytest.raises(RawConnError, match="nonce"):
        await conn.read(10)
    assert conn.is_foreign


async def test_a_peer_that_hangs_up_inside_the_greeting_is_foreign():
    near, far = ends()
    await near.write(GREETING[:5])
    await near.close()
    assert await far.read(100) == GREETING[:5]
    assert await far.read(100) == b""
    assert far.is_foreign


@pytest.mark.parametrize(("said", "is_foreign"), [(b"", True), (GREETING[:5], True), (GREETING, False)])
async def test_a_reset_is_judged_like_a_hang_up(said, is_foreign):
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        far_stream = await trio.open_tcp_stream(*listener.socket.getsockname())
        conn = PnetConnection(RawConnection(TrioTCPStream(await listener.accept()), initiator=False), KEY)
    if said:
        await PnetConnection(RawConnection(TrioTCPStream(far_stream), initiator=True), KEY).write(said)
        assert await read_all(conn, len(said)) == said
    # Closing without lingering sends a reset: js-libp2p ends a connection of another key so.
    far_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await far_stream.aclose()
    with pytest.raises((RawConnError, ConnectionClosedError)):
        await conn.read(100)
    assert conn.is_foreign is is_foreign


async def test_a_peer_that_hangs_up_after_its_greeting_is_not_foreign():
    near, far = ends()
    await near.write(GREETING)
    await near.close()
    assert await far.read(100) == GREETING
    assert await far.read(100) == b""
    assert not far.is_foreign


async def test_octets_in_clear_are_foreign():
    near_stream, far_stream = trio.testing.memory_stream_pair()
    conn = PnetConnection(RawConnection(TrioTCPStream(near_stream), initiator=False), KEY)
    await far_stream.send_all(GREETING * 3)
    with pytest.raises(RawConnError):
        await read_all(conn, 30)
    assert conn.is_foreign
