"""Network hosts on loopback: who reaches whom, and what a peer is told."""

import socket
import statistics
import time
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from kad_kit import sealed
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.ping import PingService
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import Anyone, Members, OnePeer
from peertransfer.disclosure.frame import seal_frame
from peertransfer.errors import (
    AudienceMismatchError,
    DialError,
    ListenError,
    NetworkKeyError,
    OtherPeerError,
    RemoteProtocolError,
    StreamLostError,
)
from peertransfer.net.host import NetworkHost
from peertransfer.net.identify import FAREWELL_SECONDS, IDENTIFY
from peertransfer.transport.limits import Limits
from peertransfer.wire.identify_codec import encode_identify

pytestmark = pytest.mark.swarm

MAX_WAITING, UPGRADE_SECONDS = Limits().waiting, Limits().handshake_seconds
ECHO = "/test/echo/1.0.0"
PSK, OTHER_PSK = b"k" * 32, b"o" * 32


def host_of(number, psk=None, addr="/ip4/127.0.0.1/tcp/0", **more):
    return NetworkHost(bytes([number]) * 32, network_id="n", psk=psk, listen_addrs=[addr], **more)


@asynccontextmanager
async def two_hosts(psk=None, other_psk=None):
    async with host_of(1, psk) as near, host_of(2, other_psk) as far:
        yield near, far


def frame_for(audience, head, body=()):
    return seal_frame(sealed(v.AgentView("x"), audience), head, body)


async def echo(stream):
    while octets := await stream.receive():
        await stream.send(frame_for(OnePeer(stream.peer_id), octets))
    await stream.aclose()


# --- connecting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("psk", [None, PSK], ids=["open", "private"])
async def test_two_hosts_of_one_network_exchange_octets(psk):
    async with two_hosts(psk, psk) as (near, far):
        far.set_handler(ECHO, echo)
        assert await near.connect(far.listen_addrs) == far.peer_id
        stream = await near.open_stream(far.peer_id, ECHO)
        said = bytes(range(256)) * 4096
        frame = frame_for(OnePeer(far.peer_id), b"head", (memoryview(said), memoryview(b"tail")))
        heard = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send, frame)
            while len(heard) < frame.size:
                heard += await stream.receive()
        assert heard == b"head" + said + b"tail"
        assert stream.tally.sent == stream.tally.received == frame.size
        await stream.aclose()
        assert near.dialled_addrs(far.peer_id) == tuple(far.listen_addrs)
        assert far.dialled_addrs(near.peer_id) == ()
        (info,) = near.connections()
        assert (info.peer_id, info.octets_sent) == (far.peer_id, frame.size)


@pytest.mark.parametrize(
    ("psk", "other_psk"), [(PSK, OTHER_PSK), (PSK, None)], ids=["another-key", "key-against-none"]
)
async def test_a_peer_with_another_network_key_is_named_within_two_seconds(psk, other_psk):
    async with two_hosts(psk, other_psk) as (near, far):
        started = time.perf_counter()
        with pytest.raises(NetworkKeyError):
            await near.connect(far.listen_addrs)
        assert time.perf_counter() - started < 2
        assert not near.is_connected(far.peer_id)
        assert not far.is_connected(near.peer_id)


async def test_a_host_without_a_key_does_not_get_into_a_private_network():
    async with two_hosts(None, PSK) as (near, far):
        with trio.fail_after(2), pytest.raises(NetworkKeyError, match="private network"):
            await near.connect(far.listen_addrs)
        assert not far.is_connected(near.peer_id)


async def test_connecting_takes_no_fixed_wait():
    async with two_hosts(PSK, PSK) as (near, far):
        took = []
        for _ in range(7):
            started = time.perf_counter()
            await near.connect(far.listen_addrs)
            took.append(time.perf_counter() - started)
            await near.disconnect(far.peer_id)
        assert statistics.median(took) < 0.1


async def test_the_one_address_that_answers_is_found_among_dead_ones():
    async with two_hosts() as (near, far):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            dead = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}/p2p/{far.peer_id}"
            await near.connect([dead, *far.listen_addrs])
        assert near.dialled_addrs(far.peer_id) == tuple(far.listen_addrs)


async def test_nobody_at_an_address_is_said_at_once():
    async with host_of(1) as near:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            addr = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}"
            with trio.fail_after(2), pytest.raises(DialError, match="No route"):
                await near.connect([addr], host_of(3).peer_id)


