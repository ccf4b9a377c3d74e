"""The getter's machine: what a provider may do to it, and what we may not do ourselves."""

import tracemalloc

import pytest
from exchange_kit import (
    GETTER_NONCE,
    GETTER_PEER,
    LOCATOR,
    PROVIDER_NONCE,
    PROVIDER_PEER,
    SECRET,
    events_of,
    framed,
    give,
    grant,
    granted_pair,
    greeted_pair,
    hello,
    items,
    new_pair,
    octets_of,
    sealed,
    want,
)

from peertransfer.content.proof import Role, prove
from peertransfer.disclosure import views as v
from peertransfer.errors import DisclosureError, LocalProtocolError, RefusedError, RemoteProtocolError
from peertransfer.exchange import events as e
from peertransfer.exchange.getter import Getter
from peertransfer.exchange.states import State
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.exchange_codec import encode_grant
from peertransfer.wire.v1 import exchange_pb2 as pb

UNDER = want()


def waiting_getter(**greeting):
    getter, provider = greeted_pair(**greeting)
    getter.send_want(want(proof=getter.want_proof()))
    return getter, provider


def asking_getter():
    """A getter that asked: 1 blocks, 2 nodes, 3 openings, 4 the share's own, 5 have, 6 manifest, 7 catalogue."""
    getter, _ = granted_pair()
    getter.request_blocks(UNDER, items((4, 0, 3)))
    getter.request_nodes(UNDER, items((4, 0, 1)))
    getter.request_openings(UNDER, 2, 2)
    getter.request_openings(UNDER)
    getter.request_have(UNDER, 4)
    getter.request_manifest(UNDER, [m.Range(0, 1)])
    getter.request_catalogue(UNDER)
    return getter


def frame(**kind):
    return framed(pb.Frame(**kind).SerializeToString())


def blocks(number, *headers, last=False):
    listed = [pb.BlockHeader(entry=entry, index=index, size=size) for entry, index, size in headers]
    return frame(blocks=pb.Blocks(request_id=number, blocks=listed, last=last))


SLOT = pb.SlotOpening(salt=b"s" * 16, value=b"v")


def page(number, *indices, share=False, last=False):
    entries = [pb.EntryOpening(index=index, slots=[SLOT] * 13) for index in indices]
    own = [SLOT] * 5 if share else []
    return frame(openings=pb.Openings(request_id=number, share=own, entries=entries, last=last))


# --- the provider has no secret ------------------------------------------------------------------


def claims(getter, provider):
    """What somebody without the secret may send as a grant."""
    transcript = provider.transcript(LOCATOR)
    return {
        "nothing known": bytes(32),
        "the getter's own proof sent back": getter.want_proof(),
        "another secret": prove(b"another secret!!", Role.PROVIDER, transcript),
        "a proof for another locator": prove(SECRET, Role.PROVIDER, provider.transcript(b"l" * 32)),
    }


@pytest.mark.parametrize("claim", claims(*greeted_pair()).keys())
def test_a_provider_without_the_secret_gets_no_further_word(claim):
    getter, provider = waiting_getter()
    proof = claims(getter, provider)[claim]
    with pytest.raises(RefusedError):
        give(encode_grant(grant(proof)), getter)
    assert getter.state is State.ENDED
    for say in SAYINGS:
        with pytest.raises(LocalProtocolError):
            say(getter)
    assert getter.next_event() is None


def test_a_grant_replayed_from_another_stream_is_not_accepted():
    getter, provider = waiting_getter()
    kept = encode_grant(grant(prove(SECRET, Role.PROVIDER, provider.transcript(LOCATOR))))
    another = Getter(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER, secret=SECRET, locator=LOCATOR)
    another.send_hello(hello(b"\x77" * 32))
    give(new_pair()[1].send_hello(hello(PROVIDER_NONCE)), another)
    another.send_want(want(proof=another.want_proof()))
    with pytest.raises(RefusedError):
        give(kept, another)
    assert give(kept, getter) == [e.GrantReceived(0)]


SAYINGS = [
    lambda getter: getter.send_hello(hello(GETTER_NONCE)),
    lambda getter: getter.request_manifest(UNDER, [m.Range(0, 1)]),
    lambda getter: getter.request_openings(UNDER),
    lambda getter: getter.request_nodes(UNDER, items((0, 0, 1))),
    lambda getter: getter.request_blocks(UNDER, items((0, 0, 1))),
    lambda getter: getter.request_have(UNDER, 0),
    lambda getter: getter.request_catalogue(UNDER),
    lambda getter: getter.cancel(UNDER, 1),
    lambda getter: getter.delivered(UNDER),
]


@pytest.mark.parametrize("say", SAYINGS)
def test_nothing_is_said_between_the_want_and_the_grant(say):
    getter, _ = waiting_getter()
    with pytest.raises(LocalProtocolError):
        say(getter)


