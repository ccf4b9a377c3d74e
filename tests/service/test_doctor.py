"""What the doctor finds in a home, and in the hosts that run."""

import errno
import os
from pathlib import Path

import node_kit
import pytest
import trio

from peertransfer.errors import HomeError
from peertransfer.service import offline
from peertransfer.service.doctor import examine_home
from peertransfer.service.home_setup import init_home
from peertransfer.service.networks import network_of_psk
from peertransfer.service.policy_file import read_policy
from peertransfer.store.database import Database
from peertransfer.store.home import open_home
from peertransfer.store.networks import Networks

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"
OTHER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "0123456789abcdef" * 4 + "\n"


@pytest.fixture
def home(tmp_path):
    init_home(tmp_path / "home", accept_privacy=True)
    return open_home(tmp_path / "home")


def bad(checks):
    """Return what is wrong, by its name."""
    return {one["name"]: one for one in checks if not one["ok"]}


def test_a_home_that_nobody_may_look_into_is_the_one_finding(home, monkeypatch):
    monkeypatch.setattr(os, "scandir", _barred)
    monkeypatch.setattr(Path, "exists", _barred)
    found = bad(offline.doctor(home.path)["checks"])
    assert list(found) == ["home"]
    assert found["home"]["mend"] == f"Mend it with: chmod 700 {home.path}"


def test_a_policy_that_is_lost_and_one_that_cannot_be_read_have_their_own_mends(home, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", _barred)
        with pytest.raises(HomeError, match="can't be read: Permission denied") as caught:
            read_policy(home.policy_path)
    assert caught.value.hint == f"Mend it with: chmod 600 {home.policy_path}"
    home.policy_path.unlink()
    with pytest.raises(HomeError, match="There is no") as caught:
        read_policy(home.policy_path)
    assert caught.value.hint == "Put your policy back there."
    assert list(bad(examine_home(home.path))) == ["policy"]


def addrs_of(peer_id, *ports):
    return [f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer_id}" for port in ports]


async def keep_network(database, bootstrap):
    network = network_of_psk("field", SWARM_KEY, bootstrap, 1)
    await Networks(database).save(network)
    return network


def test_bootstrap_peers_are_told_without_a_node(home):
    async def prepare():
        async with Database(home.database_path) as database:
            await keep_network(database, addrs_of(PEER, 1, 2))

    trio.run(prepare)
    (found,) = [one for one in offline.doctor(home.path)["checks"] if one["name"] == "bootstrap (field)"]
    assert found["ok"]
    assert found["detail"].startswith("1 bootstrap peer;")


async def test_a_bootstrap_peer_with_two_addresses_is_one(tmp_path):
    async with node_kit.running(tmp_path / "node") as one:
        network = await keep_network(one.database, [*addrs_of(PEER, 1, 2), *addrs_of(OTHER, 3)])
        await one.node._hosts.start(network)
        checks = (await one.node.doctor())["checks"]
    (found,) = [one for one in checks if one["name"] == "bootstrap (field)"]
    assert (found["ok"], found["detail"]) == (False, "0 of 2 bootstrap peers connected")


async def test_a_key_that_went_while_its_host_runs_is_found(tmp_path):
    async with node_kit.running(tmp_path / "node") as one:
        assert "identity (open)" not in bad((await one.node.doctor())["checks"])
        (one.path / "keys" / "open.key").unlink()
        found = bad((await one.node.doctor())["checks"])["identity (open)"]
    assert "is gone" in found["detail"]
    assert "copy" in found["mend"]


def _barred(path, *args):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
