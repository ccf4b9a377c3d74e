"""The limits that whole nodes keep towards each other: requests, silence, and how slowly a request may come."""

import contextlib

import node_kit
import pytest
import trio
from attacker_kit import RawPeer, data, socket_from, until, until_hung_up
from dht_kit import KAD, NETWORK, locator, run_dht
from kad_kit import SERVERS, addr, key, sealed

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.disclosure.views import LookupView, ProvideView
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed
from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.transport.allowance import Allowance
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
