"""A real node and stock peers in one plain private network: a swarm.key, and nothing else of ours."""

import contextlib
import secrets
from dataclasses import dataclass

import pytest
import trio
from interop_kit import NodeHome, PeerError, eventually, new_swarm_key, start_peer

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.link import Link
from peertransfer.content.locator import locator, locator_multihash
from peertransfer.membership.epoch import epoch_key_of_psk
from peertransfer.membership.network import EXCHANGE_PROTOCOL, kad_protocol_id, network_id_of_psk
from peertransfer.membership.psk import parse_swarm_key
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.messages import HelloMessage

pytestmark = pytest.mark.interop


@dataclass
class PrivateNetwork:
    """What everybody in the network knows, and a home that is about to join."""

    swarm_key: str
    home: NodeHome
    folder: object
    language: str

    @property
    def network_id(self):
        return network_id_of_psk(parse_swarm_key(self.swarm_key))

    @property
    def kad(self):
        return kad_protocol_id(self.network_id)

    def start_peer(self, **options):
        return start_peer(self.language, self.swarm_key, self.kad, **options)

    def write_key(self, text):
        file = self.folder / "swarm.key"
        file.write_text(text)
        file.chmod(0o600)
        return file

    @contextlib.asynccontextmanager
    async def run_node(self, *bootstrap):
        """Join by the key and the bootstrap addresses, then run; give the node's host."""
        await self.home.must("init", "--accept-privacy")
        options = [option for addr in bootstrap for option in ("--bootstrap", addr)]
        joined = await self.home.must(
            "network", "join", "--name", "field", "--psk", self.write_key(self.swarm_key), *options
        )
        assert joined["network_id"] == self.network_id
        async with self.home.run(self.network_id) as host:
            yield host

    def key_of(self, link):
        """Return the DHT key of a link, in hexadecimal."""
        parsed = Link.parse(link)
        epoch_key = epoch_key_of_psk(parse_swarm_key(self.swarm_key))
        return locator_multihash(locator(parsed.secret, epoch_key, parsed.manifest_cid)).hex()

    async def share(self):
        """Share a small file; return the DHT key of its link."""
        file = self.folder / "letter.txt"
        file.write_text("Dear peer\n")
        shared = await self.home.must("share", file, "--network", self.network_id)
        return self.key_of(shared["link"])


@pytest.fixture
def network(tmp_path, language):
    return PrivateNetwork(new_swarm_key(), NodeHome(tmp_path), tmp_path, language)


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
        (provider,) = await eventually(lambda: peer.ask("find", key=key))
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


async def test_what_nobody_provides_is_said_to_have_no_provider(network):
    nothing = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"nobody has this")
    link = str(Link(nothing, network.network_id, secrets.token_bytes(16)))
    async with network.start_peer() as middle, network.run_node(middle.addr):
        code, document, _ = await network.home.call("get", link, network.folder / "got")
        assert (code, document["error"]["code"]) == (3, "no_provider")


async def test_a_bootstrap_peer_with_another_key_makes_the_join_fail_by_that_name(network):
    async with network.start_peer() as peer:
        await network.home.must("init", "--accept-privacy")
        wrong = network.write_key(new_swarm_key())
        code, document, _ = await network.home.call(
            "network", "join", "--name", "wrong", "--psk", wrong, "--bootstrap", peer.addr
        )
        assert (code, document["error"]["code"]) == (5, "network_key")
        assert await peer.ask("connections") == []


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


def first_message(octets):
    reader = FrameReader()
    reader.receive_data(bytes.fromhex(octets))
    return decode_frame(reader.next_frame())
