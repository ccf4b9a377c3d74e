"""Each limit is reached over a real socket, and counted by its name; what was below it was let be."""

import contextlib
import shutil
import subprocess
import sys

import pytest
import trio
from attacker_kit import (
    KIB,
    MIB,
    RawPeer,
    data,
    host_of,
    proposal,
    rst,
    socket_from,
    syn,
    until,
    until_hung_up,
)
from kad_kit import sealed
from source_kit import ROOT

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.frame import seal_frame
from peertransfer.errors import DialError, PeerTimeoutError, StreamLostError
from peertransfer.net.patience import Patience
from peertransfer.transport.ending import EndReason
from peertransfer.transport.limits import Limits, facts
from peertransfer.transport.ping import PING
from peertransfer.wire.identify_codec import encode_identify

pytestmark = pytest.mark.swarm

HELD = "/test/held/1.0.0"


def frame_for(peer_id, *body):
    return seal_frame(sealed(v.AgentView("x"), OnePeer(peer_id)), b"", tuple(map(memoryview, body)))


async def hold(stream):
    await stream.send(frame_for(stream.peer_id, b"in"))
    await trio.sleep_forever()


async def take_all(stream):
    while await stream.receive_pieces(MIB):
        pass


@contextlib.asynccontextmanager
async def raw_peer_of(host, **options):
    peer = await RawPeer.connect(host, **options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.listen)
        yield peer
        nursery.cancel_scope.cancel()
    await peer.close()


# --- before the handshake ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets", [bytes(200 * KIB), b"\x13/multistream/1.0.0\n" + b"\x05/tls\n" * 30_000], ids=["zeros", "words"]
)
async def test_octets_before_the_handshake(octets):
    """They are refused for what they say; ever so many of them are."""
    async with host_of(1, handshake_octets=16 * KIB) as host:
        rude = await socket_from("127.1.0.1", host.listen_port)
        with trio.fail_after(2):
            with contextlib.suppress(trio.BrokenResourceError):
                await rude.send_all(octets)
            await until_hung_up(rude)


async def test_octets_that_a_handshake_does_not_take():
    """A Noise message of 65,535 octets is within its length, and not within this limit."""
    async with host_of(1, handshake_octets=16 * KIB) as host:
        rude = await socket_from("127.1.0.1", host.listen_port)
        with trio.fail_after(2):
            await rude.send_all(proposal("/noise") + b"\xff\xff" + bytes(17 * KIB))
            await until_hung_up(rude)
        assert host.allowance.reached("handshake_octets") == 1


async def test_seconds_before_the_handshake():
    async with host_of(1, handshake_seconds=1) as host:
        idle = await socket_from("127.1.0.1", host.listen_port)
        started = trio.current_time()
        with trio.fail_after(3):
            await until_hung_up(idle)
        assert trio.current_time() - started > 0.9
        assert host.allowance.reached("handshake_seconds") == 1


async def test_connections_that_wait():
    async with host_of(1, waiting=8) as host:
        idle = [await socket_from(f"127.1.0.{number}", host.listen_port) for number in range(1, 9)]
        await until(lambda: len(host._room) == 8)
        assert host.allowance.reached("waiting") == 0
        one_more = await socket_from("127.1.0.9", host.listen_port)
        with trio.fail_after(2):
            await until_hung_up(idle[0])
        assert host.allowance.reached("waiting") == 1
        assert len(host._room) == 8
        await one_more.aclose()


async def test_connections_that_wait_from_one_address():
    async with host_of(1) as host:
        other = await socket_from("127.1.0.2", host.listen_port)
        idle = [await socket_from("127.1.0.1", host.listen_port) for _ in range(8)]
        await until(lambda: len(host._room) == 9)
        one_more = await socket_from("127.1.0.1", host.listen_port)
        with trio.fail_after(2):
            await until_hung_up(idle[0])
        assert host.allowance.reached("waiting_per_ipv4") == 1
        assert len(host._room) == 9
        for stream in (other, one_more):
            await stream.aclose()


