"""A real node in the open network, which has no key, and stock peers that come to it as strangers."""

import time

import pytest
from interop_kit import NodeHome, PeerError, new_swarm_key, start_peer

pytestmark = pytest.mark.interop
STRANGERS_KAD = "/somewhere/kad/1.0.0"


@pytest.fixture
def home(tmp_path):
    return NodeHome(tmp_path)


async def test_a_stranger_dials_the_node_by_noise_and_yamux_and_is_answered_each_ping(home, language):
    async with home.run_open() as host, start_peer(language, None, STRANGERS_KAD, listen=False) as peer:
        dialled = await peer.ask("dial", addr=host["listen_addrs"][0])
        assert dialled == {
            "peer_id": host["peer_id"],
            "encryption": "/noise",
            "multiplexer": "/yamux/1.0.0",
        }
        for _ in range(3):
            assert (await peer.ask("ping", peer_id=host["peer_id"]))["milliseconds"] < 1000


async def test_identify_tells_a_stranger_nothing_and_says_so_at_once(home, language):
    async with home.run_open() as host, start_peer(language, None, STRANGERS_KAD) as peer:
        await peer.ask("dial", addr=host["listen_addrs"][0])
        began = time.monotonic()
        # go-libp2p uses no stream until identify was answered or refused.
        await peer.ask("ping", peer_id=host["peer_id"])
        assert time.monotonic() - began < 3
        assert await peer.ask("identified", peer_id=host["peer_id"]) is None
        assert await peer.ask("table") == []


async def test_a_peer_of_a_private_network_is_kept_out_and_strangers_still_get_in(home, language):
    async with (
        home.run_open() as host,
        start_peer(language, new_swarm_key(), STRANGERS_KAD) as private,
        start_peer(language, None, STRANGERS_KAD) as stranger,
    ):
        with pytest.raises(PeerError):
            await private.ask("dial", addr=host["listen_addrs"][0], seconds=8)
        assert await private.ask("connections") == []
        await stranger.ask("dial", addr=host["listen_addrs"][0])
        assert [one["peer_id"] for one in await stranger.ask("connections")] == [host["peer_id"]]
