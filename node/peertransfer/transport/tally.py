"""What is a connection used for? How much went over it, and whether transfers do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Octets and transfers on the streams of one connection, without those that the library serves itself."""

    sent: int = 0
    received: int = 0
    transfers: int = 0
    """Streams that carry one now."""
    has_transferred: bool = False
    """Whether there was one ever."""