async def test_a_peer_without_any_address_is_said_at_once():
    async with host_of(1) as near:
        with trio.fail_after(2), pytest.raises(DialError, match="No route"):
            await near.connect([], host_of(3).peer_id)


async def test_somebody_else_at_an_address_is_refused_with_a_mend_of_its_own():
    async with two_hosts() as (near, far):
        addrs = [addr.split("/p2p/")[0] for addr in far.listen_addrs]
        with trio.fail_after(5), pytest.raises(OtherPeerError, match="Another peer than") as caught:
            await near.connect(["/ip4/127.0.0.1/tcp/9", *addrs], host_of(3).peer_id)
        assert addrs[0] in caught.value.message
        assert "new link" in caught.value.hint
        assert near.connections() == []


async def test_an_address_that_pins_nobody_or_two_peers_is_not_dialled():
    async with two_hosts() as (near, far):
        bare = [addr.split("/p2p/")[0] for addr in far.listen_addrs]
        for addrs, peer_id in ((bare, None), (far.listen_addrs, near.peer_id)):
            with pytest.raises(DialError, match="which peer"):
                await near.connect(addrs, peer_id)


async def test_peers_are_told_of_as_they_come_and_go():
    async with two_hosts() as (near, far):
        came, went = [], trio.Event()
        near.on_connected = came.append
        near.on_disconnected = lambda peer_id: went.set()
        await near.connect(far.listen_addrs)
        assert came == [far.peer_id]
        await near.disconnect(far.peer_id)
        with trio.fail_after(3):
            await went.wait()
        assert near.connections() == []


async def test_the_library_dials_nobody_by_itself():
    async with two_hosts() as (near, far):
        swarm = near._swarm
        peer = info_from_p2p_addr(Multiaddr(far.listen_addrs[0]))
        swarm.peerstore.add_addrs(peer.peer_id, peer.addrs, 3600)
        await swarm.auto_connector.maybe_connect()
        assert swarm.auto_connector._in_flight_dials in ({}, set())
        assert near.connections() == []


# --- listening -----------------------------------------------------------------------------------


async def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addr = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}"
        with pytest.raises(ListenError, match=f"{addr} is taken by another program"):
            async with host_of(1, addr=addr):
                pass


async def test_a_port_is_free_again_after_a_host_is_closed():
    async with host_of(1) as first:
        addr = first.listen_addrs[0].split("/p2p/")[0]
    async with host_of(2, addr=addr) as second:
        assert second.listen_port == first.listen_port


async def test_an_announced_address_is_told_instead_of_the_bound_one():
    async with host_of(1, announce_addrs=["/dns4/example.org/tcp/4001"]) as near:
        assert near.listen_addrs == [f"/dns4/example.org/tcp/4001/p2p/{near.peer_id}"]
        assert near.listen_port > 0


async def test_idle_sockets_push_out_the_oldest_of_them_and_never_lock_a_peer_out():
    async with two_hosts() as (near, far):
        idle = [await trio.open_tcp_stream("127.0.0.1", far.listen_port) for _ in range(MAX_WAITING + 8)]
        started = time.perf_counter()
        await near.connect(far.listen_addrs)
        assert time.perf_counter() - started < 2
        with trio.fail_after(UPGRADE_SECONDS / 2), suppress(trio.BrokenResourceError):
            while await idle[0].receive_some(1000):
                pass
        for stream in idle:
            await trio.aclose_forcefully(stream)


async def test_an_idle_socket_is_hung_up_on_after_five_seconds():
    async with host_of(1) as near:
        idle = await trio.open_tcp_stream("127.0.0.1", near.listen_port)
        with trio.fail_after(UPGRADE_SECONDS + 2), suppress(trio.BrokenResourceError):
            while await idle.receive_some(1000):
                pass
        await trio.aclose_forcefully(idle)


@pytest.mark.parametrize("length", [b"\xff\xff\x7f", b"\x80\x80\x80\x80\x80\x20", b"\xff" * 9 + b"\x01"])
async def test_an_over_long_first_message_is_hung_up_on_and_hurts_nobody_else(length):
    async with two_hosts() as (near, far):
        rude = await trio.open_tcp_stream("127.0.0.1", far.listen_port)
        with trio.fail_after(UPGRADE_SECONDS / 2):
            await rude.send_all(length)
            with suppress(trio.BrokenResourceError):
                while await rude.receive_some(1000):
                    pass
            await near.connect(far.listen_addrs)
        await trio.aclose_forcefully(rude)
        assert far.is_connected(near.peer_id)


