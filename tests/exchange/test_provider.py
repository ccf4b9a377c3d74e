"""The provider's machine: what a getter may do to it, and what we may not do ourselves."""

import pytest
from exchange_kit import (
    GETTER_NONCE,
    GETTER_PEER,
    LOCATOR,
    PROVIDER_NONCE,
    PROVIDER_PEER,
    SECRET,
    content,
    events_of,
    framed,
    give,
    grant,
    granted_pair,
    greeted_pair,
    hello,
    items,
    leaf,
    new_pair,
    octets_of,
    openings,
    refusal,
    sealed,
    want,
)

from peertransfer.content.proof import Role, check_proof, prove
from peertransfer.disclosure import views as v
from peertransfer.errors import DisclosureError, LocalProtocolError, RemoteProtocolError
from peertransfer.exchange import events as e
from peertransfer.exchange.provider import Provider
from peertransfer.exchange.states import State
from peertransfer.wire import messages as m
from peertransfer.wire.exchange_codec import encode_request, encode_want
from peertransfer.wire.v1 import exchange_pb2 as pb

UNDER = want()


def wanting_provider():
    getter, provider = greeted_pair()
    give(getter.send_want(want(proof=getter.want_proof())), provider)
    return getter, provider


def said(request):
    return octets_of(encode_request(UNDER, request))


# --- the getter lies -----------------------------------------------------------------------------

A_HELLO = framed(pb.Frame(hello=pb.Hello(version=1, max_requests=1, nonce=b"n" * 32)).SerializeToString())
A_WANT = octets_of(encode_want(UNDER))
A_REQUEST = said(m.BlocksRequest(1, items((0, 0, 1))))
A_CATALOGUE_REQUEST = said(m.CatalogueRequest(1))
A_CANCEL = said(m.CancelMessage(1))
DELIVERED = said(m.DeliveredMessage())
AN_UNKNOWN_KIND = framed(b"\xa2\x06\x02\x08\x07")


@pytest.mark.parametrize(
    "octets", [A_WANT, A_REQUEST, A_CATALOGUE_REQUEST, A_CANCEL, DELIVERED, AN_UNKNOWN_KIND]
)
def test_nothing_comes_before_the_hello(octets):
    _, provider = new_pair()
    provider.send_hello(hello(PROVIDER_NONCE))
    with pytest.raises(RemoteProtocolError):
        events_of(provider, octets)


def test_nothing_comes_before_our_own_hello():
    _, provider = new_pair()
    assert events_of(provider, A_HELLO) == [e.HelloReceived(1, 1)]
    with pytest.raises(RemoteProtocolError):
        events_of(provider, A_WANT)


@pytest.mark.parametrize("octets", [A_HELLO, A_REQUEST, DELIVERED])
def test_what_needs_a_grant_is_refused_before_the_want(octets):
    _, provider = greeted_pair()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, octets)


@pytest.mark.parametrize(
    "octets", [A_HELLO, A_WANT, A_REQUEST, A_CATALOGUE_REQUEST, A_CANCEL, DELIVERED, AN_UNKNOWN_KIND]
)
def test_a_getter_that_speaks_before_the_decision_is_dropped(octets):
    _, provider = wanting_provider()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, octets)
    assert provider.state is State.ENDED
    with pytest.raises(LocalProtocolError):
        provider.send_grant(grant())


@pytest.mark.parametrize("octets", [A_HELLO, A_WANT])
def test_a_stream_has_one_hello_and_one_want(octets):
    _, provider = granted_pair()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, octets)


@pytest.mark.parametrize("octets", [A_REQUEST, A_CATALOGUE_REQUEST, A_CANCEL, DELIVERED, AN_UNKNOWN_KIND])
def test_nothing_comes_after_delivered(octets):
    _, provider = granted_pair()
    assert events_of(provider, DELIVERED) == [e.DeliveredReceived()]
    with pytest.raises(RemoteProtocolError):
        events_of(provider, octets)


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(grant=pb.Grant(proof=b"p" * 32)),
        pb.Frame(refusal=pb.Refusal(code=1)),
        pb.Frame(openings=pb.Openings(request_id=1)),
        pb.Frame(blocks=pb.Blocks(request_id=1)),
        pb.Frame(have=pb.Have(request_id=1, count=1)),
        pb.Frame(catalogue=pb.Catalogue(request_id=1)),
    ],
)
def test_a_getter_does_not_speak_as_a_provider(frame):
    _, provider = granted_pair()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, framed(frame.SerializeToString()))


