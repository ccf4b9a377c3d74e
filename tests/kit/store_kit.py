"""Builders for the tests of the store: a home, a database, a share on the disk, targets and leaves."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, FileShape, build_dag
from peertransfer.content.shared import build_manifest
from peertransfer.content.verified import Verified, verify
from peertransfer.store.database import Database
from peertransfer.store.importing import Imported, import_paths
from peertransfer.store.partial import Target
from peertransfer.store.partial_folder import PartialFolder
from peertransfer.store.placing import DestinationRoot
from peertransfer.store.transfers import StoredTransfer, Transfers

if TYPE_CHECKING:
    from pathlib import Path

    from peertransfer.store.shares import Shares, StoredShare

SEED = b"s" * 32
TRANSFER = "0123abcd"
B3 = HashFunction.BLAKE3


def octets_of(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@dataclass(frozen=True)
class FileToSend:
    """A file as a provider has it."""

    octets: bytes
    digests: bytes
    root: Cid

    def leaf_cid(self, index: int) -> Cid:
        return Cid(Codec.RAW, B3, self.digests[32 * index : 32 * index + 32])

    def leaf(self, index: int) -> Verified:
        return verify(self.leaf_cid(index), self.octets[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE])

    def leaves(self, indices) -> list[tuple[int, Verified]]:
        return [(index, self.leaf(index)) for index in indices]

    def target(
        self, *path: str, entry: int = 0, executable: bool = False, overwrites: bool = False
    ) -> Target:
        return Target(entry, path, self.root, len(self.octets), executable, overwrites)


def file_to_send(octets: bytes) -> FileToSend:
    count = FileShape(len(octets)).leaf_count
    chunks = [octets[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE] for index in range(count)]
    digests = b"".join(B3.digest(chunk) for chunk in chunks)
    return FileToSend(octets, digests, build_dag(B3, len(octets), digests).root)


@dataclass
class Receiving:
    """A getter's side: database, journal and destination."""

    database: Database
    transfers: Transfers
    root: DestinationRoot
    path: Path

    def folder(self, transfer_id: str = TRANSFER) -> PartialFolder:
        return PartialFolder(self.root, transfer_id, self.transfers)


@asynccontextmanager
async def receiving(tmp_path: Path, **root_options):
    async with Database(tmp_path / "peertransfer.db") as database:
        transfers = Transfers(database)
        if not await transfers.list():
            await transfers.begin(
                StoredTransfer(TRANSFER, "cid", "net", b"s" * 16, tmp_path / "dest", "t", 1)
            )
        with DestinationRoot(tmp_path / "dest", **root_options) as root:
            yield Receiving(database, transfers, root, tmp_path / "dest")


def make_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, octets in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    return root


async def import_tree(*paths: Path, **options) -> Imported:
    return await import_paths(paths, **{"hash_function": B3, "seed": SEED, **options})


async def save_tree(shares: Shares, *paths: Path, **options) -> StoredShare:
    imported = await import_tree(*paths, **options)
    manifest, order = build_manifest(imported.item)
    cid = await shares.save_share(imported.item, manifest, order, sources=imported.sources, now=100)
    return await shares.load_share(cid)


def index_of(share: StoredShare, path: str) -> int:
    return next(index for index in range(len(share.order)) if share.entry(index).path == path)


def everything_below(path: Path) -> dict[str, bytes | None]:
    """Return each file's octets, None for each folder, by relative path; links by what they say."""
    found: dict[str, bytes | None] = {}
    for each in sorted(path.rglob("*")):
        name = str(each.relative_to(path))
        if each.is_symlink():
            found[name] = b"-> " + str(each.readlink()).encode()
        else:
            found[name] = each.read_bytes() if each.is_file() else None
    return found
