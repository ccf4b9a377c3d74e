"""The key that a network's locators are derived with. Spec: ARCHITECTURE.md 6."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EPOCH_KEY_SIZE = 32
OPEN_EPOCH_KEY = b""
"""The open network has none."""
_DOMAIN = b"peertransfer/epoch-of-psk/1"


def epoch_key_of_psk(psk: bytes) -> bytes:
    """Return the epoch key of a plain private network, 32 octets."""
    return HKDF(SHA256(), EPOCH_KEY_SIZE, None, _DOMAIN).derive(psk)
