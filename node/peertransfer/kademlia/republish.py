"""Which of our keys are to be provided now, and to whom?

It does not ask the policy (the shell does, each time, and withdraws what is denied), look up or send.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#provider-record-republish-interval

Strategy: a record lasts 24 hours at its receivers, so each key is provided again after 12, give or
take the jitter. New keys are due at once, failed ones after a minute, then two, up to an
hour. Between two rounds a peer that comes among the k closest of a key is given it alone: ``due_to``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.kademlia.distance import POSITION_BITS, position

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

INTERVAL_SECONDS = 12 * 3600
"""Half of the time that a record lasts."""
RETRY_SECONDS = 60
MAX_RETRY_SECONDS = 3600
LEASE_SECONDS = 600
"""A key that was handed out comes again after this when the shell reports nothing."""
K = 20

_EVERYWHERE = 1 << POSITION_BITS


@dataclass(slots=True)
class _Key:
    place: int
    due_at: float
    reach: int = _EVERYWHERE
    """The distance below which a newcomer is among the k closest."""
    holders: set[bytes] = field(default_factory=set)
    failure_count: int = 0


class Republisher:
    """The keys that this host provides, and when each is due again."""

    __slots__ = ("_interval_seconds", "_k", "_keys")

    def __init__(self, *, interval_seconds: int = INTERVAL_SECONDS, k: int = K) -> None:
        self._interval_seconds = interval_seconds
        self._k = k
        self._keys: dict[bytes, _Key] = {}

    @property
    def keys(self) -> tuple[bytes, ...]:
        """All keys that are to be provided."""
        return tuple(self._keys)

    @property
    def next_due_at(self) -> float | None:
        """When the next key is due, in seconds of the caller's clock; ``None`` without keys."""
        return min((key.due_at for key in self._keys.values()), default=None)

    def provide(self, key: bytes, now: float) -> None:
        """Provide a key from now on: it is due at once. One that is there already keeps its time."""
        self._keys.setdefault(key, _Key(position(key), now))

    def withdraw(self, key: bytes) -> None:
        """Provide a key no more: what others hold ends by itself within a day."""
        self._keys.pop(key, None)

    def replace(self, keys: Iterable[bytes], now: float) -> None:
        """Provide exactly ``keys`` from now on: the others are withdrawn."""
        wanted = dict.fromkeys(keys)
        for key in self._keys.keys() - wanted.keys():
            self.withdraw(key)
        for key in wanted:
            self.provide(key, now)

    # --- in rounds -------------------------------------------------------------------------------

    def due(self, now: float, limit: int | None = None) -> tuple[bytes, ...]:
        """Hand out at most ``limit`` keys to look up and provide now, the longest due first.

        Each is to be answered by ``provided``, ``failed`` or ``withdraw``; until then, or for ten
        minutes, it is not handed out again.
        """
        late = sorted((key.due_at, name) for name, key in self._keys.items() if key.due_at <= now)
        names = tuple(name for _, name in late[:limit])
        for name in names:
            self._keys[name].due_at = now + LEASE_SECONDS
        return names

    def provided(
        self, key: bytes, holders: Collection[bytes], now: float, *, jitter_seconds: float = 0.0
    ) -> None:
        """Note that ``holders``, the closest peers, were told of a key.

        Args:
            key: as handed out; one withdrawn meanwhile is ignored.
            holders: peer IDs; with nobody it counts as failed.
            now: seconds of one clock, here and in all other calls; it may be the monotonic one.
            jitter_seconds: at random, so that keys provided together come apart.
        """
        known = self._keys.get(key)
        if known is None:
            return
        if not holders:
            self.failed(key, now)
            return
        known.failure_count = 0
        known.holders = set(holders)
        known.reach = self._reach(known)
        known.due_at = now + self._interval_seconds + jitter_seconds

    def failed(self, key: bytes, now: float) -> None:
        """Note that nobody could be told of a key: it is due again soon."""
        known = self._keys.get(key)
        if known:
            known.due_at = now + min(RETRY_SECONDS << known.failure_count, MAX_RETRY_SECONDS)
            known.failure_count = min(known.failure_count + 1, MAX_RETRY_SECONDS.bit_length())

    def _reach(self, key: _Key) -> int:
        distances = sorted(position(peer) ^ key.place for peer in key.holders)
        return distances[self._k - 1] if len(distances) >= self._k else _EVERYWHERE

    # --- newcomers -------------------------------------------------------------------------------

    def due_to(self, peer_id: bytes) -> tuple[bytes, ...]:
        """Return the keys to tell a newcomer of, because it is among the k closest and was not told."""
        place = position(peer_id)
        return tuple(
            name
            for name, key in self._keys.items()
            if peer_id not in key.holders and key.place ^ place < key.reach
        )

    def peer_came(self, now: float) -> None:
        """Make the keys that nobody holds due in a round: who came may know others that are closer."""
        for key in self._keys.values():
            if not key.holders:
                key.due_at = min(key.due_at, now)

    def told(self, key: bytes, peer_id: bytes) -> None:
        """Note that a newcomer was told of a key."""
        known = self._keys.get(key)
        if known:
            known.holders.add(peer_id)
            known.reach = self._reach(known)

    def forget_peer(self, peer_id: bytes) -> None:
        """Note that a peer is gone, perhaps with what it was told: it is a newcomer when it comes again."""
        for key in self._keys.values():
            if peer_id in key.holders:
                key.holders.discard(peer_id)
                key.reach = self._reach(key)
