"""The attacks that found findings 1 to 6, and their kin: an honest peer connects and is served within 2 s of each.

Attackers have addresses and identities of their own and run in this loop too, so the time that they take is
in every figure. Peaks of memory are those of the kernel, taken anew for each attack.
"""

import contextlib
import os
import random
import resource
import socket
import time
from functools import partial
from pathlib import Path

import pytest
import trio
from attacker_kit import (
    HEADER,
    KIB,
    MIB,
    RawPeer,
    data,
    fin,
    host_of,
    proposal,
    rst,
    socket_from,
    syn,
    until,
    until_hung_up,
)
from handler_kit import echo, frame_for
from loop_kit import turns_within

from peertransfer.net.host import NetworkHost
from peertransfer.transport.limits import Limits
from peertransfer.transport.yamux_frames import ACK, GO_AWAY, PING, SYN, WINDOW_UPDATE, pack_header

pytestmark = pytest.mark.swarm

ECHO, GIVE, SINK = "/test/echo/1.0.0", "/test/give/1.0.0", "/test/sink/1.0.0"
CONNECT_SECONDS = 2.0


async def give(stream):
    for _ in range(30):
        await stream.send(frame_for(stream.peer_id, bytes(MIB)))


async def sink(stream):
    while await stream.receive_pieces(MIB):
        pass


@contextlib.asynccontextmanager
async def attacked(**limits):
    """A host under attack; at the end, everything that it held for its attackers is given back."""
    async with host_of(1, **limits) as host:
        for protocol, handler in ((ECHO, echo), (GIVE, give), (SINK, sink)):
            host.set_handler(protocol, handler)
        yield host
        await until(lambda: not host.connections() and not len(host._room), seconds=8)
        assert host.allowance.windows.taken == host.allowance.to_send.taken == 0
        await until(lambda: host._server._serving.total() == 0)


async def honest_peer_is_served(host):
    """Connect a new peer, have it served, and return how long that took."""
    started = time.perf_counter()
    honest = NetworkHost(os.urandom(32), network_id="n", psk=None, listen_addrs=[])
    async with honest:
        with trio.fail_after(CONNECT_SECONDS):
            await honest.connect(host.listen_addrs)
            stream = await honest.open_stream(host.peer_id, ECHO)
            await stream.send(frame_for(host.peer_id, b"still here"))
            assert await stream.receive() == b"still here"
        took = time.perf_counter() - started
        await stream.aclose()
    return took


@contextlib.asynccontextmanager
async def raw_peers_of(host, count=1, *, listens=True):
    """Connected attackers; one that does not listen takes nothing from its socket."""
    peers = [await RawPeer.connect(host, source=f"127.2.0.{one + 1}") for one in range(count)]
    async with trio.open_nursery() as nursery:
        for peer in peers if listens else ():
            nursery.start_soon(peer.listen)
        yield peers
        nursery.cancel_scope.cancel()
    for peer in peers:
        await peer.close()


def memory(what):
    """Return ``VmHWM`` or ``VmRSS`` of this process, in octets."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) * KIB


@contextlib.contextmanager
def peak_within(octets):
    """Have the peak of memory grow by no more than ``octets`` meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before < octets


# --- sockets without a peer (findings 4 and 5) -------------------------------------------------------