SIX = """
import trio
from attacker_kit import host_of, until, until_hung_up
from peertransfer.net.host import NetworkHost
from peertransfer.transport.allowance import Allowance

async def main():
    allowance = Allowance()
    host = NetworkHost(
        bytes(32), network_id="n", psk=None, listen_addrs=["/ip6/2001:db8::1/tcp/0"], allowance=allowance
    )
    async with host:
        async def connect(source):
            one = trio.socket.socket(trio.socket.AF_INET6)
            await one.bind((source, 0))
            await one.connect(("2001:db8::1", host.listen_port))
            return trio.SocketStream(one)

        idle = [await connect(f"2001:db8:0:1::{number}") for number in range(1, 9)]
        other = await connect("2001:db8:0:2::1")
        await until(lambda: len(host._room) == 9)
        assert allowance.reached("waiting_per_ipv6") == 0
        more = await connect("2001:db8:0:1::9")
        with trio.fail_after(2):
            await until_hung_up(idle[0])
        assert allowance.reached("waiting_per_ipv6") == 1
        assert len(host._room) == 9

trio.run(main)
"""


def test_connections_that_wait_from_one_ipv6_network():
    """In a network namespace of its own, where a user may give this machine addresses."""
    addrs = ["2001:db8::1", *[f"2001:db8:0:1::{number}" for number in range(1, 10)], "2001:db8:0:2::1"]
    prepare = ["ip link set lo up", *[f"ip -6 addr add {addr}/128 dev lo nodad" for addr in addrs]]
    isolate = ["unshare", "--user", "--map-root-user", "--net"]
    tried = [*isolate, "sh", "-c", " && ".join(prepare)]
    if not shutil.which("unshare") or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("this machine gives its users no network namespaces")
    run = f'{" && ".join(prepare)} && exec "$0" -c "$1"'
    path = f"{ROOT / 'node'}:{ROOT / 'tests' / 'kit'}"
    done = subprocess.run(
        [*isolate, "sh", "-c", run, sys.executable, SIX],
        env={"PYTHONPATH": path, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- connections ---------------------------------------------------------------------------------


async def test_an_idle_connection_makes_room_for_a_newcomer_and_a_transfer_stays(nursery):
    async with host_of(1, connections=8, waiting=16) as host, contextlib.AsyncExitStack() as stack:
        streams = {}

        async def carry(stream):
            stream.carry_transfer()
            streams[stream.peer_id] = stream
            await trio.sleep_forever()

        async def carry_once(stream):
            stream.carry_transfer()
            streams[stream.peer_id] = stream

        host.set_handler("/test/carry/1.0.0", carry)
        host.set_handler("/test/carry-once/1.0.0", carry_once)

        async def connect(number, protocol=None):
            peer = await stack.enter_async_context(raw_peer_of(host, seed=bytes([number]) * 32))
            await until(lambda: host.is_connected(peer.peer_id))
            if protocol:
                await peer.open(1, protocol)
                await until(lambda: peer.peer_id in streams)
            return peer

        peers = [
            await connect(10, "/test/carry/1.0.0"),
            await connect(11, "/test/carry-once/1.0.0"),
            *[await connect(number) for number in range(12, 18)],
        ]
        assert len(host.connections()) == 8
        assert host.allowance.reached("connections") == 0
        for oldest_unused in peers[2:]:
            await connect(18 + peers.index(oldest_unused))
            with trio.fail_after(3):
                await oldest_unused.is_over.wait()
        assert host.allowance.reached("connections") == 6
        assert host.is_connected(peers[0].peer_id)
        assert host.is_connected(peers[1].peer_id)
        await until(lambda: len(host.connections()) == 8)


async def test_where_all_connections_carry_transfers_a_newcomer_is_turned_away():
    async with host_of(1, connections=8) as host, contextlib.AsyncExitStack() as stack:

        async def carry(stream):
            stream.carry_transfer()
            await stream.send(frame_for(stream.peer_id, b"in"))
            await trio.sleep_forever()

        host.set_handler("/test/carry/1.0.0", carry)
        for _ in range(8):
            peer = await stack.enter_async_context(raw_peer_of(host))
            await peer.open(1, "/test/carry/1.0.0")
            await until(lambda peer=peer: b"in" in peer.said.get(1, b""))
        late = await stack.enter_async_context(raw_peer_of(host))
        with trio.fail_after(3):
            await late.is_over.wait()
        assert host.allowance.reached("connections") == 1
        async with host_of(2) as far:
            with pytest.raises(DialError, match="can be kept"):
                await host.connect(far.listen_addrs)
        assert len(host.connections()) == 8


async def test_connections_of_one_peer():
    async with host_of(1) as host, contextlib.AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(raw_peer_of(host, seed=b"p" * 32))
            for _ in range(Limits().connections_per_peer)
        ]
        await until(lambda: len(host.connections()) == 2)
        assert host.allowance.reached("connections_per_peer") == 0
        peers.append(await stack.enter_async_context(raw_peer_of(host, seed=b"p" * 32)))
        await until(lambda: any(one.is_over.is_set() for one in peers))
        assert host.allowance.reached("connections_per_peer") == 1
        await until(lambda: len(host.connections()) == 2)


# --- streams -------------------------------------------------------------------------------------


async def test_streams_of_one_connection():
    async with host_of(1) as host, raw_peer_of(host) as peer:
        count = Limits().streams_per_connection
        await until(host.connections)
        await peer.send(*map(syn, range(1, 2 * count + 1, 2)))
        await until(lambda: host._swarm.get_connections()[0].muxed_conn.session.stream_count == count)
        assert peer.reset == set()
        await peer.send(syn(2 * count + 1))
        await until(lambda: peer.reset == {2 * count + 1})
        assert host.allowance.reached("streams_per_connection") == 1


async def test_streams_of_one_protocol():
    async with host_of(1) as host, raw_peer_of(host) as peer:
        host.set_handler(HELD, hold)
        for number in range(1, 17, 2):
            await peer.open(number, HELD)
        await until(lambda: sum(b"in" in said for said in peer.said.values()) == 8)
        assert peer.reset == set()
        await peer.open(17, HELD)
        await until(lambda: peer.reset == {17})
        assert host.allowance.reached("streams_per_protocol") == 1


async def test_streams_of_all_peers():
    """A peer has one, and more up to a quarter of what is left beyond one for each connection."""
    async with host_of(1, streams=40, connections=8) as host, contextlib.AsyncExitStack() as stack:
        host.set_handler(HELD, hold)
        counts = []
        for _ in range(8):
            peer = await stack.enter_async_context(raw_peer_of(host))
            for number in range(1, 17, 2):
                await peer.open(number, HELD)
            await until(lambda peer=peer: len(peer.reset) + len(peer.said) >= 8)
            await until(
                lambda peer=peer: sum(b"in" in one for one in peer.said.values()) + len(peer.reset) == 8
            )
            counts.append(8 - len(peer.reset))
        assert counts[0] == 6
        assert sorted(counts, reverse=True) == counts
        assert counts[-1] == 1
        assert host.allowance.reached("streams") == 8 * 8 - sum(counts)


# --- octets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["open", "half closed", "closed by us", "reset by us", "never opened"])
async def test_a_window_that_is_overrun(state):
    """Finding 1, in each state that a stream can be in."""

    async def never(stream):
        if state == "half closed":
            await stream.close_write()
        elif state == "closed by us":
            await stream.aclose()
        elif state == "reset by us":
            await stream.reset()
        await trio.sleep_forever()

    async with host_of(1) as host, raw_peer_of(host, seed=b"p" * 32) as peer:
        host.set_handler(HELD, never)
        if state != "never opened":
            await peer.open(1, HELD)
            await until(lambda: HELD.encode() in peer.said.get(1, b"") or 1 in peer.reset)
        for _ in range(6):
            await peer.send(data(1, bytes(60 * KIB)))
        with trio.fail_after(3):
            await peer.is_over.wait()
        assert host.allowance.reached("window") == 1
        await until(lambda: host.allowance.ended(EndReason.BREACH) == 1)
        await until(lambda: not host.is_connected(peer.peer_id))
        assert host.allowance.windows.taken == host.allowance.to_send.taken == 0


async def test_windows_of_one_connection():
    async with host_of(1, windows_per_connection=MIB) as host, host_of(2) as near:
        host.set_handler("/test/sink/1.0.0", take_all)
        await near.connect(host.listen_addrs)
        stream = await near.open_stream(host.peer_id, "/test/sink/1.0.0")
        with trio.fail_after(8):
            while not host.allowance.reached("windows_per_connection"):
                await stream.send(frame_for(host.peer_id, bytes(20 * MIB)))
        (connection,) = host._swarm.get_connections()
        assert connection.muxed_conn.session._places.windows <= MIB


async def test_buffers_of_the_node():
    """A window grows, and streams open, to a quarter of what is left; all of it comes back."""
    async with host_of(1, buffers=8 * MIB, connections=4) as host:
        host.set_handler("/test/sink/1.0.0", take_all)
        async with host_of(2) as near, raw_peer_of(host) as peer:
            await near.connect(host.listen_addrs)
            stream = await near.open_stream(host.peer_id, "/test/sink/1.0.0")
            with trio.fail_after(8):
                while not host.allowance.reached("buffers"):
                    await stream.send(frame_for(host.peer_id, bytes(20 * MIB)))
            assert 256 * KIB < host.allowance.windows.taken <= 2 * MIB
            await peer.send(*map(syn, range(1, 65, 2)))
            await until(lambda: peer.reset)
            assert host.allowance.windows.taken <= 4 * MIB
            assert host.allowance.reached("buffers") == 1 + len(peer.reset)
            # Whoever was there before is served on.
            await stream.send(frame_for(host.peer_id, bytes(MIB)))
        await until(lambda: not host.connections())
        assert host.allowance.windows.taken == host.allowance.to_send.taken == 0


async def test_octets_that_wait_for_a_peer_that_takes_nothing():
    async with host_of(1, stall_seconds=1) as host, raw_peer_of(host) as peer:
        outcome = []

        async def give(stream):
            try:
                await stream.send(frame_for(stream.peer_id, bytes(3 * MIB)))
            finally:
                outcome.append(host.allowance.to_send.taken)

        host.set_handler("/test/give/1.0.0", give)
        await peer.open(1, "/test/give/1.0.0")
        await until(lambda: outcome)
        assert outcome[0] > 2 * MIB
        assert host.allowance.reached("stall_seconds") == 1
        await until(lambda: host.allowance.to_send.taken == 0)


async def test_a_peer_that_takes_too_little():
    """It gives its window back octet by octet: never nothing, and never enough."""
    async with host_of(1, stall_seconds=1, least_octets_per_second=KIB) as host, raw_peer_of(host) as peer:
        outcome = []

        async def give(stream):
            try:
                await stream.send(frame_for(stream.peer_id, bytes(3 * MIB)))
            except PeerTimeoutError as error:
                outcome.append(error)
                raise

        host.set_handler("/test/give/1.0.0", give)
        await peer.open(1, "/test/give/1.0.0")
        with trio.fail_after(5):
            while not outcome:
                await peer.send(b"\x00\x01\x00\x00" + (1).to_bytes(4, "big") + (1).to_bytes(4, "big"))
                await trio.sleep(0.05)
        assert host.allowance.reached("least_octets_per_second") == 1
        assert host.allowance.reached("stall_seconds") == 0
        await until(lambda: peer.reset)


# --- requests and silence ------------------------------------------------------------------------


async def test_requests_of_one_peer():
    """Identify stands for all of them; the DHT and the exchange take requests by the same door."""
    async with host_of(1, requests_at_once=5, requests_per_second=10) as host, host_of(2) as near:

        async def said(peer_id, _):
            asker = OnePeer(peer_id)
            addresses = sealed(v.AddressesView(host.listen_addrs_bytes), asker)
            return encode_identify(addresses, sealed(v.ProtocolsView(()), asker), public_key=b"")

        host.identify_answer = said
        await near.connect(host.listen_addrs)
        started = trio.current_time()
        for _ in range(5):
            await near.identify(host.peer_id)
        assert trio.current_time() - started < 0.4
        assert host.allowance.reached("requests_per_second") == 0
        for _ in range(8):
            await near.identify(host.peer_id)
        assert trio.current_time() - started > 0.6
        assert host.allowance.reached("requests_at_once") >= 1
        assert host.allowance.reached("requests_per_second") >= 6
        # Coming back does not make it faster.
        await near.disconnect(host.peer_id)
        await near.connect(host.listen_addrs)
        before = host.allowance.reached("requests_per_second")
        await near.identify(host.peer_id)
        await near.identify(host.peer_id)
        assert host.allowance.reached("requests_per_second") > before


@pytest.mark.parametrize("protocol", [PING, "/test/patient/1.0.0"])
async def test_seconds_of_silence_on_a_stream(protocol):
    async with host_of(1, idle_seconds=1) as host, raw_peer_of(host) as peer:

        async def be_patient(stream):
            await Patience(stream).receive(in_request=False)

        host.set_handler("/test/patient/1.0.0", be_patient)
        started = trio.current_time()
        await peer.open(1, protocol)
        await until(lambda: 1 in peer.reset)
        assert 0.9 < trio.current_time() - started < 2
        assert host.allowance.reached("idle_seconds") == 1


async def test_breaches_of_the_protocol():
    async with host_of(1) as host, contextlib.AsyncExitStack() as stack:
        seed = b"p" * 32
        peer = await stack.enter_async_context(raw_peer_of(host, seed=seed))
        for number in (1, 3, 5):
            await peer.send(data(number, b"\x04GET\n", 1))
        await until(lambda: peer.reset == {1, 3, 5})
        assert host.is_connected(peer.peer_id)
        await peer.send(data(7, b"\x04GET\n", 1))
        with trio.fail_after(3):
            await peer.is_over.wait()
        assert host.allowance.reached("protocol_errors") == 1
        await until(lambda: not host.connections())
        await trio.sleep(0.3)  # it is not the end of the first that ends the second
        again = await stack.enter_async_context(raw_peer_of(host, seed=seed))
        with trio.fail_after(3):
            await again.is_over.wait()
        async with host_of(2) as honest:
            await honest.connect(host.listen_addrs)


async def test_what_an_honest_peer_may_ask_in_vain_is_no_breach():
    async with host_of(1) as host, host_of(2) as near, raw_peer_of(host) as peer:
        host.set_handler(HELD, hold)
        for number in range(1, 25, 2):
            await peer.open(number, "/ipfs/bitswap/1.2.0")
            await until(lambda number=number: b"na\n" in peer.said.get(number, b""))
            await peer.send(data(number, b"", 4))  # the end, as go does it
        for number in range(25, 45, 2):
            await peer.open(number, HELD)
            await peer.send(rst(number))
        await until(lambda: len(peer.reset) >= 12)
        assert host.allowance.reached("protocol_errors") == 0
        assert len(host.connections()) == 1
        await near.connect(host.listen_addrs)
        for _ in range(5):
            with pytest.raises((StreamLostError, Exception)):
                await near.open_stream(host.peer_id, "/no/such/1.0.0")
        assert host.allowance.reached("protocol_errors") == 0


def test_each_limit_is_reached_by_a_test_that_names_it():
    text = "".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*limits.py"))
    assert [one.name for one in facts() if f'reached("{one.name}")' not in text] == []
