"""Who learned what about this node, when, and by which rule?

It records what the engine decided; it decides nothing, and it waits for the commit, so that a row is
on the disk before the octets go. Where it can't write, nothing may leave: it says since when and why, and
what left before and could not be written is kept until it can.
Spec: ARCHITECTURE.md 3.8; CLI.md, ``privacy ledger``; docs/ledger.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from peertransfer.errors import StoreError
from peertransfer.store import ledger_pages, ledger_retention, ledger_rows, refusals
from peertransfer.store.ledger_chain import LedgerEntry
from peertransfer.store.ledger_check import LedgerCheck, NotedHead
from peertransfer.store.ledger_pages import MAX_PAGE, Cursor, LedgerFilter
from peertransfer.store.ledger_retention import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peertransfer.disclosure.disclosed import DisclosureRecord
    from peertransfer.store.database import Connection, Database
    from peertransfer.store.refusals import RefusalEntry

T = TypeVar("T")

_NAMES = tuple(one.name for one in fields(LedgerEntry))

ROOM = 1 << 18
"""Octets that must be free before a disk that was full is believed: more than any booking takes, because a
single page may find a place where the next disclosure finds none."""
MAX_OWED = 10_000
"""Records whose octets wait for room on the disk."""
SEAL_BATCH = 2000
"""Rows sealed by one transaction, where no booking waits with it: some 40 ms."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing can be recorded."""

    since: int
    """Unix seconds."""
    error: StoreError