@pytest.fixture
def many_files():
    """As many open files as this machine lets a user have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield min(hard, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("count", [400, 2000])
async def test_idle_sockets(many_files, count):
    """Finding 5: they locked everybody out for ten seconds."""
    if many_files < 2 * count + 200:
        pytest.skip("this machine does not let a user open so many sockets")
    async with attacked() as host, contextlib.AsyncExitStack() as stack:
        for number in range(count):
            stream = await socket_from(f"127.1.{number % 250 + 1}.{number // 250 + 1}", host.listen_port)
            stack.push_async_callback(trio.aclose_forcefully, stream)
            if number % (count // 4) == count // 8:
                assert await honest_peer_is_served(host) < CONNECT_SECONDS
        assert len(host._room) <= Limits().waiting
        assert host.allowance.reached("waiting") >= count - 2 * Limits().waiting
        assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_sockets_that_come_and_go(nursery):
    """Fifty a second, for three seconds; some say something first."""
    async with attacked() as host:

        async def churn():
            for number in range(150):
                # The host that is attacked ends first.
                with contextlib.suppress(OSError, trio.BrokenResourceError):
                    stream = await socket_from(f"127.1.0.{number % 250 + 1}", host.listen_port)
                    with contextlib.suppress(trio.BrokenResourceError):
                        await stream.send_all(random.choice([b"", b"\x13", HEADER, proposal("/noise")]))
                    await trio.aclose_forcefully(stream)
                await trio.sleep(0.02)

        nursery.start_soon(churn)
        for _ in range(6):
            assert await honest_peer_is_served(host) < CONNECT_SECONDS
            await trio.sleep(0.3)


@pytest.mark.parametrize(
    "length", [b"\xff\xff\xff\x3f", b"\x80\x80\x80\x80\x80\x20", b"\xff\x07"], ids=["long", "endless", "fits"]
)
async def test_sockets_that_send_one_long_length_and_go_on(length, nursery):
    """Finding 4: ten of them took 400 MiB."""

    async def flood(number):
        stream = await socket_from(f"127.1.0.{number + 1}", host.listen_port)
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(length)
            for _ in range(200):
                await stream.send_all(bytes(64 * KIB))
        await trio.aclose_forcefully(stream)

    async with attacked() as host:
        with peak_within(32 * MIB):
            for number in range(64):
                nursery.start_soon(flood, number)
            assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_sockets_that_send_noise_without_end(nursery):
    async def flood(number):
        stream = await socket_from(f"127.1.0.{number + 1}", host.listen_port)
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(proposal("/noise"))
            for _ in range(200):
                await stream.send_all(b"\xff\xff" + bytes(65_535))
        await trio.aclose_forcefully(stream)

    async with attacked() as host:
        with peak_within(32 * MIB):
            for number in range(64):
                nursery.start_soon(flood, number)
            assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_sockets_that_send_an_octet_now_and_then(nursery):
    """As slowly as one a second, in the end: here as quickly as the upgrade's time is shortened."""

    async def trickle(number):
        stream = await socket_from(f"127.1.0.{number + 1}", host.listen_port)
        with contextlib.suppress(trio.BrokenResourceError):
            for octet in proposal("/noise") * 10:
                await stream.send_all(bytes([octet]))
                await trio.sleep(0.2)
        ended.append(number)
        await trio.aclose_forcefully(stream)

    ended = []
    async with attacked(handshake_seconds=1) as host:
        for number in range(20):
            nursery.start_soon(trickle, number)
        for _ in range(3):
            assert await honest_peer_is_served(host) < CONNECT_SECONDS
            await trio.sleep(0.3)
        await until(lambda: len(ended) == 20)
        assert host.allowance.reached("handshake_seconds") == 20


# --- frames of a peer (finding 6) ---------------------------------------------------------------------


