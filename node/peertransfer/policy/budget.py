"""How much may one peer be shown by one rule, and is there any of it left?

What was used before is a fact that is handed in; nothing is counted here but what one decision itself is
about to use. Spec: docs/policy.md, "limit"; ARCHITECTURE.md, "The door", 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from peertransfer.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule's ``limit``, for each peer; ``None``: without limit."""

    per_minute: int | None = None
    """Decisions that showed something by the rule."""
    octets_per_day: int | None = None
    """Octets of content."""
    items_per_day: int | None = None
    """Different shares."""

    @property
    def is_none(self) -> bool:
        """Whether nothing is limited."""
        return self.per_minute is None and self.octets_per_day is None and self.items_per_day is None


@dataclass(frozen=True, slots=True)
class Spent:
    """What one peer has used of one rule: in this minute, and on this day, both UTC."""

    decisions: int = 0
    octets: int = 0
    items: AbstractSet[str] = frozenset()
    """Manifest CIDs."""
    is_all: bool = False
    """Whether there is nothing left, whatever the limit says: the books are full."""


NOTHING = Spent()


class SpentBy(Protocol):
    """Tells what a peer has used of a rule; the shell books what a decision used before the next is made."""

    def __call__(self, rule: str, network_id: str, peer_id: str, now: int) -> Spent:
        """Return it; an empty ``peer_id`` stands for all the servers of the network's DHT together."""
        ...


def nothing_spent(rule: str, network_id: str, peer_id: str, now: int) -> Spent:  # noqa: ARG001 - a ``SpentBy``
    """Tell that nothing was used of any rule."""
    return NOTHING


class Budget:
    """What one peer has left of each rule, within one decision."""

    __slots__ = ("_is_under_way", "_listed", "_network_id", "_now", "_peer_id", "_spent_by")

    def __init__(
        self, spent_by: SpentBy, network_id: str, peer_id: str, now: int, *, is_under_way: bool = False
    ) -> None:
        """Look at the books of one peer.

        Args:
            spent_by: tells what was used before.
            network_id: where the peer is.
            peer_id: the peer; empty for all the servers of the network's DHT.
            now: Unix seconds.
            is_under_way: whether something that was shown before is only looked at again: then octets
                alone can be used up.
        """
        self._spent_by = spent_by
        self._network_id = network_id
        self._peer_id = peer_id
        self._now = now
        self._is_under_way = is_under_way
        self._listed: dict[str, set[str]] = {}

    def allows(self, rule: Rule, item: str) -> bool:
        """Tell whether ``rule`` may still show something, of ``item`` (manifest CID) where it is of one."""
        limit = rule.limit
        if limit.is_none:
            return True
        spent = self._spent_by(rule.name, self._network_id, self._peer_id, self._now)
        if spent.is_all or _is_reached(limit.octets_per_day, spent.octets):
            return False
        if self._is_under_way:
            return True
        if _is_reached(limit.per_minute, spent.decisions):
            return False
        listed = self._listed.get(rule.name, frozenset[str]())
        if not item or item in spent.items or item in listed:
            return True
        return not _is_reached(limit.items_per_day, len(spent.items) + len(listed))

    def note(self, rules: Iterable[str], item: str) -> None:
        """Count ``item`` as shown by ``rules``, for what is left of this decision."""
        for rule in rules:
            spent = self._spent_by(rule, self._network_id, self._peer_id, self._now)
            if item not in spent.items:
                self._listed.setdefault(rule, set()).add(item)


def _is_reached(limit: int | None, used: int) -> bool:
    return limit is not None and used >= limit
