"""What was being fetched, and how much of it is on the disk for certain?

The octets are ``store.partial``'s; a row here says only what was synced before. What this node
delivered to others is in ``store.deliveries``. Spec: RELIABILITY.md (c) "Storage" 2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from peertransfer.errors import NotFoundError
from peertransfer.store.records import Row, Value, change, number, octets, pack, row, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peertransfer.store.database import Connection, Database

TransferState: TypeAlias = Literal["running", "paused", "failed", "cancelled", "done"]
"""A transfer that is still ``running`` when a node starts was interrupted without warning."""
ClashMode: TypeAlias = Literal["refuse", "overwrite", "rename"]
"""What to do where something differing is in a received file's place."""

_COLUMNS = """transfer_id, manifest_cid, network_id, secret, addrs, dest, title, selected, clash_mode,
  started_at, state, updated_at, octets_received, octets_reused, name,
  octets_total, octets_done"""


@dataclass(frozen=True, slots=True)
class StoredTransfer:
    """One ``get``, with all that is needed to go on with it."""

    transfer_id: str
    """Random, and a file's name."""
    manifest_cid: str
    network_id: str
    secret: bytes = field(repr=False)
    """The link's secret."""
    dest: Path
    """Absolute: the folder below which everything is placed."""
    title: str
    started_at: int
    addrs: tuple[str, ...] = ()
    """Multiaddrs of providers, from the link and from ``--from``."""
    selected: tuple[str, ...] = ()
    """Globs; empty: everything."""
    clash_mode: ClashMode = "refuse"
    state: TransferState = "running"
    updated_at: int = 0
    octets_received: int = 0
    """Payload octets that came over the network, in all runs."""
    octets_reused: int = 0
    name: str = ""
    """Of a share of one file: what it is called below ``dest``; empty for a folder."""
    octets_total: int = 0
    """Of what was chosen; 0: not known."""
    octets_done: int = 0
    """Of these, what was there when its last run ended; a run that was killed does not count."""


@dataclass(frozen=True, slots=True)
class EntryProgress:
    """What is known to be synced of one entry."""

    root: bytes
    """The root CID's octets that the bitmap is about."""
    is_done: bool
    """It is whole, and under its final name."""
    bitmap: bytes
    """Bit ``i % 8`` (lowest first) of octet ``i // 8``: leaf ``i`` was synced."""


