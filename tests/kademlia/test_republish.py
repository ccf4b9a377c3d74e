"""When is which key provided again, and to whom?"""

import pytest
from kad_kit import key, peer_id

from peertransfer.kademlia.distance import distance
from peertransfer.kademlia.republish import (
    INTERVAL_SECONDS,
    LEASE_SECONDS,
    MAX_RETRY_SECONDS,
    RETRY_SECONDS,
    Republisher,
)

NEAR = [
    peer_id(number) for number in sorted(range(100), key=lambda number: distance(peer_id(number), key(1)))
]
"""Peer IDs, closest to key 1 first."""


def providing(*numbers, now=0, **options):
    republisher = Republisher(**options)
    republisher.replace([key(number) for number in numbers], now)
    return republisher


def provided(holders, now=0, **options):
    republisher = providing(1, **options)
    republisher.due(now)
    republisher.provided(key(1), holders, now)
    return republisher


# --- rounds --------------------------------------------------------------------------------------


def test_nothing_is_due_where_nothing_is_provided():
    republisher = Republisher()
    assert (republisher.keys, republisher.next_due_at, republisher.due(0)) == ((), None, ())


def test_a_new_key_is_due_at_once():
    republisher = providing(1, now=50)
    assert republisher.next_due_at == 50
    assert republisher.due(50) == (key(1),)


def test_a_key_is_due_again_half_a_day_and_the_jitter_after_it_was_provided():
    republisher = providing(1)
    republisher.due(0)
    republisher.provided(key(1), NEAR[:3], 100, jitter_seconds=7.5)
    assert republisher.next_due_at == 100 + INTERVAL_SECONDS + 7.5
    assert republisher.due(100 + INTERVAL_SECONDS + 7) == ()
    assert republisher.due(100 + INTERVAL_SECONDS + 8) == (key(1),)


def test_the_longest_due_are_handed_out_first_and_only_as_many_as_asked_for():
    republisher = providing(1, now=10)
    republisher.provide(key(2), 5)
    republisher.provide(key(3), 7)
    assert republisher.due(10, limit=2) == (key(2), key(3))
    assert republisher.due(10) == (key(1),)


def test_a_key_that_was_handed_out_comes_again_only_when_nothing_is_reported():
    republisher = providing(1)
    assert republisher.due(0) == (key(1),)
    assert republisher.due(LEASE_SECONDS - 1) == ()
    assert republisher.due(LEASE_SECONDS) == (key(1),)


def test_a_key_that_nobody_took_is_due_again_soon_and_then_less_often():
    republisher = providing(1)
    now, waits = 0, []
    for turn in range(8):
        assert republisher.due(now) == (key(1),)
        if turn % 2:
            republisher.failed(key(1), now)
        else:
            republisher.provided(key(1), [], now)
        waits.append(republisher.next_due_at - now)
        now = republisher.next_due_at
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (waits[0], waits[-1]) == (RETRY_SECONDS, MAX_RETRY_SECONDS)
    republisher.provided(key(1), NEAR[:1], now)
    republisher.failed(key(1), now)
    assert republisher.next_due_at == now + RETRY_SECONDS


def test_however_often_it_fails_the_wait_stays_an_hour():
    republisher = providing(1)
    for _ in range(100):
        republisher.failed(key(1), 0)
    assert republisher.next_due_at == MAX_RETRY_SECONDS


# --- what is provided ----------------------------------------------------------------------------


def test_a_withdrawn_key_is_never_due_again_whatever_is_reported_late():
    republisher = providing(1)
    republisher.due(0)
    republisher.withdraw(key(1))
    republisher.withdraw(key(1))
    republisher.provided(key(1), NEAR[:3], 1)
    republisher.failed(key(1), 1)
    republisher.told(key(1), NEAR[0])
    assert (republisher.keys, republisher.due(10**9)) == ((), ())


def test_replacing_the_keys_withdraws_those_that_are_gone_and_leaves_the_others_their_time():
    republisher = provided(NEAR[:3])
    republisher.provide(key(2), 0)
    republisher.replace([key(1), key(3), key(3)], 50)
    assert republisher.keys == (key(1), key(3))
    assert republisher.due(50) == (key(3),)


# --- newcomers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "is_due"), [(0, True), (9, True), (11, False), (99, False)])
def test_a_newcomer_is_told_when_it_is_among_the_k_closest(place, is_due):
    republisher = provided([*NEAR[1:9], NEAR[10]], k=9)
    assert republisher.due_to(NEAR[place]) == ((key(1),) if is_due else ())


def test_where_fewer_than_k_were_told_every_newcomer_is():
    republisher = provided(NEAR[:3])
    assert republisher.due_to(NEAR[99]) == (key(1),)
    assert republisher.due_to(NEAR[1]) == ()


def test_a_newcomer_that_was_told_pushes_the_furthest_out_of_the_k_closest():
    republisher = provided([*NEAR[1:3], NEAR[9]], k=3)
    assert republisher.due_to(NEAR[5]) == (key(1),)
    republisher.told(key(1), NEAR[0])
    assert republisher.due_to(NEAR[0]) == ()
    assert republisher.due_to(NEAR[5]) == ()


def test_a_peer_that_was_gone_is_a_newcomer_again():
    republisher = provided(NEAR[:3], k=3)
    republisher.forget_peer(NEAR[50])
    assert republisher.due_to(NEAR[1]) == ()
    republisher.forget_peer(NEAR[1])
    assert republisher.due_to(NEAR[1]) == (key(1),)
    assert republisher.due_to(NEAR[7]) == (key(1),)


def test_a_newcomer_ends_the_wait_of_a_key_that_nobody_took():
    republisher = providing(1)
    republisher.failed(key(1), 0)
    republisher.peer_came(10)
    assert republisher.due(10) == (key(1),)


def test_a_newcomer_starts_no_round_of_a_key_that_others_hold():
    republisher = provided(NEAR[:1])
    republisher.peer_came(10)
    assert republisher.due(10) == ()


def test_a_newcomer_does_not_put_off_a_key_that_is_due():
    republisher = providing(1)
    republisher.peer_came(10)
    assert republisher.next_due_at == 0
