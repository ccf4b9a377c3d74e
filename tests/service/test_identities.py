"""Is the key by which a node is known kept, missed and told from a damaged one?"""

import node_kit
import pytest

from peertransfer.errors import HomeError
from peertransfer.service.home_setup import init_home
from peertransfer.service.identities import load_seed, peer_id_of_seed, seed_of
from peertransfer.service.networks import network_of_psk, open_network
from peertransfer.store.home import open_home
from peertransfer.store.networks import Networks

SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "0123456789abcdef" * 4 + "\n"


@pytest.fixture
def home(tmp_path):
    init_home(tmp_path / "home", accept_privacy=True)
    return open_home(tmp_path / "home")


def known_as(peer_id):
    """Return the open network of a node that is known there already."""
    network = open_network((), 1)
    return type(network)(network.network_id, "open", "open", 1, peer_id=peer_id)


def test_a_key_is_made_once_and_kept(home):
    seed = seed_of(home, known_as(""))
    assert len(seed) == 32
    assert seed_of(home, known_as("")) == seed
    assert seed_of(home, known_as(peer_id_of_seed(seed))) == seed


def test_no_key_is_made_in_the_place_of_one_that_was_there(home):
    with pytest.raises(HomeError, match="is gone, and with it the peer ID …gYhRmLJt") as caught:
        seed_of(home, known_as("12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"))
    assert caught.value.hint.endswith("take a new identity there with: peertransfer init")
    assert list(home.keys_path.iterdir()) == []


@pytest.mark.parametrize("octets", [b"", bytes(7), bytes(33)])
def test_a_key_of_another_length_is_damaged_and_left_alone(home, octets):
    path = home.key_path("open")
    path.write_bytes(octets)
    for network in (known_as(""), known_as("12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt")):
        with pytest.raises(HomeError, match=f"is damaged: it has {len(octets)} octets, not 32") as caught:
            seed_of(home, network)
        assert "copy" in caught.value.hint
    assert path.read_bytes() == octets


def test_a_key_of_another_peer_id_is_not_taken(home):
    seed_of(home, known_as(""))
    with pytest.raises(HomeError, match="not the one of the peer ID …gYhRmLJt"):
        load_seed(home.key_path("open"), "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt")


async def test_the_peer_id_of_every_network_is_kept_made_joined_or_of_before(tmp_path):
    async with node_kit.running(tmp_path / "node") as one:
        networks = Networks(one.database)
        made = (await one.node.network_create("made"))["network_id"]
        joined = await one.node.network_join_psk("joined", SWARM_KEY)
        before = network_of_psk("before", SWARM_KEY.replace("0123456789abcdef", "fedcba9876543210"), (), 1)
        await networks.save(before)
        await one.node._hosts.start(before)
        identities = {
            each["network_id"]: each["peer_id"] for each in (await one.node.identities())["identities"]
        }
        kept = {each.network_id: each.peer_id for each in await networks.list()}
        assert kept == identities
        assert kept.keys() == {"open", made, joined["network_id"], before.network_id}
        await one.node.network_join_psk("joined", SWARM_KEY)
        await one.node._hosts.stop(made)
        one.path.joinpath("keys", f"{made}.key").unlink()
        with pytest.raises(HomeError, match="is gone"):
            await one.node._hosts.host_for(made)
