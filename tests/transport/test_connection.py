"""The shell around a yamux session: what is said arrives, nobody waits for ever, and the end is told."""

import random
import socket

import pytest
import trio
import trio.testing
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedConnUnavailable,
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamReset,
)
from record_kit import opened

from peertransfer.transport.allowance import Allowance
from peertransfer.transport.connection import ANSWER_SECONDS, DESERTED_SECONDS, KEEP_ALIVE_SECONDS, Connection
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.records import RecordOpener, RecordSealer
from peertransfer.transport.stream import LOW_WATER
from peertransfer.transport.wire import Wire

PEER = ID(b"\x00\x24\x08\x01\x12\x20" + bytes(32))
ADDR = TcpAddr.of("127.0.0.1", 4001)
KEYS = bytes(32), bytes(range(32))
MIB = 1 << 20


def connection_over(stream, keys, *, is_initiator, allowance=None):
    wire = Wire(
        stream,
        sealer=RecordSealer(keys[0]),
        opener=RecordOpener(keys[1]),
        cipher=None,
        unread=b"",
        memory=memoryview(bytearray(MIB)),
    )
    return Connection(
        wire, PEER, is_initiator=is_initiator, remote=ADDR, unread=b"", allowance=allowance or Allowance()
    )


@pytest.fixture
async def ends():
    sockets = socket.socketpair()
    return [trio.SocketStream(trio.socket.from_stdlib_socket(one)) for one in sockets]


@pytest.fixture
async def pair(ends, nursery):
    near = connection_over(ends[0], KEYS, is_initiator=True)
    far = connection_over(ends[1], KEYS[::-1], is_initiator=False)
    for one in (near, far):
        nursery.start_soon(one.start)
        await one.event_started.wait()
    return near, far


async def streams_of(near, far):
    ours = await near.open_stream()
    return ours, await far.accept_stream()


async def all_of(stream):
    return b"".join([bytes(piece) async for piece in pieces_of(stream)])


async def pieces_of(stream):
    while pieces := await stream.read_pieces(MIB):
        for piece in pieces:
            yield piece


async def test_mebibytes_go_both_ways_at_once(pair, nursery):
    ours, theirs = await streams_of(*pair)
    said = bytes(range(256)) * 4096 * 5

    async def say(stream):
        await stream.write_pieces([said[:7], memoryview(said)[7:]])
        await stream.close_write()

    nursery.start_soon(say, ours)
    nursery.start_soon(say, theirs)
    assert await all_of(ours) == said
    assert await all_of(theirs) == said
    for one in pair:
        await trio.testing.wait_all_tasks_blocked()
        assert one.session.stream_count == 0


async def test_a_writer_waits_while_nobody_reads_and_goes_on_when_somebody_does(pair, nursery):
    ours, theirs = await streams_of(*pair)
    written = []

    async def write():
        for number in range(5):
            await ours.write_pieces([bytes(MIB)])
            written.append(number)
        await ours.close_write()

    nursery.start_soon(write)
    await trio.testing.wait_all_tasks_blocked()
    assert len(written) < 3
    assert len(await all_of(theirs)) == 5 * MIB


async def test_a_peer_that_takes_nothing_is_told_to_its_writer(pair, autojump_clock):
    ours, _ = await streams_of(*pair)
    started = trio.current_time()
    with pytest.raises(trio.TooSlowError):
        await ours.write_pieces([bytes(3 * LOW_WATER)], stall_seconds=5)
    assert trio.current_time() - started == pytest.approx(5)


async def test_a_peer_that_takes_little_is_only_slow(pair, nursery, autojump_clock):
    ours, theirs = await streams_of(*pair)

    async def sip():
        while await theirs.read_pieces(200_000):
            await trio.sleep(4)

    nursery.start_soon(sip)
    await ours.write_pieces([bytes(6 * LOW_WATER)], stall_seconds=5)


async def test_a_cancelled_writer_leaves_the_connection_whole(pair):
    ours, theirs = await streams_of(*pair)
    with trio.move_on_after(0.05) as scope:
        await ours.write_pieces([bytes(4 * MIB)])
    assert scope.cancelled_caught
    await ours.reset()
    with pytest.raises(MuxedStreamReset):
        await all_of(theirs)
    again, heard = await streams_of(*pair)
    await again.write(b"still here")
    assert await heard.read(100) == b"still here"


async def test_a_small_part_of_a_record_does_not_keep_the_record(pair):
    ours, theirs = await streams_of(*pair)
    await ours.write(b"tiny")
    (piece,) = await theirs.read_pieces(100)
    assert len(piece.obj) == len(b"tiny")


async def test_what_was_written_leaves_before_we_hang_up(pair, nursery):
    ours, theirs = await streams_of(*pair)
    await ours.write(b"bye")
    await ours.close_write()
    await pair[0].close()
    assert await all_of(theirs) == b"bye"
    with trio.fail_after(2):
        while not pair[1].is_closed:
            await trio.sleep(0.01)


