"""Who may be at the other end of a Noise handshake? Whoever has an Ed25519 identity.

The handshake itself is the library's (``PatternXX``). Peer IDs of this node's networks are those of Ed25519
keys, which is what go, js and rust libp2p make by default. The library would read any kind of key that a
stranger sends, and check a signature of its choice, before we see the peer ID. So the message that holds the
identity is looked at first, and another kind of key is never parsed.
Spec: https://github.com/libp2p/specs/blob/master/noise/README.md, "The libp2p Handshake Payload";
https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md, "Keys"
"""

from __future__ import annotations

from typing import Any

from libp2p.security.noise.patterns import PatternXX
from libp2p.security.noise.pb import noise_pb2
from libp2p.security.noise.transport import Transport
from noise.connection import Keypair, NoiseConnection

from peertransfer.errors import ForeignKeyError

_ED25519 = b"\x08\x01\x12\x20"
"""Protobuf of a public key: its type, then its 32 octets."""
_ED25519_SIZE = len(_ED25519) + 32
_SIGNATURE_SIZE = 64
_KINDS = {b"\x08\x00": "RSA", b"\x08\x02": "secp256k1", b"\x08\x03": "ECDSA"}


class Ed25519Noise(Transport):
    """The library's Noise for peers with Ed25519 identities."""

    def get_pattern(self) -> PatternXX:
        """Return the pattern of one handshake."""
        return _Pattern(self.local_peer, self.libp2p_privkey, self.noise_privkey)


class _Pattern(PatternXX):
    def create_noise_state(self, prologue: bytes | None = None) -> NoiseConnection:
        del prologue  # libp2p has none
        state = _Handshake.from_name(self.protocol_name)
        state.set_keypair_from_private_bytes(Keypair.STATIC, self.noise_static_key.to_bytes())
        return state


class _Handshake(NoiseConnection):  # type: ignore[misc]  # the library has no types
    def read_message(self, data: bytes) -> bytes:
        """Decrypt a message of the handshake; one that carries an identity must carry an Ed25519 one."""
        payload = bytes(super().read_message(data))
        if payload:
            _check_identity(payload)
        return payload


def _check_identity(payload: bytes) -> None:
    message: Any = noise_pb2.NoiseHandshakePayload.FromString(payload)
    key: bytes = message.identity_key
    if not (key.startswith(_ED25519) and len(key) == _ED25519_SIZE):
        kind = _KINDS.get(key[:2], "unknown")
        raise ForeignKeyError(
            f"The peer's identity is a key of the kind {kind}; this network takes Ed25519 only",
            "Give that peer an Ed25519 identity: its peer ID then starts with 12D3Koo.",
        )
    if len(message.identity_sig) != _SIGNATURE_SIZE:
        raise ForeignKeyError("The peer signed the handshake with something that is no Ed25519 signature")
