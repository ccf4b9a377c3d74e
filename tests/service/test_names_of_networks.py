"""Is a network's name enough to tell it from the others of this node?"""

import node_kit
import pytest

from peertransfer.errors import UsageError
from peertransfer.store.networks import Networks

SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "0123456789abcdef" * 4 + "\n"


@pytest.fixture
async def node(tmp_path):
    async with node_kit.running(tmp_path / "node") as peer:
        yield peer


async def names(peer):
    """Return the names of the private networks of a node, and which can invite."""
    networks = (await peer.node.network_list())["networks"]
    return {one["name"]: one["is_authority"] for one in networks if one["kind"] != "open"}


async def test_a_name_that_a_network_of_this_node_has_is_not_given_to_another(node):
    first = await node.node.network_create("clinic")
    with pytest.raises(UsageError, match="is in a network 'clinic' already") as caught:
        await node.node.network_create("clinic")
    assert first["network_id"] in caught.value.message
    assert caught.value.hint == "Choose another name."
    with pytest.raises(UsageError, match="already") as caught:
        await node.node.network_join_psk("clinic", SWARM_KEY)
    assert "--name" in caught.value.hint
    with pytest.raises(UsageError, match="built-in"):
        await node.node.network_create("open")
    assert await names(node) == {"clinic": True}
    await node.node.network_join_psk("field", SWARM_KEY)
    await node.node.network_join_psk("field", SWARM_KEY)
    assert await names(node) == {"clinic": True, "field": False}


async def test_an_invite_into_a_network_of_a_taken_name_takes_another_and_keeps_it(node, tmp_path):
    async with node_kit.running(tmp_path / "guest") as guest:
        network_id = (await node.node.network_create("clinic"))["network_id"]
        invite = (await node.node.network_invite(network_id))["invite"]
        await guest.node.network_create("clinic")
        with pytest.raises(UsageError, match="another one") as caught:
            await guest.node.network_join_invite(invite, lambda event: None)
        assert "--name" in caught.value.hint
        assert await names(guest) == {"clinic": True}
        joined = await guest.node.network_join_invite(invite, lambda event: None, name="theirs")
        again = await guest.node.network_join_invite(invite, lambda event: None)
        assert (joined["name"], again["name"]) == ("theirs", "theirs")
        assert await names(guest) == {"clinic": True, "theirs": False}


async def test_a_network_that_was_made_here_keeps_its_key_when_it_is_joined(node):
    network_id = (await node.node.network_create("clinic"))["network_id"]
    invite = (await node.node.network_invite(network_id))["invite"]
    joined = await node.node.network_join_invite(invite, lambda event: None)
    assert joined["network_id"] == network_id
    assert await names(node) == {"clinic": True}


async def test_a_name_that_is_ambiguous_is_refused_with_the_list_where_it_is_used(node, tmp_path):
    networks = Networks(node.database)
    first = await networks.find((await node.node.network_create("clinic"))["network_id"])
    other = await networks.find((await node.node.network_create("other"))["network_id"])
    await networks._change("UPDATE networks SET name = ? WHERE network_id = ?", "clinic", other.network_id)
    (tmp_path / "file").write_bytes(b"x")
    for refused in (
        node.node.network_show("clinic"),
        node.node.network_leave("clinic"),
        node.node.share([str(tmp_path / "file")], lambda event: None, network="clinic"),
    ):
        with pytest.raises(UsageError, match="several networks") as caught:
            await refused
        assert first.network_id in caught.value.message
        assert other.network_id in caught.value.message
        assert "ID" in caught.value.hint
