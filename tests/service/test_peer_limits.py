"""The limits that whole nodes keep towards each other: requests, silence, and how slowly a request may come."""

import contextlib

import node_kit
import pytest
import trio
from attacker_kit import RawPeer, data, socket_from, until, until_hung_up
from dht_kit import KAD, NETWORK, locator, run_dht
from kad_kit import SERVERS, addr, key, sealed
from store_kit import octets_of

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.disclosure.views import LookupView, ProvideView
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed
from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.ending import EndReason
from peertransfer.transport.limits import Limits, facts
from peertransfer.transport.multiaddrs import peer_id_octets
from peertransfer.wire.kad_codec import encode_add_provider, encode_find_node

pytestmark = pytest.mark.swarm


@contextlib.asynccontextmanager
async def raw_peer_of(host, psk=None, seed=None):
    peer = await RawPeer.connect(host, psk=psk, seed=seed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.listen)
        yield peer
        nursery.cancel_scope.cancel()
    await peer.close()


async def test_status_has_each_limit_and_how_often_it_was_reached(tmp_path):
    async with node_kit.running(tmp_path / "giver", handshake_seconds=1) as giver:
        idle = await socket_from("127.1.0.1", giver.host.listen_port)
        with trio.fail_after(3):
            await until_hung_up(idle)
        told = (await giver.node.status())["limits"]
    assert told["handshake_seconds"] == {"limit": 1, "reached": 1}
    assert list(told) == [one.name for one in facts()]
    assert sum(one["reached"] for one in told.values()) == 1


async def test_status_counts_the_ends_of_connections_by_reason(tmp_path):
    async with node_kit.running(tmp_path / "giver") as giver:
        assert set((await giver.node.status())["connection_ends"].values()) == {0}
        async with raw_peer_of(giver.host) as peer:
            await peer.send(b"\x01" + bytes(11))
            with trio.fail_after(3):
                await peer.is_over.wait()
        async with raw_peer_of(giver.host, seed=b"p" * 32) as peer:
            await until(lambda: giver.host.is_connected(peer.peer_id))
            await giver.host.disconnect(peer.peer_id)
        told = (await giver.node.status())["connection_ends"]
    assert list(told) == [reason.value for reason in EndReason]
    assert {name: count for name, count in told.items() if count} == {"protocol_breach": 1, "hung_up": 1}


async def trickle_a_request(peer):
    """Say how long a request is, and then one octet of it after the other; return how long that went well."""
    started = trio.current_time()
    await peer.send(data(1, b"\x64"))
    with trio.fail_after(8):
        while 1 not in peer.reset:
            await peer.send(data(1, b"\x00"))
            await trio.sleep(0.1)
    return trio.current_time() - started


async def test_a_request_that_comes_octet_by_octet_is_given_up_by_a_provider(tmp_path):
    async with (
        node_kit.running(tmp_path / "giver", request_seconds=1) as giver,
        raw_peer_of(giver.host) as peer,
    ):
        await peer.open(1, EXCHANGE_PROTOCOL)
        await until(lambda: len(peer.said.get(1, b"")) > 60)  # agreed, and its hello
        assert 0.9 < await trickle_a_request(peer) < 3
        assert giver.allowance.reached("request_seconds") == 1


async def test_a_request_that_comes_octet_by_octet_is_given_up_by_a_dht_server(tmp_path):
    allowance = Allowance(Limits(request_seconds=1))
    async with (
        run_dht(1, tmp_path, allowance=allowance) as node,
        raw_peer_of(node.host, NETWORK.psk) as peer,
    ):
        await peer.open(1, KAD)
        await until(lambda: KAD.encode() in peer.said.get(1, b""))
        assert 0.9 < await trickle_until_ended(peer) < 3
        assert allowance.reached("request_seconds") == 1


async def trickle_until_ended(peer):
    """The same towards a server that ends its streams instead of resetting them."""
    started = trio.current_time()
    await peer.send(data(1, b"\x64"))
    with trio.fail_after(8):
        while not any(flags & 4 for _, flags in peer.heard):
            await peer.send(data(1, b"\x00"))
            await trio.sleep(0.1)
    return trio.current_time() - started


async def test_a_getter_with_a_grant_may_be_silent_for_longer(tmp_path):
    async with (
        node_kit.running(tmp_path / "giver", idle_seconds=1, idle_grant_seconds=2) as giver,
        node_kit.running(tmp_path / "getter") as getter,
    ):
        link = (await giver.share({"a": b"a"}))["link"]
        async with getter.asking(link, giver) as asking:
            await trio.sleep(1.5)
            assert not asking.is_over
            await until(lambda: asking.is_over, seconds=3)
        assert giver.allowance.reached("idle_grant_seconds") == 1
        assert giver.allowance.reached("idle_seconds") == 0


async def test_a_getter_that_asks_without_end_is_answered_at_the_pace_that_is_set(tmp_path):
    async with (
        node_kit.running(tmp_path / "giver", requests_at_once=5, requests_per_second=20) as giver,
        node_kit.running(tmp_path / "getter") as getter,
    ):
        link = (await giver.share({"a": b"a"}))["link"]
        async with getter.asking(link, giver) as asking:
            started = trio.current_time()
            for _ in range(24):
                async with asking.request(lambda machine, want: machine.request_have(want, 0)) as parts:
                    await anext(parts)
            assert 0.8 < trio.current_time() - started < 4
        assert giver.allowance.reached("requests_per_second") >= 15


