"""Which peers did one look-up hear of, and whom is it best to ask next?

It counts no time and ends nothing (``kademlia.lookup``). Nothing here outlives the look-up: addresses from
hearsay are good for dialling, never for the routing table. Spec: ARCHITECTURE.md section 6.

Strategy: IDs cost a liar nothing, so it can name any number of peers that are closer than every real one
and have us dial them in vain. Therefore each heard peer remembers who named it. Whose peers failed more
often than they answered, by three, is doubted: peers that only doubted ones named are asked last, and
those that somebody else named as well keep their place. A peer that failed under the addresses that one
named is tried once more when another gives different ones.

IDs near a key are cheap to find, too, and whoever has the twenty closest could end every search for it. So
of one IPv4 /24 or IPv6 /64 only the closest three keep their place; the others come after everybody else,
and count for something only where too few others are known. A peer that answered counts for where it
was reached, so that nobody crowds out others for long by claiming their addresses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.address_groups import group_of
from peertransfer.kademlia.distance import position

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

MAX_HEARD = 200
"""Peers that one look-up remembers: ten times k."""
MAX_PER_ANSWER = 40
"""Peers that one answer can name, as in go-libp2p; the closest are taken."""
MAX_ADDRS = 16
MAX_ADDRS_PER_NAMER = 8
"""So that the first to name a peer can't use up the room for its true addresses."""
MAX_TRIES = 2
"""How often one peer is asked in one look-up."""
GROUP_PER_LOOKUP = 3
"""Peers of one IPv4 /24 or IPv6 /64 that keep their place, as many as a routing table takes."""
DOUBT = 3
"""Failures of the peers that somebody named, less the answers of such peers, from which it is doubted."""

OURSELVES = b""
"""The namer of the seeds, never doubted."""


class Progress(Enum):
    """How far one peer came in a look-up."""

    HEARD = auto()
    ASKED = auto()
    ANSWERED = auto()
    FAILED = auto()


@dataclass(slots=True)
class Candidate:
    """One peer in a look-up."""

    peer_id: bytes
    remoteness: int
    """XOR distance from the target."""
    addrs: tuple[bytes, ...] = ()
    namers: set[bytes] = field(default_factory=set)
    progress: Progress = Progress.HEARD
    try_count: int = 0
    groups: frozenset[bytes] = frozenset()
    """The parts of the internet that it is in or, before it answered, is said to be in."""

    @property
    def record(self) -> PeerRecord:
        """The peer with the addresses that were heard."""
        return PeerRecord(self.peer_id, self.addrs)


class Candidates:
    """The peers that one look-up heard of, at most ``MAX_HEARD``."""

    __slots__ = ("_avoid", "_blame", "_known", "_target")

    def __init__(self, target_key: bytes, avoid: Collection[bytes]) -> None:
        self._target = position(target_key)
        self._avoid = frozenset(avoid)
        self._known: dict[bytes, Candidate] = {}
        self._blame: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Count the peers heard of."""
        return len(self._known)

    def hear(self, namer: bytes, records: Iterable[PeerRecord]) -> None:
        """Take in what ``namer`` said; the closest peers first, up to the limits."""
        named = {record.peer_id: record for record in records if record.peer_id not in self._avoid}
        nearest = sorted(named.values(), key=lambda record: self._remoteness(record.peer_id))
        for record in nearest[:MAX_PER_ANSWER]:
            self._hear_one(namer, record)
        self._forget_worst()

    def _forget_worst(self) -> None:
        """Come back to the limit: the failed go first, then the crowded and doubtful, then the furthest."""
        excess = len(self) - MAX_HEARD
        if excess <= 0:
            return
        ranked = [one for one in self._ranked(self._known.values()) if one.progress is Progress.HEARD]
        failed = [one for one in self._known.values() if one.progress is Progress.FAILED]
        for candidate in (*ranked, *failed)[-excess:]:
            del self._known[candidate.peer_id]

    def _hear_one(self, namer: bytes, record: PeerRecord) -> None:
        candidate = self._known.get(record.peer_id)
        if candidate is None:
            candidate = Candidate(record.peer_id, self._remoteness(record.peer_id))
            self._known[record.peer_id] = candidate
        candidate.namers.add(namer)
        merged = dict.fromkeys((*candidate.addrs, *record.addrs[:MAX_ADDRS_PER_NAMER]))
        addrs = tuple(merged)[:MAX_ADDRS]
        if addrs != candidate.addrs and candidate.progress is Progress.FAILED:
            candidate.progress = Progress.HEARD if candidate.try_count < MAX_TRIES else Progress.FAILED
        if addrs != candidate.addrs and candidate.progress is not Progress.ANSWERED:
            candidate.groups = _groups_of(addrs)
        candidate.addrs = addrs

    def _remoteness(self, peer_id: bytes) -> int:
        return position(peer_id) ^ self._target

    def start(self, candidate: Candidate) -> None:
        """Note that a peer is being asked."""
        candidate.progress = Progress.ASKED
        candidate.try_count += 1

    def answer(self, peer_id: bytes, seen_at: bytes | None) -> bool:
        """Note that a peer answered, and from where; return whether it was being asked at all."""
        candidate = self._settle(peer_id, Progress.ANSWERED)
        if candidate and seen_at:
            candidate.groups = _groups_of((seen_at,))
        return candidate is not None

    def fail(self, peer_id: bytes) -> None:
        """Note that a peer did not answer."""
        self._settle(peer_id, Progress.FAILED)

    def _settle(self, peer_id: bytes, progress: Progress) -> Candidate | None:
        candidate = self._known.get(peer_id)
        if candidate is None or candidate.progress is not Progress.ASKED:
            return None
        candidate.progress = progress
        for namer in candidate.namers:
            blame = 1 if progress is Progress.FAILED else -1
            self._blame[namer] = self._blame.get(namer, 0) + blame
        return candidate

    def in_flight(self) -> int:
        """Count the peers being asked."""
        return sum(one.progress is Progress.ASKED for one in self._known.values())

    def best(self, count: int) -> list[Candidate]:
        """Return the best ``count`` peers that did not fail: the crowded last, the doubtful before them."""
        good = (one for one in self._known.values() if one.progress is not Progress.FAILED)
        return list(self._ranked(good))[:count]

    def answered(self, count: int) -> tuple[PeerRecord, ...]:
        """Return the closest ``count`` peers that answered, the crowded only for want of others."""
        good = (one for one in self._known.values() if one.progress is Progress.ANSWERED)
        chosen = list(self._ranked(good))[:count]
        return tuple(one.record for one in sorted(chosen, key=lambda one: one.remoteness))

    def _ranked(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        crowds: Counter[bytes] = Counter()
        crowded = []
        for one in sorted(candidates, key=lambda one: (self._is_doubtful(one), one.remoteness)):
            if any(crowds[group] >= GROUP_PER_LOOKUP for group in one.groups):
                crowded.append(one)
            else:
                crowds.update(one.groups)
                yield one
        yield from crowded

    def _is_doubtful(self, candidate: Candidate) -> bool:
        return candidate.progress is not Progress.ANSWERED and all(
            namer != OURSELVES and self._blame.get(namer, 0) >= DOUBT for namer in candidate.namers
        )


def _groups_of(addrs: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(group for group in map(group_of, addrs) if group)
