"""A host's Ed25519 identity and the peer ID that follows from it.

Spec: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
"""

from __future__ import annotations

import base58
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_SIZE = 32
_PROTOBUF_HEAD = b"\x08\x01\x12\x20"
"""A libp2p PublicKey message: type Ed25519, data of 32 octets."""
_MULTIHASH_HEAD = b"\x00\x24"
"""Identity multihash of 36 octets."""


def public_key_of_seed(seed: bytes) -> bytes:
    """Return the public key, 32 octets, of a private key's seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def public_key_message(public_key: bytes) -> bytes:
    """Return libp2p's encoding of an Ed25519 public key."""
    return _PROTOBUF_HEAD + public_key


def peer_id_octets(public_key: bytes) -> bytes:
    """Return the multihash octets of the peer ID."""
    return _MULTIHASH_HEAD + public_key_message(public_key)


def peer_id_of_public_key(public_key: bytes) -> str:
    """Return the text form of the peer ID (``12D3Koo…``)."""
    return base58.b58encode(peer_id_octets(public_key)).decode()
