"""A process that writes a ledger until it is killed: ``python ledger_child.py FOLDER SEED``.

It books, seals, drops and destroys in a random order, at a clock of its own, and prints the index of the
last row after each booking that was answered.
"""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path

import trio
from ledger_kit import record

from peertransfer.store import ledger_rows
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.store.ledger_retention import Retention


async def write(folder: Path, chance: random.Random) -> None:
    """Write for ever."""
    async with Database(folder / "x.db") as database:
        ledger = Ledger(database, Retention(rows=60))
        now = 3600 * (await database.read(ledger_rows.head)).last_index
        while True:
            now += chance.randrange(2000)
            peer = f"peer{chance.randrange(5)}"
            match chance.randrange(12):
                case 0:
                    await ledger.expire(now)
                case 1:
                    await ledger.erase(LedgerFilter(peer=peer), now=now)
                case 2:
                    await ledger.seal(now)
                case _:
                    async with trio.open_nursery() as nursery:
                        for n in range(chance.randrange(1, 4)):
                            nursery.start_soon(
                                partial(ledger.record, [record(peer=peer, view=str(n))], now=now)
                            )
            end = await database.read(ledger_rows.head)
            sys.stdout.write(f"{end.last_index}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    trio.run(write, Path(sys.argv[1]), random.Random(sys.argv[2]))
