"""Signed envelopes and invites as octets: round trips, one form, and what liars send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.errors import UsageError
from peertransfer.wire.membership_codec import (
    MAX_ENVELOPE_SIZE,
    InviteMessage,
    SignedEnvelope,
    decode_envelope,
    decode_invite,
    encode_envelope,
    encode_invite,
)
from peertransfer.wire.v1 import membership_pb2 as pb

KEY = b"k" * 32
ENVELOPES = st.builds(
    SignedEnvelope, st.binary(min_size=32, max_size=32), st.binary(), st.binary(), st.binary()
)
INVITES = st.builds(
    InviteMessage,
    st.binary(),
    st.text(),
    st.text(),
    st.binary(),
    st.binary(),
    st.integers(0, 2**32 - 1),
    st.lists(st.text()).map(tuple),
    st.integers(0, 2**64 - 1),
    st.text(),
)


@given(ENVELOPES)
def test_an_envelope_is_read_back_and_has_one_form(envelope):
    octets = encode_envelope(envelope)
    assert decode_envelope(octets) == envelope
    assert encode_envelope(decode_envelope(octets)) == octets


@given(INVITES)
def test_an_invite_is_read_back_and_has_one_form(invite):
    octets = encode_invite(invite)
    assert decode_invite(octets) == invite
    assert encode_invite(decode_invite(octets)) == octets


@given(st.binary(max_size=300))
def test_any_octets_are_an_envelope_or_a_usage_error(octets):
    for decode in (decode_envelope, decode_invite):
        try:
            decode(octets)
        except UsageError:
            continue


def test_a_public_key_is_written_as_the_peer_ids_specification_says():
    envelope = pb.SignedEnvelope.FromString(encode_envelope(SignedEnvelope(KEY, b"t", b"p", b"s")))
    assert envelope.public_key == b"\x08\x01\x12\x20" + KEY


def test_the_longest_envelope_passes_and_one_octet_more_does_not():
    empty = len(encode_envelope(SignedEnvelope(KEY, b"t", b"p" * 1000, b"s" * 64))) - 1000
    longest = encode_envelope(SignedEnvelope(KEY, b"t", b"p" * (MAX_ENVELOPE_SIZE - empty), b"s" * 64))
    assert len(longest) == MAX_ENVELOPE_SIZE
    assert decode_envelope(longest).public_key == KEY
    with pytest.raises(UsageError, match="too long"):
        decode_envelope(longest + b"\x00")


@pytest.mark.parametrize(
    "key",
    [
        pb.PublicKey(type=0, data=KEY),
        pb.PublicKey(type=2, data=KEY),
        pb.PublicKey(data=KEY),
        pb.PublicKey(type=1, data=KEY[1:]),
        pb.PublicKey(type=1, data=KEY + b"k"),
        pb.PublicKey(type=1),
    ],
    ids=["rsa", "secp256k1", "no type", "31 octets", "33 octets", "no octets"],
)
def test_an_envelope_of_another_kind_of_key_is_refused(key):
    with pytest.raises(UsageError, match="not Ed25519"):
        decode_envelope(pb.SignedEnvelope(public_key=key.SerializeToString()).SerializeToString())


def test_the_reprs_of_an_invite_show_no_key():
    invite = InviteMessage(b"i" * 16, "nabc", "Clinic", b"P" * 32, b"E" * 32, 0, (), 5)
    assert "PPP" not in repr(invite)
    assert "EEE" not in repr(invite)
