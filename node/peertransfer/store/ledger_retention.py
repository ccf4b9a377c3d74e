"""What of the ledger goes, and what stays so that the chain can still be checked?

The oldest rows are dropped whole, by age and by number, and a checkpoint stays where they ended. The content
of any row can be destroyed; its commitment stays. Every function runs inside one transaction of
``store.database``; ``store.ledger`` calls it again until nothing is left to do, so that nobody who wants to
write waits for long. Spec: docs/ledger.md, "What goes"; docs/adr/0009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.store.ledger_rows import head
from peertransfer.store.records import change, number, octets, row, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection
    from peertransfer.store.records import Value

BATCH = 200
"""Rows that one transaction drops or destroys: some 30 ms, with what is overwritten in the indexes."""
MAX_CHECKPOINTS = 400
"""One for each day on which something was dropped."""
DAY_SECONDS = 86400

_DESTROY = """UPDATE disclosures SET at = NULL, last_at = NULL, network_id = NULL, audience = NULL,
    peer_id = NULL, view = NULL, item = NULL, link = NULL, fields = NULL, rule = NULL, octets = NULL,
    count = NULL, salt = NULL"""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the ledger is kept: what is over either limit goes."""

    seconds: int = 400 * DAY_SECONDS
    """Age of a row's last disclosure."""
    rows: int = 2_000_000
    """Some 700 octets of disk each, so 1.4 GB at most."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the chain begins since its oldest rows were dropped."""

    index: int
    """Of the last row that was dropped, and so how many ever were."""
    hash: bytes
    """The chain's hash up to that row."""
    at: int
    """Unix seconds of the dropping."""
    dropped: int
    """Rows dropped on that day."""


def checkpoints(connection: Connection) -> list[Checkpoint]:
    """Return all that are kept, oldest first; the chain begins at the last."""
    statement = "SELECT chain_index, chain_hash, at, dropped FROM ledger_checkpoints ORDER BY chain_index"
    return [
        Checkpoint(number(index), octets(chained), number(at), number(dropped))
        for index, chained, at, dropped in rows(connection, statement)
    ]


def drop(connection: Connection, retention: Retention, now: int) -> int:
    """Drop at most ``BATCH`` of the oldest rows that are over the retention; return how many."""
    end = head(connection)
    statement = """SELECT chain_index, last_at, chain_hash FROM disclosures
        WHERE chain_index <= ? ORDER BY chain_index LIMIT ?"""
    last, chained = 0, b""
    for index, last_at, hashed in rows(connection, statement, (end.sealed_index, BATCH)):
        if last_at is None:
            continue  # its age was destroyed with it: it goes with a row behind it
        is_young = number(last_at) >= now - retention.seconds
        if is_young and number(index) > end.last_index - retention.rows:
            break
        last, chained = number(index), octets(hashed)
    if not last:
        return 0
    dropped = change(connection, "DELETE FROM disclosures WHERE chain_index <= ?", (last,))
    _check_in(connection, Checkpoint(last, chained, now, dropped))
    return dropped


def destroy_overdue(connection: Connection, retention: Retention, now: int) -> int:
    """Destroy the content of rows over their age that can't be dropped yet; return how many.

    They began behind a row that is younger: the clock was wrong when that one was written.
    """
    cutoff = now - retention.seconds
    return destroy(connection, "at < ? AND last_at < ?", (cutoff, cutoff))


def destroy(connection: Connection, where: str, values: Sequence[Value]) -> int:
    """Destroy salt and content of at most ``BATCH`` sealed rows that match; return how many."""
    return change(
        connection,
        f"""{_DESTROY} WHERE chain_index IN (SELECT chain_index FROM disclosures
        WHERE {where} AND chain_hash IS NOT NULL AND salt IS NOT NULL LIMIT {BATCH})""",  # noqa: S608 - constants
        values,
    )


def _check_in(connection: Connection, new: Checkpoint) -> None:
    before = row(connection, "SELECT max(chain_index), at, dropped FROM ledger_checkpoints")
    assert before is not None
    index, at, dropped = before
    if index is not None and new.at // DAY_SECONDS == number(at) // DAY_SECONDS:
        connection.execute("DELETE FROM ledger_checkpoints WHERE chain_index = ?", (index,))
        new = Checkpoint(new.index, new.hash, new.at, new.dropped + number(dropped))
    connection.execute(
        "INSERT INTO ledger_checkpoints (chain_index, chain_hash, at, dropped) VALUES (?, ?, ?, ?)",
        (new.index, new.hash, new.at, new.dropped),
    )
    connection.execute(
        """DELETE FROM ledger_checkpoints WHERE chain_index <=
        (SELECT chain_index FROM ledger_checkpoints ORDER BY chain_index DESC LIMIT 1 OFFSET ?)""",
        (MAX_CHECKPOINTS,),
    )