GREETING = b"\x13/multistream/1.0.0\n"
HOSTILE = [
    b"",
    b"\x00",
    b"\x01\n",
    b"\x01x",
    b"\x02\xff\n",
    b"GET / HTTP/1.1\r\n\r\n",
    GREETING + b"\x00",
    GREETING + b"\x03\xff\xfe\n",
    GREETING + b"\x05/tls\n" * 3,
    GREETING + b"\x07/noise\n",
    GREETING + b"\x07/noise\n" + b"\x00\x00",
    GREETING + b"\x07/noise\n" + b"\x00\x20" + bytes(32) + b"\x00\x60" + bytes(96),
    GREETING + b"\x07/noise\n" + b"\x00\x20" + b"\x07" * 32 + b"\x00\x60" + b"\xff" * 96,
    GREETING + b"\x07/noise\n" + b"\x00\x60" + b"\xff" * 96,
    GREETING + b"\x07/noise\n" + b"\xff\xff" + b"\xff" * 65535,
]


@pytest.mark.parametrize("octets", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_stranger_that_says_garbage_hurts_nobody_else(octets):
    async with two_hosts() as (near, far):
        rude = await trio.open_tcp_stream("127.0.0.1", far.listen_port)
        with trio.fail_after(UPGRADE_SECONDS + 2):
            with suppress(trio.BrokenResourceError):
                await rude.send_all(octets)
                await rude.send_eof()
                while await rude.receive_some(1000):
                    pass
            await near.connect(far.listen_addrs)
        await trio.aclose_forcefully(rude)
        assert far.is_connected(near.peer_id)


@pytest.mark.parametrize("psk", [None, PSK], ids=["open", "private"])
@pytest.mark.parametrize("octets", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_dialled_address_that_says_garbage_is_a_failed_dial(octets, psk, nursery):
    async def say(stream):
        with suppress(trio.BrokenResourceError):
            await stream.send_all(octets)
            await stream.send_eof()
            while await stream.receive_some(1000):
                pass

    (listener,) = await nursery.start(partial(trio.serve_tcp, say, 0, host="127.0.0.1"))
    async with host_of(1, psk) as near:
        addr = f"/ip4/127.0.0.1/tcp/{listener.socket.getsockname()[1]}"
        with trio.fail_after(5), pytest.raises((DialError, NetworkKeyError)):
            await near.connect([addr], host_of(3).peer_id)
    nursery.cancel_scope.cancel()


YAMUX_GARBAGE = [
    b"\xff" * 12,
    bytes(12),
    b"\x00\x00\x00\x01\x00\x00\x00\x01\xff\xff\xff\xff",
    b"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05\x04\xff\xff\xff\xff",
    b"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x06" + b"\x80\x80\x80\x80\x80\x20",
    b"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x03" + b"\x02\xff\n",
    b"\x00\x01\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00",
    b"\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07",
]


@pytest.mark.parametrize("octets", YAMUX_GARBAGE, ids=range(len(YAMUX_GARBAGE)))
async def test_a_peer_that_says_garbage_above_noise_hurts_nobody_else(octets):
    async with two_hosts() as (near, far), host_of(3) as rude:
        await rude.connect(far.listen_addrs)
        (conn,) = rude._swarm.get_connections(rude._swarm.get_connections()[0].muxed_conn.peer_id)
        await conn.muxed_conn._wire.send([octets])
        with trio.fail_after(3):
            await near.connect(far.listen_addrs)
            far.set_handler(ECHO, echo)
            stream = await near.open_stream(far.peer_id, ECHO)
            await stream.send(frame_for(Anyone(), b"still here"))
            assert await stream.receive() == b"still here"


# --- streams -------------------------------------------------------------------------------------


async def test_a_frame_for_another_audience_is_never_written():
    async with two_hosts() as (near, far):
        heard = []

        async def listen(stream):
            heard.append(await stream.receive())

        far.set_handler(ECHO, listen)
        await near.connect(far.listen_addrs)
        stream = await near.open_stream(far.peer_id, ECHO)
        for audience in (OnePeer(near.peer_id), Members("n")):
            with pytest.raises(AudienceMismatchError):
                await stream.send(frame_for(audience, b"secret"))
        assert stream.tally.sent == 0
        stream.prove(Members("n"))
        await stream.send(frame_for(Members("n"), b"for members, "))
        await stream.send(frame_for(Anyone(), b"for anyone"))
        await stream.aclose()
        with trio.fail_after(3):
            while not heard:
                await trio.lowlevel.checkpoint()
        assert heard[0].startswith(b"for members, ")


async def test_a_stream_to_nobody_or_of_an_unknown_protocol_is_named_as_such():
    async with two_hosts() as (near, far):
        with pytest.raises(StreamLostError):
            await near.open_stream(far.peer_id, ECHO)
        await near.connect(far.listen_addrs)
        with pytest.raises(RemoteProtocolError, match="does not speak /test/unknown"):
            await near.open_stream(far.peer_id, "/test/unknown/1.0.0")


async def test_a_handler_that_fails_resets_its_stream_and_hurts_no_other():
    async with two_hosts() as (near, far):

        async def fail(stream):
            raise DialError("no")

        far.set_handler("/test/fail/1.0.0", fail)
        far.set_handler(ECHO, echo)
        await near.connect(far.listen_addrs)
        with trio.fail_after(3), pytest.raises(StreamLostError):  # noqa: PT012 - the reset may be the first answer
            broken = await near.open_stream(far.peer_id, "/test/fail/1.0.0")
            await broken.receive()
        stream = await near.open_stream(far.peer_id, ECHO)
        await stream.send(frame_for(Anyone(), b"still here"))
        assert await stream.receive() == b"still here"


# --- identify ------------------------------------------------------------------------------------


async def test_identify_says_only_what_was_let_out_for_that_peer():
    async with two_hosts() as (near, far):
        asked = []

        async def answer(peer_id, observed):
            asked.append(peer_id)
            return encode_identify(None, sealed(v.ProtocolsView((ECHO,)), OnePeer(peer_id)))

        far.identify_answer = answer
        await near.connect(far.listen_addrs)
        said = await near.identify(far.peer_id)
        assert asked == [near.peer_id]
        assert (said.listen_addrs, said.protocol_ids, said.observed_addr, said.agent_version) == (
            (),
            (ECHO,),
            None,
            "",
        )


async def test_the_end_of_an_identify_answer_comes_behind_it_and_sooner_where_the_peer_ends_first():
    """js-libp2p loses an answer that comes together with its end."""
    async with two_hosts() as (near, far):

        async def answer(peer_id, observed):
            return encode_identify(None, sealed(v.ProtocolsView((ECHO,)), OnePeer(peer_id)))

        far.identify_answer = answer
        await near.connect(far.listen_addrs)
        seconds = []
        for ends_first in (False, True):
            stream = await near.open_stream(far.peer_id, IDENTIFY)
            assert await stream.receive()
            started = trio.current_time()
            if ends_first:
                await stream.close_write()
            with trio.fail_after(3):
                assert await stream.receive() == b""
            seconds.append(trio.current_time() - started)
        assert FAREWELL_SECONDS / 2 < seconds[0] < 1
        assert seconds[1] < seconds[0]


async def test_identify_without_an_answer_is_a_reset():
    async with two_hosts() as (near, far):

        async def nothing(peer_id, observed):
            return None

        await near.connect(far.listen_addrs)
        for answer in (None, nothing):
            far.identify_answer = answer
            with trio.fail_after(3), pytest.raises(StreamLostError):
                await near.identify(far.peer_id)


async def test_an_identify_answer_for_another_peer_is_not_sent():
    async with two_hosts() as (near, far):

        async def answer(peer_id, observed):
            return encode_identify(None, sealed(v.ProtocolsView((ECHO,)), OnePeer("12D3other")))

        far.identify_answer = answer
        await near.connect(far.listen_addrs)
        with trio.fail_after(3), pytest.raises(StreamLostError):
            await near.identify(far.peer_id)


# --- a stock host --------------------------------------------------------------------------------


async def test_a_stock_host_connects_and_pings():
    stock = new_host(key_pair=create_new_key_pair(b"s" * 32))
    async with host_of(1) as near, stock.run(listen_addrs=[]):
        (addr,) = near.listen_addrs
        await stock.connect(info_from_p2p_addr(Multiaddr(addr)))
        (rtt,) = await PingService(stock).ping(stock.get_connected_peers()[0])
        assert rtt >= 0
        assert near.is_connected(stock.get_id().to_base58())
        await stock.close()
