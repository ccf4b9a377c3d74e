"""Signed envelopes, public keys and invites: octets to native values and back.

It signs and checks nothing (``membership``). Envelopes and keys are wire-compatible with libp2p's.
Spec: https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from peertransfer.errors import UsageError
from peertransfer.wire.v1 import membership_pb2 as pb

MAX_ENVELOPE_SIZE = 16_384
ED25519 = 1
"""libp2p's number of the key type."""
KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class SignedEnvelope:
    """A payload and who signed it."""

    public_key: bytes
    """Ed25519, 32 octets."""
    payload_type: bytes
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class InviteMessage:
    """The payload of an invite; nothing in it is judged here."""

    invite_id: bytes
    network_id: str
    name: str
    psk: bytes = field(repr=False)
    epoch_key: bytes = field(repr=False)
    epoch: int
    bootstrap: tuple[str, ...]
    expires_at: int
    contact: str = ""


def encode_envelope(envelope: SignedEnvelope) -> bytes:
    """Return the octets of a signed envelope."""
    return pb.SignedEnvelope(
        public_key=pb.PublicKey(type=ED25519, data=envelope.public_key).SerializeToString(deterministic=True),
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signature=envelope.signature,
    ).SerializeToString(deterministic=True)


def decode_envelope(octets: bytes) -> SignedEnvelope:
    """Read a signed envelope whose key is Ed25519.

    Raises:
        UsageError: it is not one.
    """
    if len(octets) > MAX_ENVELOPE_SIZE:
        raise UsageError("this signed envelope is too long")
    try:
        message = pb.SignedEnvelope.FromString(octets)
        key = pb.PublicKey.FromString(message.public_key)
    except DecodeError as exc:
        raise UsageError("this is not a signed envelope") from exc
    if key.type != ED25519 or len(key.data) != KEY_SIZE:
        raise UsageError("this signed envelope's key is not Ed25519")
    return SignedEnvelope(key.data, message.payload_type, message.payload, message.signature)


def encode_invite(invite: InviteMessage) -> bytes:
    """Return the octets that are signed."""
    return pb.Invite(
        invite_id=invite.invite_id,
        network_id=invite.network_id,
        name=invite.name,
        psk=invite.psk,
        epoch_key=invite.epoch_key,
        epoch=invite.epoch,
        bootstrap=invite.bootstrap,
        expires_at=invite.expires_at,
        contact=invite.contact,
    ).SerializeToString(deterministic=True)


def decode_invite(octets: bytes) -> InviteMessage:
    """Read an invite's payload.

    Raises:
        UsageError: it is not one.
    """
    try:
        message = pb.Invite.FromString(octets)
    except DecodeError as exc:
        raise UsageError("this is not an invite") from exc
    return InviteMessage(
        invite_id=message.invite_id,
        network_id=message.network_id,
        name=message.name,
        psk=message.psk,
        epoch_key=message.epoch_key,
        epoch=message.epoch,
        bootstrap=tuple(message.bootstrap),
        expires_at=message.expires_at,
        contact=message.contact,
    )
