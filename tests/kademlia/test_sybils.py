"""Sybils: many peer IDs near one key, on few machines, that hide what the key's true neighbours know."""

import pytest
from kad_kit import SimNode, key, network_of, public_addr, sybils_near

from peertransfer.kademlia import candidates, routing_table

RENTED = [public_addr(9, 9, rack, host) for rack in (1, 2) for host in range(1, 5)]
"""Eight addresses in two racks."""


def place_of(number):
    """Return an address of which no two share a network."""
    return public_addr(20 + number // 200, number % 200, 1, 1)


def found_under_siege(honest_count, sybil_count, seed, places=RENTED):
    """Return which share of new getters find what was provided while the Sybils were there already."""
    network = network_of(honest_count, seed, place_of)
    honest = list(network.nodes.values())
    sybils = sybils_near(key(1), sybil_count, places)
    for node in honest:
        network.besiege(node, sybils)
    network.provide(honest[0], 1)
    found = 0
    getters = [SimNode(5000 + number, place_of(5000 + number)) for number in range(10)]
    for number, getter in enumerate(getters):
        network.join(getter, bootstrap=honest[1 + number])
        network.besiege(getter, sybils)
        found += honest[0].peer_id in network.get_providers(getter, 1, want_providers=0)
    return found / len(getters)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("honest_count", "sybil_count"), [(30, 20), (60, 40), (60, 200)])
def test_sybils_near_a_key_on_few_machines_do_not_hide_its_provider(honest_count, sybil_count, seed):
    assert found_under_siege(honest_count, sybil_count, seed) == 1


def test_sybils_in_six_networks_leave_room_for_the_honest_among_the_twenty_closest():
    """Seven networks times three are over twenty: then nothing is found, and nothing else is claimed."""
    six = [public_addr(9, 9, rack, 1) for rack in range(6)]
    assert found_under_siege(60, 40, 0, six) == 1


def test_without_the_caps_of_the_table_they_do(monkeypatch):
    monkeypatch.setattr(routing_table, "GROUP_PER_BUCKET", 1000)
    monkeypatch.setattr(routing_table, "GROUP_PER_TABLE", 1000)
    assert found_under_siege(60, 40, 0) < 1


def test_without_the_cap_of_a_look_up_they_do(monkeypatch):
    monkeypatch.setattr(candidates, "GROUP_PER_LOOKUP", 1000)
    assert found_under_siege(60, 40, 0) < 1


def test_where_everybody_is_in_one_rack_everybody_is_asked():
    network = network_of(12, 1, one_rack)
    nodes = list(network.nodes.values())
    assert network.provide(nodes[0], 1) > candidates.GROUP_PER_LOOKUP
    for getter in nodes[1:]:
        found = network.get_providers(getter, 1, want_providers=0)
        assert found == [nodes[0].peer_id] or getter.store.providers(key(1), network.now)


def one_rack(number):
    return public_addr(9, 9, 9, number)
