"""Each end of a connection has a name, in the log and in the counters; what breaks the rules is held against its peer."""

import contextlib
import logging
import socket

import pytest
import trio
from attacker_kit import KIB, RawPeer, data, host_of, syn, until

from peertransfer.net.host import NetworkHost
from peertransfer.transport import connection as shell
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.ending import EndReason
from peertransfer.transport.limits import Limits
from peertransfer.transport.yamux_frames import DATA, GO_AWAY, SYN, WINDOW_UPDATE, pack_header

pytestmark = pytest.mark.swarm

SEED = b"p" * 32
BREACHES = {
    "another version": b"\x01" + bytes(11),
    "an unknown kind": b"\x00\x09" + bytes(10),
    "a number of ours": pack_header(WINDOW_UPDATE, SYN, 2, 0),
    "the number 0": pack_header(WINDOW_UPDATE, SYN, 0, 0),
    "a number twice": syn(1) + syn(1),
    "past a window": pack_header(DATA, SYN, 1, 256 * KIB + 1),
    "past a window of a stream that never was": pack_header(DATA, 0, 7, 1),
    "after its end": syn(1) + pack_header(DATA, 4, 1, 0) + data(1, b"more"),
    "a window beyond all bounds": syn(1) + pack_header(WINDOW_UPDATE, 0, 1, (1 << 32) - 1),
}


@contextlib.asynccontextmanager
async def raw_peer_of(host, seed=SEED):
    peer = await RawPeer.connect(host, seed=seed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.listen)
        yield peer
        nursery.cancel_scope.cancel()
    await peer.close()


@pytest.fixture
def lines(caplog):
    """What the log says of ends of connections: last letters of the peer, reason, and whether a person sees it."""
    caplog.set_level(logging.DEBUG, "peertransfer.net")

    def told():
        found = [one for one in caplog.records if one.getMessage() == "connection_ended"]
        return [(one.peer, one.reason, one.levelno >= logging.INFO) for one in found]

    return told


def ends(host):
    """The reasons that were counted."""
    return {name: count for name, count in host.allowance.describe_ends().items() if count}


# --- breaches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", BREACHES.values(), ids=BREACHES.keys())
async def test_a_breach_ends_the_connection_by_that_name_and_is_logged_with_the_rule(octets, lines, caplog):
    async with host_of(1) as host, host_of(2) as near:
        await near.connect(host.listen_addrs)
        async with raw_peer_of(host) as peer:
            await until(lambda: host.is_connected(peer.peer_id))
            await peer.send(octets)
            with trio.fail_after(3):
                await peer.is_over.wait()
            await until(lambda: ends(host) == {"protocol_breach": 1})
            assert peer.heard[GO_AWAY, 0] == 1
        assert lines() == [(peer.peer_id[-8:], "protocol_breach", False)]
        (line,) = [one for one in caplog.records if one.getMessage() == "connection_ended"]
        assert line.detail.startswith(("a peer ", "a yamux frame "))
        assert host.is_connected(near.peer_id)
        await until(lambda: not host.is_connected(peer.peer_id))


async def test_breaches_of_yamux_count_toward_those_that_shut_a_peer_out():
    """Four sockets, one after the other; the fifth is turned away, and another peer is not."""
    async with host_of(1) as host:
        for number in range(Limits().protocol_errors + 1):
            assert host.allowance.reached("protocol_errors") == 0
            async with raw_peer_of(host) as peer:
                await until(lambda peer=peer: host.is_connected(peer.peer_id))
                await peer.send(b"\x01" + bytes(11))
                with trio.fail_after(3):
                    await peer.is_over.wait()
            await until(lambda number=number: host.allowance.ended(EndReason.BREACH) == number + 1)
        assert host.allowance.reached("protocol_errors") == 1
        async with raw_peer_of(host) as peer:
            with trio.fail_after(3):
                await peer.is_over.wait()
        assert peer.heard[GO_AWAY, 0] == 1
        assert host.allowance.ended(EndReason.TURNED_AWAY) == 1
        async with raw_peer_of(host, seed=b"q" * 32) as other:
            await until(lambda: host.is_connected(other.peer_id))


async def test_breaches_on_streams_and_of_yamux_are_added_up():
    async with host_of(1) as host:
        for _ in range(2):
            async with raw_peer_of(host) as peer:
                await until(lambda peer=peer: host.is_connected(peer.peer_id))
                await peer.send(data(1, b"\x04GET\n", 1))
                await until(lambda peer=peer: peer.reset == {1})
                await peer.send(b"\x01" + bytes(11))
                with trio.fail_after(3):
                    await peer.is_over.wait()
        await until(lambda: host.allowance.reached("protocol_errors") == 1)


