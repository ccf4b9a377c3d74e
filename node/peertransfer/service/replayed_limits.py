"""How much of its limits would another policy have used up by then? Counted while a ledger is replayed.

A row says when the first and the last disclosure that it counts were, not when those in between, nor when its
octets went. So there are two books: one in which octets are counted once all surely went, one in which they
are counted as soon as the first may have gone. It decides nothing (``policy.budget``).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.service.accounts import Accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.budget import Limit
    from peertransfer.policy.simulation import Findings
    from peertransfer.store.ledger_chain import LedgerEntry

_SLACK: Final = 1 << 20
"""Octets by which a grant may end too late: a block."""


class ReplayedLimits:
    """The two books."""

    def __init__(self) -> None:
        self._least, self._most = Accounts(), Accounts()
        self.least_spent, self.most_spent = self._least.spent, self._most.spent
        self._under_way: list[tuple[int, int, DisclosureRecord, int]] = []
        """What is still to be counted in the first book: when, the row's place, under what, octets."""

    def advance(self, limits: Mapping[str, Limit], now: int) -> None:
        """Count what surely was over by ``now`` (Unix seconds)."""
        while self._under_way and self._under_way[0][0] <= now:
            at, _, record, octets = heapq.heappop(self._under_way)
            self._least.charge(limits, [record], at)
            self._least.charge_octets(limits, record, octets, at)
        for book in (self._least, self._most):
            book.unsaved.clear()  # nobody keeps them

    def charge(self, limits: Mapping[str, Limit], entry: LedgerEntry, findings: Findings) -> bool:
        """Count what surely leaves; tell whether some of the octets would have stayed.

        Args:
            limits: of the policy that is tried.
            entry: the row.
            findings: what that policy says of it.
        """
        if not limits or not findings.shown:
            return False
        record = DisclosureRecord(
            *(entry.network_id, entry.audience, entry.peer_id, entry.view, entry.item),
            *(tuple(sorted(findings.shown)), findings.rule),
        )
        for book in (self._least, self._most):
            book.charge(limits, [record], entry.at)
        self._most.charge_octets(limits, record, entry.octets, entry.at)
        heapq.heappush(self._under_way, (entry.last_at, entry.index, record, entry.octets))
        return bool(entry.octets) and all(
            self._is_over(limits.get(rule), rule, entry) for rule in findings.rule.split(",")
        )

    def _is_over(self, limit: Limit | None, rule: str, entry: LedgerEntry) -> bool:
        if limit is None or limit.octets_per_day is None:
            return False
        used = self._most.spent(rule, entry.network_id, entry.peer_id, entry.at).octets
        return used > limit.octets_per_day + _SLACK
