"""Who told us that it provides which key, until when?

It asks nobody, hands nothing to finders but what providers themselves said (what we found out for
ourselves is never kept here), and is not on disk: records come again within half a day.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#content-provider-routing

Strategy: addresses are kept once for each provider, the latest for all of its keys, so that a host that
moved is found by its old records too and a record costs little. When the store is full, a record makes
room only by ending one whose key is further from us: others are closer to that key than we are, and spam
for keys all over the space stays outside. What this host itself provides is not kept here: whoever knows
it is asked each time (``service.dht_serving``).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.distance import POSITION_BITS, distance

MAX_RECORDS = 100_000
"""Records of others in all: 50 MB."""
MAX_PER_PEER = 10_000
"""Records from one sender."""
MAX_PROVIDERS = 20
"""Providers of one key; the 21st takes the place of the one that was silent longest."""
TTL_SECONDS = 24 * 3600
"""How long a record lasts; providers provide again twice as often."""
MAX_ADDRS_SIZE = 512
"""Octets of addresses that are kept for one provider: sixteen usual ones."""
EXPIRE_BATCH = 2000
"""Keys that one ``expire`` looks at, some 10 ms; called each minute, a full store takes an hour."""


@dataclass(slots=True)
class _Key:
    key: bytes
    providers: dict[bytes, float] = field(default_factory=dict)
    """Expiry (seconds of the caller's clock) by peer ID; the stalest word comes first."""


@dataclass(slots=True)
class _Sender:
    addrs: tuple[bytes, ...]
    seen_at: bytes | None = None
    record_count: int = 0


class ProviderStore:
    """The provider records that this host keeps for others."""

    __slots__ = (
        "_by_distance", "_cursor", "_distances", "_max_per_peer", "_max_providers", "_max_records",
        "_own_peer_id", "_record_count", "_senders", "_ttl_seconds",
    )  # fmt: skip

    def __init__(
        self,
        own_peer_id: bytes,
        *,
        max_records: int = MAX_RECORDS,
        max_per_peer: int = MAX_PER_PEER,
        max_providers: int = MAX_PROVIDERS,
        ttl_seconds: int = TTL_SECONDS,
    ) -> None:
        self._own_peer_id = own_peer_id
        self._max_records = max_records
        self._max_per_peer = max_per_peer
        self._max_providers = max_providers
        self._ttl_seconds = ttl_seconds
        self._senders: dict[bytes, _Sender] = {}
        self._by_distance: dict[bytes, _Key] = {}
        self._distances: list[bytes] = []
        self._record_count = 0
        self._cursor = 0

    @property
    def record_count(self) -> int:
        """How many records there are, expired ones that were not yet removed too."""
        return self._record_count

    # --- keeping ---------------------------------------------------------------------------------

    def add(
        self,
        key: bytes,
        provider: PeerRecord,
        from_peer: bytes,
        now: float,
        *,
        seen_at: bytes | None = None,
    ) -> bool:
        """Keep that ``provider`` provides ``key``, as ``from_peer`` said; return whether it is kept.

        It is not when somebody speaks for another or for this host, gives no address, or is over a limit.

        Args:
            key: a multihash.
            provider: with the addresses that it claims.
            from_peer: peer ID of who said so, proven by its connection.
            now: seconds of one clock, here and in all other calls; it may be the monotonic one.
            seen_at: binary multiaddr of that connection, if known.
        """
        if provider.peer_id != from_peer or from_peer == self._own_peer_id or not provider.addrs:
            return False
        place = self._place(key)
        known = self._by_distance.get(place)
        is_new = known is None or from_peer not in known.providers
        if is_new and not self._make_room(place, from_peer):
            return False
        self._put(place, key, from_peer, now)
        sender = self._senders[from_peer]
        sender.addrs, sender.seen_at = _cut(provider.addrs), seen_at
        return True

    def _place(self, key: bytes) -> bytes:
        return distance(key, self._own_peer_id).to_bytes(POSITION_BITS // 8, "big")

    def _make_room(self, place: bytes, from_peer: bytes) -> bool:
        sender = self._senders.get(from_peer)
        if sender and sender.record_count >= self._max_per_peer:
            return False
        known = self._by_distance.get(place)
        if known and len(known.providers) >= self._max_providers:
            self._drop(place, next(iter(known.providers)))
            return True
        if self._record_count >= self._max_records:
            furthest = self._distances[-1]
            if furthest <= place:
                return False
            self._drop(furthest, next(iter(self._by_distance[furthest].providers)))
        return True

    def _put(self, place: bytes, key: bytes, from_peer: bytes, now: float) -> None:
        if place not in self._by_distance:
            self._by_distance[place] = _Key(key)
            bisect.insort(self._distances, place)
        providers = self._by_distance[place].providers
        if providers.pop(from_peer, None) is None:
            self._record_count += 1
            self._senders.setdefault(from_peer, _Sender(())).record_count += 1
        providers[from_peer] = now + self._ttl_seconds

    # --- ending ----------------------------------------------------------------------------------

    def withdraw(self, key: bytes, peer_id: bytes) -> None:
        """End the record of one provider for one key, if there is one."""
        place = self._place(key)
        known = self._by_distance.get(place)
        if known and peer_id in known.providers:
            self._drop(place, peer_id)

    def expire(self, now: float) -> int:
        """Remove expired records among the next ``EXPIRE_BATCH`` keys, round and round; return how many."""
        before = self._record_count
        batch = self._distances[self._cursor : self._cursor + EXPIRE_BATCH]
        for place in batch:
            known = self._by_distance[place]
            over = [peer_id for peer_id, expires_at in known.providers.items() if expires_at <= now]
            for peer_id in over:
                self._end(known, peer_id)
            if not known.providers:
                del self._by_distance[place]
        # One cut for the whole batch: cutting a long list key by key would take a tenth of a second.
        kept = [place for place in batch if place in self._by_distance]
        self._distances[self._cursor : self._cursor + len(batch)] = kept
        self._cursor += len(kept)
        if self._cursor >= len(self._distances):
            self._cursor = 0
        return before - self._record_count

    def _drop(self, place: bytes, peer_id: bytes) -> None:
        known = self._by_distance[place]
        self._end(known, peer_id)
        if not known.providers:
            del self._by_distance[place]
            del self._distances[bisect.bisect_left(self._distances, place)]

    def _end(self, known: _Key, peer_id: bytes) -> None:
        del known.providers[peer_id]
        self._record_count -= 1
        sender = self._senders[peer_id]
        sender.record_count -= 1
        if not sender.record_count:
            del self._senders[peer_id]

    # --- answering -------------------------------------------------------------------------------

    def seen_at(self, peer_id: bytes) -> bytes | None:
        """Return over which connection a provider gave its addresses: what may be dialled depends on it."""
        sender = self._senders.get(peer_id)
        return sender.seen_at if sender else None

    def providers(self, key: bytes, now: float) -> tuple[PeerRecord, ...]:
        """Return who told us that it provides ``key``, at most ``MAX_PROVIDERS``, the latest word first."""
        known = self._by_distance.get(self._place(key))
        latest = reversed(known.providers.items()) if known else ()
        return tuple(
            PeerRecord(peer_id, self._senders[peer_id].addrs)
            for peer_id, expires_at in latest
            if expires_at > now
        )


def _cut(addrs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Keep the first addresses that fit; one always does, because the wire's limit is lower."""
    kept: list[bytes] = []
    room = MAX_ADDRS_SIZE
    for addr in addrs:
        room -= len(addr)
        if room < 0:
            break
        kept.append(addr)
    return tuple(kept)
