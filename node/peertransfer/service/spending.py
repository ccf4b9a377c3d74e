"""What each peer has used of the rules that have a limit, kept in the database.

It counts nothing itself (``service.accounts``). Spec: ARCHITECTURE.md, "The door", 6; docs/policy.md,
"limit".

Strategy: counting is in memory, and at once, so that of two decisions the second knows what the first used.
Before anything leaves, what was counted is on the disk, so that a node that is killed forgets nothing; octets
alone follow within a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.service.accounts import Accounts
from peertransfer.store.spent import SpentRows

if TYPE_CHECKING:
    from peertransfer.store.database import Database


class Spending(Accounts):
    """The accounts of all peers, and their place on the disk."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._rows = SpentRows(database)
        self._saving = trio.Lock()

    async def load(self, now: int) -> None:
        """Read what was used before the node was started."""
        self.resume(await self._rows.list(now))

    async def save(self) -> None:
        """Bring what was counted onto the disk; it is there when this returns.

        Raises:
            StoreError: it can't be written; the next call tries again.
        """
        async with self._saving:
            keys, self.unsaved = self.unsaved, set()
            if not keys:
                return
            is_saved = False
            try:
                await self._rows.save([self.row(key) for key in keys])
                is_saved = True
            finally:
                if not is_saved:
                    self.unsaved |= keys

    async def expire(self, now: int) -> None:
        """Forget what no limit looks at any more."""
        self.prune(now)
        await self._rows.expire(now)