class Transfers:
    """The journal of what this node fetches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, transfer: StoredTransfer) -> None:
        """Keep a new transfer."""
        values: tuple[Value, ...] = (
            *(transfer.transfer_id, transfer.manifest_cid, transfer.network_id, transfer.secret),
            *(pack(transfer.addrs), os.fsencode(transfer.dest), transfer.title, pack(transfer.selected)),
            *(transfer.clash_mode, transfer.started_at, transfer.state, transfer.updated_at),
            *(transfer.octets_received, transfer.octets_reused, transfer.name),
            *(transfer.octets_total, transfer.octets_done),
        )
        marks = ", ".join("?" for _ in values)
        statement = f"INSERT INTO transfers ({_COLUMNS}) VALUES ({marks})"  # noqa: S608 - constants
        await self._database.run(lambda connection: change(connection, statement, values))

    async def find(self, transfer_id: str) -> StoredTransfer:
        """Return one transfer.

        Raises:
            NotFoundError: there is none.
        """
        found = await self._select("transfer_id = ?", (transfer_id,))
        if not found:
            raise NotFoundError(f"There is no transfer {transfer_id!r}", "See: peertransfer transfers")
        return found[0]

    async def find_unfinished(self, manifest_cid: str, dest: Path, name: str = "") -> StoredTransfer | None:
        """Return the transfer that the same ``get`` left behind, if there is one: it goes on by itself."""
        where = """manifest_cid = ? AND dest = ? AND name = ? AND state NOT IN ('done', 'cancelled')
            ORDER BY started_at DESC"""
        found = await self._select(where, (manifest_cid, os.fsencode(dest), name))
        return found[0] if found else None

    async def list(self) -> tuple[StoredTransfer, ...]:
        """Return all transfers, oldest first."""
        return await self._select("TRUE ORDER BY started_at, transfer_id", ())

    async def set_state(
        self, transfer_id: str, state: TransferState, now: int, *, received: int = 0, reused: int = 0
    ) -> None:
        """Keep what became of a transfer, and add to its octets.

        The secret is erased when nothing is left to be fetched with it.
        """
        statement = """UPDATE transfers SET state = ?, updated_at = ?, octets_received = octets_received + ?,
            octets_reused = octets_reused + ?, octets_done = max(octets_done, ?),
            octets_total = iif(? = 'done', max(octets_total, ?), octets_total),
            secret = iif(? IN ('done', 'cancelled'), x'', secret) WHERE transfer_id = ?"""
        there = received + reused
        values = (state, now, received, reused, there, state, there, state, transfer_id)
        await self._database.run(lambda connection: change(connection, statement, values))

    async def set_link(
        self, transfer_id: str, secret: bytes, addrs: Sequence[str], octets_total: int = 0
    ) -> None:
        """Go on with another link of the same share; ``octets_total`` 0 is not known."""
        statement = """UPDATE transfers SET secret = ?, addrs = ?, octets_total = iif(?, ?, octets_total)
            WHERE transfer_id = ?"""
        values = (secret, pack(addrs), octets_total, octets_total, transfer_id)
        await self._database.run(lambda connection: change(connection, statement, values))

    async def forget(self, transfer_id: str) -> None:
        """Forget a transfer and its progress."""
        statement = "DELETE FROM transfers WHERE transfer_id = ?"
        await self._database.run(lambda connection: change(connection, statement, (transfer_id,)))

    async def progress(self, transfer_id: str) -> dict[int, EntryProgress]:
        """Return what is known of each entry that was begun, by its index in the manifest."""
        statement = "SELECT entry_index, root, is_done, bitmap FROM transfer_entries WHERE transfer_id = ?"
        return await self._database.read(
            lambda connection: {
                number(index): EntryProgress(octets(root), bool(is_done), octets(bitmap))
                for index, root, is_done, bitmap in rows(connection, statement, (transfer_id,))
            }
        )

    async def entry_progress(self, transfer_id: str, entry: int) -> EntryProgress | None:
        """Return what is known of one entry."""
        statement = """SELECT root, is_done, bitmap FROM transfer_entries
            WHERE transfer_id = ? AND entry_index = ?"""
        found = await self._database.read(lambda connection: row(connection, statement, (transfer_id, entry)))
        return None if found is None else EntryProgress(octets(found[0]), bool(found[1]), octets(found[2]))

    async def mark(self, transfer_id: str, progress: Mapping[int, EntryProgress]) -> None:
        """Keep what was synced, of all given entries in one commit; never call it before the sync."""
        await self._database.run(lambda connection: _mark(connection, transfer_id, progress))

    async def _select(self, where: str, values: Sequence[Value]) -> tuple[StoredTransfer, ...]:
        statement = f"SELECT {_COLUMNS} FROM transfers WHERE {where}"  # noqa: S608 - constants
        return await self._database.read(
            lambda connection: tuple(map(_transfer, rows(connection, statement, values)))
        )


def _mark(connection: Connection, transfer_id: str, progress: Mapping[int, EntryProgress]) -> None:
    connection.executemany(
        """INSERT INTO transfer_entries (transfer_id, entry_index, root, is_done, bitmap)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET root = excluded.root, is_done = excluded.is_done,
        bitmap = excluded.bitmap""",
        [(transfer_id, index, each.root, int(each.is_done), each.bitmap) for index, each in progress.items()],
    )


def _transfer(found: Row) -> StoredTransfer:
    transfer_id, manifest_cid, network_id, secret, addrs, dest, title, selected, clash_mode, *rest = found
    started_at, state, updated_at, received, reused, name, total, done = rest
    return StoredTransfer(
        transfer_id=text(transfer_id),
        manifest_cid=text(manifest_cid),
        network_id=text(network_id),
        secret=octets(secret),
        dest=Path(os.fsdecode(octets(dest))),
        title=text(title),
        started_at=number(started_at),
        addrs=unpack(addrs),
        selected=unpack(selected),
        clash_mode=cast("ClashMode", text(clash_mode)),
        state=cast("TransferState", text(state)),
        updated_at=number(updated_at),
        octets_received=number(received),
        octets_reused=number(reused),
        name=text(name),
        octets_total=number(total),
        octets_done=number(done),
    )
