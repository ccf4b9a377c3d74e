"""The routing table, the provider store, answers and republishing."""

import pytest
from kad_kit import key, peer_id, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import RemoteProtocolError
from peertransfer.kademlia import provider_store, routing_table
from peertransfer.kademlia.address_groups import address_groups
from peertransfer.kademlia.distance import common_prefix_length, kad_id
from peertransfer.kademlia.provider_store import MAX_PROVIDERS_OF_KEY, TTL_SECONDS, ProviderStore
from peertransfer.kademlia.republish import INTERVAL_SECONDS, Republisher
from peertransfer.kademlia.routing_table import DEMOTION_SECONDS, MAX_FAILURES, K, RoutingTable
from peertransfer.kademlia.server import answer
from peertransfer.wire.kad_codec import KadMessage, KadType

OWN = record(1)


def table_of(*numbers):
    table = RoutingTable(OWN.peer_id)
    for number in numbers:
        table.admit(record(number).peer_id, record(number).addrs, 0)
    return table


def test_the_closest_come_nearest_first():
    table = table_of(*range(2, 60))
    found = table.closest(key(9), 0)
    places = [kad_id(one.peer_id) ^ kad_id(key(9)) for one in found]
    assert places == sorted(places)
    assert len(found) == K
    assert found[0] not in table.closest(key(9), 0, but=found[0].peer_id)


def test_we_are_never_in_our_own_table():
    table = table_of(1)
    assert len(table) == 0
    assert OWN.peer_id not in table


def test_a_full_bucket_takes_a_newcomer_only_for_a_peer_that_fails():
    far = [n for n in range(2, 400) if common_prefix_length(kad_id(peer_id(n)), kad_id(OWN.peer_id)) == 0]
    table = table_of(*far[:K])
    newcomer = record(far[K])
    assert not table.admit(newcomer.peer_id, newcomer.addrs, 0)
    table.demote(peer_id(far[0]), 0)
    assert table.admit(newcomer.peer_id, newcomer.addrs, 0)
    assert peer_id(far[0]) not in table


def test_a_peer_that_fails_is_not_asked_for_a_minute_and_then_forgotten():
    table = table_of(2, 3)
    table.demote(peer_id(2), 100)
    assert [one.peer_id for one in table.closest(key(1), 100)] == [peer_id(3)]
    assert len(table.closest(key(1), 100 + DEMOTION_SECONDS)) == 2
    for _ in range(MAX_FAILURES - 1):
        table.demote(peer_id(2), 200)
    assert peer_id(2) not in table
    table.demote(peer_id(2), 200)
    table.remove(peer_id(2))
    assert len(table.peers()) == 1


def test_a_peer_that_answers_again_is_forgiven_and_may_have_moved():
    table = table_of(2)
    table.demote(peer_id(2), 0)
    assert table.admit(peer_id(2), (b"\x04\x0a\x00\x00\x09\x06\x00\x01",), 1)
    assert table.closest(key(1), 1) == [PeerRecord(peer_id(2), (b"\x04\x0a\x00\x00\x09\x06\x00\x01",))]
    assert table.admit(peer_id(2), (), 2)
    assert table.peers()[0].addrs


def public(number):
    return (bytes((4, 8, 8, 8, number, 6, 15, 161)),)


def test_one_network_block_can_not_fill_the_table():
    table = RoutingTable(OWN.peer_id)
    admitted = [number for number in range(2, 100) if table.admit(peer_id(number), public(number), 0)]
    assert len(admitted) == 3
    places = [common_prefix_length(kad_id(peer_id(one)), kad_id(OWN.peer_id)) for one in admitted]
    assert max(places.count(place) for place in places) <= 2


@pytest.mark.parametrize(
    ("addr", "group"),
    [
        (b"", None),
        (b"\x04\x08", None),
        (b"\x04\x7f\x00\x00\x01\x06\x00\x01", None),
        (b"\x04\x08\x08\x04\x04\x06\x00\x01", b"\x08\x08\x04"),
        (b"\x29\x26\x06" + bytes(14), b"\x26\x06" + bytes(6)),
        (b"\x36\x03abc", None),
    ],
)
def test_public_addresses_are_grouped_by_block(addr, group):
    assert address_groups((addr,)) == (frozenset() if group is None else {group})


# --- provider records ---------------------------------------------------------------------------------


def test_a_record_is_taken_from_the_provider_itself_only():
    store = ProviderStore()
    assert not store.add(key(1), record(2), peer_id(3), 0)
    assert not store.add(key(1), PeerRecord(peer_id(2), ()), peer_id(2), 0)
    assert store.add(key(1), record(2), peer_id(2), 0)
    assert store.add(key(1), record(2), peer_id(2), 0)
    assert len(store) == 1
    assert store.providers(key(1), 0) == [record(2)]


