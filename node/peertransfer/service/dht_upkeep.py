"""Keeping table and store fresh: each minute what is over goes, the silent are asked, and gaps are looked up.

What is over, silent or a gap is ``kademlia``'s to say. Spec: docs/protocol.md, "Discovery".

Strategy: of the stale buckets one is refreshed a minute, at random, so that hosts which started together
do not ask together, and so that nobody can tell from one look-up when the next one comes.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING

import trio

from peertransfer.kademlia.hearsay import DialBudget
from peertransfer.kademlia.routing_table import REFRESH_SECONDS
from peertransfer.service.groups import open_nursery

if TYPE_CHECKING:
    from peertransfer.kademlia.provider_store import ProviderStore
    from peertransfer.kademlia.routing_table import RoutingTable
    from peertransfer.service.dht_lookups import DhtLookups

TICK_SECONDS = 60.0
"""At most between two looks."""
MAX_ASKED = 10
"""Silent peers that are asked in one look, the longest silent first."""
SEED_SIZE = 16


class DhtUpkeep:
    """The upkeep of one network's DHT."""

    def __init__(self, table: RoutingTable, store: ProviderStore, lookups: DhtLookups) -> None:
        self._table = table
        self._store = store
        self._lookups = lookups
        self._self_due_at = 0.0

    async def run(self) -> None:
        """Look each minute, give or take, until cancelled."""
        async with open_nursery() as nursery:
            nursery.start_soon(self._expire)
            while True:
                await trio.sleep(TICK_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - jitter
                await self._ask_silent()
                await self._refresh()

    async def _expire(self) -> None:
        """Remove records that are over; slow peers do not hold this up."""
        while True:
            await trio.sleep(TICK_SECONDS)
            self._store.expire(trio.current_time())

    async def _ask_silent(self) -> None:
        """Ask who was not heard of lately: who answers is renewed, who fails three times leaves the table."""
        silent = self._table.unheard(trio.current_time())[:MAX_ASKED]
        frame = await self._lookups.question(self._table.own_peer_id) if silent else None
        if frame is not None:
            budget = DialBudget()
            for one in silent:
                await self._lookups.attempt(one, frame, budget)

    async def _refresh(self) -> None:
        """Look up our own neighbourhood when it is due, and one of the stale buckets."""
        now = trio.current_time()
        if self._table.size and now >= self._self_due_at:
            self._self_due_at = now + REFRESH_SECONDS * random.uniform(0.75, 1)  # noqa: S311 - jitter
            await self._lookups.closest(self._table.own_peer_id)
        stale = self._table.stale_buckets(now)
        if stale:
            bucket = secrets.choice(stale)
            await self._lookups.closest(self._table.refresh_key(bucket, secrets.token_bytes(SEED_SIZE)))
