"""Which ledger rows match what is asked, and how are they read page by page?

Every page is one short read, whatever the size of the ledger: all filters, alone and together, are served
by an index in the order of the answer. Spec: CLI.md, ``privacy ledger``; docs/ledger.md, "Reading".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from peertransfer.store.ledger_rows import CONTENT, GRAIN_SECONDS, entry_of
from peertransfer.store.records import number, row, rows

if TYPE_CHECKING:
    from peertransfer.store.database import Connection
    from peertransfer.store.ledger_chain import LedgerEntry
    from peertransfer.store.records import Value

MAX_PAGE = 1000
"""Entries read at once: some 10 ms, and half a megabyte on its way to the person."""


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """What is asked for: rows that match all that is given."""

    peer: str | None = None
    item: str | None = None
    """A manifest CID."""
    link: str | None = None
    """A link's local name."""
    since: int | None = None
    """Unix seconds: rows that count a disclosure from then on."""

    def conditions(self) -> tuple[str, list[Value]]:
        """Return a condition and its values; rows whose content was destroyed never match."""
        # A row ends within an hour of its beginning, and only the beginning is in the indexes.
        found = ["at > ?"]
        values: list[Value] = [-1 if self.since is None else self.since - GRAIN_SECONDS]
        asked = (
            ("last_at >= ?", self.since),
            ("peer_id = ?", self.peer),
            ("item = ?", self.item),
            ("link = ?", self.link),
        )
        for condition, value in asked:
            if value is not None:
                found.append(condition)
                values.append(value)
        return " AND ".join(found), values

    @property
    def index(self) -> str:
        """Name of the index that serves it: without statistics SQLite would choose one of fewer columns."""
        given = (("peer", self.peer), ("item", self.item), ("link", self.link))
        names = [name for name, value in given if value is not None]
        if len(names) == len(given):
            names.remove("item")  # as good as always the link's own: see ``page``
        return "disclosures_by_" + ("_".join(names) or "time")


class Cursor(NamedTuple):
    """A place between two rows of an answer: beside the row of this time and index."""

    at: int
    chain_index: int


def page(
    connection: Connection, asked: LedgerFilter, *, limit: int, newest: bool, cursor: Cursor | None
) -> list[LedgerEntry]:
    """Return at most ``limit`` rows in the order of their beginnings, and of their indexes within a second.

    Args:
        connection: in a transaction.
        asked: what they must match.
        limit: rows, from 1 on.
        newest: the newest ones, going back; else the oldest ones, going on.
        cursor: where the page before ended; ``None``: at the end from which reading begins.

    Returns:
        In the direction of reading.
    """
    if None not in {asked.peer, asked.item, asked.link} and not _is_through(connection, asked):
        return []  # no index has all three: it would be looked for in vain, and long
    statement, values = page_statement(asked, newest=newest, cursor=cursor)
    return [entry_of(found) for found in rows(connection, statement, (*values, limit))]


def page_statement(asked: LedgerFilter, *, newest: bool, cursor: Cursor | None) -> tuple[str, list[Value]]:
    """Return the statement of a page, and its values but for the limit, which is the last."""
    where, values = asked.conditions()
    if cursor is not None:
        where += f" AND (at, chain_index) {'<' if newest else '>'} (?, ?)"
        values += [*cursor]
        if not newest:
            # Of two lower bounds SQLite looks up the first: from there to the cursor it would read all rows.
            values[0] = max(number(values[0]), cursor.at - 1)
    order = "at DESC, chain_index DESC" if newest else "at, chain_index"
    statement = f"""SELECT {CONTENT} FROM disclosures INDEXED BY {asked.index}
        WHERE {where} ORDER BY {order} LIMIT ?"""  # noqa: S608 - constants
    return statement, values


def _is_through(connection: Connection, asked: LedgerFilter) -> bool:
    """Tell whether anything about the item ever went through the link."""
    statement = (
        "SELECT 1 FROM disclosures INDEXED BY disclosures_by_item_link WHERE item = ? AND link = ? LIMIT 1"
    )
    return row(connection, statement, (asked.item, asked.link)) is not None
