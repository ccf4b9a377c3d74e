"""What a peer can do to a node by streams that are cut, endless, malformed or not taken."""

import contextlib
import os
import time

import pytest
import trio
from kad_kit import sealed
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.frame import seal_frame
from peertransfer.errors import DisclosureError, PeerTimeoutError, RemoteProtocolError, StreamLostError
from peertransfer.net.host import NetworkHost
from peertransfer.transport.limits import Limits
from peertransfer.transport.negotiation import HEADER

MAX_STREAMS_PER_PROTOCOL = Limits().streams_per_protocol
MAX_INBOUND_STREAMS = Limits().streams_per_connection

pytestmark = pytest.mark.swarm

ECHO = "/test/echo/1.0.0"
GREETING = b"\x13" + HEADER.encode() + b"\n"


def host_of(number, addrs=("/ip4/127.0.0.1/tcp/0",)):
    return NetworkHost(bytes([number]) * 32, network_id="n", psk=None, listen_addrs=addrs)


@contextlib.asynccontextmanager
async def connected():
    async with host_of(1) as near, host_of(2) as far:
        far.set_handler(ECHO, echo)
        await near.connect(far.listen_addrs)
        yield near, far


@contextlib.asynccontextmanager
async def stock_peer_of(host):
    """A stock host that is connected to ``host``; gives it, and its connection."""
    stock = new_host(key_pair=create_new_key_pair(os.urandom(32)))
    async with stock.run(listen_addrs=[]):
        info = info_from_p2p_addr(Multiaddr(host.listen_addrs[0]))
        await stock.connect(info)
        yield stock, stock.get_network().get_connections(info.peer_id)[0]
        await stock.close()


def frame_for(peer_id, head, body=()):
    return seal_frame(sealed(v.AgentView("x"), OnePeer(peer_id)), head, body)


async def echo(stream):
    while octets := await stream.receive():
        await stream.send(frame_for(stream.peer_id, octets))


async def is_reset(stream):
    with trio.fail_after(3), pytest.raises(StreamError):  # noqa: PT012 - whatever was said before is skipped
        while True:
            await stream.read(100)


async def still_answers(near, far):
    stream = await near.open_stream(far.peer_id, ECHO)
    await stream.send(frame_for(far.peer_id, b"still here"))
    with trio.fail_after(5):
        assert await stream.receive() == b"still here"
    await stream.aclose()


# --- negotiation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"\x03\xff\xfe\n",  # no text
        b"\xff\xff\x7f" + bytes(100),  # over the limit
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",  # a length of eleven octets
        b"\x00",  # nothing
        b"\x03abc",  # no end of line
    ],
    ids=["no text", "too long", "endless length", "empty", "no end"],
)
async def test_a_malformed_proposal_ends_its_stream_and_nothing_else(said):
    async with connected() as (near, far), stock_peer_of(far) as (_, connection):
        stream = await connection.new_stream()
        await stream.write(GREETING + said)
        await is_reset(stream)
        await still_answers(near, far)


async def test_a_stream_that_does_not_begin_as_it_should_is_reset():
    async with connected() as (near, far), stock_peer_of(far) as (_, connection):
        stream = await connection.new_stream()
        await stream.write(b"\x04GET\n")
        await is_reset(stream)
        await still_answers(near, far)


async def test_nobody_is_told_the_list_of_protocols():
    async with connected() as (_, far), stock_peer_of(far) as (stock, connection):
        assert await stock.send_command(connection.muxed_conn.peer_id, "ls") == ["na"]


async def test_a_peer_that_only_guesses_protocols_is_cut_off():
    async with connected() as (near, far), stock_peer_of(far) as (_, connection):
        stream = await connection.new_stream()
        await stream.write(GREETING)
        with trio.fail_after(5), pytest.raises(StreamError):  # noqa: PT012 - either of the two finds out
            for number in range(1000):
                await stream.write(bytes([6]) + b"/%03d/\n" % number)
                await stream.read(100)
        await still_answers(near, far)


