"""Networks, keys, envelopes and invites."""

import base64
import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.envelope import unmarshal_envelope
from libp2p.peer.id import ID

from peertransfer.errors import InviteError, UsageError
from peertransfer.membership.envelope import open_envelope, seal_envelope
from peertransfer.membership.epoch import epoch_key_of_psk
from peertransfer.membership.identity import (
    peer_id_octets,
    peer_id_of_public_key,
    public_key_message,
    public_key_of_seed,
)
from peertransfer.membership.invite import (
    DOMAIN,
    PAYLOAD_TYPE,
    SCHEME,
    Invite,
    is_network_name,
    issue_invite,
    read_invite,
)
from peertransfer.membership.network import kad_protocol_id, network_id_of_psk, network_id_of_public_key
from peertransfer.membership.psk import format_swarm_key, parse_swarm_key
from peertransfer.wire.membership_codec import (
    MAX_ENVELOPE_SIZE,
    InviteMessage,
    SignedEnvelope,
    decode_envelope,
    decode_invite,
    encode_envelope,
    encode_invite,
)

PSK = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
INVITE = Invite(
    b"i" * 16,
    network_id_of_public_key(PUBLIC),
    "Clinic",
    PSK,
    b"e" * 32,
    0,
    ("/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWtest",),
    1000,
    "ops@example.org",
)


def test_a_swarm_key_is_read_back():
    text = format_swarm_key(PSK)
    assert text.splitlines()[:2] == ["/key/swarm/psk/1.0.0/", "/base16/"]
    assert parse_swarm_key(text) == PSK
    assert parse_swarm_key(text.replace("\n", "\r\n")) == PSK
    encoded = base64.b64encode(PSK).decode()
    assert parse_swarm_key(f"/key/swarm/psk/1.0.0/\n/base64/\n{encoded}\n") == PSK


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a swarm.key"),
        ("/key/swarm/psk/2.0.0/\n/base16/\n" + PSK.hex(), "not a swarm.key"),
        ("/key/swarm/psk/1.0.0/\n/base16/\n" + PSK.hex()[:-2], "31 octets, not 32"),
        ("/key/swarm/psk/1.0.0/\n/base16/\n" + PSK.hex() + "00", "33 octets, not 32"),
        ("/key/swarm/psk/1.0.0/\n/base16/\nxyz", "can't be read"),
        ("/key/swarm/psk/1.0.0/\n/base64/\n?", "can't be read"),
        ("/key/swarm/psk/1.0.0/\n/bin/\nxx", "can't be read"),
        ("/key/swarm/psk/1.0.0/\n/base16/\n" + "00" * 32, "not random"),
    ],
)
def test_a_wrong_swarm_key_is_named(text, why):
    with pytest.raises(UsageError, match=why) as caught:
        parse_swarm_key(text)
    assert PSK.hex()[:20] not in str(caught.value)


def test_all_who_hold_a_key_agree_on_the_network_id():
    assert network_id_of_psk(PSK) == network_id_of_psk(bytes(PSK))
    assert network_id_of_psk(PSK) != network_id_of_psk(bytes(32))
    assert network_id_of_psk(PSK)[0] == "p"
    assert network_id_of_public_key(PUBLIC)[0] == "n"
    assert PSK.hex()[:8] not in network_id_of_psk(PSK)
    assert kad_protocol_id("nabc") == "/peertransfer/nabc/kad/1.0.0"
    assert len(epoch_key_of_psk(PSK)) == 32
    assert epoch_key_of_psk(PSK) != PSK


def test_a_peer_id_is_the_one_that_libp2p_gives():
    for seed in (bytes(32), b"s" * 32, bytes(range(32))):
        theirs = ID.from_pubkey(create_new_key_pair(seed).public_key)
        assert peer_id_of_public_key(public_key_of_seed(seed)) == theirs.to_base58()
        assert peer_id_octets(public_key_of_seed(seed)) == theirs.to_bytes()


