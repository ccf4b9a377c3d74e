"""For whom something is sealed.

An audience says who may receive a frame. A peer is accepted for a wider audience than itself only
when it has proven that it belongs to it (``net.peer_stream``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class OnePeer:
    """Exactly one peer, proven by its Noise handshake."""

    peer_id: str

    def __str__(self) -> str:
        """Return the form that the ledger keeps."""
        return f"peer:{self.peer_id}"


@dataclass(frozen=True, slots=True)
class Members:
    """Whoever has proven to be a member of a network."""

    network_id: str

    def __str__(self) -> str:
        """Return the form that the ledger keeps."""
        return f"members:{self.network_id}"


@dataclass(frozen=True, slots=True)
class DhtServers:
    """The peers that serve the DHT of a network."""

    network_id: str

    def __str__(self) -> str:
        """Return the form that the ledger keeps."""
        return f"dht-servers:{self.network_id}"


@dataclass(frozen=True, slots=True)
class LinkHolders:
    """Whoever has proven to hold the secret of a link."""

    link_id: str
    """Local name of the link (never its secret)."""

    def __str__(self) -> str:
        """Return the form that the ledger keeps."""
        return f"link:{self.link_id}"


@dataclass(frozen=True, slots=True)
class Anyone:
    """Whoever can open a stream."""

    def __str__(self) -> str:
        """Return the form that the ledger keeps."""
        return "anyone"


Audience: TypeAlias = OnePeer | Members | DhtServers | LinkHolders | Anyone