# --- the provider lies ---------------------------------------------------------------------------

LIES = {
    "a block of another entry": blocks(1, (5, 0, 1)),
    "a block out of order": blocks(1, (4, 1, 1)),
    "a block that was not asked for": blocks(1, (4, 3, 1)),
    "a block too many": blocks(1, (4, 0, 1), (4, 1, 1), (4, 2, 1), (4, 3, 1), last=True),
    "a block twice": blocks(1, (4, 0, 1), (4, 0, 1)),
    "an early end": blocks(1, (4, 0, 1), last=True),
    "no end": blocks(1, (4, 0, 1), (4, 1, 1), (4, 2, 1)),
    "an empty batch": blocks(1),
    "a block of a request that was never made": blocks(9, (4, 0, 1)),
    "a block for openings": blocks(3, (2, 0, 1)),
    "a block over a leaf": blocks(1, (4, 0, (1 << 20) + 1)),
    "blocks over a leaf in all": blocks(1, (4, 0, 1 << 20), (4, 1, 1)),
    "a manifest block with a wrong index": blocks(6, (0, 1, 1), last=True),
    "an opening that was not asked for": page(3, 5),
    "openings out of order": page(3, 3, 2, last=True),
    "an early end of openings": page(3, 2, last=True),
    "openings for blocks": page(1, 2),
    "entries instead of the share": page(4, 0, last=True),
    "the share instead of entries": page(3, share=True),
    "openings of nothing asked": page(9, 2),
    "leaves for blocks": frame(have=pb.Have(request_id=1, count=1)),
    "leaves of nothing asked": frame(have=pb.Have(request_id=9, count=1)),
    "a catalogue for blocks": frame(catalogue=pb.Catalogue(request_id=1, last=True)),
    "a catalogue without end": frame(catalogue=pb.Catalogue(request_id=7)),
    "a refusal of nothing asked": frame(refusal=pb.Refusal(request_id=9, code=1)),
    "a second grant": frame(grant=pb.Grant(proof=b"p" * 32)),
    "a second hello": frame(hello=pb.Hello(version=1, max_requests=1, nonce=b"n" * 32)),
    "a want": frame(want=pb.Want(locator=LOCATOR, proof=b"p" * 32)),
    "a request": frame(have_request=pb.HaveRequest(request_id=1)),
    "a cancel": frame(cancel=pb.Cancel(request_id=1)),
    "a delivered": frame(delivered=pb.Delivered()),
    "a kind of the future": framed(b"\xa2\x06\x02\x08\x01"),
    "an over-long frame": b"\x81\x80\x04",
    "nonsense": b"\x02\xff\xff",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_provider_that_lies_is_dropped(lie):
    getter = asking_getter()
    with pytest.raises(RemoteProtocolError):
        events_of(getter, lie)
    assert getter.state is State.ENDED
    assert getter.outstanding_count == 0
    with pytest.raises(LocalProtocolError):
        getter.request_have(UNDER, 1)


@pytest.mark.parametrize("lie", [blocks(9, (0, 0, 1 << 20)), blocks(1, (4, 1, 1 << 20))])
def test_no_memory_is_taken_for_a_block_that_was_not_asked_for(lie):
    getter = asking_getter()
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError):
        events_of(getter, lie)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 18


@pytest.mark.parametrize("octets", [blocks(1, (0, 0, 1)), frame(grant=pb.Grant(proof=b"p" * 32)), page(1, 2)])
def test_nothing_is_answered_before_it_is_asked(octets):
    for getter in (new_pair()[0], greeted_pair()[0]):
        with pytest.raises(RemoteProtocolError):
            events_of(getter, octets)


# --- the stream ends -----------------------------------------------------------------------------

MIDDLES = {
    "in a length": b"\x80",
    "in a frame": blocks(1, (4, 0, 5))[:-1],
    "before a body": blocks(1, (4, 0, 5)),
    "in a body": blocks(1, (4, 0, 5)) + b"abcd",
    "in the last body": blocks(1, (4, 0, 5), (4, 1, 0), (4, 2, 5), last=True) + b"abcdefghi",
    "between the parts of an answer": blocks(1, (4, 0, 1)) + b"a",
}


@pytest.mark.parametrize("octets", MIDDLES.values(), ids=MIDDLES.keys())
def test_an_end_in_the_middle_is_not_clean(octets):
    getter, _ = granted_pair()
    getter.request_blocks(UNDER, items((4, 0, 3)))
    events_of(getter, octets)
    getter.receive_eof()
    assert getter.next_event() == e.StreamEnded(clean=False)
    assert getter.next_event() is None


