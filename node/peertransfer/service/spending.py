"""What has each peer used of the rules that have a limit? Counted in memory, kept in the database.

It decides nothing (``policy.budget``): it tells the engine what was used, and counts what a decision uses
before anything else is decided. Spec: ARCHITECTURE.md, "The door", 6; docs/policy.md, "limit".

Strategy: counting is in memory, and at once, so that of two decisions the second knows what the first used.
Before anything leaves, what was counted is on the disk, so that a node that is killed forgets nothing; octets
alone follow within a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from peertransfer.policy.budget import NOTHING, Spent
from peertransfer.store.spent import RETENTION_DAYS, SpentRow, SpentRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peertransfer.disclosure.disclosed import DisclosureRecord
    from peertransfer.policy.budget import Limit
    from peertransfer.store.database import Database

MAX_ACCOUNTS = 100_000
"""Peers times rules; beyond, a peer that has no account yet is shown nothing by a rule that has a limit."""

_MINUTE_SECONDS = 60
_DAY_SECONDS = 86400
_FULL = Spent(is_all=True)
_Key = tuple[str, str, str]
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


class Spending:
    """The accounts of all peers."""

    def __init__(self, database: Database) -> None:
        self._rows = SpentRows(database)
        self._accounts: dict[_Key, _Account] = {}
        self._unsaved: set[_Key] = set()
        self._saving = trio.Lock()
        self._pruned_minute = 0

    async def load(self, now: int) -> None:
        """Read what was used before the node was started."""
        for row in await self._rows.list(now):
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
        counted: set[_Key] = set()
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

    async def save(self) -> None:
        """Bring what was counted onto the disk; it is there when this returns.

        Raises:
            StoreError: it can't be written; the next call tries again.
        """
        async with self._saving:
            keys, self._unsaved = self._unsaved, set()
            if not keys:
                return
            is_saved = False
            try:
                await self._rows.save([self._row(key) for key in keys])
                is_saved = True
            finally:
                if not is_saved:
                    self._unsaved |= keys

    async def expire(self, now: int) -> None:
        """Forget what no limit looks at any more."""
        self._prune(now)
        await self._rows.expire(now)

    def _account(self, key: _Key, now: int) -> _Account:
        account = self._accounts.setdefault(key, _Account())
        account.roll(now)
        self._unsaved.add(key)
        return account

    def _row(self, key: _Key) -> SpentRow:
        one = self._accounts[key]
        return SpentRow(*key, one.minute, one.decisions, one.day, one.octets, tuple(sorted(one.items)))

    def _has_room(self, now: int) -> bool:
        if len(self._accounts) >= MAX_ACCOUNTS and now // _MINUTE_SECONDS != self._pruned_minute:
            self._prune(now)
        return len(self._accounts) < MAX_ACCOUNTS

    def _prune(self, now: int) -> None:
        oldest = now // _DAY_SECONDS - RETENTION_DAYS
        self._pruned_minute = now // _MINUTE_SECONDS
        self._accounts = {
            key: one for key, one in self._accounts.items() if one.day > oldest or key in self._unsaved
        }


def _limited(limits: Mapping[str, Limit], record: DisclosureRecord) -> list[tuple[_Key, Limit]]:
    if not limits:
        return []
    return [
        ((rule, record.network_id, record.peer_id), limits[rule])
        for rule in record.rule.split(",")
        if rule in limits
    ]
