"""An iterative look-up: whom to ask next, and when it is over. One machine for each look-up.

``advance(event)`` returns the state; the shell asks the peers that it names, and tells of answers and of
failures, timeouts among them. Events of peers that were not asked, and after the end, change nothing.

Strategy: candidates by distance, at most alpha asked at once. It is over when the k closest that have not
failed have answered, or when enough providers were heard of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from peertransfer.kademlia.distance import kad_id
from peertransfer.kademlia.routing_table import K

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.disclosure.views import PeerRecord

ALPHA = 3
"""Peers asked at once."""
MAX_CANDIDATES = 200
"""Peers remembered, the closest; a liar can name any number."""


@dataclass(frozen=True, slots=True)
class LookupStarted:
    """Begin."""


@dataclass(frozen=True, slots=True)
class PeerAnswered:
    """A peer that was asked answered."""

    peer_id: bytes
    closer: tuple[PeerRecord, ...] = ()
    providers: tuple[PeerRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """A peer that was asked can't be reached, refused, or was silent too long."""

    peer_id: bytes


@dataclass(frozen=True, slots=True)
class Asking:
    """Ask these peers now; others may still be outstanding."""

    peers: tuple[PeerRecord, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody to ask until an outstanding peer answers or fails."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The look-up is over."""

    closest: tuple[PeerRecord, ...]
    """The k closest peers that answered, nearest first."""
    providers: tuple[PeerRecord, ...]
    """Everybody who was named as a provider, first heard first."""


LookupEvent: TypeAlias = LookupStarted | PeerAnswered | PeerFailed
LookupState: TypeAlias = Asking | Waiting | Finished


class _Status(Enum):
    HEARD = auto()
    ASKED = auto()
    ANSWERED = auto()
    FAILED = auto()


class Lookup:
    """The look-up of one key."""

    def __init__(
        self,
        key: bytes,
        seeds: Iterable[PeerRecord],
        *,
        own_peer_id: bytes,
        want_providers: int = 0,
        alpha: int = ALPHA,
    ) -> None:
        """Prepare a look-up.

        Args:
            key: what is looked for, multihash octets.
            seeds: peers to begin with.
            own_peer_id: never asked.
            want_providers: end early with so many providers; 0: look for peers only.
            alpha: peers asked at once.
        """
        self._place = kad_id(key)
        self._own = own_peer_id
        self._want = want_providers
        self._alpha = alpha
        self._records: dict[bytes, PeerRecord] = {}
        self._status: dict[bytes, _Status] = {}
        self._providers: dict[bytes, PeerRecord] = {}
        self._finished: Finished | None = None
        self._hear(seeds)

    def advance(self, event: LookupEvent) -> LookupState:
        """Take an event and say what to do."""
        if self._finished is None:
            match event:
                case PeerAnswered(peer_id, closer, providers) if self._is_asked(peer_id):
                    self._status[peer_id] = _Status.ANSWERED
                    self._hear(closer)
                    self._note_providers(providers)
                case PeerFailed(peer_id) if self._is_asked(peer_id):
                    self._status[peer_id] = _Status.FAILED
                case _:
                    pass
        return self._state()

    def _state(self) -> LookupState:
        if self._finished is not None:
            return self._finished
        nearest = self._nearest()
        unasked = [one for one in nearest if self._status[one] is _Status.HEARD]
        outstanding = sum(one is _Status.ASKED for one in self._status.values())
        if (self._want and len(self._providers) >= self._want) or not (
            unasked or any(self._status[one] is _Status.ASKED for one in nearest)
        ):
            answered = [self._records[one] for one in nearest if self._status[one] is _Status.ANSWERED]
            self._finished = Finished(tuple(answered), tuple(self._providers.values()))
            return self._finished
        now = unasked[: max(0, self._alpha - outstanding)]
        for one in now:
            self._status[one] = _Status.ASKED
        return Asking(tuple(self._records[one] for one in now)) if now else Waiting()

    def _nearest(self) -> list[bytes]:
        alive = [one for one, status in self._status.items() if status is not _Status.FAILED]
        return sorted(alive, key=self._distance)[:K]

    def _is_asked(self, peer_id: bytes) -> bool:
        return self._status.get(peer_id) is _Status.ASKED

    def _note_providers(self, providers: Sequence[PeerRecord]) -> None:
        for record in providers:
            known = self._providers.get(record.peer_id)
            if record.peer_id != self._own and (known is None or not known.addrs):
                self._providers[record.peer_id] = record

    def _hear(self, records: Iterable[PeerRecord]) -> None:
        for record in records:
            if record.peer_id == self._own or record.peer_id in self._status or not record.addrs:
                continue
            self._records[record.peer_id] = record
            self._status[record.peer_id] = _Status.HEARD
        if len(self._status) > MAX_CANDIDATES:
            self._drop_farthest()

    def _drop_farthest(self) -> None:
        unasked = [one for one, status in self._status.items() if status is _Status.HEARD]
        unasked.sort(key=self._distance, reverse=True)
        for one in unasked[: len(self._status) - MAX_CANDIDATES]:
            del self._status[one], self._records[one]

    def _distance(self, peer_id: bytes) -> int:
        return kad_id(peer_id) ^ self._place
