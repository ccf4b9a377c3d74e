"""A look-up, event by event."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kad_kit import addr, key, peer_id, public_addr, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.candidates import DOUBT, GROUP_PER_LOOKUP, MAX_HEARD
from peertransfer.kademlia.distance import distance
from peertransfer.kademlia.lookup import (
    MAX_PROVIDERS,
    Asking,
    Finished,
    Lookup,
    LookupKind,
    LookupStarted,
    PeerAnswered,
    PeerFailed,
    Waiting,
)

OWN = 99
NEAR = sorted(range(1, 500), key=lambda number: distance(peer_id(number), key(1)))
"""Numbers of peers, closest to key 1 first."""
NEAR.remove(OWN)


def records(numbers):
    return tuple(record(number) for number in numbers)


def ids(peers):
    return [one.peer_id for one in peers]


def new_lookup(seeds, kind=LookupKind.GET_PROVIDERS, **options):
    return Lookup(key(1), records(seeds), kind=kind, own_peer_id=peer_id(OWN), **options)


def started(seeds, *args, **options):
    lookup = new_lookup(seeds, *args, **options)
    return lookup, lookup.advance(LookupStarted())


def answered(number, closer=(), providers=()):
    return PeerAnswered(peer_id(number), records(closer), records(providers))


def failed(number):
    return PeerFailed(peer_id(number))


# --- whom it asks --------------------------------------------------------------------------------


def test_a_lookup_without_peers_is_finished_at_once():
    assert started([])[1] == Finished((), ())


def test_a_lookup_asks_the_closest_three_first():
    assert started(NEAR[3::-1])[1] == Asking(records(NEAR[:3]))


def test_a_lookup_waits_at_capacity():
    lookup, _ = started(NEAR[:10])
    assert lookup.advance(LookupStarted()) == Waiting()


def test_each_end_of_a_call_lets_one_more_be_asked():
    lookup, _ = started(NEAR[:10])
    assert lookup.advance(answered(NEAR[1])) == Asking(records([NEAR[3]]))
    assert lookup.advance(failed(NEAR[0])) == Asking(records([NEAR[4]]))


def test_a_closer_peer_that_was_heard_of_is_asked_before_those_known():
    lookup, _ = started(NEAR[10:20])
    assert lookup.advance(answered(NEAR[10], closer=[NEAR[0]])) == Asking(records([NEAR[0]]))


def test_ourselves_and_avoided_peers_are_never_asked():
    lookup = new_lookup([OWN, NEAR[0], NEAR[1]], avoid={peer_id(NEAR[1])})
    assert lookup.advance(LookupStarted()) == Asking(records([NEAR[0]]))
    assert lookup.advance(answered(NEAR[0], closer=[OWN, NEAR[1]])) == Finished(records([NEAR[0]]), ())


def test_a_peer_is_asked_once_however_often_it_is_named():
    lookup, _ = started(NEAR[:2])
    assert lookup.advance(answered(NEAR[0], closer=NEAR[:2])) == Waiting()
    assert lookup.advance(answered(NEAR[1], closer=NEAR[:2])) == Finished(records(NEAR[:2]), ())


# --- when it ends --------------------------------------------------------------------------------


def test_a_lookup_ends_when_the_k_closest_have_answered_though_others_were_not_asked():
    lookup, _ = started(NEAR[:9], k=3)
    lookup.advance(answered(NEAR[0]))
    lookup.advance(answered(NEAR[1]))
    assert lookup.advance(answered(NEAR[2])) == Finished(records(NEAR[:3]), ())


def test_a_failed_peer_gives_its_place_among_the_k_closest_to_the_next():
    lookup, _ = started(NEAR[:4], k=3)
    assert lookup.advance(failed(NEAR[0])) == Asking(records([NEAR[3]]))
    lookup.advance(answered(NEAR[1]))
    lookup.advance(answered(NEAR[2]))
    assert lookup.advance(answered(NEAR[3])) == Finished(records(NEAR[1:4]), ())


def test_a_lookup_whose_peers_all_fail_ends_with_nobody():
    lookup, _ = started(NEAR[:2])
    assert lookup.advance(failed(NEAR[0])) == Waiting()
    assert lookup.advance(failed(NEAR[1])) == Finished((), ())


def test_a_finished_lookup_ignores_later_events():
    lookup, _ = started(NEAR[:3])
    end = lookup.advance(answered(NEAR[0], providers=[300]))
    assert end == Finished(records([NEAR[0]]), records([300]))
    assert lookup.advance(answered(NEAR[1], closer=[400], providers=[301])) == end
    assert lookup.advance(failed(NEAR[2])) == end
    assert lookup.advance(LookupStarted()) == end
    assert lookup.providers == records([300])


@pytest.mark.parametrize("number", [NEAR[7], 450])
def test_an_answer_of_a_peer_that_was_not_asked_changes_nothing(number):
    lookup, _ = started(NEAR[:10])
    before = lookup.heard_count
    assert lookup.advance(answered(number, closer=[300], providers=[300])) == Waiting()
    assert lookup.advance(failed(number)) == Waiting()
    assert (lookup.heard_count, lookup.providers) == (before, ())


def test_a_second_answer_of_a_peer_changes_nothing():
    lookup, _ = started(NEAR[:10])
    lookup.advance(answered(NEAR[0]))
    assert lookup.advance(answered(NEAR[0], closer=[300], providers=[300])) == Waiting()
    assert lookup.providers == ()


# --- providers -----------------------------------------------------------------------------------


def test_a_lookup_stops_when_it_heard_of_as_many_providers_as_wanted():
    lookup, _ = started(NEAR[:9], want_providers=2)
    assert isinstance(lookup.advance(answered(NEAR[0], providers=[300])), Asking)
    end = lookup.advance(answered(NEAR[1], providers=[300, 301]))
    assert end.providers == records([300, 301])


def test_a_lookup_that_wants_no_number_of_providers_goes_on_to_its_end():
    lookup, _ = started(NEAR[:1], want_providers=0)
    end = lookup.advance(answered(NEAR[0], closer=[NEAR[1]], providers=[300]))
    assert end == Asking(records([NEAR[1]]))
    assert lookup.advance(answered(NEAR[1], providers=[301])).providers == records([300, 301])


def test_a_lookup_for_peers_reads_no_providers():
    lookup, _ = started(NEAR[:2], LookupKind.FIND_NODE)
    assert lookup.advance(answered(NEAR[0], providers=[300])) == Waiting()
    assert lookup.advance(answered(NEAR[1])) == Finished(records(NEAR[:2]), ())


def test_we_are_never_our_own_provider():
    lookup, _ = started(NEAR[:2])
    assert lookup.advance(answered(NEAR[0], providers=[OWN])) == Waiting()


def test_a_provider_has_the_addresses_of_all_who_named_it():
    lookup, _ = started(NEAR[:2], want_providers=2)
    lookup.advance(PeerAnswered(peer_id(NEAR[0]), (), (PeerRecord(peer_id(7), (addr(7), addr(8))),)))
    lookup.advance(PeerAnswered(peer_id(NEAR[1]), (), (PeerRecord(peer_id(7), (addr(8), addr(9))),)))
    assert lookup.providers == (PeerRecord(peer_id(7), (addr(7), addr(8), addr(9))),)


def test_a_provider_has_sixteen_addresses_at_most():
    lookup, _ = started(NEAR[:1], want_providers=2)
    many = PeerRecord(peer_id(7), tuple(addr(number) for number in range(17)))
    end = lookup.advance(PeerAnswered(peer_id(NEAR[0]), (), (many,)))
    assert end.providers == (PeerRecord(peer_id(7), many.addrs[:16]),)


def test_an_answer_names_twenty_providers_and_a_lookup_remembers_a_hundred():
    lookup, state = started(NEAR[:20], want_providers=500)
    assert len(state.peers) == 3
    for place in range(6):
        lookup.advance(answered(NEAR[place], providers=range(1000 * place, 1000 * place + 30)))
        assert len(lookup.providers) == min(20 * (place + 1), MAX_PROVIDERS)


# --- bounds and liars ----------------------------------------------------------------------------


def test_of_one_answer_the_closest_forty_are_heard():
    lookup, _ = started(NEAR[100:101])
    state = lookup.advance(answered(NEAR[100], closer=NEAR[99::-1]))
    assert lookup.heard_count == 41
    assert state == Asking(records(NEAR[:3]))


def test_a_lookup_remembers_two_hundred_peers_and_forgets_the_furthest():
    lookup, _ = started(NEAR[300:309], alpha=9)
    for place in range(300, 309):
        first = 40 * (308 - place)
        lookup.advance(answered(NEAR[place], closer=NEAR[first : first + 40]))
        assert lookup.heard_count <= MAX_HEARD
    assert lookup.heard_count == MAX_HEARD
    assert lookup.advance(LookupStarted()) == Waiting()
    assert lookup.target_key == key(1)


def test_failed_peers_are_forgotten_before_true_ones():
    lookup, _ = started([NEAR[400], NEAR[401]], alpha=40, k=300)
    for one in lookup.advance(answered(NEAR[400], closer=NEAR[:39])).peers:
        lookup.advance(PeerFailed(one.peer_id))
    state = lookup.advance(answered(NEAR[401], closer=NEAR[40:80]))
    true, calls = NEAR[40:220], list(state.peers)
    while calls:
        place = NEAR.index(int.from_bytes(calls.pop().peer_id[6:], "big"))
        state = lookup.advance(answered(NEAR[place], closer=true[place - 40 : place]))
        calls += state.peers if isinstance(state, Asking) else ()
    assert lookup.heard_count == MAX_HEARD
    assert set(ids(records(true))) <= set(ids(state.closest))


def test_peers_that_only_a_doubted_one_named_are_asked_last():
    lookup, _ = started([NEAR[100], *NEAR[200:210]], alpha=1, k=5)
    asked = lookup.advance(answered(NEAR[100], closer=NEAR[:40]))
    for place in range(DOUBT):
        assert asked == Asking(records([NEAR[place]]))
        asked = lookup.advance(failed(NEAR[place]))
    assert asked == Asking(records([NEAR[200]]))


def test_peers_that_somebody_else_named_too_keep_their_place():
    lookup, _ = started([NEAR[100], NEAR[101]], alpha=1)
    lookup.advance(answered(NEAR[100], closer=NEAR[:1]))
    lookup.advance(answered(NEAR[0], closer=NEAR[2:8]))
    asked = lookup.advance(failed(NEAR[2]))
    asked = lookup.advance(failed(NEAR[3]))
    assert asked == Asking(records([NEAR[4]]))
    asked = lookup.advance(failed(NEAR[4]))
    assert asked == Asking(records([NEAR[101]]))
    assert lookup.advance(answered(NEAR[101], closer=[NEAR[6]])) == Asking(records([NEAR[6]]))


def test_whom_a_doubted_one_named_is_asked_when_nobody_else_is_left():
    lookup, _ = started([NEAR[100]], alpha=1)
    lookup.advance(answered(NEAR[100], closer=NEAR[:5]))
    for place in range(4):
        assert lookup.advance(failed(NEAR[place])) == Asking(records([NEAR[place + 1]]))
    assert lookup.advance(answered(NEAR[4])) == Finished(records([NEAR[4], NEAR[100]]), ())


def test_answers_of_whom_somebody_named_make_up_for_failures():
    lookup, _ = started([NEAR[100], *NEAR[200:210]], alpha=1, k=10)
    lookup.advance(answered(NEAR[100], closer=NEAR[:9]))
    for place in range(DOUBT - 1):
        lookup.advance(failed(NEAR[place]))
    lookup.advance(answered(NEAR[2]))
    assert lookup.advance(failed(NEAR[3])) == Asking(records([NEAR[4]]))
    assert lookup.advance(failed(NEAR[4])) == Asking(records([NEAR[200]]))


def test_a_peer_that_failed_is_tried_once_more_under_other_addresses():
    lookup, _ = started([NEAR[100], NEAR[101], NEAR[102], NEAR[103]], alpha=1)
    false, true, more = (PeerRecord(peer_id(NEAR[0]), (addr(number),)) for number in (1, 2, 3))
    lookup.advance(PeerAnswered(peer_id(NEAR[100]), (false,)))
    assert lookup.advance(failed(NEAR[0])) == Asking(records([NEAR[101]]))
    assert lookup.advance(PeerAnswered(peer_id(NEAR[101]), (false,))) == Asking(records([NEAR[102]]))
    again = lookup.advance(PeerAnswered(peer_id(NEAR[102]), (true,)))
    assert again == Asking((PeerRecord(peer_id(NEAR[0]), (addr(1), addr(2))),))
    assert lookup.advance(failed(NEAR[0])) == Asking(records([NEAR[103]]))
    end = lookup.advance(PeerAnswered(peer_id(NEAR[103]), (more,)))
    assert isinstance(end, Finished)
    assert ids(end.closest) == [peer_id(number) for number in NEAR[100:104]]


def test_a_peer_has_sixteen_addresses_at_most_and_eight_of_each_that_named_it():
    lookup, _ = started([NEAR[100]], alpha=1)
    named = [
        PeerRecord(peer_id(NEAR[2]), tuple(addr(first + number) for number in range(9)))
        for first in (0, 100, 200)
    ]
    lookup.advance(PeerAnswered(peer_id(NEAR[100]), (*records(NEAR[:2]), named[0])))
    lookup.advance(PeerAnswered(peer_id(NEAR[0]), (named[1],)))
    asked = lookup.advance(PeerAnswered(peer_id(NEAR[1]), (named[2],)))
    assert asked == Asking((PeerRecord(peer_id(NEAR[2]), named[0].addrs[:8] + named[1].addrs[:8]),))


@given(
    st.integers(0, 1 << 32),
    st.sampled_from([0.05, 0.5, 0.95]),
    st.sampled_from(LookupKind),
    st.integers(0, 4),
    st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_lookup_keeps_its_bounds_and_ends_whatever_peers_do(seed, reliability, kind, want, alpha):
    chance = random.Random(seed)
    seeds = chance.sample(NEAR, chance.randrange(30))
    lookup, state = started(seeds, kind, want_providers=want, alpha=alpha)
    outstanding, asked = [], []
    while not isinstance(state, Finished):
        if isinstance(state, Asking):
            assert state.peers
            outstanding += ids(state.peers)
            asked += ids(state.peers)
        assert outstanding, "it waits for nobody"
        assert len(outstanding) <= alpha
        peer = outstanding.pop(chance.randrange(len(outstanding)))
        told = PeerAnswered(
            peer,
            records(chance.sample(NEAR, chance.randrange(45))),
            records(chance.sample(range(5), chance.randrange(3) if chance.random() < 0.1 else 0)),
        )
        state = lookup.advance(told if chance.random() < reliability else PeerFailed(peer))
        assert lookup.heard_count <= MAX_HEARD
        assert len(asked) < 1000
    assert len(state.closest) <= 20
    assert set(ids(state.closest)) <= set(asked)
    assert ids(state.closest) == sorted(ids(state.closest), key=lambda one: distance(one, key(1)))


# --- crowds --------------------------------------------------------------------------------------

RACK = [PeerRecord(peer_id(number), (public_addr(9, 9, 9, number % 256),)) for number in NEAR[:10]]
"""The ten peers closest to the key, all of one network."""


def crowd_and(others, **options):
    """Start a look-up that knows the rack and others further away."""
    seeds = (*RACK, *records(others))
    options = {"kind": LookupKind.FIND_NODE, "alpha": 100, **options}
    lookup = Lookup(key(1), seeds, own_peer_id=peer_id(OWN), **options)
    return lookup, lookup.advance(LookupStarted())


def test_of_one_network_the_closest_three_are_asked_and_others_further_away():
    _, state = crowd_and(NEAR[20:30], k=8)
    assert ids(state.peers) == ids((*RACK[:GROUP_PER_LOOKUP], *records(NEAR[20:25])))


def test_where_too_few_others_are_known_the_crowd_is_asked_after_them():
    _, state = crowd_and(NEAR[20:22], k=8)
    assert ids(state.peers) == ids((*RACK[:3], *records(NEAR[20:22]), *RACK[3:6]))


def test_the_closest_are_told_in_their_order_whoever_was_crowded():
    lookup, state = crowd_and(NEAR[20:22], k=8)
    for one in state.peers:
        end = lookup.advance(PeerAnswered(one.peer_id, seen_at=one.addrs[0]))
    assert end.closest == (*RACK[:6], *records(NEAR[20:22]))


def test_a_peer_that_answered_counts_for_where_it_is_and_not_for_what_was_said():
    lookup, _ = crowd_and(NEAR[20:30], k=4, alpha=4)
    elsewhere = public_addr(7, 7, 7, 7)
    assert lookup.advance(PeerAnswered(RACK[0].peer_id, seen_at=elsewhere)) == Asking((RACK[3],))


def test_a_peer_that_answered_stays_where_it_is_whatever_is_said_of_it_later():
    honest = PeerRecord(peer_id(NEAR[20]), (public_addr(7, 7, 7, 7),))
    seeds = (*RACK[:3], honest, *records(NEAR[21:25]))
    options = {"kind": LookupKind.FIND_NODE, "own_peer_id": peer_id(OWN), "k": 4}
    lookup = Lookup(key(1), seeds, **options)
    lookup.advance(LookupStarted())
    claims = tuple(PeerRecord(one.peer_id, (public_addr(7, 7, 7, 1),)) for one in RACK[:3])
    told = PeerAnswered(RACK[0].peer_id, claims, seen_at=RACK[0].addrs[0])
    assert lookup.advance(told) == Asking((honest,))


def test_a_crowd_is_forgotten_before_those_who_are_further_away():
    crowd = [PeerRecord(peer_id(number), (public_addr(9, 9, 9, number % 256),)) for number in NEAR[:200]]
    honest = records(NEAR[400:420])
    options = {"kind": LookupKind.FIND_NODE, "own_peer_id": peer_id(OWN), "alpha": 5}
    lookup = Lookup(key(1), honest, **options)
    state = lookup.advance(LookupStarted())
    asked = list(state.peers)
    for at, one in enumerate(state.peers):
        state = lookup.advance(PeerAnswered(one.peer_id, tuple(crowd[40 * at : 40 * at + 40])))
        asked += state.peers
    assert lookup.heard_count == MAX_HEARD
    for one in asked:
        state = lookup.advance(PeerAnswered(one.peer_id))
        asked += state.peers if isinstance(state, Asking) else ()
    assert set(ids(honest[:17])) <= set(ids(asked))