async def test_a_record_that_was_changed_on_its_way_is_not_held_against_the_peer():
    """Anybody between the two could have its connections ended, and shut it out for a minute."""
    async with host_of(1) as host:
        for number in range(Limits().protocol_errors + 2):
            async with raw_peer_of(host) as peer:
                await until(lambda peer=peer: host.is_connected(peer.peer_id))
                await peer.stream.send_all(b"\x00\x20" + bytes(32))
                with trio.fail_after(3):
                    await peer.is_over.wait()
            await until(lambda number=number: ends(host) == {"record_changed": number + 1})
            await until(lambda peer=peer: not host.is_connected(peer.peer_id))
        assert host.allowance.reached("protocol_errors") == 0


async def test_on_the_librarys_parts_an_overrun_window_is_a_breach():
    host = NetworkHost(
        bytes(32),
        network_id="n",
        psk=None,
        listen_addrs=["/ip4/127.0.0.1/tcp/0"],
        allowance=(allowance := Allowance()),
        on_library=True,
    )
    async with host, raw_peer_of(host) as peer:
        await until(lambda: host.is_connected(peer.peer_id))
        await peer.send(syn(1))
        with trio.fail_after(5):
            while not peer.is_over.is_set():
                await peer.send(data(1, bytes(60 * KIB)))
                await trio.sleep(0)
        await until(lambda: allowance.ended(EndReason.BREACH) == 1)


# --- other ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "reason"), [("close", "peer_hung_up"), ("reset", "lost")])
async def test_a_socket_that_is_closed_and_one_that_breaks_are_told_apart(how, reason, lines):
    async with host_of(1) as host, raw_peer_of(host) as peer:
        await until(lambda: host.is_connected(peer.peer_id))
        if how == "reset":
            linger = (1).to_bytes(4, "little") + bytes(4)
            peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await peer.close()
        await until(lambda: ends(host) == {reason: 1})
        assert lines() == [(peer.peer_id[-8:], reason, False)]


async def test_a_peer_that_is_half_open_is_named_and_gives_back_what_it_held(monkeypatch, lines):
    """Its socket takes all that is sent, and says nothing any more."""
    monkeypatch.setattr(shell, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(shell, "ANSWER_SECONDS", 0.5)
    async with host_of(1) as host, host_of(2) as near:
        await near.connect(host.listen_addrs)
        peer = await RawPeer.connect(host, seed=SEED)
        await peer.send(*map(syn, range(1, 9, 2)))
        await until(lambda: host.allowance.windows.taken)
        await until(lambda: ends(host) == {"ping_unanswered": 1})
        assert lines() == [(peer.peer_id[-8:], "ping_unanswered", False)]
        assert host.allowance.windows.taken == 0
        assert host.allowance.to_send.taken < 100  # the last ping of the other one
        assert host.is_connected(near.peer_id)
        await peer.close()


async def test_what_we_end_has_the_reason_for_which_we_do(nursery):
    async def connect(number):
        peer = await RawPeer.connect(host, seed=bytes([number]) * 32)
        nursery.start_soon(peer.listen)
        return peer

    async with host_of(1, connections=8, waiting=16) as host:
        peers = [await connect(number) for number in range(10, 18)]
        await until(lambda: len(host.connections()) == 8)
        await host.disconnect(peers[-1].peer_id)
        assert ends(host) == {"hung_up": 1}
        peers += [await connect(number) for number in range(18, 20)]
        await until(lambda: ends(host) == {"hung_up": 1, "made_room": 1})
        for number in range(1, 9, 2):
            await peers[4].send(data(number, b"\x04GET\n", 1))
        await until(lambda: ends(host) == {"hung_up": 1, "made_room": 1, "shut_out": 1})
    assert ends(host) == {"hung_up": 1, "made_room": 1, "shut_out": 1, "stopped": 7}
    for peer in peers:
        await peer.close()


async def test_the_end_of_a_connection_that_carried_a_transfer_is_seen_by_a_person(lines):
    async with host_of(1) as host, host_of(2) as near:

        async def carry(stream):
            stream.carry_transfer()

        host.set_handler("/test/carry/1.0.0", carry)
        await near.connect(host.listen_addrs)
        stream = await near.open_stream(host.peer_id, "/test/carry/1.0.0")
        assert await stream.receive() == b""
        await near.disconnect(host.peer_id)
        await until(lambda: ends(host) == {"peer_hung_up": 1})
    assert (near.peer_id[-8:], "peer_hung_up", True) in lines()
    assert (host.peer_id[-8:], "hung_up", False) in lines()


async def test_a_fault_of_ours_ends_its_connection_by_name(monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("a bug")

    async with host_of(1) as host, raw_peer_of(host) as peer:
        await until(lambda: host.is_connected(peer.peer_id))
        monkeypatch.setattr(shell.Connection, "_handle", fail)
        await peer.send(syn(1))
        await until(lambda: ends(host) == {"crashed": 1})
