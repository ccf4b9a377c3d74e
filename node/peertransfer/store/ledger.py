"""Who learned what about this node, when, and by which rule?

It records what the engine decided; it decides nothing, and it waits for the commit, so that a row is
on the disk before the octets go. Spec: ARCHITECTURE.md 3.8; CLI.md, ``privacy ledger``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from peertransfer.store.records import Row, change, number, pack, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.disclosure.disclosed import DisclosureRecord
    from peertransfer.store.database import Connection, Database

GRAIN_SECONDS = 3600
"""Repeats of the same disclosure within an hour are one row, so that a DHT server's year fits a disk."""
RETENTION_SECONDS = 400 * 86400
REFUSAL_RETENTION_SECONDS = 30 * 86400
MAX_REFUSALS = 100_000
"""Rows: peer IDs cost nothing to make, so refusing them must not fill the disk."""

_DAY_SECONDS = 86400
_SKEW_SECONDS = 60
"""Tasks read the clock before they wait for their turn; a row may be that much younger than its repeat."""
_COLUMNS = "at, peer_id, network_id, audience, view, item, link, fields, rule, octets, count"
_SAME = """peer_id = ? AND view = ? AND item = ? AND fields = ? AND rule = ?
  AND network_id = ? AND audience = ? AND link = ? AND at BETWEEN ? AND ?"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row: the columns of ``privacy ledger``."""

    at: int
    peer_id: str
    """Empty where the audience is not one peer."""
    network_id: str
    audience: str
    view: str
    item: str
    """The manifest CID where there is one, else empty."""
    link: str
    """Local name of the link through which it went; empty where it went through none of ours."""
    fields: tuple[str, ...]
    rule: str
    octets: int
    """Payload octets of content; 0 in all other views."""
    count: int
    """How often the same left within an hour of ``at``; 0: only octets that an earlier row counts."""


@dataclass(frozen=True, slots=True)
class RefusalEntry:
    """What a peer asked for in vain on one day."""

    last_at: int
    network_id: str
    peer_id: str
    view: str
    item: str
    count: int


class Ledger:
    """The disclosure ledger and the list of refusals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, records: Sequence[DisclosureRecord], octets: int = 0, *, now: int) -> None:
        """Book decisions to let something out; they are on the disk when this returns.

        Args:
            records: what the engine says about each of its decisions.
            octets: payload octets of content that left under these records (a closing row), else 0.
            now: Unix seconds.
        """
        if records:
            await self._database.run(lambda connection: _book(connection, tuple(records), octets, now))

    async def refused(self, *, peer_id: str, view: str, item: str, now: int, network_id: str = "") -> None:
        """Book that the engine let nothing out; ``item`` only where it exists."""
        statement = """INSERT INTO refusals (day, network_id, peer_id, view, item, last_at, count)
            VALUES (?, ?, ?, ?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at"""
        values = (now // _DAY_SECONDS, network_id, peer_id, view, item, now)
        await self._database.run(lambda connection: change(connection, statement, values))

    async def entries(
        self,
        *,
        peer: str | None = None,
        item: str | None = None,
        link: str | None = None,
        since: int | None = None,
    ) -> list[dict[str, object]]:
        """Return the rows that match all that is given, oldest first, by the names of ``CLI.md``."""
        where, values = _asked(peer, item, since, link)
        found = await self._database.read(lambda connection: _find(connection, where, values))
        return [{**asdict(entry), "fields": list(entry.fields)} for entry in found]

    async def refusals(
        self, *, peer: str | None = None, item: str | None = None, since: int | None = None
    ) -> list[dict[str, object]]:
        """Return what was asked in vain and matches all that is given, oldest first; a row for each day."""
        where, values = _asked(peer, item, since)
        statement = f"""SELECT last_at, network_id, peer_id, view, item, count FROM refusals
            WHERE {where} ORDER BY last_at"""  # noqa: S608 - constants
        found = await self._database.read(
            lambda connection: list(map(_refusal, rows(connection, statement, values)))
        )
        return [asdict(entry) for entry in found]

    async def expire(self, now: int) -> int:
        """Forget what is older than the retention; return how many rows went."""
        return await self._database.run(lambda connection: _expire(connection, now))


def _book(connection: Connection, records: Sequence[DisclosureRecord], octets: int, now: int) -> None:
    for record in records:
        key = (
            *(record.peer_id, record.view, record.item, pack(record.fields), record.rule),
            *(record.network_id, record.audience, record.link),
        )
        counted = 0 if octets else 1  # octets go under a decision that was counted when it was booked
        again = change(
            connection,
            f"""UPDATE disclosures SET count = count + ?, octets = octets + ?, last_at = max(last_at, ?)
            WHERE disclosure_id = (SELECT max(disclosure_id) FROM disclosures WHERE {_SAME})""",  # noqa: S608 - a constant
            (counted, octets, now, *key, now - GRAIN_SECONDS + 1, now + _SKEW_SECONDS),
        )
        if not again:
            connection.execute(
                """INSERT INTO disclosures (peer_id, view, item, fields, rule, network_id, audience,
                link, at, last_at, octets, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (*key, now, now, octets, counted),
            )


def _find(connection: Connection, where: str, values: Sequence[str | int]) -> list[LedgerEntry]:
    statement = f"SELECT {_COLUMNS} FROM disclosures WHERE {where} ORDER BY at, disclosure_id"  # noqa: S608 - constants
    return [_entry(row) for row in rows(connection, statement, values)]


def _asked(
    peer: str | None, item: str | None, since: int | None, link: str | None = None
) -> tuple[str, list[str | int]]:
    asked = (("peer_id = ?", peer), ("item = ?", item), ("last_at >= ?", since), ("link = ?", link))
    wanted = [(condition, value) for condition, value in asked if value is not None]
    where = " AND ".join(condition for condition, _ in wanted) or "TRUE"
    return where, [value for _, value in wanted]


def _refusal(row: Row) -> RefusalEntry:
    at, network_id, peer_id, view, item, count = row
    return RefusalEntry(
        last_at=number(at),
        network_id=text(network_id),
        peer_id=text(peer_id),
        view=text(view),
        item=text(item),
        count=number(count),
    )


def _entry(row: Row) -> LedgerEntry:
    at, peer_id, network_id, audience, view, item, link, fields, rule, octets, count = row
    return LedgerEntry(
        at=number(at),
        peer_id=text(peer_id),
        network_id=text(network_id),
        audience=text(audience),
        view=text(view),
        item=text(item),
        link=text(link),
        fields=unpack(fields),
        rule=text(rule),
        octets=number(octets),
        count=number(count),
    )


def _expire(connection: Connection, now: int) -> int:
    gone = change(connection, "DELETE FROM disclosures WHERE last_at < ?", (now - RETENTION_SECONDS,))
    gone += change(connection, "DELETE FROM refusals WHERE last_at < ?", (now - REFUSAL_RETENTION_SECONDS,))
    return gone + change(
        connection,
        """DELETE FROM refusals WHERE (day, network_id, peer_id, view, item) IN (
        SELECT day, network_id, peer_id, view, item FROM refusals ORDER BY last_at DESC LIMIT -1 OFFSET ?)""",
        (MAX_REFUSALS,),
    )