def test_an_envelope_is_checked_by_libp2p_and_theirs_by_us():
    octets = seal_envelope(KEY, b"domain", b"type", b"payload")
    theirs = unmarshal_envelope(octets)
    theirs.validate("domain")
    assert theirs.raw_payload == b"payload"
    assert theirs.payload_type == b"type"
    pair = create_new_key_pair(b"k" * 32)
    assert public_key_message(PUBLIC) == pair.public_key.serialize()
    assert open_envelope(octets, b"domain") == SignedEnvelope(
        PUBLIC, b"type", b"payload", decode_envelope(octets).signature
    )


@pytest.mark.parametrize("at", range(0, 150, 7))
def test_an_altered_envelope_is_refused(at):
    octets = bytearray(seal_envelope(KEY, b"domain", b"type", b"payload"))
    octets[at % len(octets)] ^= 1
    with pytest.raises((InviteError, UsageError)):
        open_envelope(bytes(octets), b"domain")


def test_an_envelope_for_another_domain_is_refused():
    with pytest.raises(InviteError, match="signature"):
        open_envelope(seal_envelope(KEY, b"domain", b"type", b"payload"), b"other")


def test_an_envelope_over_the_limit_or_with_another_key_is_refused():
    with pytest.raises(UsageError, match="too long"):
        decode_envelope(bytes(MAX_ENVELOPE_SIZE + 1))
    with pytest.raises(UsageError, match="Ed25519"):
        decode_envelope(encode_envelope(SignedEnvelope(b"short", b"", b"", b"")))
    with pytest.raises(UsageError, match="not a signed"):
        decode_envelope(b"\xff")


def test_an_invite_is_read_back_and_hides_its_keys():
    text = issue_invite(KEY, INVITE)
    assert text.startswith("ptinvite:")
    assert read_invite(f" {text}\n", 999) == INVITE
    assert "psk" not in repr(INVITE)
    assert "epoch_key" not in repr(INVITE)


def test_an_expired_invite_is_refused_by_that_name():
    with pytest.raises(InviteError, match="expired"):
        read_invite(issue_invite(KEY, INVITE), 1000)


def test_an_invite_that_another_key_signed_is_refused():
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    with pytest.raises(InviteError, match="not signed by its network"):
        read_invite(issue_invite(other, INVITE), 0)


def test_an_altered_invite_is_refused():
    body = base64.urlsafe_b64decode(issue_invite(KEY, INVITE).removeprefix(SCHEME) + "===")
    altered = body.replace(b"Clinic", b"Clanic")
    with pytest.raises(InviteError, match="signature"):
        read_invite(SCHEME + base64.urlsafe_b64encode(altered).decode().rstrip("="), 0)


@pytest.mark.parametrize(
    "text", ["", "ptinvite:", "ptinvite:!!", "ptinvite:AAAA", "peertransfer:x", "ptinvite:" + "A" * 20_000]
)
def test_what_is_not_an_invite_is_refused(text):
    with pytest.raises(UsageError):
        read_invite(text, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"invite_id": b"x"},
        {"psk": b"x"},
        {"epoch_key": b""},
        {"bootstrap": ()},
        {"bootstrap": ("x",) * 17},
        {"name": "a\x1b"},
    ],
)
def test_an_invite_that_is_not_whole_is_refused(change):
    with pytest.raises(UsageError, match="can read"):
        read_invite(issue_invite(KEY, dataclasses.replace(INVITE, **change)), 0)


def test_a_payload_of_another_type_or_none_is_no_invite():
    def text_of(payload_type, payload):
        octets = seal_envelope(KEY, DOMAIN, payload_type, payload)
        return SCHEME + base64.urlsafe_b64encode(octets).decode().rstrip("=")

    fields = {field.name: getattr(INVITE, field.name) for field in dataclasses.fields(INVITE)}
    message = InviteMessage(**fields)
    assert decode_invite(encode_invite(message)) == message
    with pytest.raises(UsageError):
        read_invite(text_of(b"other", encode_invite(message)), 0)
    with pytest.raises(UsageError, match="damaged"):
        read_invite(text_of(PAYLOAD_TYPE, b"\xff"), 0)


@pytest.mark.parametrize(
    ("name", "fits"), [("a", True), ("Ärzte 1", True), ("", False), ("a" * 65, False), ("\u202ex", False)]
)
def test_a_network_name_is_short_and_visible(name, fits):
    assert is_network_name(name) is fits
