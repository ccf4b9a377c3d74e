"""Whom to ask next for a key, and when is the search over? An iterative look-up, as events.

It does not dial, wait or time out: the shell asks whom ``Asking`` names, and reports each by
``PeerAnswered`` or ``PeerFailed`` (3 s after which a silent peer failed are the shell's).
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#peer-routing

Strategy: at most alpha peers are asked at a time, the closest first. The search is over when the k best
that are known, failed ones aside, have all answered; so one that hears nothing new ends after k answers,
and one without peers at once. It also ends when enough providers were named. Whoever can judge providers
takes them from ``providers`` while the search goes on, and sets ``want_providers`` high: a liar that names
false ones then can't end it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.candidates import OURSELVES, Candidates, Progress
from peertransfer.kademlia.events import LookupEvent, LookupStarted, PeerAnswered, PeerFailed
from peertransfer.kademlia.states import Asking, Finished, LookupState, Waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = [
    "ALPHA",
    "Asking",
    "Finished",
    "K",
    "Lookup",
    "LookupEvent",
    "LookupKind",
    "LookupStarted",
    "LookupState",
    "PeerAnswered",
    "PeerFailed",
    "Waiting",
]

ALPHA = 3
K = 20
MAX_PROVIDERS_PER_ANSWER = 20
"""As many as a store keeps for a key."""
MAX_PROVIDERS = 100
"""Providers that one look-up remembers."""
MAX_PROVIDER_ADDRS = 16


class LookupKind(Enum):
    """What is looked for."""

    FIND_NODE = auto()
    """The peers closest to the key; providers are not read."""
    GET_PROVIDERS = auto()
    """Who provides the key, and the peers closest to it on the way."""


class Lookup:
    """One search, from its seeds to ``Finished``."""

    __slots__ = (
        "_alpha",
        "_candidates",
        "_finished",
        "_k",
        "_own_peer_id",
        "_providers",
        "_target_key",
        "_want",
        "kind",
    )

    def __init__(
        self,
        target_key: bytes,
        seeds: Iterable[PeerRecord],
        *,
        kind: LookupKind,
        own_peer_id: bytes,
        alpha: int = ALPHA,
        k: int = K,
        want_providers: int = 1,
        avoid: Collection[bytes] = (),
    ) -> None:
        """Prepare a search.

        Args:
            target_key: a peer ID or a key, as the wire carries it.
            seeds: peers to begin with, of our own table.
            kind: what is looked for.
            own_peer_id: of this host, which is never asked nor taken for a provider.
            alpha: peers asked at a time.
            k: peers that must have answered.
            want_providers: a search for providers ends with so many; 0: it never ends early.
            avoid: other peer IDs that are never asked: the demoted ones.
        """
        self.kind = kind
        self._target_key = target_key
        self._alpha = alpha
        self._k = k
        self._own_peer_id = own_peer_id
        self._want = want_providers
        self._candidates = Candidates(target_key, {own_peer_id, *avoid})
        self._candidates.hear(OURSELVES, seeds)
        self._providers: dict[bytes, PeerRecord] = {}
        self._finished: Finished | None = None

    @property
    def target_key(self) -> bytes:
        """What is looked for."""
        return self._target_key

    @property
    def closest(self) -> tuple[PeerRecord, ...]:
        """The peers that answered so far, at most k, closest first."""
        return self._candidates.answered(self._k)

    @property
    def providers(self) -> tuple[PeerRecord, ...]:
        """The providers named so far, in the order in which they were heard of."""
        return tuple(self._providers.values())

    @property
    def heard_count(self) -> int:
        """How many peers the search remembers."""
        return len(self._candidates)

    def advance(self, event: LookupEvent) -> LookupState:
        """Take in what happened and say what to do now.

        Events of peers that are not being asked, and all events after the end, change nothing.
        """
        if self._finished is None and not isinstance(event, LookupStarted):
            if isinstance(event, PeerFailed):
                self._candidates.fail(event.peer)
            elif self._candidates.answer(event.peer, event.seen_at):
                self._learn(event)
        return self._finished or self._next()

    def _learn(self, answer: PeerAnswered) -> None:
        self._candidates.hear(answer.peer, answer.closer)
        if self.kind is LookupKind.FIND_NODE:
            return
        for record in answer.providers[:MAX_PROVIDERS_PER_ANSWER]:
            known = self._providers.get(record.peer_id)
            is_too_many = known is None and len(self._providers) >= MAX_PROVIDERS
            if is_too_many or record.peer_id == self._own_peer_id:
                continue
            addrs = dict.fromkeys((*(known.addrs if known else ()), *record.addrs))
            self._providers[record.peer_id] = PeerRecord(record.peer_id, tuple(addrs)[:MAX_PROVIDER_ADDRS])

    def _next(self) -> LookupState:
        best = self._candidates.best(self._k)
        has_enough = 0 < self._want <= len(self._providers)
        if has_enough or all(one.progress is Progress.ANSWERED for one in best):
            self._finished = Finished(self.closest, self.providers)
            return self._finished
        free = self._alpha - self._candidates.in_flight()
        chosen = [one for one in best if one.progress is Progress.HEARD][: max(0, free)]
        for candidate in chosen:
            self._candidates.start(candidate)
        return Asking(tuple(one.record for one in chosen)) if chosen else Waiting()
