"""kad-dht messages: the field's wire format, every length checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kad_kit import key, peer_id, record

from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import DhtServers, OnePeer
from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.disclosure.views import AddressesView, LookupView, PeerRecord, ProvideView
from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.kad_codec import (
    MAX_KAD_MESSAGE,
    KadMessage,
    KadType,
    decode_kad,
    encode_add_provider,
    encode_find_node,
    encode_get_providers,
    encode_kad_answer,
)

LOCATOR = bytes(range(32))
KEY = b"\x12\x20" + LOCATOR
SERVERS = DhtServers("n")
PEER = OnePeer("p")


def sealed(view, audience=SERVERS):
    return seal(view, audience, DisclosureRecord("n", str(audience), "", view.name, "", (), "r"))


def read(frame):
    reader = FrameReader()
    reader.receive_data(frame.head)
    return decode_kad(bytes(reader.next_frame()))


def test_a_lookup_carries_its_key_only():
    view = sealed(LookupView(KEY))
    assert read(encode_find_node(view)) == KadMessage(KadType.FIND_NODE, KEY)
    assert read(encode_get_providers(view)) == KadMessage(KadType.GET_PROVIDERS, KEY)
    assert encode_find_node(view).audience == SERVERS


def test_the_octets_are_those_of_the_kad_spec():
    # type 4 (field 1), key (field 2): what go- and js-libp2p send for FIND_NODE.
    assert encode_find_node(sealed(LookupView(b"\x12\x20"))).head == b"\x06\x08\x04\x12\x02\x12\x20"


def test_a_provider_record_carries_our_addresses():
    frame = encode_add_provider(sealed(ProvideView(LOCATOR, (b"addr",))), KEY, peer_id(1))
    assert read(frame) == KadMessage(KadType.ADD_PROVIDER, KEY, (), (PeerRecord(peer_id(1), (b"addr",)),))


def test_what_was_not_let_out_is_not_encoded():
    with pytest.raises(LocalProtocolError):
        encode_find_node(sealed(LookupView(None)))
    with pytest.raises(LocalProtocolError):
        encode_add_provider(sealed(ProvideView(None)), KEY, peer_id(1))
    with pytest.raises(LocalProtocolError):
        encode_add_provider(sealed(ProvideView(LOCATOR)), key(5), peer_id(1))


def test_an_answer_holds_both_lists_for_one_peer():
    addresses = sealed(AddressesView(closer_peers=(record(1),)), PEER)
    providers = sealed(ProvideView(provider_records=(record(2),)), PEER)
    frame = encode_kad_answer(KadType.GET_PROVIDERS, KEY, addresses, providers)
    assert read(frame) == KadMessage(KadType.GET_PROVIDERS, KEY, (record(1),), (record(2),))
    assert read(encode_kad_answer(KadType.FIND_NODE, KEY, addresses)).provider_peers == ()
    with pytest.raises(LocalProtocolError):
        encode_kad_answer(KadType.FIND_NODE, KEY, addresses, sealed(ProvideView(), OnePeer("q")))


def answer_with(peers):
    view = sealed(AddressesView(closer_peers=tuple(peers)), PEER)
    reader = FrameReader(MAX_KAD_MESSAGE * 2)
    reader.receive_data(encode_kad_answer(KadType.FIND_NODE, KEY, view).head)
    return bytes(reader.next_frame())


def test_lists_are_cut_to_their_limits():
    many = decode_kad(answer_with(record(number) for number in range(60)))
    assert len(many.closer_peers) == 40
    addrs = tuple(bytes((index + 1,)) for index in range(30))
    one = decode_kad(answer_with([PeerRecord(peer_id(1), (b"", b"x" * 300, *addrs))]))
    assert len(one.closer_peers[0].addrs) == 14


@pytest.mark.parametrize(
    "octets",
    [
        b"\xff",
        b"\x08\x63",
        b"\x12\x51" + b"k" * 81,
        bytes(MAX_KAD_MESSAGE + 1),
        answer_with([PeerRecord(b"p" * 65, ())]),
        answer_with([PeerRecord(b"", ())]),
    ],
    ids=["garbage", "unknown type", "long key", "too long", "long peer ID", "no peer ID"],
)
def test_a_malformed_or_oversized_message_is_refused(octets):
    with pytest.raises(RemoteProtocolError):
        decode_kad(octets)


@given(st.binary(max_size=200))
def test_no_octets_at_all_break_the_decoder(octets):
    try:
        decode_kad(octets)
    except RemoteProtocolError:
        return