async def test_twelve_thousand_streams_at_once():
    """Finding 6: 6,383 tasks and a lag of 219 ms."""
    async with attacked() as host, raw_peers_of(host) as (peer,):
        await until(host.connections)
        tasks = trio.lowlevel.current_statistics().tasks_living
        most = 0

        async def watch():
            nonlocal most
            while True:
                most = max(most, trio.lowlevel.current_statistics().tasks_living - tasks)
                await trio.sleep(0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            async with turns_within(0.1):
                for start in range(1, 24_001, 800):
                    await peer.send(*map(syn, range(start, start + 800, 2)))
                    await trio.sleep(0)
                await until(lambda: len(peer.reset) >= 12_000 - 32 or peer.is_over.is_set())
            nursery.cancel_scope.cancel()
        assert most <= 64
        assert await honest_peer_is_served(host) < CONNECT_SECONDS
        assert host.allowance.reached("streams_per_connection") >= 12_000 - 32


async def test_twelve_thousand_streams_in_one_write():
    async with attacked() as host, raw_peers_of(host, listens=False) as (peer,):
        await until(host.connections)
        async with turns_within(0.1):
            await peer.send(*map(syn, range(1, 24_001, 2)))
            assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_streams_that_are_opened_and_reset_in_a_loop():
    """A place is free again only when its handler is done, so that it bounds the work too."""
    async with attacked() as host, raw_peers_of(host) as (peer,):
        async with turns_within(0.1):
            for start in range(1, 12_001, 400):
                pairs = [syn(number) + rst(number) for number in range(start, start + 400, 2)]
                await peer.send(*pairs)
                await trio.sleep(0)
            assert await honest_peer_is_served(host) < CONNECT_SECONDS
        assert host.allowance.reached("streams_per_connection") > 3000


async def test_two_thousand_streams_by_sixty_peers():
    """Each has what others leave it, so there is always a place for one more peer."""
    async with attacked(streams=256, connections=64) as host, raw_peers_of(host, 60) as peers:
        for peer in peers:
            await peer.send(*[data(number, proposal(SINK), SYN) for number in range(1, 68, 2)])
        with trio.fail_after(CONNECT_SECONDS):
            await until(lambda: all(len(peer.reset) >= 26 for peer in peers))
        assert 180 < host._server._serving.total() <= 252
        for _ in range(3):
            assert await honest_peer_is_served(host) < CONNECT_SECONDS
        assert host.allowance.reached("streams") > 0


# --- windows and memory (finding 1) -------------------------------------------------------------------


async def test_peers_that_fill_every_window_there_is():
    """Finding 1: 300 MiB on one stream that nobody reads. Here 24 peers fill 32 streams each."""

    async def never(stream):
        await host.wait_disconnected(stream.peer_id)

    protocols = [f"/test/never/{number}" for number in range(4)]
    async with attacked(buffers=64 * MIB, connections=64) as host:
        for protocol in protocols:
            host.set_handler(protocol, never)
        with peak_within(100 * MIB):
            async with raw_peers_of(host, 24) as peers:
                for peer in peers:
                    for number in range(1, 64, 2):
                        await peer.send(data(number, proposal(protocols[number // 2 % 4]), SYN))
                        for _ in range(4):
                            await peer.send(data(number, bytes(60 * KIB)))
                    assert host.allowance.windows.taken < 48 * MIB
                assert host.allowance.windows.taken > 24 * MIB
                assert host.allowance.reached("buffers") > 0
                assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_peers_that_ask_for_much_and_never_read():
    """Of each stream one answer waits, and no second is prepared; then the stream is given up."""
    async with attacked(buffers=64 * MIB, connections=64, stall_seconds=1) as host:
        with peak_within(128 * MIB):
            async with raw_peers_of(host, 8, listens=False) as peers:
                for peer in peers:
                    for number in range(1, 16, 2):
                        await peer.send(data(number, proposal(GIVE), SYN))
                        await peer.send(pack_header(WINDOW_UPDATE, 0, number, 1 << 30))
                await trio.sleep(0.5)
                waiting, sealed = 64 * (MIB + 2), 8 * (MIB + (1 << 18))
                assert host.allowance.to_send.taken <= waiting + sealed
                assert await honest_peer_is_served(host) < CONNECT_SECONDS
                await until(lambda: host._server._serving.total() == 0, seconds=8)
                stalled = ("stall_seconds", "least_octets_per_second")
                assert sum(map(host.allowance.reached, stalled)) >= 8
                assert len(host.connections()) == 8


async def test_a_peer_that_pings_and_never_reads():
    async with attacked() as host, raw_peers_of(host, listens=False) as (peer,):
        for _ in range(400):
            await peer.send(*[pack_header(PING, SYN, 0, one) for one in range(1000)])
            await trio.sleep(0)
        assert await honest_peer_is_served(host) < CONNECT_SECONDS
        await until(lambda: not host.connections())


# --- every state --------------------------------------------------------------------------------------


def resets(number):
    """What may come before and after a reset, by state of the stream."""
    half = data(number, proposal(SINK), SYN) + pack_header(0, 0, number, 60 * KIB) + bytes(30 * KIB)
    return {
        "new": syn(number) + rst(number),
        "in the proposal": data(number, HEADER, SYN) + rst(number),
        "agreed": data(number, proposal(SINK), SYN) + rst(number),
        "being sent to": data(number, proposal(GIVE), SYN)
        + pack_header(WINDOW_UPDATE, 0, number, 1 << 24)
        + rst(number),
        "in a body": half + bytes(30 * KIB) + rst(number),
        "ended by them": data(number, proposal(SINK), SYN) + fin(number) + rst(number),
        "twice": data(number, proposal(SINK), SYN) + rst(number) + rst(number),
        "never opened": rst(number),
        "with data in it": data(number, proposal(SINK), SYN) + data(number, b"bye", 8),
        "opened and reset by one frame": pack_header(WINDOW_UPDATE, SYN | 8, number, 0),
        "acknowledged": data(number, proposal(SINK), SYN)
        + pack_header(WINDOW_UPDATE, ACK, number, 0)
        + rst(number),
    }


async def test_resets_in_every_state():
    """None breaks a rule, so the connection stays; each stream is gone."""
    async with attacked() as host, raw_peers_of(host) as (peer,):
        for round_ in range(20):
            for one, (state, octets) in enumerate(resets(0).items()):
                number = 1 + 2 * (one + 40 * round_)
                await peer.send(resets(number)[state])
                del octets
            await trio.sleep(0.01)
        assert await honest_peer_is_served(host) < CONNECT_SECONDS
        assert not peer.is_over.is_set()
        (connection,) = [one.muxed_conn for one in host._swarm.get_connections()]
        await until(lambda: connection.session.stream_count == 0)
        await until(lambda: host.allowance.windows.taken == 0)


@pytest.mark.parametrize("code", [0, 1, 2, 99])
async def test_go_away_in_the_middle_of_a_transfer(code):
    """What is open goes on; whoever hangs up then leaves nothing behind."""
    async with attacked() as host, raw_peers_of(host) as (peer,):
        await peer.send(data(1, proposal(GIVE), SYN))
        await until(lambda: len(peer.said.get(1, b"")) > 100 * KIB)
        await peer.send(pack_header(GO_AWAY, 0, 0, code))
        before = len(peer.said[1])
        await peer.send(pack_header(WINDOW_UPDATE, 0, 1, 1 << 20))
        await until(lambda: len(peer.said[1]) > before + 500 * KIB)
        assert await honest_peer_is_served(host) < CONNECT_SECONDS


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_socket_that_ends_in_the_middle_of_everything(how):
    async with attacked() as host:
        async with raw_peers_of(host, 4) as peers:
            for peer in peers:
                await peer.send(data(1, proposal(GIVE), SYN), data(3, proposal(ECHO), SYN))
                await peer.send(data(5, proposal(SINK), SYN) + pack_header(0, 0, 5, 60 * KIB) + bytes(100))
                await until(lambda peer=peer: len(peer.said.get(1, b"")) > 100 * KIB)
                if how == "reset":
                    linger = (1).to_bytes(4, "little") + bytes(4)
                    peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                await peer.close()
        assert await honest_peer_is_served(host) < CONNECT_SECONDS


async def test_many_peers_that_come_ask_and_go_leave_no_memory_behind():
    """Two hundred identities, one after the other, each with streams and octets; then a collection."""
    async with attacked() as host:

        async def visit(number):
            peer = await RawPeer.connect(host, source=f"127.3.0.{number % 250 + 1}")
            await peer.send(data(1, proposal(SINK), SYN), *[data(1, bytes(50 * KIB)) for _ in range(4)])
            await peer.close()

        for number in range(50):
            await visit(number)
        await until(lambda: not host.connections(), seconds=8)
        before = memory("VmRSS")
        for number in range(150):
            await visit(number)
        await until(lambda: not host.connections(), seconds=8)
        assert memory("VmRSS") - before < 10 * MIB
        assert await honest_peer_is_served(host) < CONNECT_SECONDS


# --- slices (finding 3) -------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "octets"), [(1, 20 * KIB), (64, MIB), (536, 4 * MIB)])
async def test_what_comes_in_slices_arrives(size, octets, nursery):
    """Finding 3: slices of 640 octets ended a connection. The handshake is sliced as well."""

    async def pump(source, sink_):
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while taken := await source.receive_some(65_536):
                for at in range(0, len(taken), size):
                    await sink_.send_all(taken[at : at + size])

    async def relay(stream):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far = await trio.open_tcp_stream("127.0.0.1", host.listen_port)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with trio.open_nursery() as inner:
            inner.start_soon(pump, stream, far)
            await pump(far, stream)
            inner.cancel_scope.cancel()

    async with attacked() as host, host_of(2) as near:
        (proxy,) = await nursery.start(partial(trio.serve_tcp, relay, 0, host="127.0.0.1"))
        port = proxy.socket.getsockname()[1]
        await near.connect([f"/ip4/127.0.0.1/tcp/{port}"], host.peer_id)
        stream = await near.open_stream(host.peer_id, ECHO)
        said = random.Random(1).randbytes(octets)
        heard = bytearray()
        with trio.fail_after(9):
            async with trio.open_nursery() as inner:
                inner.start_soon(stream.send, frame_for(host.peer_id, said))
                while len(heard) < octets:
                    heard += await stream.receive()
        assert heard == said
        await near.disconnect(host.peer_id)
        nursery.cancel_scope.cancel()


async def test_idle_sockets_are_gone_after_their_time():
    async with attacked(handshake_seconds=1) as host:
        idle = [await socket_from(f"127.1.0.{number + 1}", host.listen_port) for number in range(20)]
        with trio.fail_after(3):
            for stream in idle:
                await until_hung_up(stream)