def test_a_request_too_many_is_a_breach_that_ends_the_stream():
    _, provider = granted_pair(max_requests=2)
    for number in (1, 2):
        events_of(provider, said(m.HaveRequest(number, 0)))
    with pytest.raises(RemoteProtocolError):
        events_of(provider, said(m.HaveRequest(3, 0)))
    assert provider.outstanding_count == 0


def test_a_request_id_twice_at_the_same_time_is_a_breach():
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    with pytest.raises(RemoteProtocolError):
        events_of(provider, A_REQUEST)


def test_a_request_id_may_be_used_again_once_it_is_answered():
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    provider.send_blocks(content(), 1, [(0, 0, leaf(b"a"))], last=True)
    assert events_of(provider, A_REQUEST) == [e.BlocksRequested(1, items((0, 0, 1)))]


def test_an_over_long_frame_is_refused_by_its_length():
    _, provider = granted_pair()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, b"\x81\x80\x04")


def test_after_a_breach_nothing_more_is_read_or_said():
    _, provider = granted_pair()
    with pytest.raises(RemoteProtocolError):
        events_of(provider, A_HELLO + A_REQUEST)
    assert events_of(provider, A_REQUEST) == []
    provider.receive_eof()
    assert provider.next_event() is None


def test_a_proof_replayed_on_another_stream_is_not_accepted():
    getter, provider = greeted_pair()
    proof = getter.want_proof()
    (event,) = give(getter.send_want(want(proof=proof)), provider)
    assert check_proof(SECRET, Role.GETTER, provider.transcript(event.locator), event.proof)

    another = Provider(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER)
    another.send_hello(hello(b"\x99" * 32))
    events_of(another, octets_of(new_pair()[0].send_hello(hello(GETTER_NONCE))))
    (event,) = events_of(another, octets_of(encode_want(want(proof=proof))))
    assert not check_proof(SECRET, Role.GETTER, another.transcript(event.locator), event.proof)


def test_a_proof_carried_to_another_provider_is_not_accepted():
    getter, _ = greeted_pair()
    proof = getter.want_proof()
    another = Provider(getter_peer=GETTER_PEER, provider_peer=b"another peer")
    another.send_hello(hello(PROVIDER_NONCE))
    events_of(another, octets_of(new_pair()[0].send_hello(hello(GETTER_NONCE))))
    assert not check_proof(SECRET, Role.GETTER, another.transcript(LOCATOR), proof)


# --- the stream ends -----------------------------------------------------------------------------


def test_a_getter_that_leaves_after_it_got_everything_ends_cleanly():
    _, provider = granted_pair()
    events_of(provider, DELIVERED)
    provider.receive_eof()
    assert provider.next_event() == e.StreamEnded(clean=True)
    assert provider.next_event() is None


def test_a_getter_that_leaves_a_request_behind_does_not_end_cleanly():
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    provider.receive_eof()
    assert provider.next_event() == e.StreamEnded(clean=False)


def test_a_getter_that_leaves_before_the_decision_does_not_end_cleanly():
    _, provider = wanting_provider()
    provider.receive_eof()
    assert provider.next_event() == e.StreamEnded(clean=False)


def test_frames_that_came_before_the_end_are_told_before_it():
    _, provider = granted_pair()
    provider.receive_data(A_REQUEST)
    provider.receive_eof()
    assert provider.next_event() == e.BlocksRequested(1, items((0, 0, 1)))
    assert provider.next_event() == e.StreamEnded(clean=False)


def test_octets_after_the_end_are_our_own_mistake():
    _, provider = granted_pair()
    provider.receive_eof()
    with pytest.raises(LocalProtocolError):
        provider.receive_data(b"a")


# --- refusals ------------------------------------------------------------------------------------


def test_a_refused_want_ends_the_stream_and_what_was_under_way_is_dropped():
    getter, provider = wanting_provider()
    (event,) = give(provider.send_refusal(refusal()), getter)
    assert event.request_id == 0
    assert getter.state is provider.state is State.ENDED
    assert events_of(provider, A_REQUEST) == []
    provider.receive_eof()
    assert provider.next_event() == e.StreamEnded(clean=True)
    with pytest.raises(LocalProtocolError):
        provider.send_grant(grant())


def test_a_grant_can_end_while_it_is_used():
    getter, provider = granted_pair()
    _, frame = getter.request_have(UNDER, 1)
    give(frame, provider)
    (event,) = give(provider.send_refusal(refusal(6)), getter)
    assert (event.request_id, event.code.name) == (0, "ENDED")
    assert getter.outstanding_count == provider.outstanding_count == 0
    with pytest.raises(LocalProtocolError):
        provider.send_have(content(), 1, 1)