async def test_content_pays_for_the_requests_that_fetch_it(tmp_path):
    """Twenty requests and more at one a second, if they were not paid for."""
    async with (
        node_kit.running(tmp_path / "giver", requests_at_once=10, requests_per_second=1) as giver,
        node_kit.running(tmp_path / "getter") as getter,
    ):
        link = (await giver.share({"big": bytes(40 * CHUNK_SIZE)}))["link"]
        with trio.fail_after(9):
            await getter.get(link, tmp_path / "dest", giver)
        assert giver.allowance.reached("requests_per_second") <= 5


async def test_provider_records_wait_for_nothing_and_questions_do(tmp_path):
    allowance = Allowance(Limits(requests_at_once=5, requests_per_second=10))
    seed = b"p" * 32
    own_id = peer_id_octets(peer_id_of_public_key(public_key_of_seed(seed)))
    async with (
        run_dht(1, tmp_path, allowance=allowance) as node,
        raw_peer_of(node.host, NETWORK.psk, seed) as peer,
    ):
        await peer.open(1, KAD)
        for number in range(300):
            view = sealed(ProvideView(locator=locator(number), addrs=(addr(1),)), SERVERS)
            record = encode_add_provider(view, own_id).head
            await peer.send(data(1, record))
        await until(lambda: node.dht.store.record_count == 300, seconds=2)
        assert allowance.reached("requests_per_second") == 0
        question = encode_find_node(sealed(LookupView(key(1)), SERVERS)).head
        before = len(peer.said[1])
        started = trio.current_time()
        for _ in range(15):
            await peer.send(data(1, question))
        await until(lambda: allowance.reached("requests_per_second") >= 10)
        assert trio.current_time() - started > 0.8
        assert len(peer.said[1]) > before


def stall(peer, octets):
    """Have a node's one connection take so many octets from its socket, and then none any more."""
    (connection,) = [one.muxed_conn for one in peer.host._swarm.get_connections()]
    receive = connection._wire.receive
    taken = 0

    async def receive_some():
        nonlocal taken
        if taken > octets:
            await trio.sleep_forever()
        records = await receive()
        taken += sum(map(len, records))
        return records

    connection._wire.receive = receive_some


async def test_getters_that_stop_reading_bound_what_is_read_for_them_and_another_one_is_served(tmp_path):
    """What an answer takes is counted before it is read; all of it together stays within a quarter of the limit."""
    limits = {"buffers": 64 << 20, "connections": 8}
    pool = limits["buffers"] // 4
    async with contextlib.AsyncExitStack() as stack:
        giver = await stack.enter_async_context(node_kit.running(tmp_path / "giver", **limits))
        takers = [
            await stack.enter_async_context(node_kit.running(tmp_path / f"taker{number}"))
            for number in range(4)
        ]
        link = (await giver.share({"long": bytes(24 << 20)}))["link"]
        reader, counted, most = giver.node._shares._reader, [], 0
        read, reading = reader.read_leaves, 0

        async def read_leaves(share, places, _memory):
            nonlocal reading
            reading += len(places) << 20
            counted.append(giver.allowance.to_send.taken - reading)
            try:
                return await read(share, places)
            finally:
                reading -= len(places) << 20

        async def watch():
            nonlocal most
            while True:
                most = max(most, giver.allowance.to_send.taken)
                await trio.sleep(0)

        reader.read_leaves = read_leaves
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(watch)
        *stalled, honest = takers
        for taker in stalled:
            await taker.host.connect([giver.address], giver.host.peer_id)
            stall(taker, 1 << 20)
            nursery.start_soon(taker.get, link, tmp_path / f"got-{taker.path.name}", giver)
        await until(lambda: giver.allowance.to_send.taken > len(stalled) << 20)
        await trio.sleep(0.5)
        with trio.fail_after(20):
            await honest.get(link, tmp_path / "got", giver)
        assert min(counted) >= 0
        assert most <= pool
        in_use = (await giver.node.status())["buffers"]
        assert in_use["to_send"] > len(stalled) << 20
        nursery.cancel_scope.cancel()


async def test_with_little_memory_left_one_answer_is_read_at_a_time_and_everything_arrives(tmp_path):
    limits = {"buffers": 64 << 20, "connections": 8}
    async with (
        node_kit.running(tmp_path / "giver", **limits) as giver,
        node_kit.running(tmp_path / "taker") as taker,
    ):
        said = octets_of(8 << 20)
        link = (await giver.share({"long": said}))["link"]
        reader, counts = giver.node._shares._reader, []
        read = reader.read_leaves

        async def read_leaves(share, places, _memory):
            counts.append(len(places))
            return await read(share, places)

        reader.read_leaves = read_leaves
        giver.allowance.to_send.take(13 << 20)
        with trio.fail_after(20):
            await taker.get(link, tmp_path / "got", giver)
        assert counts == [1] * 8
        assert next((tmp_path / "got").rglob("long")).read_bytes() == said
