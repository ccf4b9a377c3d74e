"""What does this node share, and what was it when it was imported?

The octets stay where the person keeps them (``store.reading``); links are in ``store.links``. Leaf
digests stay in the database and are read where they are needed: a share of many large files would fill
the memory with them. Spec: ARCHITECTURE.md 4, 7.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from peertransfer.content.cid import DIGEST_SIZE, Cid, HashFunction
from peertransfer.content.manifest import manifest_dag
from peertransfer.content.shared import SharedEntry, SharedItem, SourceIdentity
from peertransfer.errors import LocalError, NotFoundError
from peertransfer.store.records import Row, Value, change, number, octets, pack, row, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.content.manifest import Manifest
    from peertransfer.store.database import Connection, Database

_SHARE_COLUMNS = (
    "manifest_cid, title, hash_function, labels, entry_count, file_count, size, expires_at, created_at"
)
_ENTRY_COLUMNS = """entry_index, ordinal, path, kind, size, executable, mtime_at, media_type, labels, root,
  mtime_ns, ctime_ns, inode"""
_SIGN = 1 << 63


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of a share is on this machine."""

    top: str
    """First name of the entries that it holds; empty: it holds all of them."""
    folder: Path
    """Absolute; entries' paths begin here."""


@dataclass(frozen=True, slots=True)
class ShareSummary:
    """A share, without its entries."""

    manifest_cid: str
    title: str
    hash_function: HashFunction
    labels: tuple[str, ...]
    entry_count: int
    """Files and empty folders."""
    file_count: int
    size: int
    """Octets of all files."""
    expires_at: int
    """Unix seconds; 0: never."""
    created_at: int
    stale_count: int
    """Files that changed since they were imported."""


@dataclass(frozen=True, slots=True)
class StoredShare:
    """A whole share, but for its leaf digests."""

    manifest_cid: str
    item: SharedItem
    """Its entries' ``leaf_digests`` are empty: see ``Shares.leaf_digests``."""
    manifest: bytes
    """Canonical octets."""
    order: tuple[int, ...]
    """For each index of the manifest, the ordinal of the entry that stands there."""
    sources: tuple[Source, ...] = field(repr=False)
    stale: frozenset[int] = frozenset()
    """Indices of the entries that changed since they were imported."""
    created_at: int = 0

    def entry(self, index: int) -> SharedEntry:
        """Return the entry that stands at ``index`` of the manifest."""
        return self.item.entries[self.order[index]]

    def source_of(self, entry: SharedEntry) -> Source:
        """Return where an entry's file is."""
        top = entry.path.partition("/")[0]
        return next(source for source in self.sources if source.top in {"", top})


class Shares:
    """The tables of shares and their entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_share(
        self,
        item: SharedItem,
        manifest: Manifest,
        order: Sequence[int],
        *,
        sources: Sequence[Source],
        now: int,
    ) -> str:
        """Keep a new share; return its manifest CID."""
        manifest_cid = str(manifest_dag(manifest).root)
        files = [entry for entry in item.entries if entry.kind == "file"]
        values: tuple[Value, ...] = (
            *(manifest_cid, item.title, item.hash_function.value, pack(item.labels)),
            *(len(item.entries), len(files), sum(entry.size for entry in files), item.expires_at, now),
            *(item.purpose, item.basis, _pack_sources(sources), item.seed, manifest.to_octets()),
        )
        in_order = [(index, item.entries[ordinal]) for index, ordinal in enumerate(order)]
        await self._database.run(lambda connection: _save(connection, values, in_order))
        return manifest_cid

    async def list_shares(self) -> tuple[ShareSummary, ...]:
        """Return all shares, oldest first, without their entries."""
        statement = f"""SELECT {_SHARE_COLUMNS}, (SELECT count(*) FROM entries
            WHERE entries.share_id = shares.share_id AND status = 'stale')
            FROM shares ORDER BY created_at, share_id"""  # noqa: S608 - constants
        return await self._database.read(lambda connection: tuple(map(_summary, rows(connection, statement))))

    async def load_share(self, manifest_cid: str) -> StoredShare:
        """Return a share with its entries.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: _load(connection, manifest_cid))

    async def leaf_digests(
        self, manifest_cid: str, index: int, first: int = 0, count: int | None = None
    ) -> bytes:
        """Return 32 octets for each of ``count`` leaves (None: to the end) of one entry.

        Raises:
            NotFoundError: there is no such share or entry.
        """
        size = -1 if count is None else count * DIGEST_SIZE
        return await self._database.read(
            lambda connection: _leaf_digests(connection, manifest_cid, index, first * DIGEST_SIZE, size)
        )

    async def mark_stale(self, manifest_cid: str, index: int) -> None:
        """Keep that an entry's file changed."""
        await self._set_status(manifest_cid, index, "stale")

    async def mark_ready(self, manifest_cid: str, index: int) -> None:
        """Keep that an entry's file verifies again."""
        await self._set_status(manifest_cid, index, "ready")

    async def remove_share(self, manifest_cid: str) -> None:
        """Forget a share, its entries, its links, and the seed that opens its commitments.

        Raises:
            NotFoundError: there is none.
        """
        statement = "DELETE FROM shares WHERE manifest_cid = ?"
        if not await self._database.run(lambda connection: change(connection, statement, (manifest_cid,))):
            raise unknown_share(manifest_cid)

    async def _set_status(self, manifest_cid: str, index: int, status: str) -> None:
        statement = """UPDATE entries SET status = ? WHERE entry_index = ?
            AND share_id = (SELECT share_id FROM shares WHERE manifest_cid = ?)"""
        values = (status, index, manifest_cid)
        await self._database.run(lambda connection: change(connection, statement, values))


