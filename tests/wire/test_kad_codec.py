"""kad-dht messages: what is sealed goes out, what is over a limit does not come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kad_kit import ASKER, SERVERS, addr, key, peer_id, read, record, sealed

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import (
    AudienceMismatchError,
    DisclosureError,
    LocalProtocolError,
    RemoteProtocolError,
)
from peertransfer.wire import kad_codec as codec
from peertransfer.wire.framing import encode_varint
from peertransfer.wire.kad_messages import MAX_ANSWER, MAX_REQUEST, KadMessage, KadType
from peertransfer.wire.v1 import kad_pb2 as pb

KEY = key(7)
LOCATOR = KEY[2:]
ADDR = addr(1)


def addresses(*closer, own=(), audience=ASKER):
    return sealed(v.AddressesView(tuple(own), closer_peers=closer), audience)


def provided(*records, audience=ASKER):
    return sealed(v.ProvideView(provider_records=records), audience)


def provide(locator=LOCATOR, addrs=(ADDR,)):
    return sealed(v.ProvideView(locator, addrs), SERVERS)


def lookup(name=KEY):
    return sealed(v.LookupView(name), SERVERS)


# --- asking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "type_"),
    [
        (codec.encode_find_node, KadType.FIND_NODE),
        (codec.encode_get_providers, KadType.GET_PROVIDERS),
    ],
)
def test_a_question_carries_the_sealed_key_and_nothing_else(encode, type_):
    frame = encode(lookup())
    assert read(frame.head) == [KadMessage(type_, key(7))]
    assert (frame.audience, frame.body) == (SERVERS, ())


def test_a_question_is_the_octets_of_the_spec():
    assert codec.encode_find_node(lookup(b"\x12\x20")).head == b"\x06\x08\x04\x12\x02\x12\x20"


@pytest.mark.parametrize("encode", [codec.encode_find_node, codec.encode_get_providers])
def test_a_key_that_no_rule_showed_is_not_asked_for(encode):
    with pytest.raises(DisclosureError):
        encode(lookup(None))


def test_a_key_that_its_receiver_would_refuse_is_not_sent():
    assert codec.encode_find_node(lookup(b"k" * 80))
    with pytest.raises(LocalProtocolError):
        codec.encode_find_node(lookup(b"k" * 81))


def test_private_addresses_go_out_in_the_place_of_the_full_ones():
    record = sealed(v.ProvideView(LOCATOR, private_addrs=(ADDR,)), SERVERS)
    both = sealed(v.ProvideView(LOCATOR, (ADDR,), private_addrs=(addr(2),)), SERVERS)
    alone = codec.encode_add_provider(provide(), peer_id(1))
    assert codec.encode_add_provider(record, peer_id(1)) == alone
    assert codec.encode_add_provider(both, peer_id(1)) == alone
    asked = {"type": KadType.GET_PROVIDERS, "key": KEY, "own_peer_id": peer_id(1)}
    some, others = (
        codec.encode_kad_answer(addresses(), None, **asked, own_record=sealed(view, ASKER))
        for view in (v.ProvideView(LOCATOR, private_addrs=(ADDR,)), v.ProvideView(LOCATOR, (ADDR,)))
    )
    assert some == others
    own = {"type": KadType.FIND_NODE, "key": KEY, "own_peer_id": peer_id(1)}
    hidden = sealed(v.AddressesView(private_addrs=(ADDR,)), ASKER)
    assert codec.encode_kad_answer(hidden, None, **own) == codec.encode_kad_answer(
        addresses(own=[ADDR]), None, **own
    )


def test_a_provider_record_carries_the_locator_as_a_multihash_and_the_sealed_addresses():
    frame = codec.encode_add_provider(provide(addrs=(addr(1), addr(2))), peer_id(1))
    said = KadMessage(KadType.ADD_PROVIDER, key(7), (), (PeerRecord(peer_id(1), (addr(1), addr(2))),))
    assert read(frame.head) == [said]
    assert frame.audience == SERVERS


@pytest.mark.parametrize("view", [provide(None), provide(addrs=())])
def test_a_provider_record_without_its_locator_or_addresses_is_not_sent(view):
    with pytest.raises(DisclosureError):
        codec.encode_add_provider(view, peer_id(1))


def test_a_provider_record_of_what_is_no_locator_is_not_sent():
    with pytest.raises(LocalProtocolError):
        codec.encode_add_provider(provide(key(7)), peer_id(1))


@pytest.mark.parametrize(
    "addrs", [tuple(map(addr, range(17))), (b"x" * 257,), (addr(1) + b"\xa5\x03\x26" + peer_id(1),)]
)
def test_a_provider_record_that_its_receiver_would_cut_is_not_sent(addrs):
    with pytest.raises(LocalProtocolError):
        codec.encode_add_provider(provide(addrs=addrs), peer_id(1))


# --- answering -----------------------------------------------------------------------------------


def test_an_answer_holds_what_the_two_views_show():
    frame = codec.encode_kad_answer(
        addresses(record(1), record(2)), provided(record(3)), KadType.GET_PROVIDERS, key(7)
    )
    assert read(frame.head) == [
        KadMessage(KadType.GET_PROVIDERS, key(7), (record(1), record(2)), (record(3),))
    ]
    assert frame.audience == ASKER


@pytest.mark.parametrize(
    ("closer", "records"),
    [(addresses(record(1)), None), (None, provided(record(3)))],
    ids=["peers", "providers"],
)
def test_a_half_that_was_denied_is_empty(closer, records):
    (said,) = read(codec.encode_kad_answer(closer, records, KadType.GET_PROVIDERS, key(7)).head)
    assert said.closer_peers == ((record(1),) if closer else ())
    assert said.provider_peers == ((record(3),) if records else ())


def test_our_own_addresses_come_first_where_we_were_asked_for():
    frame = codec.encode_kad_answer(
        addresses(record(2), own=[addr(9)]), None, KadType.FIND_NODE, peer_id(1), own_peer_id=peer_id(1)
    )
    assert read(frame.head)[0].closer_peers == (PeerRecord(peer_id(1), (addr(9),)), record(2))


def test_our_own_addresses_stay_here_where_we_were_not_asked_for():
    frame = codec.encode_kad_answer(addresses(record(2), own=[addr(9)]), None, KadType.FIND_NODE, key(7))
    assert read(frame.head)[0].closer_peers == (record(2),)


def test_we_are_not_named_where_no_rule_shows_our_addresses():
    frame = codec.encode_kad_answer(
        addresses(record(2)), None, KadType.FIND_NODE, peer_id(1), own_peer_id=peer_id(1)
    )
    assert read(frame.head)[0].closer_peers == (record(2),)


def own_record(locator=LOCATOR, addrs=(ADDR,), audience=ASKER):
    return sealed(v.ProvideView(locator, addrs), audience)


def answered_with(own_record, others=None, type_=KadType.GET_PROVIDERS, key=KEY):
    return codec.encode_kad_answer(
        addresses(record(2), own=()), others, type_, key, own_peer_id=peer_id(1), own_record=own_record
    )


def test_that_we_provide_the_key_comes_before_what_others_provide():
    (said,) = read(answered_with(own_record(), provided(record(3), record(4))).head)
    assert said.provider_peers == (PeerRecord(peer_id(1), (ADDR,)), record(3), record(4))
    assert said.closer_peers == (record(2),)


def test_that_we_provide_the_key_can_be_all_that_is_said():
    frame = codec.encode_kad_answer(
        None, None, KadType.GET_PROVIDERS, KEY, own_peer_id=peer_id(1), own_record=own_record()
    )
    assert read(frame.head) == [
        KadMessage(KadType.GET_PROVIDERS, KEY, (), (PeerRecord(peer_id(1), (ADDR,)),))
    ]
    assert frame.audience == ASKER


@pytest.mark.parametrize("view", [own_record(bytes(32)), provided(record(3))], ids=["another", "none"])
def test_a_record_of_ours_for_another_key_is_our_bug(view):
    with pytest.raises(DisclosureError):
        answered_with(view)


def test_a_record_of_ours_is_said_by_our_peer_id_or_not_at_all():
    with pytest.raises(LocalProtocolError):
        codec.encode_kad_answer(None, None, KadType.GET_PROVIDERS, KEY, own_record=own_record())


def test_a_record_of_ours_for_another_peer_or_another_question_is_not_said():
    with pytest.raises(AudienceMismatchError):
        answered_with(own_record(audience=OnePeer("other")))
    with pytest.raises(LocalProtocolError):
        answered_with(own_record(), type_=KadType.FIND_NODE)


def test_peers_without_addresses_are_left_out():
    bare = PeerRecord(peer_id(5), ())
    frame = codec.encode_kad_answer(addresses(bare, record(1)), provided(bare), KadType.GET_PROVIDERS, key(7))
    assert read(frame.head) == [KadMessage(KadType.GET_PROVIDERS, key(7), (record(1),))]


def test_a_ping_is_answered():
    assert read(codec.encode_kad_answer(addresses(), None, KadType.PING, b"").head) == [
        KadMessage(KadType.PING)
    ]


def test_halves_that_are_sealed_for_two_peers_are_not_joined():
    with pytest.raises(AudienceMismatchError):
        codec.encode_kad_answer(
            addresses(), provided(audience=OnePeer("other")), KadType.GET_PROVIDERS, key(7)
        )


def test_an_answer_of_nothing_sealed_is_not_made():
    with pytest.raises(LocalProtocolError):
        codec.encode_kad_answer(None, None, KadType.GET_PROVIDERS, key(7))


@pytest.mark.parametrize("type_", [KadType.ADD_PROVIDER, KadType.PUT_VALUE, KadType.GET_VALUE])
def test_what_has_no_answer_is_not_answered(type_):
    with pytest.raises(LocalProtocolError):
        codec.encode_kad_answer(addresses(), None, type_, key(7))


def test_a_look_up_of_peers_is_not_answered_by_providers():
    with pytest.raises(LocalProtocolError):
        codec.encode_kad_answer(addresses(), provided(record(1)), KadType.FIND_NODE, key(7))


def test_an_answer_that_its_receiver_would_cut_is_not_sent():
    full = [record(number) for number in range(1, 42)]
    assert codec.encode_kad_answer(addresses(*full[:40]), None, KadType.FIND_NODE, key(7))
    with pytest.raises(LocalProtocolError):
        codec.encode_kad_answer(addresses(*full), None, KadType.FIND_NODE, key(7))


def test_the_largest_answer_that_can_be_said_is_within_the_limit():
    addrs = tuple(bytes([number]) * 256 for number in range(1, 17))
    full = [PeerRecord(peer_id(number), addrs) for number in range(1, 41)]
    frame = codec.encode_kad_answer(addresses(*full), None, KadType.FIND_NODE, key(7))
    assert read(frame.head)[0].closer_peers == tuple(full)
    assert len(frame.head) < MAX_ANSWER


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "limit"), [(codec.request_reader, MAX_REQUEST), (codec.answer_reader, MAX_ANSWER)]
)
def test_a_longer_message_is_refused_by_its_length(reader, limit):
    one = reader()
    one.receive_data(encode_varint(limit))
    assert one.next_frame() is None
    one = reader()
    one.receive_data(encode_varint(limit + 1))
    with pytest.raises(RemoteProtocolError):
        one.next_frame()


def test_a_message_over_the_limit_is_refused_wherever_it_comes_from():
    with pytest.raises(RemoteProtocolError):
        codec.decode_kad(bytes(MAX_ANSWER + 1))


@pytest.mark.parametrize(
    ("octets", "is_one"),
    [
        (key(1), True),
        (peer_id(1), True),
        (b"", False),
        (b"\x12", False),
        (b"\x12\x00", False),
        (key(1)[:-1], False),
        (key(1) + b"!", False),
    ],
)
def test_a_multihash_has_as_many_octets_as_it_says(octets, is_one):
    assert codec.is_multihash(octets) is is_one


# --- any octets ----------------------------------------------------------------------------------

RECORDS = st.lists(
    st.builds(
        PeerRecord,
        st.integers(0, 1 << 200).map(peer_id),
        st.lists(st.binary(min_size=1, max_size=256), min_size=1, max_size=16).map(tuple),
    ),
    max_size=40,
)


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(octets):
    try:
        message = codec.decode_kad(octets)
    except RemoteProtocolError:
        return
    assert message.type in KadType


@given(st.sampled_from(KadType), st.binary(max_size=80), RECORDS, RECORDS)
def test_a_message_within_the_limits_is_read_as_it_was_written(type_, name, closer, providers):
    octets = pb.KadMessage(
        type=type_,
        key=name,
        closer_peers=[pb.KadPeer(id=one.peer_id, addrs=one.addrs) for one in closer],
        provider_peers=[pb.KadPeer(id=one.peer_id, addrs=one.addrs) for one in providers],
    ).SerializeToString()
    assert codec.decode_kad(octets) == KadMessage(type_, name, tuple(closer), tuple(providers))