def test_a_record_ends_and_can_be_forgotten():
    store = ProviderStore()
    store.add(key(1), record(2), peer_id(2), 0)
    assert store.providers(key(1), TTL_SECONDS) == []
    store.expire(TTL_SECONDS)
    assert len(store) == 0
    store.forget(key(1), peer_id(2))
    store.add(key(1), record(2), peer_id(2), 0)
    store.add(key(1), record(3), peer_id(3), 0)
    store.forget(key(1), peer_id(2))
    assert store.providers(key(1), 0) == [record(3)]


def test_the_store_is_bounded_by_key_by_peer_and_in_all(monkeypatch):
    store = ProviderStore()
    taken = [store.add(key(1), record(n), peer_id(n), 0) for n in range(2, 30)]
    assert sum(taken) == MAX_PROVIDERS_OF_KEY
    monkeypatch.setattr(provider_store, "MAX_RECORDS_OF_PEER", 5)
    assert sum(store.add(key(n), record(50), peer_id(50), 0) for n in range(100, 120)) == 5
    monkeypatch.setattr(provider_store, "MAX_RECORDS", 25)
    assert not store.add(key(200), record(60), peer_id(60), 0)
    assert store.add(key(200), record(60), peer_id(60), TTL_SECONDS)
    assert len(store) == 1


# --- answers ------------------------------------------------------------------------------------------


def ask(kind, target, table=None, store=None, providers=()):
    message = KadMessage(kind, target, (), providers)
    return answer(
        message,
        peer_id(9),
        own=OWN,
        table=table or table_of(2, 3, 9),
        store=ProviderStore() if store is None else store,
        now=0,
    )


def test_find_node_names_the_closest_but_never_the_asker():
    found = ask(KadType.FIND_NODE, key(1))
    assert {one.peer_id for one in found.closer_peers} == {peer_id(2), peer_id(3)}


def test_find_node_for_ourselves_gives_our_addresses():
    assert ask(KadType.FIND_NODE, OWN.peer_id).closer_peers[0] == OWN


def test_get_providers_gives_records_and_closer_peers():
    store = ProviderStore()
    ask(KadType.ADD_PROVIDER, key(1), store=store, providers=(record(9), record(2)))
    found = ask(KadType.GET_PROVIDERS, key(1), store=store)
    assert found.provider_records == (record(9),)
    assert len(found.closer_peers) == 2


def test_ping_is_answered_and_values_are_refused():
    assert ask(KadType.PING, b"").type is KadType.PING
    for kind in (KadType.PUT_VALUE, KadType.GET_VALUE):
        with pytest.raises(RemoteProtocolError):
            ask(kind, key(1))
    with pytest.raises(RemoteProtocolError):
        ask(KadType.FIND_NODE, b"")


# --- republishing -------------------------------------------------------------------------------------


def test_a_new_key_is_due_at_once_and_again_after_half_a_day():
    republisher = Republisher()
    republisher.replace([key(1)])
    assert republisher.due(0) == [key(1)]
    republisher.provided(key(1), [], 0)
    assert republisher.due(0) == [key(1)]
    republisher.provided(key(1), [peer_id(2)], 0, jitter_seconds=5)
    assert republisher.due(INTERVAL_SECONDS) == []
    assert republisher.due(INTERVAL_SECONDS + 5) == [key(1)]


def test_a_key_that_is_gone_is_never_due():
    republisher = Republisher()
    republisher.replace([key(1), key(2)])
    republisher.provided(key(1), [peer_id(2)], 0)
    republisher.replace([])
    assert republisher.due(10**9) == []
    republisher.provided(key(1), [peer_id(2)], 0)
    assert republisher.due(10**9) == []


def test_a_peer_that_comes_close_is_told_and_a_far_one_is_not():
    republisher = Republisher()
    republisher.replace([key(1)])
    republisher.provided(key(1), [peer_id(2)], 0)
    republisher.peer_came(peer_id(2), [record(2)])
    assert republisher.due(0) == []
    republisher.peer_came(peer_id(3), [record(2)])
    assert republisher.due(0) == [key(1)]
    republisher.provided(key(1), [peer_id(2)], 0)
    ranked = sorted(range(2, 60), key=lambda n: kad_id(peer_id(n)) ^ kad_id(key(1)))
    republisher.peer_came(peer_id(ranked[-1]), [record(n) for n in ranked[: routing_table.K]])
    assert republisher.due(0) == []
