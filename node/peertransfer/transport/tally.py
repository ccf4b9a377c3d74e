"""How much went over a connection?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Octets on the streams of one connection, without those that the library serves itself."""

    sent: int = 0
    received: int = 0
