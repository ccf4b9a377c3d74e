"""Which peers do we know that serve the DHT, and which of them are close to a key?

It does not dial, ask or check anybody: the shell admits a peer only after it answered by itself, or after
its identify listed our kad protocol on a connection that was dialled; peers from hearsay are never here.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#kademlia-routing-table

Strategy: a bucket for each number of leading bits shared with us, 20 peers each, the long-lived kept. A
peer that failed is not named for a minute and goes after three failures in a row, so that a frozen peer
costs its time-out once and not in every look-up. From one IPv4 /24 or IPv6 /64 there are at most two
peers in a bucket and three in the table.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from dataclasses import dataclass

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.address_groups import group_of
from peertransfer.kademlia.distance import position, shared_bits

K = 20
"""Peers in a bucket and in an answer, as everywhere in libp2p."""
DEMOTED_SECONDS = 60
"""How long a peer that failed is not asked."""
MAX_FAILURES = 3
"""Failures in a row after which a peer is removed."""
MAX_DEMOTED = 1000
"""Demoted peers that are remembered, in the table or not; the oldest is forgotten first."""
GROUP_PER_BUCKET = 2
GROUP_PER_TABLE = 3
REFRESH_SECONDS = 600
"""A bucket in which nobody was looked for so long is stale; go-libp2p refreshes as often."""
MAX_REFRESH_BUCKET = 10
"""The deepest bucket for which a key is searched, some 2000 hashes; a look-up for ourselves does the rest."""


@dataclass(slots=True)
class _Entry:
    record: PeerRecord
    place: int
    bucket: int
    groups: frozenset[bytes]
    answered_at: float
    failure_count: int = 0


class RoutingTable:
    """The admitted peers, in buckets by their distance from us."""

    __slots__ = (
        "_buckets",
        "_demoted",
        "_entries",
        "_groups",
        "_k",
        "_own_peer_id",
        "_own_place",
        "_refreshed",
    )

    def __init__(self, own_peer_id: bytes, *, k: int = K) -> None:
        self._own_peer_id = own_peer_id
        self._own_place = position(own_peer_id)
        self._k = k
        self._entries: dict[bytes, _Entry] = {}
        self._buckets: dict[int, dict[bytes, _Entry]] = {}
        self._groups: Counter[bytes] = Counter()
        self._demoted: dict[bytes, float] = {}
        self._refreshed: dict[int, float] = {}

    @property
    def own_peer_id(self) -> bytes:
        """The peer ID of this host, multihash octets."""
        return self._own_peer_id

    @property
    def size(self) -> int:
        """How many peers there are, demoted ones too."""
        return len(self._entries)

    def __contains__(self, peer_id: bytes) -> bool:
        """Tell whether this peer was admitted and is still here."""
        return peer_id in self._entries

    def record(self, peer_id: bytes) -> PeerRecord | None:
        """Return a peer with its latest addresses."""
        entry = self._entries.get(peer_id)
        return entry.record if entry else None

    # --- coming and going ------------------------------------------------------------------------

    def admit(
        self, peer_id: bytes, addrs: tuple[bytes, ...], now: float, *, seen_at: bytes | None = None
    ) -> bool:
        """Take in a peer that just proved to be there, or renew it: its addresses replace the old ones.

        Args:
            peer_id: multihash octets.
            addrs: binary multiaddrs under which it says that it listens.
            now: seconds of one clock, here and in all other calls; it may be the monotonic one.
            seen_at: binary multiaddr of its connection. With it the peer counts for the group that it
                really came from, and can't use up the group of another by claiming its addresses.

        Returns:
            Whether the peer is in the table now: not this host, not a newcomer to a full bucket, not one
            of too many from one group.
        """
        if peer_id == self._own_peer_id:
            return False
        former = self._entries.get(peer_id)
        self.remove(peer_id)
        self._demoted.pop(peer_id, None)
        place = position(peer_id)
        claimed = (group_of(addr) for addr in ((seen_at,) if seen_at else addrs))
        groups = frozenset(group for group in claimed if group)
        entry = _Entry(
            PeerRecord(peer_id, addrs), place, shared_bits(self._own_place, place), groups, answered_at=now
        )
        if not self._is_diverse(entry) or not (former or self._make_room(entry.bucket)):
            return False
        self._insert(entry)
        return True

    def _is_diverse(self, entry: _Entry) -> bool:
        bucket = self._buckets.get(entry.bucket, {})
        return all(
            self._groups[group] < GROUP_PER_TABLE
            and sum(group in other.groups for other in bucket.values()) < GROUP_PER_BUCKET
            for group in entry.groups
        )

    def _make_room(self, index: int) -> bool:
        """Find room for a newcomer: in a full bucket only one that failed last makes way."""
        bucket = self._buckets.get(index, {})
        if len(bucket) < self._k:
            return True
        worst = max(bucket.values(), key=lambda entry: (entry.failure_count, -entry.answered_at))
        if worst.failure_count:
            self.remove(worst.record.peer_id)
        return worst.failure_count > 0

    def _insert(self, entry: _Entry) -> None:
        peer_id = entry.record.peer_id
        self._entries[peer_id] = entry
        self._buckets.setdefault(entry.bucket, {})[peer_id] = entry
        self._groups.update(entry.groups)

    def remove(self, peer_id: bytes) -> None:
        """Take a peer out, if it is here."""
        entry = self._entries.pop(peer_id, None)
        if entry is None:
            return
        bucket = self._buckets[entry.bucket]
        del bucket[peer_id]
        if not bucket:
            del self._buckets[entry.bucket]
        for group in entry.groups:
            self._groups[group] -= 1
            if not self._groups[group]:
                del self._groups[group]

    def demote(self, peer_id: bytes, now: float) -> None:
        """Note that a peer, of the table or from hearsay, timed out or failed: it is not asked for a minute.

        After ``MAX_FAILURES`` in a row it leaves the table.
        """
        self._demoted.pop(peer_id, None)
        self._demoted[peer_id] = now + DEMOTED_SECONDS
        if len(self._demoted) > MAX_DEMOTED:
            del self._demoted[next(iter(self._demoted))]
        entry = self._entries.get(peer_id)
        if entry:
            entry.failure_count += 1
            if entry.failure_count >= MAX_FAILURES:
                self.remove(peer_id)

    def demoted(self, now: float) -> frozenset[bytes]:
        """Return the peers that are not to be asked now; a look-up avoids them."""
        self._demoted = {peer: until for peer, until in self._demoted.items() if until > now}
        return frozenset(self._demoted)

    def peers(self) -> tuple[PeerRecord, ...]:
        """Return all peers, demoted ones too, in no order that means anything."""
        return tuple(entry.record for entry in self._entries.values())

    # --- asking ----------------------------------------------------------------------------------

    def closest(self, key: bytes, n: int, now: float | None = None) -> tuple[PeerRecord, ...]:
        """Return at most ``n`` peers, closest to ``key`` first; those demoted at ``now`` are left out."""
        target = position(key)
        entries: list[_Entry] = [
            entry
            for peer_id, entry in self._entries.items()
            if now is None or self._demoted.get(peer_id, now) <= now
        ]
        nearest = heapq.nsmallest(n, entries, key=lambda entry: entry.place ^ target)
        return tuple(entry.record for entry in nearest)

    # --- keeping it fresh ------------------------------------------------------------------------

    def unheard(self, now: float, seconds: float = REFRESH_SECONDS) -> tuple[PeerRecord, ...]:
        """Return the peers that did not prove to be there for ``seconds``, longest first: ping them."""
        old = [entry for entry in self._entries.values() if entry.answered_at <= now - seconds]
        return tuple(entry.record for entry in sorted(old, key=lambda entry: entry.answered_at))

    def stale_buckets(self, now: float, seconds: float = REFRESH_SECONDS) -> tuple[int, ...]:
        """Return the buckets, down to the deepest that holds a peer, where nobody was looked for lately."""
        deepest = min(max(self._buckets, default=-1), MAX_REFRESH_BUCKET)
        return tuple(
            index
            for index in range(deepest + 1)
            if index not in self._refreshed or self._refreshed[index] <= now - seconds
        )

    def mark_refreshed(self, key: bytes, now: float) -> None:
        """Note that a look-up for ``key`` ended: its bucket is fresh."""
        self._refreshed[shared_bits(self._own_place, position(key))] = now

    def refresh_key(self, bucket: int, seed: bytes) -> bytes:
        """Return a key of the DHT's form that lies in ``bucket``.

        Args:
            bucket: one of ``stale_buckets``; the search doubles with each number.
            seed: random octets, so that nobody foresees what is asked.
        """
        candidates = (
            b"\x12\x20" + position(seed + counter.to_bytes(8, "big")).to_bytes(32, "big")
            for counter in itertools.count()
        )
        return next(key for key in candidates if shared_bits(self._own_place, position(key)) == bucket)
