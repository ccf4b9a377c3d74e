"""How fast may a peer ask? So many requests a second, more for those that are answered with content.

It refuses nothing: whoever asks faster waits, and by the windows of its streams its peer waits too. Spec:
docs/transport.md, "Limits".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from peertransfer.transport.allowance import Allowance

CONTENT_OF_REQUEST = 1 << 18
"""Octets of content that pay for one request: their own way is bounded by the peer's windows."""
MAX_PEERS = 4096
"""Peers that are remembered after they left; reconnecting must not be a way to ask faster."""


@dataclass(slots=True)
class _Credit:
    left: float
    at: float


class Pace:
    """The requests that each peer of a host may make now."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._credits: dict[str, _Credit] = {}

    async def take(self, peer_id: str) -> None:
        """Wait until a peer may make one more request."""
        credit = self._refilled(peer_id)
        if 0 <= credit.left < 1:
            self._allowance.reach("requests_at_once")
        credit.left -= 1
        if credit.left < 0:
            self._allowance.reach("requests_per_second")
            await trio.sleep(-credit.left / self._allowance.limits.requests_per_second)

    def pay(self, peer_id: str, content_size: int) -> None:
        """Note octets of content that a peer takes."""
        credit = self._refilled(peer_id)
        credit.left = min(credit.left + content_size / CONTENT_OF_REQUEST, self._burst)

    @property
    def _burst(self) -> int:
        return self._allowance.limits.requests_at_once

    def _refilled(self, peer_id: str) -> _Credit:
        now = trio.current_time()
        credit = self._credits.get(peer_id)
        if credit is None:
            self._drop_full_ones(now)
            credit = self._credits[peer_id] = _Credit(self._burst, now)
        credit.left = min(self._left(credit, now), self._burst)
        credit.at = now
        return credit

    def _left(self, credit: _Credit, now: float) -> float:
        return credit.left + (now - credit.at) * self._allowance.limits.requests_per_second

    def _drop_full_ones(self, now: float) -> None:
        if len(self._credits) < MAX_PEERS:
            return
        kept = {peer: one for peer, one in self._credits.items() if self._left(one, now) < self._burst}
        self._credits = kept if len(kept) < MAX_PEERS else {}
