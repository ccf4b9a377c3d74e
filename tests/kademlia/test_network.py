"""Look-ups in a network of twenty to fifty nodes, some of them dead, frozen or lying."""

import pytest
from kad_kit import (
    AddressLiar,
    DeadNode,
    FrozenNode,
    NamingLiar,
    ProvidingLiar,
    SimNode,
    addr,
    key,
    network_of,
)

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.distance import distance
from peertransfer.kademlia.lookup import LookupKind


def nodes_of(network):
    return list(network.nodes.values())


@pytest.fixture(params=range(3), ids="seed {}".format)
def seed(request):
    return request.param


def test_what_anybody_provides_everybody_finds(seed):
    network = network_of(50, seed)
    nodes = nodes_of(network)
    for number in range(10):
        assert network.provide(nodes[number * 5], number) == 20
    for number in range(10):
        for getter in nodes[1::7]:
            expected = [] if getter is nodes[number * 5] else [nodes[number * 5].peer_id]
            assert network.get_providers(getter, number) == expected


def test_a_lookup_returns_the_closest_of_all(seed):
    network = network_of(50, seed)
    nodes = nodes_of(network)
    for number in range(5):
        asker = nodes[number * 9]
        others = [one.peer_id for one in nodes if one is not asker]
        right = sorted(others, key=lambda one: distance(one, key(number)))[:20]
        found = [one.peer_id for one in network.find(asker, key(number)).closest]
        assert found == right


def test_a_provider_is_found_by_few_questions(seed):
    network = network_of(50, seed)
    nodes = nodes_of(network)
    network.provide(nodes[3], 1)
    network.call_count = 0
    network.get_providers(nodes[40], 1)
    assert network.call_count <= 6


def test_a_network_of_two_finds_its_only_provider():
    network = network_of(2)
    first, second = nodes_of(network)
    assert network.provide(first, 1) == 1
    assert network.get_providers(second, 1) == []  # a host answers its own shell from its own store
    assert second.store.providers(key(1), network.now) == (first.record,)


@pytest.mark.parametrize("kind", [DeadNode, FrozenNode])
def test_a_third_of_the_nodes_gone_do_not_hide_a_provider(kind, seed):
    network = network_of(48, seed)
    nodes = nodes_of(network)
    for number in range(4):
        network.provide(nodes[number * 3], number)
    for node in nodes[1::3]:
        network.turn(node, kind)
    for number in range(4):
        for getter in (nodes[5], nodes[8], nodes[26]):
            assert network.get_providers(getter, number) == [nodes[number * 3].peer_id]


def test_frozen_peers_cost_their_time_once(seed):
    network = network_of(32, seed)
    nodes = nodes_of(network)
    for node in nodes[1::2]:
        network.turn(node, FrozenNode)
    getter = nodes[2]
    spent = []
    for _ in range(3):
        began_at = network.now
        network.get_providers(getter, 7)
        spent.append(network.now - began_at)
    assert sum(spent) <= 16 * 3 / 2
    assert spent[2] <= 0.2


def test_frozen_peers_leave_every_table_that_asks_them():
    network = network_of(24)
    nodes = nodes_of(network)
    frozen = network.turn(nodes[3], FrozenNode)
    getter = nodes[9]
    getter.table.admit(frozen.peer_id, frozen.record.addrs, network.now)
    for _ in range(3):
        network.find(getter, frozen.peer_id)
        network.now += 61
    assert frozen.peer_id not in getter.table


def test_peers_that_do_not_exist_do_not_hide_a_provider(seed):
    network = network_of(40, seed)
    nodes = nodes_of(network)
    network.provide(nodes[0], 1)
    for node in nodes[1::4]:
        network.turn(node, NamingLiar)
    for getter in (nodes[2], nodes[19], nodes[36]):
        network.call_count = 0
        assert network.get_providers(getter, 1) == [nodes[0].peer_id]
        assert network.call_count <= 40


def test_peers_that_do_not_exist_never_enter_a_table():
    network = network_of(30)
    nodes = nodes_of(network)
    for node in nodes[1::3]:
        network.turn(node, NamingLiar)
    for getter in nodes[2::3]:
        network.find(getter, key(1))
        assert {one.peer_id for one in getter.table.peers()} <= network.nodes.keys()


def test_a_lookup_hears_of_two_hundred_peers_at_most():
    network = network_of(30)
    nodes = nodes_of(network)
    for node in nodes[1:]:
        network.turn(node, NamingLiar)
    network.call_count = 0
    network.find(nodes[0], key(1))
    assert network.lookup.heard_count <= 200
    assert network.call_count <= 300


def test_false_addresses_do_not_hide_a_provider(seed):
    network = network_of(40, seed)
    nodes = nodes_of(network)
    network.provide(nodes[0], 1)
    for node in nodes[1::4]:
        network.turn(node, AddressLiar)
    for getter in (nodes[2], nodes[19], nodes[36]):
        assert network.get_providers(getter, 1) == [nodes[0].peer_id]


def test_a_false_provider_does_not_hide_the_true_one_from_whoever_goes_on(seed):
    network = network_of(40, seed)
    nodes = nodes_of(network)
    network.provide(nodes[0], 1)
    for node in nodes[1::4]:
        network.turn(node, ProvidingLiar)
    for getter in (nodes[2], nodes[19], nodes[36]):
        assert nodes[0].peer_id in network.get_providers(getter, 1, want_providers=0)


def test_a_provider_whose_addresses_changed_is_found_at_the_new_ones(seed):
    network = network_of(20, seed)
    nodes = nodes_of(network)
    network.provide(nodes[4], 1)
    for node in nodes:
        node.store.add(key(1), PeerRecord(nodes[4].peer_id, (addr(4, 1),)), nodes[4].peer_id, network.now)
    found = network.find(nodes[9], key(1), LookupKind.GET_PROVIDERS)
    assert found.providers == (PeerRecord(nodes[4].peer_id, (addr(4, 1),)),)


def test_a_record_outlives_the_death_of_half_of_its_holders(seed):
    network = network_of(50, seed)
    nodes = nodes_of(network)
    network.provide(nodes[0], 1)
    holders = [one for one in nodes if one.store.providers(key(1), network.now)]
    for node in holders[::2]:
        network.turn(node, DeadNode)
    alive = next(node for node in nodes[1:] if type(node) is SimNode)
    assert network.get_providers(alive, 1) == [nodes[0].peer_id]
