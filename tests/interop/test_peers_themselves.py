"""Stock peers of one language among themselves: if these fail, it is the harness or the library, not the node."""

import secrets

import pytest
from interop_kit import PeerError, eventually, new_swarm_key, start_peer

pytestmark = pytest.mark.interop
KAD = "/peertransfer/pexample/kad/1.0.0"


def new_key():
    return "1220" + secrets.token_hex(32)


async def test_two_peers_of_one_private_network_find_each_others_keys(language):
    swarm_key = new_swarm_key()
    async with start_peer(language, swarm_key, KAD) as first, start_peer(language, swarm_key, KAD) as second:
        dialled = await second.ask("dial", addr=first.addr)
        assert (dialled["peer_id"], dialled["multiplexer"]) == (first.peer_id, "/yamux/1.0.0")
        for peer, other in ((first, second), (second, first)):
            await eventually(lambda peer=peer: peer.ask("table"))
            key = new_key()
            await other.ask("provide", key=key)
            assert [found["peer_id"] for found in await peer.ask("find", key=key)] == [other.peer_id]


async def test_a_third_peer_finds_what_another_provides(language):
    swarm_key = new_swarm_key()
    async with (
        start_peer(language, swarm_key, KAD) as middle,
        start_peer(language, swarm_key, KAD) as provider,
        start_peer(language, swarm_key, KAD) as finder,
    ):
        for peer in (provider, finder):
            await peer.ask("dial", addr=middle.addr)
            await eventually(lambda peer=peer: peer.ask("table"))
        key = new_key()
        await provider.ask("provide", key=key)
        (found,) = await finder.ask("find", key=key)
        assert found["peer_id"] == provider.peer_id
        assert set(found["addrs"]) == {provider.addr.partition("/p2p/")[0]}


async def test_a_peer_with_another_swarm_key_is_kept_out(language):
    async with (
        start_peer(language, new_swarm_key(), KAD) as inside,
        start_peer(language, new_swarm_key(), KAD) as outside,
    ):
        with pytest.raises(PeerError):
            await outside.ask("dial", addr=inside.addr)
        assert await inside.ask("connections") == []
