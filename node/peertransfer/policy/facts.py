"""What does the engine know when it is asked: who asks, about which item, about which entry?

Facts are handed in by the shell; nothing here finds them out, and nothing here ever leaves.
Spec: ARCHITECTURE.md, "The door".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import Audience

OPEN_NETWORK = "open"
"""The built-in network that has no members and no key; rules that name no network leave it out."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The peer that would receive a view, and everything that it has proven."""

    network_id: str
    """The network of the host on which the peer is connected."""
    peer_id: str
    audiences: frozenset[Audience]
    """All that the peer has proven; that it is itself, and one of anyone, need not be listed, and a listed
    peer ID other than its own counts for nothing."""
    roles: frozenset[str] = frozenset()
    """The roles that it has proven in the network where it asks."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The share that a decision is about."""

    manifest_cid: str
    labels: tuple[str, ...] = ()
    link_id: str = ""
    """Local name of the link under which it is asked for; empty where it is not asked for by a link."""
    expires_at: int = 0
    """Unix seconds from which it is no longer served; 0: never."""
    created_at: int = 0
    """Unix seconds at which the share was made; 0: not known, or not ours."""

    def is_expired(self, now: int) -> bool:
        """Tell whether the share has expired at ``now`` (Unix seconds)."""
        return self.expires_at != 0 and now >= self.expires_at


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One entry of a share: what the words of ``items`` look at."""

    index: int
    """Position of the entry in the manifest."""
    path: str
    """Path below the share's root, with ``/`` between segments."""
    labels: tuple[str, ...] = ()
    media_type: str = ""
    """Empty: not known."""
    size: int | None = None
    """Octets; ``None``: not known."""
