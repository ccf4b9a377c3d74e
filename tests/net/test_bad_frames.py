"""Wrong lengths of every kind, and peers that hardly take anything: a name for each end, and nobody else notices."""

import contextlib
import itertools
import os
import socket

import pytest
import trio
from attacker_kit import KIB, MIB, RawPeer, data, fin, host_of, proposal, syn, until, until_hung_up
from handler_kit import echo, frame_for

from peertransfer.net.host import NetworkHost
from peertransfer.transport import connection as shell
from peertransfer.transport.ending import EndReason
from peertransfer.transport.yamux_frames import DATA, GO_AWAY, PING, SYN, WINDOW_UPDATE, pack_header

pytestmark = pytest.mark.swarm

ECHO, GIVE = "/test/echo/1.0.0", "/test/give/1.0.0"
LENGTHS = [0, 1, 256 * KIB, 256 * KIB + 1, 16 * MIB, 16 * MIB + 1, (1 << 32) - 1]
FLAGS = [0, 1, 2, 4, 8, 15, 0xFFF0]
OPEN, ENDED, OURS, UNKNOWN, SESSION = 1, 3, 2, 5, 0
"""Numbers of streams: one that is open, one that the peer has ended, one of ours, and the connection's own."""


async def give(stream):
    for _ in range(8):
        await stream.send(frame_for(stream.peer_id, bytes(MIB)))


@contextlib.asynccontextmanager
async def watched(**limits):
    """A host, and a peer whose echoes are timed all the while; the longest wait is in ``waits``."""
    async with host_of(1, **limits) as host, host_of(2) as near:
        host.set_handler(ECHO, echo)
        host.set_handler(GIVE, give)
        await near.connect(host.listen_addrs)
        stream = await near.open_stream(host.peer_id, ECHO)
        waits = []

        async def time_echoes():
            while True:
                asked_at = trio.current_time()
                await stream.send(frame_for(host.peer_id, b"still here"))
                assert await stream.receive() == b"still here"
                waits.append(trio.current_time() - asked_at)
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(time_echoes)
            yield host, near, waits
            nursery.cancel_scope.cancel()


def is_breach(kind, flags, number, length):
    """Judge a frame as the specification does."""
    if kind in {PING, GO_AWAY}:
        return False
    if kind not in {DATA, WINDOW_UPDATE} or (flags & SYN and number != UNKNOWN):
        return True
    is_open = number == OPEN or flags & SYN
    if kind == DATA:
        return length > (256 * KIB if is_open else 0)
    return (is_open or number == ENDED) and 256 * KIB + length >= 1 << 32


@pytest.mark.parametrize("kind", [DATA, WINDOW_UPDATE, PING, GO_AWAY, 4, 255])
async def test_no_length_with_any_flags_on_any_stream_does_more_than_end_its_own_connection(kind):
    """The body of each is withheld, so that whoever waited for it would hang."""
    async with watched() as (host, near, waits):
        base = host.allowance.windows.taken
        ends = breaches = 0
        for length, flags, number in itertools.product(LENGTHS, FLAGS, (OPEN, ENDED, OURS, UNKNOWN, SESSION)):
            peer = await RawPeer.connect(host, seed=os.urandom(32))
            await peer.send(syn(OPEN), syn(ENDED), fin(ENDED), pack_header(kind, flags, number, length))
            if is_breach(kind, flags, number, length):
                with trio.fail_after(3):
                    await until_hung_up(peer.stream)
                breaches += 1
            await peer.close()
            ends += 1
        counted = host.allowance.describe_ends
        await until(lambda: sum(counted().values()) == ends, seconds=8)
        names = {name for name, count in counted().items() if count}
        assert names <= {"protocol_breach", "peer_hung_up", "lost"}
        assert host.allowance.ended(EndReason.BREACH) == breaches
        await until(lambda: host.allowance.windows.taken == base)
        assert host.is_connected(near.peer_id)
        assert sorted(waits)[int(len(waits) * 0.99)] < 0.5


async def test_a_peer_that_takes_an_octet_now_and_then_from_its_socket(monkeypatch):
    """Its window is as wide as can be: it is the socket that is full. First its stream is given up, then itself."""
    monkeypatch.setattr(shell, "KEEP_ALIVE_SECONDS", 0.5)
    monkeypatch.setattr(shell, "ANSWER_SECONDS", 1.5)
    async with watched(stall_seconds=1) as (host, near, waits):
        before = host.allowance.describe_buffers()
        peer = await RawPeer.connect(host, seed=b"p" * 32)
        peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await peer.send(data(1, proposal(GIVE), SYN), pack_header(WINDOW_UPDATE, 0, 1, 1 << 30))
        gone = trio.Event()

        async def trickle():
            with contextlib.suppress(trio.BrokenResourceError):
                while await peer.stream.receive_some(1):
                    await trio.sleep(0.05)
            gone.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trickle)
            await until(lambda: host.allowance.to_send.taken > MIB)
            stalled = ("stall_seconds", "least_octets_per_second")
            await until(lambda: sum(map(host.allowance.reached, stalled)) == 1)
            await until(lambda: host.allowance.ended(EndReason.PING_UNANSWERED) == 1, seconds=8)
            await until(lambda: host.allowance.describe_buffers()["windows"] == before["windows"])
            assert host.allowance.to_send.taken < 64 * KIB
            nursery.cancel_scope.cancel()
        assert host.is_connected(near.peer_id)
        assert max(waits) < 0.5
        await peer.close()


async def test_a_prober_that_opens_two_thousand_streams_while_a_transfer_runs():
    """Half are reset for their number, the other half for their count; a transfer and a newcomer go on."""
    async with watched() as (host, near, waits):
        stream = await near.open_stream(host.peer_id, GIVE)
        heard = 0

        async def take():
            nonlocal heard
            while octets := await stream.receive(MIB):
                heard += len(octets)

        async with trio.open_nursery() as nursery:
            peer = await RawPeer.connect(host, seed=b"p" * 32)
            nursery.start_soon(peer.listen)
            nursery.start_soon(take)
            for start in range(1, 4001, 400):
                await peer.send(
                    *[data(number, proposal(GIVE), SYN) for number in range(start, start + 400, 2)]
                )
                await trio.sleep(0)
            await until(lambda: len(peer.reset) >= 2000 - 8)
            async with NetworkHost(os.urandom(32), network_id="n", psk=None, listen_addrs=[]) as newcomer:
                with trio.fail_after(2):
                    await newcomer.connect(host.listen_addrs)
            await until(lambda: heard == 8 * MIB)
            nursery.cancel_scope.cancel()
        assert host.allowance.reached("streams_per_connection") >= 2000 - 32
        assert max(waits) < 0.5
        assert not peer.is_over.is_set()
        await peer.close()