def test_an_unknown_kind_is_told_and_can_be_refused():
    _, provider = greeted_pair()
    assert events_of(provider, AN_UNKNOWN_KIND) == [e.UnknownRequest(7)]
    provider.send_refusal(refusal(4, 7))
    assert provider.outstanding_count == 0


def test_what_is_no_longer_outstanding_cannot_be_refused():
    _, provider = granted_pair()
    with pytest.raises(LocalProtocolError):
        provider.send_refusal(refusal(2, 5))


# --- cancels -------------------------------------------------------------------------------------


def test_a_cancelled_request_is_ended_early():
    getter, provider = granted_pair()
    number, frame = getter.request_blocks(UNDER, items((0, 0, 5)))
    give(frame, provider)
    provider_said = provider.send_blocks(content(), number, [(0, 0, leaf(b"a"))], last=False)
    assert give(getter.cancel(UNDER, number), provider) == [e.RequestCancelled(number)]
    give(provider_said, getter)
    (event,) = give(provider.send_blocks(content(), number, [], last=True), getter)
    assert event.last
    assert getter.outstanding_count == provider.outstanding_count == 0


def test_a_cancel_that_crosses_the_last_part_on_the_way_is_nothing():
    getter, provider = granted_pair()
    number, frame = getter.request_have(UNDER, 0)
    give(frame, provider)
    provider.send_have(content(), number, 1)
    assert give(getter.cancel(UNDER, number), provider) == []
    assert provider.state is State.AWAIT_REQUEST


# --- our own mistakes ----------------------------------------------------------------------------


def test_we_say_hello_once_and_as_this_machine():
    _, provider = new_pair()
    with pytest.raises(LocalProtocolError):
        provider.send_hello(hello(PROVIDER_NONCE, 9))
    with pytest.raises(DisclosureError):
        provider.send_hello(sealed(v.ProtocolsView()))
    provider.send_hello(hello(PROVIDER_NONCE))
    with pytest.raises(LocalProtocolError):
        provider.send_hello(hello(PROVIDER_NONCE))


def test_nonces_are_there_after_the_hellos():
    _, provider = new_pair()
    with pytest.raises(LocalProtocolError):
        _ = provider.getter_nonce
    with pytest.raises(LocalProtocolError):
        provider.transcript(LOCATOR)


@pytest.mark.parametrize(
    "send",
    [
        lambda provider: provider.send_grant(grant()),
        lambda provider: provider.send_refusal(refusal()),
        lambda provider: provider.send_refusal(refusal(1, 1)),
        lambda provider: provider.send_blocks(content(), 1, [(0, 0, leaf(b""))], last=True),
        lambda provider: provider.send_manifest_blocks(sealed(v.ManifestView(b"m")), 1, [], [], last=True),
        lambda provider: provider.send_openings(openings(1), 1, last=True),
        lambda provider: provider.send_have(content(), 1, 1),
        lambda provider: provider.send_catalogue(sealed(v.CatalogueView()), 1),
    ],
)
def test_we_answer_nothing_that_nobody_asked(send):
    for provider in (new_pair()[1], greeted_pair()[1]):
        with pytest.raises(LocalProtocolError):
            send(provider)


def test_we_send_no_block_that_was_not_asked_for():
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    with pytest.raises(LocalProtocolError):
        provider.send_blocks(content(), 1, [(0, 1, leaf(b"a"))], last=True)


def test_an_entrys_blocks_do_not_leave_as_the_manifests_nor_the_other_way():
    _, provider = granted_pair()
    events_of(provider, said(m.ManifestRequest(1, nodes=False, ranges=(m.Range(0, 1),))))
    with pytest.raises(LocalProtocolError):
        provider.send_blocks(content(), 1, [(0, 0, leaf(b"m"))], last=True)
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    with pytest.raises(LocalProtocolError):
        provider.send_manifest_blocks(sealed(v.ManifestView(b"m")), 1, [0], [leaf(b"m")], last=True)


def test_a_block_that_the_grant_does_not_cover_does_not_leave():
    _, provider = granted_pair()
    events_of(provider, A_REQUEST)
    with pytest.raises(DisclosureError):
        provider.send_blocks(content(frozenset({1})), 1, [(0, 0, leaf(b"a"))], last=True)


def test_a_proof_of_ours_is_good_for_the_getter():
    getter, provider = wanting_provider()
    proof = prove(SECRET, Role.PROVIDER, provider.transcript(LOCATOR))
    assert give(provider.send_grant(grant(proof, 5)), getter) == [e.GrantReceived(5)]
