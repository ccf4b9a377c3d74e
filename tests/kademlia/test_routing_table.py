"""Who gets into the table, stays, and is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kad_kit import addr, key, peer_id, public_addr, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia import routing_table
from peertransfer.kademlia.distance import distance, position, shared_bits
from peertransfer.kademlia.routing_table import MAX_FAILURES, K, RoutingTable

OWN = peer_id(0)


def bucket_of(number):
    return shared_bits(position(OWN), position(peer_id(number)))


FAR = [number for number in range(1, 400) if bucket_of(number) == 0]
"""Numbers of peers that share no bit with us: they are of one bucket."""
SECOND = [number for number in range(1, 400) if bucket_of(number) == 1]


def table_of(*numbers, now=0):
    table = RoutingTable(OWN)
    for number in numbers:
        assert table.admit(peer_id(number), (addr(number),), now)
    return table


# --- coming and going ----------------------------------------------------------------------------


def test_an_admitted_peer_is_in_the_table():
    table = table_of(1)
    assert peer_id(1) in table
    assert peer_id(2) not in table
    assert (table.size, table.record(peer_id(1)), table.record(peer_id(2))) == (1, record(1), None)
    assert table.peers() == (record(1),)


def test_we_are_never_in_our_own_table():
    table = RoutingTable(OWN)
    assert not table.admit(OWN, (addr(1),), 0)
    assert table.size == 0
    assert table.own_peer_id == OWN


def test_a_peer_that_moved_has_its_new_addresses():
    table = table_of(1)
    assert table.admit(peer_id(1), (addr(7),), 1)
    assert table.peers() == (PeerRecord(peer_id(1), (addr(7),)),)


def test_a_full_bucket_keeps_the_peers_that_it_has():
    table = table_of(*FAR[:K])
    assert not table.admit(peer_id(FAR[K]), (addr(1),), 1)
    assert table.size == K
    assert table.admit(peer_id(SECOND[0]), (addr(1),), 1)


def test_a_peer_of_a_full_bucket_is_renewed():
    table = table_of(*FAR[:K])
    assert table.admit(peer_id(FAR[0]), (addr(7),), 1)
    assert table.size == K


def test_a_peer_that_failed_makes_way_for_a_newcomer_in_a_full_bucket():
    table = table_of(*FAR[:K])
    for failing, times in ((FAR[4], 1), (FAR[9], 2)):
        for _ in range(times):
            table.demote(peer_id(failing), 0)
    assert table.admit(peer_id(FAR[K]), (addr(1),), 1)
    assert peer_id(FAR[9]) not in table
    assert table.admit(peer_id(FAR[K + 1]), (addr(1),), 1)
    assert peer_id(FAR[4]) not in table
    assert not table.admit(peer_id(FAR[K + 2]), (addr(1),), 1)


def test_of_two_that_failed_as_often_the_longer_silent_one_makes_way():
    table = table_of(*FAR[: K - 1])
    table.admit(peer_id(FAR[3]), (addr(3),), 5)
    table.admit(peer_id(FAR[K - 1]), (addr(1),), 3)
    for failing in (FAR[3], FAR[K - 1]):
        table.demote(peer_id(failing), 6)
    assert table.admit(peer_id(FAR[K]), (addr(1),), 7)
    assert peer_id(FAR[K - 1]) not in table


def test_a_removed_peer_is_gone_and_removing_it_again_is_nothing():
    table = table_of(1, 2)
    table.remove(peer_id(1))
    table.remove(peer_id(1))
    assert table.peers() == (record(2),)


# --- failing -------------------------------------------------------------------------------------


def test_a_peer_that_timed_out_is_not_named_for_a_minute():
    table = table_of(1, 2)
    table.demote(peer_id(1), 100)
    assert table.closest(key(1), K, 159) == (record(2),)
    assert set(table.closest(key(1), K, 160)) == {record(1), record(2)}
    assert set(table.closest(key(1), K)) == {record(1), record(2)}


def test_a_peer_that_fails_three_times_in_a_row_is_removed():
    table = table_of(1)
    for _ in range(MAX_FAILURES - 1):
        table.demote(peer_id(1), 0)
    assert peer_id(1) in table
    table.demote(peer_id(1), 0)
    assert peer_id(1) not in table


def test_an_answer_between_makes_the_failures_forgotten():
    table = table_of(1)
    for now in range(10):
        table.demote(peer_id(1), now)
        assert table.closest(key(1), 1, now) == ()
        table.admit(peer_id(1), (addr(1),), now)
        assert table.closest(key(1), 1, now) == (record(1),)


def test_a_demoted_peer_from_hearsay_is_avoided_for_a_minute_and_never_named():
    table = RoutingTable(OWN)
    table.demote(peer_id(1), 100)
    assert table.demoted(159) == {peer_id(1)}
    assert table.demoted(160) == frozenset()
    assert table.size == 0


def test_the_demoted_that_are_remembered_are_bounded():
    table = RoutingTable(OWN)
    for number in range(routing_table.MAX_DEMOTED + 5):
        table.demote(peer_id(number), number / 1000)
    table.demote(peer_id(5), 3)
    table.demote(peer_id(5000), 3)
    assert len(table.demoted(2)) == routing_table.MAX_DEMOTED
    assert peer_id(6) not in table.demoted(2)
    assert peer_id(5) in table.demoted(2)


# --- diversity -----------------------------------------------------------------------------------


def rented(number):
    return (public_addr(8, 8, 4, number % 256),)


def test_one_network_has_two_peers_in_a_bucket():
    table = RoutingTable(OWN)
    admitted = [table.admit(peer_id(number), rented(number), 0) for number in FAR[:10]]
    assert admitted == [True] * 2 + [False] * 8


def test_one_network_has_three_peers_in_the_table():
    table = RoutingTable(OWN)
    numbers = [FAR[0], SECOND[0], FAR[1], SECOND[1], SECOND[2]]
    assert [table.admit(peer_id(one), rented(one), 0) for one in numbers] == [True] * 3 + [False] * 2


def test_a_peer_that_goes_gives_its_place_in_the_network_free():
    table = RoutingTable(OWN)
    for number in FAR[:2]:
        table.admit(peer_id(number), rented(number), 0)
    table.remove(peer_id(FAR[0]))
    assert table.admit(peer_id(FAR[2]), rented(1), 0)
    assert not table.admit(peer_id(FAR[3]), rented(1), 0)


def test_a_peer_of_a_full_network_is_renewed():
    table = RoutingTable(OWN)
    for number in (*FAR[:2], SECOND[0]):
        table.admit(peer_id(number), rented(number), 0)
    assert table.admit(peer_id(FAR[0]), rented(9), 1)
    assert table.size == 3


def test_a_peer_that_moves_into_a_full_network_leaves_the_table():
    table = RoutingTable(OWN)
    for number in FAR[:2]:
        table.admit(peer_id(number), rented(number), 0)
    table.admit(peer_id(FAR[2]), (addr(1),), 0)
    assert not table.admit(peer_id(FAR[2]), rented(1), 1)
    assert peer_id(FAR[2]) not in table


def test_a_peer_counts_for_all_the_networks_that_it_claims():
    table = RoutingTable(OWN)
    both = (public_addr(8, 8, 4, 1), public_addr(9, 9, 9, 1))
    assert all(table.admit(peer_id(number), both, 0) for number in FAR[:2])
    assert not table.admit(peer_id(FAR[2]), (public_addr(9, 9, 9, 7),), 0)


def test_a_peer_that_was_seen_counts_for_where_it_came_from_and_not_for_its_claims():
    table = RoutingTable(OWN)
    for number in FAR[:5]:
        assert table.admit(peer_id(number), rented(number), 0, seen_at=addr(number))
    honest = FAR[6]
    assert table.admit(peer_id(honest), rented(honest), 0, seen_at=rented(honest)[0])
    assert table.record(peer_id(honest)).addrs == rented(honest)


def test_neighbours_on_a_private_network_are_no_crowd():
    assert table_of(*FAR[:K]).size == K


# --- naming --------------------------------------------------------------------------------------


@given(st.sets(st.integers(1, 3000), max_size=60), st.integers(0, 9999), st.integers(0, 30))
@settings(deadline=None)
def test_the_closest_are_the_closest_of_all_in_their_order(numbers, target, count):
    table = RoutingTable(OWN, k=100)
    for number in numbers:
        table.admit(peer_id(number), (addr(number),), 0)
    by_distance = sorted(numbers, key=lambda number: distance(peer_id(number), key(target)))
    assert table.closest(key(target), count) == tuple(record(number) for number in by_distance[:count])


@given(st.lists(st.tuples(st.sampled_from("adr"), st.integers(1, 40), st.integers(0, 5)), max_size=80))
@settings(deadline=None)
def test_no_order_of_events_breaks_the_caps(steps):
    table = RoutingTable(OWN, k=4)
    for now, (step, number, network) in enumerate(steps):
        if step == "a":
            table.admit(peer_id(number), (public_addr(9, 9, network, number),), now)
        elif step == "d":
            table.demote(peer_id(number), now)
        else:
            table.remove(peer_id(number))
        peers = [
            (one.addrs[0][1:4], shared_bits(position(OWN), position(one.peer_id))) for one in table.peers()
        ]
        networks = [group for group, _ in peers]
        buckets = [bucket for _, bucket in peers]
        assert max(map(networks.count, networks), default=0) <= 3
        assert max(map(peers.count, peers), default=0) <= 2
        assert max(map(buckets.count, buckets), default=0) <= 4


# --- keeping it fresh ----------------------------------------------------------------------------


def test_peers_that_were_not_heard_lately_are_named_the_longest_silent_first():
    table = RoutingTable(OWN)
    for number, now in ((1, 50), (2, 10), (3, 300)):
        table.admit(peer_id(number), (addr(number),), now)
    assert table.unheard(650) == (record(2), record(1))
    assert table.unheard(650, seconds=10_000) == ()


def test_an_empty_table_has_no_stale_bucket():
    assert RoutingTable(OWN).stale_buckets(0) == ()


def test_buckets_are_stale_until_somebody_is_looked_for_there_and_again_later():
    deep = next(number for number in range(1, 400) if bucket_of(number) == 3)
    table = table_of(FAR[0], deep)
    assert table.stale_buckets(0) == (0, 1, 2, 3)
    table.mark_refreshed(table.refresh_key(1, b"seed"), 100)
    assert table.stale_buckets(100) == (0, 2, 3)
    assert table.stale_buckets(699) == (0, 2, 3)
    assert table.stale_buckets(700) == (0, 1, 2, 3)


def test_buckets_too_deep_for_a_key_to_be_found_are_never_stale(monkeypatch):
    monkeypatch.setattr(routing_table, "MAX_REFRESH_BUCKET", 1)
    assert table_of(next(number for number in range(1, 400) if bucket_of(number) == 3)).stale_buckets(0) == (
        0,
        1,
    )


@pytest.mark.parametrize("bucket", [0, 1, 5, 10])
def test_a_refresh_key_is_a_key_of_its_bucket_and_another_for_each_seed(bucket):
    table = RoutingTable(OWN)
    keys = {table.refresh_key(bucket, seed) for seed in (b"one", b"two")}
    assert len(keys) == 2
    for one in keys:
        assert one[:2] == b"\x12\x20"
        assert len(one) == 34
        assert shared_bits(position(OWN), position(one)) == bucket