def test_an_end_without_an_answer_is_not_clean():
    for getter in (new_pair()[0], waiting_getter()[0], asking_getter()):
        getter.receive_eof()
        assert getter.next_event() == e.StreamEnded(clean=False)


def test_an_end_after_a_refusal_is_clean():
    getter, _ = waiting_getter()
    assert events_of(getter, frame(refusal=pb.Refusal(code=1))) == [e.RefusalReceived(0, RefusalCode.REFUSED)]
    assert events_of(getter, blocks(1, (0, 0, 1))) == []
    getter.receive_eof()
    assert getter.next_event() == e.StreamEnded(clean=True)


# --- bodies --------------------------------------------------------------------------------------


def test_blocks_are_views_of_one_buffer():
    getter = asking_getter()
    (event,) = events_of(getter, blocks(1, (4, 0, 3), (4, 1, 0), (4, 2, 2), last=True) + b"abcde")
    assert event == e.BlocksReceived(
        1, nodes=False, blocks=((4, 0, b"abc"), (4, 1, b""), (4, 2, b"de")), last=True
    )
    assert all(isinstance(octets, memoryview) and octets.readonly for _, _, octets in event.blocks)
    assert event.blocks[0][2].obj is event.blocks[2][2].obj


def test_a_leaf_in_small_pieces_is_held_once():
    getter = asking_getter()
    events_of(getter, blocks(1, (4, 0, 1 << 20)))
    body = bytes(1 << 20)
    tracemalloc.start()
    found = []
    for start in range(0, 1 << 20, 1024):
        found += events_of(getter, body[start : start + 1024])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0].blocks[0][2] == body
    assert peak < (1 << 20) + (1 << 18)


def test_many_batches_in_one_piece_are_told_one_by_one():
    getter = asking_getter()
    octets = b"".join(
        blocks(1, (4, index, 1 << 20), last=index == 2) + bytes([index]) * (1 << 20) for index in range(3)
    )
    found = events_of(getter, octets)
    assert [event.blocks[0][1] for event in found] == [0, 1, 2]
    assert found[2].blocks[0][2] == b"\x02" * (1 << 20)


# --- our own mistakes ----------------------------------------------------------------------------


def test_no_more_is_asked_than_both_accept():
    getter, _ = granted_pair(max_requests=1)
    getter.request_have(UNDER, 1)
    with pytest.raises(LocalProtocolError):
        getter.request_have(UNDER, 1)
    events_of(getter, frame(have=pb.Have(request_id=1, count=1)))
    assert getter.request_have(UNDER, 1)[0] == 2


def test_only_this_streams_want_is_sent():
    getter, _ = greeted_pair()
    for other in (want(), want(b"l" * 32, getter.want_proof())):
        with pytest.raises(LocalProtocolError):
            getter.send_want(other)
    with pytest.raises(DisclosureError):
        getter.send_want(sealed(v.WantView()))
    getter.send_want(want(proof=getter.want_proof()))


def test_there_is_no_proof_before_both_nonces():
    getter, _ = new_pair()
    getter.send_hello(hello(GETTER_NONCE))
    with pytest.raises(LocalProtocolError):
        getter.want_proof()


def test_only_what_is_outstanding_is_cancelled():
    getter = asking_getter()
    with pytest.raises(LocalProtocolError):
        getter.cancel(UNDER, 99)
    getter.cancel(UNDER, 1)
    with pytest.raises(LocalProtocolError):
        getter.cancel(UNDER, 1)


def test_what_no_rule_lets_out_is_not_asked():
    getter, _ = granted_pair()
    with pytest.raises(DisclosureError):
        getter.request_have(want(requests=False), 1)
    with pytest.raises(DisclosureError):
        getter.delivered(want(delivered=False))
    assert getter.outstanding_count == 0
    assert getter.state is State.AWAIT_REQUEST


def test_a_catalogue_needs_no_link():
    getter = Getter(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER)
    provider = new_pair()[1]
    give(provider.send_hello(hello(PROVIDER_NONCE)), getter)
    give(getter.send_hello(hello(GETTER_NONCE)), provider)
    number, asked = getter.request_catalogue(UNDER)
    assert give(asked, provider) == [e.CatalogueRequested(number)]
    items_shown = (v.CatalogueItem(title="a"), v.CatalogueItem(size=3))
    told = provider.send_catalogue(sealed(v.CatalogueView(items_shown)), number)
    assert give(told, getter) == [e.CatalogueReceived(number, items_shown, last=True)]


def test_a_machine_does_not_show_the_secret():
    getter, _ = new_pair()
    assert "sixteen" not in repr(getter)


def test_the_octets_of_a_want_do_not_hold_the_secret():
    getter, _ = greeted_pair()
    assert SECRET not in octets_of(getter.send_want(want(proof=getter.want_proof())))
