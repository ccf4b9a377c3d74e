"""Who said that everything arrived, and which peer sent something wrong?

Spec: CLI.md, ``share --once``; ARCHITECTURE.md 5 (a bad block bans that peer for that manifest).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.store.records import change, number, row, rows, text

if TYPE_CHECKING:
    from peertransfer.store.database import Database

BAN_SECONDS = 3600
"""Long enough for the transfer to finish elsewhere, short enough for a mended disk to be of use."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One "delivered, verified" of a getter."""

    link_name: str
    manifest_cid: str
    network_id: str
    peer_id: str
    at: int
    octets: int
    """Payload octets that this node had sent to it by then."""


class Deliveries:
    """What getters said to have received whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, delivery: Delivery) -> None:
        """Keep one."""
        values = (
            *(delivery.link_name, delivery.manifest_cid, delivery.network_id, delivery.peer_id),
            *(delivery.at, delivery.octets),
        )
        statement = """INSERT INTO deliveries (link_name, manifest_cid, network_id, peer_id, at, octets)
            VALUES (?, ?, ?, ?, ?, ?)"""
        await self._database.run(lambda connection: change(connection, statement, values))

    async def list(self, manifest_cid: str | None = None) -> tuple[Delivery, ...]:
        """Return those of one share, or all, oldest first."""
        statement = """SELECT link_name, manifest_cid, network_id, peer_id, at, octets FROM deliveries
            WHERE ?1 IS NULL OR manifest_cid = ?1 ORDER BY at"""
        return await self._database.read(
            lambda connection: tuple(
                Delivery(text(link), text(cid), text(network), text(peer), number(at), number(octets))
                for link, cid, network, peer, at, octets in rows(connection, statement, (manifest_cid,))
            )
        )


class Bans:
    """Which peers are not asked for which manifest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ban(self, network_id: str, peer_id: str, manifest_cid: str, now: int) -> int:
        """Do not ask ``peer_id`` for this manifest for an hour; return until when (Unix seconds)."""
        statement = """INSERT INTO bans (network_id, peer_id, manifest_cid, until_at) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET until_at = excluded.until_at"""
        values = (network_id, peer_id, manifest_cid, now + BAN_SECONDS)
        await self._database.run(lambda connection: change(connection, statement, values))
        return now + BAN_SECONDS

    async def banned_until(self, network_id: str, peer_id: str, manifest_cid: str, now: int) -> int:
        """Return until when ``peer_id`` is banned for this manifest (Unix seconds); 0 where it is not."""
        statement = """SELECT until_at FROM bans
            WHERE network_id = ? AND peer_id = ? AND manifest_cid = ? AND until_at > ?"""
        values = (network_id, peer_id, manifest_cid, now)
        found = await self._database.read(lambda connection: row(connection, statement, values))
        return 0 if found is None else number(found[0])

    async def expire(self, now: int) -> int:
        """Forget bans that are over; return how many."""
        statement = "DELETE FROM bans WHERE until_at <= ?"
        return await self._database.run(lambda connection: change(connection, statement, (now,)))
