"""What happened to a look-up: the events that the shell hands to ``Lookup.advance``.

They carry claims of peers; the look-up believes none of them. Spec: ARCHITECTURE.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord


@dataclass(frozen=True, slots=True)
class LookupStarted:
    """The shell is ready to ask."""


@dataclass(frozen=True, slots=True)
class PeerAnswered:
    """A peer that was asked answered."""

    peer: bytes
    """Its peer ID, multihash octets."""
    closer: tuple[PeerRecord, ...] = ()
    """Peers that it says are closer, in its order."""
    providers: tuple[PeerRecord, ...] = ()
    """Peers that it says provide the key."""
    seen_at: bytes | None = None
    """Binary multiaddr of its connection, if known: where it really is, whatever was said of it."""


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """A peer that was asked could not be dialled, timed out, refused or sent nonsense."""

    peer: bytes
    """Its peer ID, multihash octets."""


LookupEvent: TypeAlias = LookupStarted | PeerAnswered | PeerFailed
