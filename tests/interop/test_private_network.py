"""A real node and stock peers in one plain private network: a swarm.key, and nothing else of ours."""

import secrets

import pytest
import trio
from interop_kit import PeerError, eventually, new_swarm_key, start_peer
from private_network_kit import private_network

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.link import Link
from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.messages import HelloMessage

pytestmark = pytest.mark.interop


@pytest.fixture
def network(tmp_path, language):
    return private_network(tmp_path, language)


async def test_a_peer_dials_the_node_by_noise_and_yamux_and_is_answered_each_ping(network):
    async with network.run_node() as host, network.start_peer(listen=False, ping_every=1000) as peer:
        dialled = await peer.ask("dial", addr=host["listen_addrs"][0])
        assert dialled == {
            "peer_id": host["peer_id"],
            "encryption": "/noise",
            "multiplexer": "/yamux/1.0.0",
        }
        assert (await peer.ask("ping", peer_id=host["peer_id"]))["milliseconds"] < 1000
        # js-libp2p's own monitor resets a connection whose pings are not answered.
        (connection,) = await eventually(
            lambda: peer.ask("connections"), until=lambda open_now: open_now[0]["rtt"] is not None
        )
        assert connection["status"] == "open"


async def test_identify_tells_a_peer_what_it_needs_and_nothing_of_the_program(network):
    async with network.run_node() as host, network.start_peer() as peer:
        await peer.ask("dial", addr=host["listen_addrs"][0])
        # js asks by itself first, and allows one such stream at a time.
        await eventually(lambda: peer.ask("table"))
        # js-libp2p drops an answer without a public key, and never looks at that peer again.
        said = await eventually(
            lambda: peer.ask("identified", peer_id=host["peer_id"]),
            until=lambda answer: answer is not None and network.kad in answer["protocols"],
        )
        assert f"{said['listen_addrs'][0]}/p2p/{host['peer_id']}" in host["listen_addrs"]
        assert EXCHANGE_PROTOCOL in said["protocols"]
        assert said["agent_version"] is None
        assert said["protocol_version"] is None
        assert said["observed_addr"] is None
        assert not said["signed_record"]


async def test_a_peer_admits_the_node_to_its_routing_table(network):
    async with network.run_node() as host, network.start_peer() as peer:
        await peer.ask("dial", addr=host["listen_addrs"][0])
        await eventually(lambda: peer.ask("table"), until=lambda table: host["peer_id"] in table)


async def test_a_peer_finds_what_the_node_shares(network):
    async with network.run_node() as host, network.start_peer() as peer:
        key = await network.share()
        await peer.ask("dial", addr=host["listen_addrs"][0])
        await eventually(lambda: peer.ask("table"))
        found = await eventually(lambda: peer.ask("find", key=key))
        assert [provider["peer_id"] for provider in found] == [host["peer_id"]]


async def test_a_peer_that_serves_no_dht_finds_what_the_node_shares_with_nobody_else_there(network):
    """It is told nothing by itself: nobody sends a provider record to a client."""
    async with network.run_node() as host, network.start_peer(listen=False, client=True) as peer:
        key = await network.share()
        await peer.ask("dial", addr=host["listen_addrs"][0])
        await eventually(lambda: peer.ask("table"), until=lambda table: host["peer_id"] in table)
        (provider,) = await eventually(lambda: peer.ask("find", key=key), until=has_addrs)
        assert provider["peer_id"] == host["peer_id"]
        assert f"{provider['addrs'][0]}/p2p/{host['peer_id']}" in host["listen_addrs"]
        await network.home.must("unshare", "letter.txt")
        assert await peer.ask("find", key=key) == []


async def test_a_peer_finds_what_the_node_shares_through_a_third_peer(network):
    async with (
        network.start_peer() as middle,
        network.run_node(middle.addr) as host,
        network.start_peer() as peer,
    ):
        await eventually(lambda: middle.ask("connections"))
        key = await network.share()
        await peer.ask("dial", addr=middle.addr)
        await eventually(lambda: peer.ask("table"))
        (provider,) = await eventually(lambda: peer.ask("find", key=key), until=has_addrs)
        assert provider["peer_id"] == host["peer_id"]
        assert f"{provider['addrs'][0]}/p2p/{host['peer_id']}" in host["listen_addrs"]


