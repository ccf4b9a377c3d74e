"""What was asked of this node in vain, by whom, and how often?

A row for each day, peer, view, share and link; they are no part of the ledger's chain, because nothing left.
Every function runs inside one transaction of ``store.database``; ``store.ledger`` calls it.
Spec: ARCHITECTURE.md 3.8; CLI.md, ``privacy ledger --refusals``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.store.records import Row, change, number, rows, text

if TYPE_CHECKING:
    from peertransfer.store.database import Connection
    from peertransfer.store.ledger_pages import LedgerFilter
    from peertransfer.store.records import Value

DAY_SECONDS = 86400
RETENTION_SECONDS = 30 * DAY_SECONDS
MAX_REFUSALS = 100_000
"""Rows: peer IDs cost nothing to make, so refusing them must not fill the disk."""


@dataclass(frozen=True, slots=True)
class RefusalEntry:
    """What a peer asked for in vain on one day."""

    last_at: int
    network_id: str
    peer_id: str
    view: str
    item: str
    link: str | None
    """The link that the peer had proven; empty: none. ``None``: not kept, in rows of older versions."""
    count: int


def add(
    connection: Connection, network_id: str, peer_id: str, view: str, item: str, link: str, now: int
) -> None:
    """Count one refusal; ``item`` only where it exists; ``now`` in Unix seconds."""
    connection.execute(
        """INSERT INTO refusals (day, network_id, peer_id, view, item, link, last_at, count)
        VALUES (?, ?, ?, ?, ?, ?, ?, 1)
        ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at""",
        (now // DAY_SECONDS, network_id, peer_id, view, item, link, now),
    )


def find(connection: Connection, asked: LedgerFilter) -> list[RefusalEntry]:
    """Return the rows that match all that is given, oldest first."""
    where, values = _conditions(asked)
    statement = f"""SELECT last_at, network_id, peer_id, view, item, link, count FROM refusals
        WHERE {where} ORDER BY last_at"""  # noqa: S608 - constants
    return [_entry(found) for found in rows(connection, statement, values)]


def erase(connection: Connection, asked: LedgerFilter, before: int | None) -> int:
    """Delete the rows that match all that is given; return how many."""
    where, values = _conditions(asked)
    if before is not None:
        where, values = f"{where} AND last_at < ?", [*values, before]
    return change(connection, f"DELETE FROM refusals WHERE {where}", values)  # noqa: S608 - constants


def expire(connection: Connection, now: int) -> int:
    """Delete what is older than the retention, and the oldest beyond ``MAX_REFUSALS``; return how many."""
    gone = change(connection, "DELETE FROM refusals WHERE last_at < ?", (now - RETENTION_SECONDS,))
    return gone + change(
        connection,
        """DELETE FROM refusals WHERE rowid IN (
        SELECT rowid FROM refusals ORDER BY last_at DESC LIMIT -1 OFFSET ?)""",
        (MAX_REFUSALS,),
    )


def _conditions(asked: LedgerFilter) -> tuple[str, list[Value]]:
    given = (
        *(("peer_id = ?", asked.peer), ("item = ?", asked.item), ("link = ?", asked.link)),
        ("last_at >= ?", asked.since),
    )
    wanted = [(condition, value) for condition, value in given if value is not None]
    return " AND ".join(condition for condition, _ in wanted) or "TRUE", [value for _, value in wanted]


def _entry(found: Row) -> RefusalEntry:
    last_at, network_id, peer_id, view, item, link, count = found
    return RefusalEntry(
        last_at=number(last_at),
        network_id=text(network_id),
        peer_id=text(peer_id),
        view=text(view),
        item=text(item),
        link=None if link is None else text(link),
        count=number(count),
    )
