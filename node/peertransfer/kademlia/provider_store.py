"""Who provides which key, as other peers told us. Bounded in every direction; nothing is believed for long.

A record is taken only from the provider itself. Time is passed in, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord

MAX_RECORDS = 100_000
MAX_RECORDS_OF_PEER = 10_000
MAX_PROVIDERS_OF_KEY = 20
TTL_SECONDS = 24 * 3600.0


@dataclass(slots=True)
class _Held:
    record: PeerRecord
    expires_at: float


class ProviderStore:
    """Provider records of a network, in memory."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, dict[bytes, _Held]] = {}
        self._count_of_peer: dict[bytes, int] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many records are held."""
        return self._count

    def add(self, key: bytes, provider: PeerRecord, from_peer: bytes, now: float) -> bool:
        """Take a record; tell whether it is held.

        Args:
            key: the multihash that is provided.
            provider: who provides it.
            from_peer: who says so; only its own word counts.
            now: seconds.
        """
        if provider.peer_id != from_peer or not provider.addrs:
            return False
        held = self._by_key.get(key, {})
        if from_peer not in held:
            if self._count >= MAX_RECORDS:
                self.expire(now)
            if (
                self._count >= MAX_RECORDS
                or len(held) >= MAX_PROVIDERS_OF_KEY
                or self._count_of_peer.get(from_peer, 0) >= MAX_RECORDS_OF_PEER
            ):
                return False
            self._count += 1
            self._count_of_peer[from_peer] = self._count_of_peer.get(from_peer, 0) + 1
        self._by_key.setdefault(key, {})[from_peer] = _Held(provider, now + TTL_SECONDS)
        return True

    def providers(self, key: bytes, now: float) -> list[PeerRecord]:
        """Return who provides ``key``."""
        return [one.record for one in self._by_key.get(key, {}).values() if one.expires_at > now]

    def forget(self, key: bytes, peer_id: bytes) -> None:
        """Drop one record; again: nothing."""
        held = self._by_key.get(key, {})
        if held.pop(peer_id, None) is None:
            return
        if not held:
            del self._by_key[key]
        self._count -= 1
        self._count_of_peer[peer_id] -= 1
        if not self._count_of_peer[peer_id]:
            del self._count_of_peer[peer_id]

    def expire(self, now: float) -> None:
        """Drop every record whose time is over."""
        over = [
            (key, peer_id)
            for key, held in self._by_key.items()
            for peer_id, one in held.items()
            if one.expires_at <= now
        ]
        for key, peer_id in over:
            self.forget(key, peer_id)
