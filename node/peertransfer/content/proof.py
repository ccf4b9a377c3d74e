"""Both sides prove that they hold a link's secret; neither sends it.

``HMAC-SHA256(HKDF(secret), domain, role, both peer IDs, both nonces, locator)``, each part with its
length in front. The nonces are fresh for each stream, so a proof is good for one stream only.
Spec: docs/protocol.md, "Proofs".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DOMAIN = b"peertransfer/proof/1"
PROOF_SIZE = 32


class Role(Enum):
    """Who proves."""

    GETTER = "getter"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What both proofs are made over."""

    getter_peer: bytes
    """Peer ID, multihash octets."""
    provider_peer: bytes
    """Peer ID, multihash octets."""
    getter_nonce: bytes
    """32 octets."""
    provider_nonce: bytes
    """32 octets."""
    locator: bytes
    """32 octets."""


def prove(secret: bytes, role: Role, transcript: Transcript) -> bytes:
    """Return the proof of ``role``, 32 octets."""
    key = HKDF(SHA256(), 32, None, DOMAIN).derive(secret)
    parts = (
        DOMAIN,
        role.value.encode(),
        transcript.getter_peer,
        transcript.provider_peer,
        transcript.getter_nonce,
        transcript.provider_nonce,
        transcript.locator,
    )
    message = b"".join(len(part).to_bytes(2) + part for part in parts)
    return hmac.digest(key, message, hashlib.sha256)


def check_proof(secret: bytes, role: Role, transcript: Transcript, proof: bytes) -> bool:
    """Tell, in constant time, whether ``proof`` is that of ``role``."""
    return hmac.compare_digest(prove(secret, role, transcript), proof)
