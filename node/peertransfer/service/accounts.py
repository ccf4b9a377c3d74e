"""What has each peer used of the rules that have a limit, in this minute and on this day?

It counts in memory and keeps nothing on the disk (``service.spending``). It decides nothing
(``policy.budget``): it tells the engine what was used, and counts what a decision uses before anything else
is decided. Spec: ARCHITECTURE.md, "The door", 6; docs/policy.md, "limit".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.policy.budget import NOTHING, Spent
from peertransfer.store.spent import RETENTION_DAYS, SpentRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peertransfer.disclosure.disclosed import DisclosureRecord
    from peertransfer.policy.budget import Limit

MAX_ACCOUNTS = 100_000
"""Peers times rules; beyond, a peer that has no account yet is shown nothing by a rule that has a limit."""

_MINUTE_SECONDS = 60
_DAY_SECONDS = 86400
_FULL = Spent(is_all=True)
Key = tuple[str, str, str]
"""Rule, network and peer; no peer: the servers of the DHT."""


@dataclass(slots=True)
class _Account:
    minute: int = 0
    decisions: int = 0
    day: int = 0
    octets: int = 0
    items: set[str] = field(default_factory=set)

    def roll(self, now: int) -> None:
        """Begin a new minute, and a new day, where there is one; a clock that is put back begins none."""
        if now // _MINUTE_SECONDS > self.minute:
            self.minute, self.decisions = now // _MINUTE_SECONDS, 0
        if now // _DAY_SECONDS > self.day:
            self.day, self.octets, self.items = now // _DAY_SECONDS, 0, set()


class Accounts:
    """The accounts of all peers."""

    def __init__(self) -> None:
        self._accounts: dict[Key, _Account] = {}
        self.unsaved: set[Key] = set()
        """Those that were counted since somebody took them from here; they are not forgotten."""
        self._pruned_minute = 0

    def resume(self, rows: Iterable[SpentRow]) -> None:
        """Go on from what was kept."""
        for row in rows:
            self._accounts[row.rule, row.network_id, row.peer_id] = _Account(
                row.minute, row.decisions, row.day, row.octets, set(row.items)
            )

    def spent(self, rule: str, network_id: str, peer_id: str, now: int) -> Spent:
        """Tell what a peer has used of a rule; see ``policy.budget.SpentBy``."""
        account = self._accounts.get((rule, network_id, peer_id))
        if account is None:
            return NOTHING if self._has_room(now) else _FULL
        account.roll(now)
        return Spent(account.decisions, account.octets, account.items)

    def charge(self, limits: Mapping[str, Limit], records: Iterable[DisclosureRecord], now: int) -> bool:
        """Count one decision with all its records; tell whether there is something to be saved."""
        counted: set[Key] = set()
        for record in records:
            for key, limit in _limited(limits, record):
                account = self._account(key, now)
                if limit.per_minute is not None and key not in counted:
                    account.decisions += 1
                if limit.items_per_day is not None and record.item:
                    account.items.add(record.item)
                counted.add(key)
        return bool(counted)

    def charge_octets(
        self, limits: Mapping[str, Limit], record: DisclosureRecord, octets: int, now: int
    ) -> None:
        """Count octets of content that go out under a decision."""
        for key, limit in _limited(limits, record):
            if limit.octets_per_day is not None:
                self._account(key, now).octets += octets

    def row(self, key: Key) -> SpentRow:
        """Return an account as it is kept."""
        one = self._accounts[key]
        return SpentRow(*key, one.minute, one.decisions, one.day, one.octets, tuple(sorted(one.items)))

    def prune(self, now: int) -> None:
        """Forget what no limit looks at any more."""
        oldest = now // _DAY_SECONDS - RETENTION_DAYS
        self._pruned_minute = now // _MINUTE_SECONDS
        self._accounts = {
            key: one for key, one in self._accounts.items() if one.day > oldest or key in self.unsaved
        }

    def _account(self, key: Key, now: int) -> _Account:
        account = self._accounts.setdefault(key, _Account())
        account.roll(now)
        self.unsaved.add(key)
        return account

    def _has_room(self, now: int) -> bool:
        if len(self._accounts) >= MAX_ACCOUNTS and now // _MINUTE_SECONDS != self._pruned_minute:
            self.prune(now)
        return len(self._accounts) < MAX_ACCOUNTS


def _limited(limits: Mapping[str, Limit], record: DisclosureRecord) -> list[tuple[Key, Limit]]:
    if not limits:
        return []
    return [
        ((rule, record.network_id, record.peer_id), limits[rule])
        for rule in record.rule.split(",")
        if rule in limits
    ]
