"""Whose records are kept, for how long, and what spam can't do."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kad_kit import addr, key, peer_id, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia import provider_store
from peertransfer.kademlia.distance import distance
from peertransfer.kademlia.provider_store import MAX_ADDRS_SIZE, TTL_SECONDS, ProviderStore

OWN = peer_id(0)
NEAR = sorted(range(300), key=lambda number: distance(key(number), OWN))
"""Numbers of keys, closest to us first."""


def new_store(*said, now=0, **limits):
    store = ProviderStore(OWN, **limits)
    for number, provider in said:
        assert say(store, number, provider, now)
    return store


def say(store, number, provider, now=0):
    return store.add(key(number), record(provider), peer_id(provider), now)


def providers(store, number, now=0):
    return [int.from_bytes(one.peer_id[6:], "big") for one in store.providers(key(number), now)]


# --- keeping -------------------------------------------------------------------------------------


def test_a_record_is_kept_as_its_provider_said():
    store = new_store((1, 5))
    assert store.providers(key(1), 0) == (record(5),)
    assert store.providers(key(2), 0) == ()
    assert store.record_count == 1


def test_nobody_speaks_for_another():
    store = ProviderStore(OWN)
    assert not store.add(key(1), record(5), peer_id(6), 0)
    assert not store.add(key(1), PeerRecord(OWN, (addr(1),)), peer_id(6), 0)
    assert not store.add(key(1), record(6), OWN, 0)
    assert store.providers(key(1), 0) == ()


def test_a_record_in_our_own_name_is_refused():
    store = new_store((1, 5))
    assert not store.add(key(1), PeerRecord(OWN, (addr(1),)), OWN, 0)
    assert (providers(store, 1), store.record_count) == ([5], 1)


def test_a_record_without_addresses_is_none():
    assert not ProviderStore(OWN).add(key(1), PeerRecord(peer_id(5), ()), peer_id(5), 0)


def test_the_latest_word_comes_first():
    store = new_store((1, 5), (1, 6), (1, 7))
    say(store, 1, 5, now=1)
    assert providers(store, 1) == [5, 7, 6]
    assert store.record_count == 3


def test_a_provider_that_moved_is_found_there_by_all_of_its_records():
    store = new_store((1, 5), (2, 5))
    moved = PeerRecord(peer_id(5), (addr(99),))
    assert store.add(key(2), moved, peer_id(5), 1)
    assert store.providers(key(1), 1) == store.providers(key(2), 1) == (moved,)


def test_over_which_connection_a_provider_gave_its_addresses_is_kept_with_them():
    store = ProviderStore(peer_id(0))
    assert store.seen_at(peer_id(1)) is None
    for seen_at in (addr(1), addr(2), None):
        assert store.add(key(1), record(1), peer_id(1), 0, seen_at=seen_at)
        assert store.seen_at(peer_id(1)) == seen_at


def test_the_addresses_of_a_provider_that_are_kept_are_bounded():
    store = ProviderStore(OWN)
    many = PeerRecord(peer_id(5), (*(bytes([number]) * 200 for number in range(3)), b"short"))
    store.add(key(1), many, peer_id(5), 0)
    (kept,) = store.providers(key(1), 0)
    assert kept.addrs == many.addrs[:2]
    assert sum(map(len, kept.addrs)) <= MAX_ADDRS_SIZE


# --- limits --------------------------------------------------------------------------------------


def test_the_twenty_first_provider_takes_the_place_of_the_stalest():
    store = new_store(*((1, provider) for provider in range(1, 21)))
    say(store, 1, 1, now=1)
    assert say(store, 1, 21, now=2)
    assert providers(store, 1) == [21, 1, *range(20, 2, -1)]
    assert store.record_count == 20


def test_one_sender_has_so_many_records_and_no_more():
    store = new_store((1, 5), (2, 5), max_per_peer=2)
    assert not say(store, 3, 5)
    assert say(store, 2, 5, now=1)
    assert say(store, 3, 6)
    store.withdraw(key(1), peer_id(5))
    assert say(store, 3, 5)


def test_a_full_store_keeps_the_records_closest_to_us():
    store = new_store((NEAR[5], 5), (NEAR[9], 5), (NEAR[2], 5), max_records=3)
    assert not say(store, NEAR[10], 6)
    assert say(store, NEAR[1], 6)
    assert [number for number in NEAR if providers(store, number)] == [NEAR[1], NEAR[2], NEAR[5]]
    assert store.record_count == 3


def test_a_full_store_still_renews_what_it_has():
    store = new_store((NEAR[5], 5), max_records=1)
    assert say(store, NEAR[5], 5, now=TTL_SECONDS - 1)
    assert providers(store, NEAR[5], TTL_SECONDS) == [5]


def test_a_second_provider_does_not_push_the_furthest_key_out_of_a_full_store():
    store = new_store((NEAR[5], 5), (NEAR[6], 5), max_records=2)
    assert not say(store, NEAR[6], 6)
    assert say(store, NEAR[5], 6)
    assert (providers(store, NEAR[5]), providers(store, NEAR[6])) == ([6, 5], [])


def test_a_thousand_senders_of_a_thousand_keys_take_bounded_memory_and_time():
    # What one sender costs is measured on a tenth of the limits; it is the same for each record.
    tracemalloc.start()
    began_at = time.thread_time()
    store = ProviderStore(OWN, max_records=10_000, max_per_peer=1000)
    for sender in range(1, 101):
        for number in range(200):
            say(store, sender * 1000 + number, sender)
    spent = time.thread_time() - began_at
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.record_count == 10_000
    assert used <= 8 << 20
    assert spent <= 10


# --- ending --------------------------------------------------------------------------------------


def test_a_record_ends_a_day_after_the_latest_word():
    store = new_store((1, 5), (1, 6))
    say(store, 1, 6, now=10)
    assert providers(store, 1, TTL_SECONDS - 1) == [6, 5]
    assert providers(store, 1, TTL_SECONDS) == [6]
    assert providers(store, 1, TTL_SECONDS + 10) == []


def test_expired_records_are_removed():
    store = new_store((1, 5), (2, 5), (1, 6))
    say(store, 1, 6, now=10)
    assert store.expire(TTL_SECONDS - 1) == 0
    assert store.expire(TTL_SECONDS) == 2
    assert (store.record_count, providers(store, 1, 10)) == (1, [6])


@pytest.mark.parametrize("count", [4, 5])
def test_a_large_store_is_gone_through_bit_by_bit(monkeypatch, count):
    monkeypatch.setattr(provider_store, "EXPIRE_BATCH", 2)
    store = new_store(*((NEAR[place], 5) for place in range(count)))
    say(store, NEAR[1], 5, now=10)
    assert [store.expire(TTL_SECONDS) for _ in range(3)] == ([1, 2, 0] if count == 4 else [1, 2, 1])
    assert store.record_count == 1
    assert store.expire(TTL_SECONDS + 10) == 1
    assert store.expire(TTL_SECONDS + 10) == 0


def test_a_withdrawn_record_is_gone_and_withdrawing_it_again_is_nothing():
    store = new_store((1, 5), (1, 6))
    for _ in range(2):
        store.withdraw(key(1), peer_id(5))
    store.withdraw(key(2), peer_id(5))
    assert providers(store, 1) == [6]
    assert store.record_count == 1


# --- any order -----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from("aaawe"), st.integers(0, 9), st.integers(1, 6), st.integers(0, 40)),
        max_size=80,
    )
)
@settings(deadline=None)
def test_no_order_of_events_breaks_the_counts_or_the_limits(steps):
    store = ProviderStore(OWN, max_records=12, max_per_peer=5, max_providers=3, ttl_seconds=60)
    now = 0
    for step, number, provider, seconds in steps:
        now += seconds
        if step == "a":
            say(store, number, provider, now)
        elif step == "w":
            store.withdraw(key(number), peer_id(provider))
        else:
            store.expire(now)
            assert store.expire(now) == 0
        held = [set(providers(store, one, float("-inf"))) for one in range(10)]
        senders = [one for several in held for one in several]
        assert store.record_count == len(senders) <= 12
        assert max(map(senders.count, senders), default=0) <= 5
        assert max(map(len, held)) <= 3
