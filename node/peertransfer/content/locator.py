"""Blind names: what a want and a provider record say instead of a CID.

``locator = HMAC(HKDF(link secret, salt = epoch key), domain, manifest CID)``. Spec: docs/protocol.md.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from peertransfer.content.cid import Cid

DOMAIN = b"peertransfer/locator/1"
LOCATOR_SIZE = 32
_SHA2_256 = b"\x12\x20"
"""Multihash code and length."""


def locator(secret: bytes, epoch_key: bytes, manifest_cid: Cid) -> bytes:
    """Return the locator, 32 octets.

    Args:
        secret: the link's, 16 octets.
        epoch_key: the network's, 32 octets; empty in the open network.
        manifest_cid: of the share.
    """
    key = HKDF(SHA256(), 32, epoch_key, DOMAIN).derive(secret)
    return hmac.digest(key, DOMAIN + manifest_cid.to_bytes(), hashlib.sha256)


def locator_multihash(name: bytes) -> bytes:
    """Return the locator as the sha2-256 multihash that the DHT's key must be."""
    return _SHA2_256 + name


def locator_of_multihash(key: bytes) -> bytes | None:
    """Return the locator of which ``key`` is the multihash; ``None`` where it can be none's."""
    if len(key) != len(_SHA2_256) + LOCATOR_SIZE or not key.startswith(_SHA2_256):
        return None
    return key.removeprefix(_SHA2_256)