# --- handlers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("a bug"),
        DisclosureError("a bug of the worse kind"),
        ExceptionGroup("many", [ValueError("one"), KeyError("two")]),
        RemoteProtocolError("garbage"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_whatever_a_handler_raises_ends_its_stream_alone(fault):
    async with connected() as (near, far):

        async def break_down(stream):
            await stream.receive()
            raise fault

        far.set_handler("/test/broken/1.0.0", break_down)
        stream = await near.open_stream(far.peer_id, "/test/broken/1.0.0")
        await stream.send(frame_for(far.peer_id, b"x"))
        with trio.fail_after(3), pytest.raises(StreamLostError):
            await stream.receive()
        await still_answers(near, far)


async def test_a_peer_has_eight_streams_of_a_protocol_and_no_more():
    async with connected() as (near, far):
        held = trio.Event()

        async def hold(stream):
            await stream.send(frame_for(stream.peer_id, b"in"))
            await held.wait()

        far.set_handler("/test/held/1.0.0", hold)
        for _ in range(MAX_STREAMS_PER_PROTOCOL):
            stream = await near.open_stream(far.peer_id, "/test/held/1.0.0")
            assert await stream.receive() == b"in"
        with trio.fail_after(3), pytest.raises(StreamLostError):  # noqa: PT012 - the reset may be the first answer
            one_more = await near.open_stream(far.peer_id, "/test/held/1.0.0")
            await one_more.receive()
        await still_answers(near, far)
        held.set()


async def test_a_flood_of_streams_is_reset_and_hurts_nobody_else():
    async with connected() as (near, far), stock_peer_of(far) as (_, connection):
        muxed = connection.muxed_conn
        before = len(far._swarm.get_connections())
        with trio.move_on_after(20):
            for number in range(2000):
                await muxed._write_frame(
                    b"\x00\x01\x00\x01" + (1001 + 2 * number).to_bytes(4, "big") + bytes(4)
                )
        started = time.perf_counter()
        await still_answers(near, far)
        assert time.perf_counter() - started < 2
        flooded = [one.muxed_conn for one in far._swarm.get_connections()]
        assert len(flooded) <= before
        assert all(one.session.stream_count <= MAX_INBOUND_STREAMS + 12 for one in flooded)


# --- octets that are not taken, or not sent --------------------------------------------------------


async def test_a_reader_that_pauses_never_ends_a_transfer():
    """Longer than the 5 s after which the library's own writer gives up (fact 2)."""
    async with connected() as (near, far):
        size = 2 << 20
        total, is_done = 0, trio.Event()

        async def take_late(stream):
            nonlocal total
            await trio.sleep(6)
            while octets := await stream.receive():
                total += len(octets)
            is_done.set()

        far.set_handler("/test/late/1.0.0", take_late)
        stream = await near.open_stream(far.peer_id, "/test/late/1.0.0")
        with trio.fail_after(20):
            await stream.send(frame_for(far.peer_id, b"head", (memoryview(bytes(size)),)))
            await stream.aclose()
            await is_done.wait()
        assert total == size + 4


async def test_a_reader_that_takes_nothing_at_all_is_given_up():
    async with connected() as (near, far):

        async def never(stream):
            await trio.sleep_forever()

        far.set_handler("/test/never/1.0.0", never)
        stream = await near.open_stream(far.peer_id, "/test/never/1.0.0")
        with trio.fail_after(5), pytest.raises(PeerTimeoutError, match="takes nothing"):
            await stream.send(frame_for(far.peer_id, b"", (memoryview(bytes(3 << 20)),)), stall_seconds=0.5)
        await stream.reset()
        await still_answers(near, far)


async def test_cancelling_a_writer_leaves_its_connection_whole():
    """Half of an encrypted message would end every stream of the connection."""
    async with connected() as (near, far):

        async def slowly(stream):
            while await stream.receive(1000):
                await trio.sleep(0.001)

        far.set_handler("/test/slowly/1.0.0", slowly)
        body = (memoryview(bytes(8 << 20)),)
        for patience in (0.001, 0.003, 0.01, 0.03, 0.1):
            stream = await near.open_stream(far.peer_id, "/test/slowly/1.0.0")
            with trio.move_on_after(patience):
                await stream.send(frame_for(far.peer_id, b"", body))
            await stream.reset()
            await still_answers(near, far)
        assert len(near.connections()) == 1


async def test_a_silent_peer_is_named_after_the_wait_that_was_given():
    async with connected() as (near, far):
        stream = await near.open_stream(far.peer_id, ECHO)
        with trio.fail_after(3), pytest.raises(PeerTimeoutError, match="silent"):
            await stream.receive(idle_seconds=0.2)


async def test_a_peer_that_overruns_its_window_loses_the_connection():
    async with connected() as (near, far), stock_peer_of(far) as (stock, connection):

        async def never(stream):
            await trio.sleep_forever()

        far.set_handler("/test/never/1.0.0", never)
        stream = await stock.new_stream(connection.muxed_conn.peer_id, ["/test/never/1.0.0"])
        number = stream.muxed_stream.stream_id
        data = b"\x00\x00\x00\x00" + number.to_bytes(4, "big") + (1 << 16).to_bytes(4, "big") + bytes(1 << 16)
        # The library's own writer logs a lost connection and goes on; its event tells.
        with trio.fail_after(10), contextlib.suppress(Exception):
            for _ in range(100):
                await connection.muxed_conn._write_frame(data)
        with trio.fail_after(5):
            await far.wait_disconnected(stock.get_id().to_base58())
        await still_answers(near, far)


# --- ends ----------------------------------------------------------------------------------------


async def test_an_end_that_the_peer_made_is_no_loss():
    async with connected() as (near, far):

        async def say_and_leave(stream):
            await stream.send(frame_for(stream.peer_id, b"that is all"))

        far.set_handler("/test/all/1.0.0", say_and_leave)
        stream = await near.open_stream(far.peer_id, "/test/all/1.0.0")
        assert await stream.receive() == b"that is all"
        assert await stream.receive() == b""


async def test_a_connection_that_breaks_is_a_loss_and_no_end():
    async with connected() as (near, far):
        stream = await near.open_stream(far.peer_id, ECHO)
        await far.disconnect(near.peer_id)
        with trio.fail_after(3), pytest.raises(StreamLostError):
            await stream.receive()


async def test_what_arrived_before_a_peer_left_can_still_be_read():
    async with host_of(1) as near:
        async with host_of(2) as far:
            has_said = trio.Event()

            async def say_and_leave(stream):
                await stream.send(frame_for(stream.peer_id, b"", (memoryview(b"z" * 200_000),)))
                await stream.aclose()
                has_said.set()

            far.set_handler("/test/all/1.0.0", say_and_leave)
            await near.connect(far.listen_addrs)
            stream = await near.open_stream(far.peer_id, "/test/all/1.0.0")
            first = await stream.receive(1)
            await has_said.wait()
            await far.disconnect(near.peer_id)
        with trio.fail_after(3):
            await near.wait_disconnected(far.peer_id)
            rest = b""
            while octets := await stream.receive():
                rest += octets
        assert first + rest == b"z" * 200_000


async def test_a_closed_host_leaves_no_task_and_no_listener_behind():
    async with connected() as (_, far):
        port = far.listen_port
    with pytest.raises(OSError, match="all attempts"):
        await trio.open_tcp_stream("127.0.0.1", port)
    assert trio.lowlevel.current_statistics().tasks_living < 20
