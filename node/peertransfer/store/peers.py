"""Which peers were met in a network, and where?

It is an address book for the next start, not the routing table (``kademlia``).
Spec: RELIABILITY.md, limits table ("peerstore; addrs/peer").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.store.records import change, number, pack, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection, Database

RETENTION_SECONDS = 7 * 86400
"""How long a peer is remembered that was not met again."""
KEPT_COUNT = 8
"""The last peers of each network are kept for good, so that a node that slept for a month finds back."""
MAX_PEERS = 1000
"""Peers of one network."""
MAX_ADDRS = 16
"""Multiaddrs of one peer: the first ones."""


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer that was met in one network."""

    network_id: str
    peer_id: str
    addrs: tuple[str, ...]
    """Multiaddrs at which it was reached or that it told."""
    last_seen_at: int
    is_bootstrap: bool
    """Kept for good."""


class KnownPeers:
    """The table of peers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(
        self, network_id: str, peer_id: str, addrs: Sequence[str], now: int, *, is_bootstrap: bool = False
    ) -> None:
        """Keep where a peer was just met; a bootstrap peer stays one."""
        statement = """INSERT INTO known_peers (network_id, peer_id, addrs, last_seen_at, is_bootstrap)
            VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET addrs = excluded.addrs,
            last_seen_at = excluded.last_seen_at, is_bootstrap = max(is_bootstrap, excluded.is_bootstrap)"""
        values = (network_id, peer_id, pack(addrs[:MAX_ADDRS]), now, int(is_bootstrap))
        await self._database.run(lambda connection: change(connection, statement, values))

    async def list(self, network_id: str) -> tuple[KnownPeer, ...]:
        """Return the peers of a network, the last seen first."""
        statement = """SELECT peer_id, addrs, last_seen_at, is_bootstrap FROM known_peers
            WHERE network_id = ? ORDER BY last_seen_at DESC, peer_id"""
        return await self._database.read(
            lambda connection: tuple(
                KnownPeer(network_id, text(peer_id), unpack(addrs), number(seen), bool(is_bootstrap))
                for peer_id, addrs, seen, is_bootstrap in rows(connection, statement, (network_id,))
            )
        )

    async def forget(self, network_id: str, peer_id: str) -> None:
        """Forget one peer."""
        statement = "DELETE FROM known_peers WHERE network_id = ? AND peer_id = ?"
        await self._database.run(lambda connection: change(connection, statement, (network_id, peer_id)))

    async def expire(self, now: int) -> int:
        """Forget peers not met for a week, but for the bootstrap ones and the last few; return how many."""
        return await self._database.run(lambda connection: _expire(connection, now))


def _expire(connection: Connection, now: int) -> int:
    return change(
        connection,
        """DELETE FROM known_peers WHERE (network_id, peer_id) IN (
          SELECT network_id, peer_id FROM (
            SELECT network_id, peer_id, last_seen_at,
              row_number() OVER (PARTITION BY network_id ORDER BY last_seen_at DESC, peer_id) AS place
            FROM known_peers WHERE NOT is_bootstrap
          ) WHERE place > ? OR (place > ? AND last_seen_at < ?))""",
        (MAX_PEERS, KEPT_COUNT, now - RETENTION_SECONDS),
    )
