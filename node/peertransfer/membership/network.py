"""What names a network, and which protocol IDs carry its name.

An own network's ID comes from its public key, a plain private network's from its PSK alone, so that all
who hold it agree and nobody can turn it back. Spec: ARCHITECTURE.md 6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

OPEN = "open"
"""The built-in network without a key."""
EXCHANGE_PROTOCOL = "/peertransfer/exchange/1.0.0"
ID_DOMAIN = b"peertransfer/network-id/1"
_ID_SIZE = 20


def network_id_of_public_key(public_key: bytes) -> str:
    """Return the ID of the network whose authority holds this Ed25519 key (32 octets)."""
    return "n" + _text(hashlib.sha256(ID_DOMAIN + public_key).digest())


def network_id_of_psk(psk: bytes) -> str:
    """Return the ID of the plain private network with this PSK (32 octets)."""
    return "p" + _text(hmac.digest(psk, ID_DOMAIN, hashlib.sha256))


def kad_protocol_id(network_id: str) -> str:
    """Return the protocol ID of the network's DHT."""
    return f"/peertransfer/{network_id}/kad/1.0.0"


def _text(digest: bytes) -> str:
    return base64.b32encode(digest[:_ID_SIZE]).decode().lower()