async def test_octets_land_in_the_memory_that_is_named_for_them_in_their_order(pair, nursery):
    ours, theirs = await streams_of(*pair)
    octets = random.Random(1).randbytes(3 * MIB)
    await ours.write_pieces([b"twobest"])
    nursery.start_soon(ours.write_pieces, [octets])
    assert await theirs.read(3) == b"two"
    memory = bytearray(4 + 3 * MIB)
    assert await theirs.read_into(memoryview(memory)[: 2 * MIB], 5) == 2 * MIB
    assert await theirs.read_into(memoryview(memory)[2 * MIB :], 5) == MIB + 4
    assert memory == b"best" + octets


async def test_memory_that_is_not_filled_in_time_or_at_the_end_says_how_far_it_is(pair):
    ours, theirs = await streams_of(*pair)
    memory = memoryview(bytearray(100))
    await ours.write_pieces([b"some"])
    assert await theirs.read_into(memory, 0.05) == 4
    assert await theirs.read_into(memory, 0.01) == 0
    await ours.write_pieces([b"more"])
    await ours.close_write()
    assert await theirs.read_into(memory[4:], 5) == 4
    assert bytes(memory[:8]) == b"some" + b"more"
    assert await theirs.read_into(memory, 5) == 0


async def test_what_comes_after_a_reader_gave_up_waits_for_the_next(pair):
    ours, theirs = await streams_of(*pair)
    with trio.move_on_after(0.02):
        await theirs.read_into(memoryview(bytearray(10)), 5)
    await ours.write_pieces([b"for the next"])
    assert await theirs.read(20) == b"for the next"


async def test_memory_of_a_stream_that_is_lost_is_not_waited_for(pair, nursery):
    ours, theirs = await streams_of(*pair)
    nursery.start_soon(ours.reset)
    with pytest.raises(MuxedStreamReset), trio.fail_after(3):
        await theirs.read_into(memoryview(bytearray(10)), 60)


async def test_the_end_of_a_connection_is_told_to_everybody_who_waits(pair, ends, nursery):
    ours, _ = await streams_of(*pair)
    outcomes = []

    async def wait(call, error):
        with pytest.raises(error):
            await call()
        outcomes.append(error)

    nursery.start_soon(wait, ours.read, MuxedStreamReset)
    nursery.start_soon(wait, pair[0].accept_stream, MuxedConnUnavailable)
    await trio.testing.wait_all_tasks_blocked()
    await trio.aclose_forcefully(ends[1])
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert sorted(map(str, outcomes)) == sorted(map(str, [MuxedStreamReset, MuxedConnUnavailable]))
    with pytest.raises(MuxedConnUnavailable):
        await pair[0].open_stream()
    with pytest.raises((MuxedStreamClosed, MuxedStreamReset)):
        await ours.write(b"x")


async def test_the_library_reads_an_end_as_it_expects_it(pair):
    ours, theirs = await streams_of(*pair)
    await ours.write(b"abc")
    await ours.close_write()
    assert await theirs.read() == b"abc"
    with pytest.raises(MuxedStreamEOF):
        await theirs.read(1)


async def test_a_peer_that_answers_no_ping_is_gone(ends, nursery, autojump_clock):
    near = connection_over(ends[0], KEYS, is_initiator=True)
    nursery.start_soon(near.start)
    started = trio.current_time()
    while not near.is_closed:
        await trio.sleep(1)
    assert trio.current_time() - started == pytest.approx(ANSWER_SECONDS, abs=2)


async def test_a_quiet_peer_that_answers_stays_and_what_it_deserted_goes(pair, autojump_clock):
    ours, _ = await streams_of(*pair)
    await ours.close()
    assert pair[0].session.stream_count == 1
    await trio.sleep(DESERTED_SECONDS + 2 * KEEP_ALIVE_SECONDS)
    assert not any(one.is_closed for one in pair)
    assert pair[0].session.stream_count == 0


@pytest.mark.parametrize("octets", [b"\xff" * 12, b"\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x01x"])
async def test_a_peer_that_breaks_the_rules_is_told_and_hung_up(ends, nursery, octets):
    near = connection_over(ends[0], KEYS, is_initiator=True)
    nursery.start_soon(near.start)
    sealer, opener = RecordSealer(KEYS[1]), RecordOpener(KEYS[0])
    await ends[1].send_all(bytes(sealer.seal([octets])))
    said = b""
    with trio.fail_after(3):
        while octets := await ends[1].receive_some():
            said += b"".join(opened(opener, octets))
    assert b"\x00\x03" + bytes(6) + bytes(3) + b"\x01" in said
    with trio.fail_after(3):
        while not near.is_closed:
            await trio.sleep(0.01)


async def test_a_changed_record_ends_the_connection(ends, nursery):
    near = connection_over(ends[0], KEYS, is_initiator=True)
    nursery.start_soon(near.start)
    wire = bytearray(RecordSealer(KEYS[1]).seal([b"\x00\x02\x00\x01" + bytes(8)]))
    wire[5] ^= 1
    await ends[1].send_all(bytes(wire))
    with trio.fail_after(3):
        while not near.is_closed:
            await trio.sleep(0.01)
