"""The golden values of networks: made again they are the same; others' code agrees on what they mean."""

import base64
import hashlib
import hmac
import json

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.envelope import Envelope, make_unsigned, unmarshal_envelope
from libp2p.peer.id import ID
from membership_vectors import FOLDER, files, readable

from peertransfer.errors import PeertransferError
from peertransfer.membership.envelope import open_envelope
from peertransfer.membership.invite import read_invite
from peertransfer.membership.psk import parse_swarm_key

IDENTITIES, PLAIN, ENVELOPE, INVITES = (
    json.loads((FOLDER / name).read_bytes())
    for name in ("identities.json", "plain_network.json", "envelope.json", "invites.json")
)


def base32(octets):
    return base64.b32encode(octets[:20]).decode().lower()


def hkdf(key, info):
    """HKDF-SHA256 (RFC 5869) of 32 octets with no salt, by hand."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_the_folder_holds_the_vectors_and_nothing_else():
    assert {path.name for path in FOLDER.iterdir()} == set(files())


@pytest.mark.parametrize(("name", "octets"), files().items(), ids=files().keys())
def test_a_vector_made_again_is_the_same(name, octets):
    assert (FOLDER / name).read_bytes() == octets


def test_the_peer_id_is_the_one_that_libp2p_makes():
    pair = create_new_key_pair(bytes.fromhex(IDENTITIES["seed"]))
    assert pair.public_key.to_bytes().hex() == IDENTITIES["public_key"]
    assert ID.from_pubkey(pair.public_key).to_base58() == IDENTITIES["peer_id"]
    assert ID.from_pubkey(pair.public_key).to_bytes().hex() == IDENTITIES["peer_id_octets"]


def test_network_ids_follow_from_the_keys_by_the_formulas_of_the_specification():
    public_key, psk = bytes.fromhex(IDENTITIES["public_key"]), bytes.fromhex(PLAIN["psk"])
    domain = b"peertransfer/network-id/1"
    own = "n" + base32(hashlib.sha256(domain + public_key).digest())
    plain = "p" + base32(hmac.digest(psk, domain, "sha256"))
    assert own == IDENTITIES["network_id_of_the_key"]
    assert plain == PLAIN["network_id"]
    assert PLAIN["kad_protocol"] == f"/peertransfer/{plain}/kad/1.0.0"


def test_the_epoch_key_follows_from_the_swarm_key():
    psk = parse_swarm_key(PLAIN["swarm_key"])
    assert psk.hex() == PLAIN["psk"]
    assert hkdf(psk, b"peertransfer/epoch-of-psk/1").hex() == PLAIN["epoch_key"]


def test_the_envelope_is_good_in_libp2ps_eyes():
    theirs = unmarshal_envelope(bytes.fromhex(ENVELOPE["envelope"]))
    theirs.validate(ENVELOPE["domain"])
    assert theirs.payload_type == ENVELOPE["payload_type"].encode()
    assert theirs.raw_payload == ENVELOPE["payload"].encode()
    with pytest.raises(ValueError, match="signature"):
        theirs.validate("another domain")


def test_an_envelope_that_libp2p_sealed_is_opened_and_is_the_same():
    pair = create_new_key_pair(bytes.fromhex(ENVELOPE["seed"]))
    payload_type, payload = ENVELOPE["payload_type"].encode(), ENVELOPE["payload"].encode()
    signature = pair.private_key.sign(make_unsigned(ENVELOPE["domain"], payload_type, payload))
    theirs = Envelope(pair.public_key, payload_type, payload, signature).marshal_envelope()
    opened = open_envelope(theirs, ENVELOPE["domain"].encode())
    assert opened.public_key == pair.public_key.to_bytes()
    assert (opened.payload_type, opened.payload) == (payload_type, payload)
    assert theirs.hex() == ENVELOPE["envelope"]


@pytest.mark.parametrize("vector", INVITES["good"], ids=lambda vector: vector["means"])
def test_a_good_invite_means_what_the_vector_says(vector):
    fields = readable(read_invite(vector["text"], INVITES["now"]))
    assert fields | {"bootstrap": list(fields["bootstrap"])} == vector["fields"]


@pytest.mark.parametrize("vector", INVITES["bad"], ids=lambda vector: vector["because"])
def test_a_bad_invite_is_refused_and_never_repeated(vector):
    with pytest.raises(PeertransferError) as caught:
        read_invite(vector["text"], INVITES["now"])
    assert caught.value.code == vector["error"]
    assert vector["text"][20:40] not in f"{caught.value.message} {caught.value.hint}"
