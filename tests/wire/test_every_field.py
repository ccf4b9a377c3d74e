"""No field of a message is forgotten: each is read by its decoder, and stands in a golden vector.

A decoder reads a field where a good message with another value in it means something else, or is refused. What
is not read is listed here, with its reason.
"""

import base64
import json

from message_kit import FIELDS, variants
from source_kit import ROOT

from peertransfer.errors import RemoteProtocolError, UsageError
from peertransfer.wire.exchange_decoder import decode_frame
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.identify_codec import decode_identify
from peertransfer.wire.kad_codec import decode_kad
from peertransfer.wire.membership_codec import decode_envelope, decode_invite
from peertransfer.wire.v1 import exchange_pb2, identify_pb2, kad_pb2, membership_pb2

VECTORS = ROOT / "tests" / "vectors"
NOT_READ = {
    ("Identify", "public_key"): "the handshake has proven the key; this copy of it is believed of nobody",
    ("Identify", "protocol_version"): "nothing here depends on it",
    (
        "Identify",
        "signed_peer_record",
    ): "the addresses beside it are read, which the same handshake vouches for",
    ("KadPeer", "connection"): "how somebody else is connected to a peer is hearsay of no use",
    ("KadMessage", "cluster_level_raw"): "not used, says the kad-dht specification",
}
"""Fields that no decoder reads, and why."""
NOT_IN_VECTORS = {
    **{field: "identify has no vectors: other implementations' own tests hold it" for field in FIELDS if field[0] == "Identify"},
    ("KadMessage", "cluster_level_raw"): NOT_READ["KadMessage", "cluster_level_raw"],
}  # fmt: skip


def frames_of(folder, kind):
    for path in sorted((VECTORS / folder / "good").glob("*.bin")):
        reader = FrameReader(1 << 18)
        reader.receive_data(path.read_bytes())
        yield kind.FromString(reader.next_frame())


def envelopes():
    invites = json.loads((VECTORS / "membership" / "invites.json").read_bytes())
    for vector in invites["good"]:
        text = vector["text"].removeprefix("ptinvite:")
        yield membership_pb2.SignedEnvelope.FromString(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )


def decode_key(octets):
    """Read a public key where it stands: in an envelope."""
    envelope = next(envelopes())
    envelope.public_key = octets
    return decode_envelope(envelope.SerializeToString())


IDENTIFY = identify_pb2.Identify(
    public_key=b"key",
    listen_addrs=[b"\x04\x0a\x00\x00\x01\x06\x0f\xa1"],
    protocols=["/one/1"],
    observed_addr=b"\x04\x0a\x00\x00\x02\x06\x0f\xa1",
    protocol_version="p",
    agent_version="a",
    signed_peer_record=b"record",
)
EXCHANGE, KAD = list(frames_of("exchange", exchange_pb2.Frame)), list(frames_of("kad", kad_pb2.KadMessage))
ENVELOPES = list(envelopes())
INVITES = [membership_pb2.Invite.FromString(envelope.payload) for envelope in ENVELOPES]
KEYS = [membership_pb2.PublicKey.FromString(envelope.public_key) for envelope in ENVELOPES]
ROOTS = [
    (decode_frame, EXCHANGE),
    (decode_kad, KAD),
    (decode_identify, [IDENTIFY]),
    (decode_envelope, ENVELOPES),
    (decode_key, KEYS),
    (decode_invite, INVITES),
]
"""Every decoder, and good messages for it."""


def fields_that_are_read():
    found = set()
    for decode, messages in ROOTS:
        for message in messages:
            meaning = decode(message.SerializeToString())
            for name, field, changed in variants(message):
                if (name, field) not in found and means_something_else(decode, changed, meaning):
                    found.add((name, field))
    return found


def means_something_else(decode, changed, meaning):
    try:
        return decode(changed.SerializeToString()) != meaning
    except (RemoteProtocolError, UsageError):
        return True


def test_every_field_is_read_but_those_that_are_listed():
    assert fields_that_are_read() == FIELDS - NOT_READ.keys()


def fields_that_are_set(message):
    for field, value in message.ListFields():
        yield message.DESCRIPTOR.name, field.name
        if field.message_type is not None:
            for element in value if field.is_repeated else [value]:
                yield from fields_that_are_set(element)


def test_every_field_stands_in_a_golden_vector_but_those_that_are_listed():
    vectors = [*EXCHANGE, *KAD, *ENVELOPES, *KEYS, *INVITES]
    found = {place for message in vectors for place in fields_that_are_set(message)}
    assert found == FIELDS - NOT_IN_VECTORS.keys()
