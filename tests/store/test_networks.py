"""Are networks, known peers, deliveries and bans kept?"""

from __future__ import annotations

import pytest

from peertransfer.errors import NotFoundError
from peertransfer.store.database import Database
from peertransfer.store.deliveries import BAN_SECONDS, Bans, Deliveries, Delivery
from peertransfer.store.networks import Networks, StoredNetwork
from peertransfer.store.peers import KEPT_COUNT, MAX_ADDRS, RETENTION_SECONDS, KnownPeers

OWN = StoredNetwork(
    network_id="net",
    name="Family",
    kind="own",
    created_at=5,
    psk=b"p" * 32,
    epoch_key=b"e" * 32,
    bootstrap=("/ip4/1.2.3.4/tcp/1/p2p/x",),
    contact="me",
    authority_seed=b"a" * 32,
    listen_port=4001,
)


@pytest.fixture
async def database(tmp_path):
    async with Database(tmp_path / "x.db") as opened:
        yield opened


async def test_a_network_is_read_back_as_it_was(database):
    networks = Networks(database)
    await networks.save(OWN)
    await networks.save(StoredNetwork("open", "open", "open", 1))
    assert await networks.find("net") == OWN
    assert [each.network_id for each in await networks.list()] == ["open", "net"]
    assert await networks.find("other") is None


def test_no_secret_of_a_network_is_printed():
    assert "ppp" not in repr(OWN)
    assert "aaa" not in repr(OWN)
    assert "eee" not in repr(OWN)


async def test_the_drawn_port_outlives_saving_the_network_again(database):
    networks = Networks(database)
    await networks.save(StoredNetwork("net", "a", "psk", 1))
    await networks.set_listen_port("net", 40123)
    await networks.save(StoredNetwork("net", "b", "psk", 1))
    found = await networks.find("net")
    assert (found.name, found.listen_port) == ("b", 40123)


async def test_bootstrap_and_epoch_are_replaced(database):
    networks = Networks(database)
    await networks.save(OWN)
    await networks.set_bootstrap("net", ["/a", "/b"])
    await networks.set_epoch("net", 7, b"f" * 32)
    found = await networks.find("net")
    assert (found.bootstrap, found.epoch, found.epoch_key) == (("/a", "/b"), 7, b"f" * 32)


async def test_leaving_a_network_forgets_its_peers_too(database):
    networks, peers = Networks(database), KnownPeers(database)
    await networks.save(OWN)
    await peers.remember("net", "p", ["/a"], 1)
    await peers.remember("other", "p", ["/a"], 1)
    await networks.leave("net")
    assert await networks.list() == ()
    assert await peers.list("net") == ()
    assert len(await peers.list("other")) == 1


async def test_an_unknown_network_is_said(database):
    networks = Networks(database)
    with pytest.raises(NotFoundError, match="nowhere"):
        await networks.leave("nowhere")
    with pytest.raises(NotFoundError, match="nowhere"):
        await networks.set_listen_port("nowhere", 1)


async def test_an_erased_secret_is_nowhere_in_the_files(tmp_path):
    secret = b"SECRET-OF-THIS-NETWORK-32-OCTETS"
    async with Database(tmp_path / "x.db") as database:
        networks = Networks(database)
        await networks.save(StoredNetwork("net", "a", "psk", 1, psk=secret))
        await networks.leave("net")
    assert all(secret not in each.read_bytes() for each in tmp_path.iterdir())


async def test_a_peer_is_kept_with_its_last_addresses_and_stays_a_bootstrap_peer(database):
    peers = KnownPeers(database)
    await peers.remember("net", "p", ["/a"], 1, is_bootstrap=True)
    await peers.remember("net", "p", [f"/{number}" for number in range(40)], 2)
    (found,) = await peers.list("net")
    assert (len(found.addrs), found.last_seen_at, found.is_bootstrap) == (MAX_ADDRS, 2, True)


async def test_peers_not_met_for_a_week_go_but_for_bootstrap_and_the_last_eight(database):
    peers = KnownPeers(database)
    await peers.remember("net", "bootstrap", ["/a"], 0, is_bootstrap=True)
    for number in range(12):
        await peers.remember("net", f"old{number}", ["/a"], number)
        await peers.remember("quiet", f"old{number}", ["/a"], number)
    for number in range(5):
        await peers.remember("net", f"new{number}", ["/a"], RETENTION_SECONDS + 100)
    await peers.expire(RETENTION_SECONDS + 101)
    left = [each.peer_id for each in await peers.list("net")]
    assert left == [*(f"new{number}" for number in range(5)), "old11", "old10", "old9", "bootstrap"]
    assert len(await peers.list("quiet")) == KEPT_COUNT


async def test_a_network_has_at_most_so_many_peers(database, monkeypatch):
    monkeypatch.setattr("peertransfer.store.peers.MAX_PEERS", 20)
    peers = KnownPeers(database)
    for number in range(30):
        await peers.remember("net", f"p{number}", ["/a"], number)
    await peers.expire(30)
    assert len(await peers.list("net")) == 20


async def test_a_forgotten_peer_is_gone(database):
    peers = KnownPeers(database)
    await peers.remember("net", "p", ["/a"], 1)
    await peers.forget("net", "p")
    assert await peers.list("net") == ()


async def test_deliveries_are_listed_by_share(database):
    deliveries = Deliveries(database)
    first = Delivery("link1", "cid1", "net", "peer1", 5, 100)
    second = Delivery("link2", "cid2", "net", "peer1", 6, 100)
    await deliveries.add(first)
    await deliveries.add(second)
    assert await deliveries.list() == (first, second)
    assert await deliveries.list("cid2") == (second,)


async def test_a_ban_holds_for_one_manifest_and_one_hour(database):
    bans = Bans(database)
    await bans.ban("net", "liar", "cid1", 100)
    assert await bans.banned_until("net", "liar", "cid1", 100 + BAN_SECONDS - 1) == 100 + BAN_SECONDS
    assert not await bans.banned_until("net", "liar", "cid1", 100 + BAN_SECONDS)
    assert not await bans.banned_until("net", "liar", "cid2", 101)
    assert not await bans.banned_until("other", "liar", "cid1", 101)
    assert await bans.expire(100 + BAN_SECONDS) == 1
