"""What a peer said on a kad-dht stream, as frozen native values, and the limits that they keep.

Only the codec makes them from octets, and the machines of ``kademlia`` read them. They are claims of a
peer, nothing more. Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord

MAX_REQUEST = 1 << 16
"""Octets of a message that a peer asks us with; the largest honest one is an ADD_PROVIDER of 5 KiB."""
MAX_ANSWER = 1 << 18
"""Octets of a message that answers us: 40 peers with 16 addresses of 256 octets fit."""
MAX_KEY = 80
"""Octets of a key; longer ones make go-libp2p reset the stream."""
MAX_PEERS = 40
"""Closer peers, and provider peers, of one message that are read; k is 20."""
MAX_ADDRS = 16
"""Addresses of one peer that are read."""
MAX_ADDR = 256
"""Octets of one binary multiaddr that is read."""
MAX_PEER_ID = 64
"""Octets of a peer ID; an Ed25519 one has 38."""


class KadType(IntEnum):
    """The kinds of message, by their number on the wire."""

    PUT_VALUE = 0
    GET_VALUE = 1
    ADD_PROVIDER = 2
    GET_PROVIDERS = 3
    FIND_NODE = 4
    PING = 5


@dataclass(frozen=True, slots=True)
class KadMessage:
    """One request or answer; the wire does not say which."""

    type: KadType
    key: bytes = b""
    """At most ``MAX_KEY`` octets: a multihash, or a peer ID."""
    closer_peers: tuple[PeerRecord, ...] = ()
    """At most ``MAX_PEERS``, in the sender's order."""
    provider_peers: tuple[PeerRecord, ...] = ()
    """At most ``MAX_PEERS``, in the sender's order."""
