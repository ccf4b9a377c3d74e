"""Look-ups: on a simulated network, and event by event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kad_kit import SimNetwork, key, peer_id, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.lookup import (
    ALPHA,
    MAX_CANDIDATES,
    Asking,
    Finished,
    Lookup,
    LookupStarted,
    PeerAnswered,
    PeerFailed,
    Waiting,
)


def started(count=10, **options):
    lookup = Lookup(
        key(1), [record(number) for number in range(1, count + 1)], own_peer_id=peer_id(99), **options
    )
    return lookup, lookup.advance(LookupStarted())


@pytest.mark.parametrize("seed", range(5))
def test_everybody_finds_what_anybody_provides(seed):
    network = SimNetwork(40, seed)
    network.join_all()
    nodes = list(network.nodes.values())
    for number in range(10):
        provider = nodes[number * 3]
        assert len(network.provide(provider, key(number))) == 20
        found = network.find(nodes[-1 - number], key(number), want_providers=1)
        assert [one.peer_id for one in found.providers] == [provider.record.peer_id]


def test_a_third_node_that_only_routes_is_enough():
    network = SimNetwork(3)
    network.join_all()
    _, provider, getter = network.nodes.values()
    getter.table.remove(provider.record.peer_id)
    network.provide(provider, key(7))
    assert network.find(getter, key(7), want_providers=1).providers == (provider.record,)


def test_half_of_the_peers_frozen_do_not_hide_a_provider():
    network = SimNetwork(40)
    network.join_all()
    nodes = list(network.nodes.values())
    network.provide(nodes[0], key(3))
    for node in nodes[1::2]:
        node.is_frozen = True
    assert network.find(nodes[2], key(3), want_providers=1).providers == (nodes[0].record,)


def test_liars_who_name_endless_peers_are_bounded():
    network = SimNetwork(30)
    network.join_all()
    nodes = list(network.nodes.values())
    for number, node in enumerate(nodes[:10]):
        node.lies = tuple(record(10_000 + 40 * number + one) for one in range(40))
    before = network.asked
    network.find(nodes[-1], key(5))
    assert network.asked - before <= MAX_CANDIDATES


def test_at_most_alpha_peers_are_asked_at_once():
    lookup, state = started()
    assert isinstance(state, Asking)
    assert len(state.peers) == ALPHA
    assert lookup.advance(LookupStarted()) == Waiting()
    following = lookup.advance(PeerFailed(state.peers[0].peer_id))
    assert isinstance(following, Asking)
    assert len(following.peers) == 1


def test_an_answer_of_somebody_who_was_not_asked_changes_nothing():
    lookup, _ = started()
    provider = record(50)
    assert lookup.advance(PeerAnswered(peer_id(77), (), (provider,))) == Waiting()
    assert lookup.advance(PeerFailed(peer_id(77))) == Waiting()


def test_a_lookup_ends_at_the_first_providers_and_ignores_later_events():
    lookup, state = started(want_providers=1)
    done = lookup.advance(PeerAnswered(state.peers[0].peer_id, (), (record(50),)))
    assert isinstance(done, Finished)
    assert done.providers == (record(50),)
    assert lookup.advance(PeerAnswered(state.peers[1].peer_id, (record(60),), (record(61),))) == done


def test_nobody_to_ask_ends_at_once():
    lookup = Lookup(key(1), [], own_peer_id=peer_id(1))
    assert lookup.advance(LookupStarted()) == Finished((), ())


def test_ourselves_and_peers_without_addresses_are_never_asked():
    seeds = [record(99), PeerRecord(peer_id(5), ())]
    lookup = Lookup(key(1), seeds, own_peer_id=peer_id(99))
    assert lookup.advance(LookupStarted()) == Finished((), ())


def test_we_are_not_our_own_provider_and_a_record_with_addresses_replaces_one_without():
    lookup, state = started(want_providers=3)
    bare = PeerRecord(peer_id(50), ())
    lookup.advance(PeerAnswered(state.peers[0].peer_id, (), (record(99), bare)))
    lookup.advance(PeerAnswered(state.peers[1].peer_id, (), (record(50), record(51))))
    done = lookup.advance(PeerAnswered(state.peers[2].peer_id, (), (record(52),)))
    assert done.providers == (record(50), record(51), record(52))


@given(st.data())
def test_every_lookup_ends_under_any_order_of_events(data):
    lookup, state = started(count=data.draw(st.integers(0, 30)))
    outstanding = []
    steps = 0
    while not isinstance(state, Finished):
        steps += 1
        assert steps < 1000
        outstanding += state.peers if isinstance(state, Asking) else ()
        one = outstanding.pop(data.draw(st.integers(0, len(outstanding) - 1)))
        if data.draw(st.booleans()):
            heard = data.draw(st.lists(st.integers(100, 400), max_size=5))
            state = lookup.advance(PeerAnswered(one.peer_id, tuple(record(number) for number in heard)))
        else:
            state = lookup.advance(PeerFailed(one.peer_id))