async def test_the_node_finds_what_a_peer_provides_through_a_third_peer(network):
    link = str(
        Link(
            Cid.of(Codec.RAW, HashFunction.BLAKE3, b"nobody has this"),
            network.network_id,
            secrets.token_bytes(16),
        )
    )
    async with (
        network.start_peer() as middle,
        network.run_node(middle.addr) as host,
        network.start_peer() as provider,
    ):
        await provider.ask("dial", addr=middle.addr)
        await eventually(lambda: provider.ask("table"))
        await provider.ask("hear", protocol=EXCHANGE_PROTOCOL)
        await provider.ask("provide", key=network.key_of(link))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(network.home.call, "get", link, network.folder / "got")
            heard = await eventually(lambda: provider.ask("heard"))
            nursery.cancel_scope.cancel()
        assert {one["peer_id"] for one in heard} == {host["peer_id"]}
        assert isinstance(first_message(heard[0]["octets"]), HelloMessage)


async def test_the_node_passes_on_to_one_peer_what_another_provides(network):
    async with (
        network.run_node() as host,
        network.start_peer() as provider,
        network.start_peer() as finder,
    ):
        for peer in (provider, finder):
            await peer.ask("dial", addr=host["listen_addrs"][0])
            await eventually(
                lambda peer=peer: peer.ask("table"), until=lambda table: host["peer_id"] in table
            )
        key = "1220" + secrets.token_hex(32)
        await provider.ask("provide", key=key)
        (found,) = await eventually(lambda: finder.ask("find", key=key))
        assert found["peer_id"] == provider.peer_id
        assert provider.addr.partition("/p2p/")[0] in found["addrs"]


async def test_what_nobody_provides_is_said_to_have_no_provider(network):
    nothing = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"nobody has this")
    link = str(Link(nothing, network.network_id, secrets.token_bytes(16)))
    async with network.start_peer() as middle, network.run_node(middle.addr):
        code, document, _ = await network.home.call("get", link, network.folder / "got")
        assert (code, document["error"]["code"]) == (3, "no_provider")


@pytest.mark.parametrize("swarm_key", [new_swarm_key(), None], ids=["another key", "no key"])
async def test_a_bootstrap_peer_without_the_key_makes_the_join_fail_by_that_name(network, swarm_key):
    async with start_peer(network.language, swarm_key, network.kad) as outside:
        await network.home.must("init", "--accept-privacy")
        own = network.write_key(network.swarm_key)
        code, document, _ = await network.home.call(
            "network", "join", "--name", "wrong", "--psk", own, "--bootstrap", outside.addr
        )
        assert (code, document["error"]["code"]) == (5, "network_key")
        assert await outside.ask("connections") == []


@pytest.mark.parametrize("swarm_key", [new_swarm_key(), None], ids=["another key", "no key"])
async def test_a_peer_without_the_key_is_kept_out_and_others_still_get_in(network, swarm_key):
    async with (
        network.run_node() as host,
        start_peer(network.language, swarm_key, network.kad) as outside,
        network.start_peer() as inside,
    ):
        with pytest.raises(PeerError):
            await outside.ask("dial", addr=host["listen_addrs"][0], seconds=8)
        assert await outside.ask("connections") == []
        await inside.ask("dial", addr=host["listen_addrs"][0])
        assert [one["peer_id"] for one in await inside.ask("connections")] == [host["peer_id"]]


def has_addrs(found):
    """rust-libp2p names providers alone; where one is, it learns by identify, which may come a moment later."""
    return bool(found) and all(provider["addrs"] for provider in found)


def first_message(octets):
    reader = FrameReader()
    reader.receive_data(bytes.fromhex(octets))
    return decode_frame(reader.next_frame())
