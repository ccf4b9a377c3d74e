"""How far apart are two names in the DHT's key space?

It holds no peers (``kademlia.routing_table``). A peer's position is the SHA-256 of its ID's octets, a
key's the SHA-256 of the key's octets; distance is their XOR, read as a number.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#distance
"""

from __future__ import annotations

import hashlib

POSITION_BITS = 256


def position(name: bytes) -> int:
    """Return where a peer ID or a key is, as a number of 256 bits."""
    return int.from_bytes(hashlib.sha256(name).digest(), "big")


def distance(one: bytes, other: bytes) -> int:
    """Return how far apart two peer IDs or keys are."""
    return position(one) ^ position(other)


def shared_bits(one: int, other: int) -> int:
    """Return how many leading bits two positions share: 256 where they are the same."""
    return POSITION_BITS - (one ^ other).bit_length()