def unknown_share(manifest_cid: str) -> NotFoundError:
    """Return the error for a share that this node does not have."""
    return NotFoundError(f"This node has no share {manifest_cid!r}", "See: peertransfer ls")


def _save(
    connection: Connection, values: Sequence[Value], in_order: Iterable[tuple[int, SharedEntry]]
) -> None:
    if row(connection, "SELECT 1 FROM shares WHERE manifest_cid = ?", values[:1]):
        raise LocalError(f"The share {text(values[0])} is there already")
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"INSERT INTO shares ({_SHARE_COLUMNS}, purpose, basis, sources, seed, manifest) VALUES ({marks})",  # noqa: S608 - constants
        tuple(values),
    )
    share_id = connection.last_insert_rowid()
    one, other = itertools.tee(in_order)
    connection.executemany(
        f"""INSERT INTO entries (share_id, {_ENTRY_COLUMNS}, status)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ready')""",  # noqa: S608 - constants
        ((share_id, *_entry_values(index, entry)) for index, entry in one),
    )
    connection.executemany(
        "INSERT INTO entry_leaves (share_id, entry_index, digests) VALUES (?, ?, ?)",
        ((share_id, index, entry.leaf_digests) for index, entry in other if entry.kind == "file"),
    )


def _load(connection: Connection, manifest_cid: str) -> StoredShare:
    found = row(
        connection,
        """SELECT share_id, title, hash_function, labels, purpose, basis, expires_at, created_at, seed,
        manifest, sources FROM shares WHERE manifest_cid = ?""",
        (manifest_cid,),
    )
    if found is None:
        raise unknown_share(manifest_cid)
    share_id, title, function, labels, purpose, basis, expires_at, created_at, seed, manifest, sources = found
    statement = f"SELECT {_ENTRY_COLUMNS}, status FROM entries WHERE share_id = ? ORDER BY entry_index"  # noqa: S608 - constants
    entries: dict[int, SharedEntry] = {}
    order: list[int] = []
    stale: set[int] = set()
    for index, *columns, status in rows(connection, statement, (share_id,)):
        entry = _entry(columns)
        entries[entry.ordinal] = entry
        order.append(entry.ordinal)
        if status == "stale":
            stale.add(number(index))
    item = SharedItem(
        title=text(title),
        hash_function=HashFunction(text(function)),
        seed=octets(seed),
        entries=tuple(entries[ordinal] for ordinal in sorted(entries)),
        labels=unpack(labels),
        purpose=None if purpose is None else text(purpose),
        basis=None if basis is None else text(basis),
        expires_at=number(expires_at),
    )
    return StoredShare(
        *(manifest_cid, item, octets(manifest), tuple(order), _unpack_sources(octets(sources))),
        stale=frozenset(stale),
        created_at=number(created_at),
    )


def _leaf_digests(connection: Connection, manifest_cid: str, index: int, start: int, size: int) -> bytes:
    found = row(
        connection,
        """SELECT entry_leaves.rowid FROM entry_leaves JOIN shares USING (share_id)
        WHERE manifest_cid = ? AND entry_index = ?""",
        (manifest_cid, index),
    )
    if found is None:
        raise NotFoundError(f"The share {manifest_cid!r} has no file at {index}", "See: peertransfer ls")
    blob = connection.blob_open("main", "entry_leaves", "digests", number(found[0]), writeable=False)
    try:
        blob.seek(min(start, blob.length()))
        return blob.read(size)
    finally:
        blob.close()


def _entry_values(index: int, entry: SharedEntry) -> tuple[Value, ...]:
    identity = entry.identity
    stat_values = (identity.mtime_ns, identity.ctime_ns, _signed(identity.inode)) if identity else (None,) * 3
    return (
        *(index, entry.ordinal, entry.path, entry.kind, entry.size, int(entry.executable), entry.mtime_at),
        *(entry.media_type, pack(entry.labels), entry.root.to_bytes() if entry.root else None, *stat_values),
    )


def _entry(columns: Sequence[Value]) -> SharedEntry:
    ordinal, path, kind, size, executable, mtime_at, media_type, labels, root, *stat_values = columns
    mtime_ns, ctime_ns, inode = stat_values
    identity = None
    if inode is not None:
        identity = SourceIdentity(
            number(size), number(mtime_ns), number(ctime_ns), number(inode) % (2 * _SIGN)
        )
    return SharedEntry(
        ordinal=number(ordinal),
        path=text(path),
        kind=text(kind),
        size=number(size),
        executable=bool(executable),
        mtime_at=None if mtime_at is None else number(mtime_at),
        media_type=None if media_type is None else text(media_type),
        labels=unpack(labels),
        root=None if root is None else Cid.from_bytes(octets(root)),
        identity=identity,
    )


def _summary(found: Row) -> ShareSummary:
    manifest_cid, title, function, labels, *counts = found
    return ShareSummary(
        *(text(manifest_cid), text(title), HashFunction(text(function)), unpack(labels)),
        *(number(count) for count in counts),
    )


def _signed(inode: int) -> int:
    """SQLite's integers have a sign; some file systems' inodes use the 64th bit."""
    return inode - 2 * _SIGN if inode >= _SIGN else inode


def _pack_sources(sources: Sequence[Source]) -> bytes:
    """Names on this machine need not be text, and hold no NUL."""
    return b"\0".join(os.fsencode(part) for source in sources for part in (source.top, source.folder))


def _unpack_sources(column: bytes) -> tuple[Source, ...]:
    parts = [os.fsdecode(part) for part in column.split(b"\0")]
    return tuple(Source(top, Path(folder)) for top, folder in zip(parts[::2], parts[1::2], strict=True))