class Ledger:
    """The disclosure ledger and the list of refusals."""

    def __init__(self, database: Database, retention: Retention | None = None) -> None:
        self._database = database
        self._retention = retention or Retention()
        self._owed: dict[DisclosureRecord, int] = {}
        """Octets that left, by the record under which they did, and that could not be written."""
        self.failure: Failure | None = None
        """What keeps it from being written, since the last attempt; ``None``: nothing."""

    # --- writing -----------------------------------------------------------------------------------

    async def record(self, records: Sequence[DisclosureRecord], octets: int = 0, *, now: int) -> None:
        """Book decisions to let something out; they are on the disk when this returns.

        Args:
            records: what the engine says about each of its decisions.
            octets: payload octets of content that left under these records (a closing row), else 0.
            now: Unix seconds.

        Raises:
            StoreError: they are not on the disk. Octets that left are written once that is possible.
        """
        if records:
            await self._book([(record, octets) for record in records], now)

    async def refused(
        self, *, peer_id: str, view: str, item: str, now: int, network_id: str = "", link: str = ""
    ) -> None:
        """Book that the engine let nothing out; ``item`` only where it exists, ``link`` only if proven."""
        await self._write(
            lambda connection: refusals.add(connection, network_id, peer_id, view, item, link, now), now
        )

    async def tend(self, now: int) -> None:
        """Seal what is over its hour, and try to write again where that failed; often, and cheap.

        Raises:
            StoreError: it still can't be written.
        """
        if self.failure is not None or self._owed:
            await self._write(lambda connection: ledger_rows.take_room(connection, ROOM), now)
            await self._write(lambda connection: ledger_rows.take_room(connection, 0), now)
            await self._book([], now)
        await self._repeat(lambda connection: ledger_rows.seal_due(connection, now, at_most=SEAL_BATCH), now)

    async def seal(self, now: int) -> None:
        """Seal all rows now, so that the chain's head stands for all of them; repeats begin new rows."""
        await self._repeat(lambda connection: ledger_rows.seal(connection, SEAL_BATCH), now)

    # --- what goes ---------------------------------------------------------------------------------

    async def expire(self, now: int) -> int:
        """Forget what is over the retention; return how many rows went."""
        await self.tend(now)
        gone = await self._repeat(
            lambda connection: ledger_retention.drop(connection, self._retention, now), now
        )
        gone += await self._repeat(
            lambda connection: ledger_retention.destroy_overdue(connection, self._retention, now), now
        )
        return gone + await self._write(lambda connection: refusals.expire(connection, now), now)

    async def erase(self, asked: LedgerFilter, *, before: int | None = None, now: int) -> int:
        """Destroy content and salt of all rows that match; the chain stays whole.

        Their commitments stay, from which nothing can be told without the salts. What the database's journal
        and older copies of it hold is not this module's to destroy.

        Args:
            asked: which rows; without any condition: all.
            before: Unix seconds: only rows whose last disclosure was before.
            now: Unix seconds.

        Returns:
            How many rows and refusals went. What is booked meanwhile is not among them.
        """
        await self.seal(now)
        where, values = asked.conditions()
        if before is not None:
            where, values = f"{where} AND last_at < ?", [*values, before]
        gone = await self._repeat(lambda connection: ledger_retention.destroy(connection, where, values), now)
        return gone + await self._write(lambda connection: refusals.erase(connection, asked, before), now)

    # --- reading -----------------------------------------------------------------------------------

    async def page(
        self,
        asked: LedgerFilter,
        *,
        limit: int = MAX_PAGE,
        newest: bool = False,
        cursor: Cursor | None = None,
    ) -> list[LedgerEntry]:
        """Return the next rows that match: see ``ledger_pages.page``; at most ``MAX_PAGE``."""
        count = min(limit, MAX_PAGE)
        return await self._database.read(
            lambda connection: ledger_pages.page(connection, asked, limit=count, newest=newest, cursor=cursor)
        )

    async def refusals(self, asked: LedgerFilter) -> list[RefusalEntry]:
        """Return what was asked in vain and matches all that is given, oldest first; a row for each day."""
        return await self._database.read(lambda connection: refusals.find(connection, asked))

    async def count_erased(self, index: int) -> int:
        """Return how many entries have no content any more, of those after the place ``index``."""
        return await self._database.read(lambda connection: ledger_rows.count_erased(connection, index))

    async def check(self, noted: NotedHead | None = None) -> LedgerCheck:
        """Check the chain from its last checkpoint to its end; a million rows take some seconds.

        Rows that are open are checked, but only ``seal`` puts them under the head.
        """
        found = LedgerCheck(noted)
        end = await self._database.read(ledger_rows.head)
        while await self._database.read(
            lambda connection: found.look_at_sealed(connection, end.sealed_index)
        ):
            pass
        await self._database.read(found.look_at_rest)
        return found

    # --- the disk ----------------------------------------------------------------------------------

    async def _book(self, bookings: list[tuple[DisclosureRecord, int]], now: int) -> None:
        owed, self._owed = self._owed, {}
        bookings = [*bookings, *owed.items()]
        is_written = False
        try:
            await self._write(lambda connection: ledger_rows.book(connection, bookings, now), now)
            is_written = True
        finally:
            if not is_written:  # a full disk, or the task was cancelled before its turn
                for record, octets in bookings:
                    self._owe(record, octets)

    def _owe(self, record: DisclosureRecord, octets: int) -> None:
        if octets and (record in self._owed or len(self._owed) < MAX_OWED):
            self._owed[record] = self._owed.get(record, 0) + octets

    async def _repeat(self, work: Callable[[Connection], int], now: int) -> int:
        """Do one batch after the other until one does nothing; return how many rows they did in all."""
        total = 0
        while count := await self._write(work, now):
            total += count
        return total

    async def _write(self, work: Callable[[Connection], T], now: int) -> T:
        try:
            result = await self._database.run(work)
        except StoreError as error:
            self.failure = Failure(now if self.failure is None else self.failure.since, error)
            raise
        if result is None or result:  # a batch that found nothing to do wrote nothing
            self.failure = None
        return result


def described_entry(entry: LedgerEntry) -> dict[str, object]:
    """Return an entry by the names of ``CLI.md``, ready for JSON."""
    return {**{name: getattr(entry, name) for name in _NAMES}, "fields": list(entry.fields)}
