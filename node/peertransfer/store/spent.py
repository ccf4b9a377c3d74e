"""What has each peer used of each rule that has a limit?

It counts nothing (``service.spending``) and knows no limit (``policy.budget``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.store.records import Row, change, number, pack, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection, Database

RETENTION_DAYS = 2
"""No limit looks further back than to the day before."""

_DAY_SECONDS = 86400
_COLUMNS = "rule, network_id, peer_id, minute, decisions, day, octets, items"


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What one peer used of one rule."""

    rule: str
    """The rule's name."""
    network_id: str
    peer_id: str
    """Empty: all the servers of the network's DHT together."""
    minute: int
    """Minutes since 1970-01-01, UTC: that of ``decisions``."""
    decisions: int
    day: int
    """Days since 1970-01-01, UTC: that of ``octets`` and ``items``."""
    octets: int
    items: tuple[str, ...]
    """Manifest CIDs."""


class SpentRows:
    """The table of what was spent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, found: Sequence[SpentRow]) -> None:
        """Keep these rows in the place of those that were kept before."""
        await self._database.run(lambda connection: _save(connection, tuple(found)))

    async def list(self, now: int) -> tuple[SpentRow, ...]:
        """Return the rows that are not over their retention at ``now`` (Unix seconds)."""
        statement = f"SELECT {_COLUMNS} FROM spent WHERE day > ?"  # noqa: S608 - a constant
        values = (now // _DAY_SECONDS - RETENTION_DAYS,)
        return await self._database.read(
            lambda connection: tuple(map(_row, rows(connection, statement, values)))
        )

    async def expire(self, now: int) -> int:
        """Forget what is over its retention; return how many rows went."""
        statement = "DELETE FROM spent WHERE day <= ?"
        values = (now // _DAY_SECONDS - RETENTION_DAYS,)
        return await self._database.run(lambda connection: change(connection, statement, values))


def _save(connection: Connection, found: Sequence[SpentRow]) -> None:
    connection.executemany(
        f"INSERT OR REPLACE INTO spent ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        (
            (
                *(one.rule, one.network_id, one.peer_id, one.minute, one.decisions),
                *(one.day, one.octets, pack(one.items)),
            )
            for one in found
        ),
    )


def _row(found: Row) -> SpentRow:
    rule, network_id, peer_id, minute, decisions, day, octets, items = found
    return SpentRow(
        *(text(rule), text(network_id), text(peer_id), number(minute), number(decisions)),
        *(number(day), number(octets), unpack(items)),
    )
