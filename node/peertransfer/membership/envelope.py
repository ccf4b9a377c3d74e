"""Signed envelopes: what a network's key says, so that any libp2p implementation can check it.

The signature is over a domain string, the payload type and the payload, each with its length in front.
Spec: https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from peertransfer.content.dag_pb import varint
from peertransfer.errors import InviteError
from peertransfer.wire.membership_codec import SignedEnvelope, decode_envelope, encode_envelope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def seal_envelope(key: Ed25519PrivateKey, domain: bytes, payload_type: bytes, payload: bytes) -> bytes:
    """Sign ``payload`` and return the envelope's octets."""
    signature = key.sign(_signed(domain, payload_type, payload))
    return encode_envelope(
        SignedEnvelope(key.public_key().public_bytes_raw(), payload_type, payload, signature)
    )


def open_envelope(octets: bytes, domain: bytes) -> SignedEnvelope:
    """Check an envelope's signature and return what is in it; whose key it is, the caller judges.

    Raises:
        UsageError: malformed.
        InviteError: the signature is wrong.
    """
    envelope = decode_envelope(octets)
    try:
        Ed25519PublicKey.from_public_bytes(envelope.public_key).verify(
            envelope.signature, _signed(domain, envelope.payload_type, envelope.payload)
        )
    except InvalidSignature as exc:
        raise InviteError("The signature is wrong", "Ask for a new one; this was altered.") from exc
    return envelope


def _signed(domain: bytes, payload_type: bytes, payload: bytes) -> bytes:
    return b"".join(varint(len(part)) + part for part in (domain, payload_type, payload))
