"""Are the octets of a shared file still those that were shared?

Every leaf is hashed before it is handed out, so that wrong octets never leave and an owner's edit is
told as ``changed`` and not taken for a lie. Spec: ARCHITECTURE.md 4; RELIABILITY.md A2 (source side).
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from operator import itemgetter
from typing import TYPE_CHECKING

import trio

from peertransfer.content.cid import DIGEST_SIZE, Cid, Codec
from peertransfer.content.dag import CHUNK_SIZE, Dag, FileShape, build_dag
from peertransfer.content.memory import LeafMemory
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import IntegrityError, LocalError, SourceChangedError, StoreError
from peertransfer.store.hashing import read_full
from peertransfer.store.placing import open_beneath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.shared import SharedEntry
    from peertransfer.store.shares import Shares, StoredShare

MAX_OPEN_FILES = 32
"""Files open at once, over all getters."""
DIGESTS_AT_ONCE = 1024
"""Leaves whose digests are read at once: 32 KiB for a GiB."""
MAX_GROUPS = 64
"""Groups of digests kept, over all getters."""
MAX_DAGS = 4
"""DAGs kept without their leaves, of the files asked for last."""

_FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class SourceReader:
    """Reads shared files for all getters of the node."""

    def __init__(self, shares: Shares, *, use_openat2: bool = True) -> None:
        self._shares = shares
        self._use_openat2 = use_openat2
        self._limiter = trio.CapacityLimiter(MAX_OPEN_FILES)
        self._dags: dict[tuple[str, int], Dag] = {}
        self._groups: dict[tuple[str, int, int], bytes] = {}

    async def read_leaves(
        self, share: StoredShare, places: Sequence[tuple[int, int]], memory: LeafMemory | None = None
    ) -> list[Verified]:
        """Read leaves, each (index of the entry in the manifest, leaf), in the order asked for.

        Those of one entry that stand side by side cost one opening of its file, all of them one change of
        threads.

        Args:
            share: whose.
            places: which.
            memory: where they are put; by default into fresh memory.

        Raises:
            SourceChangedError: a file is gone, or not what was shared; ``path`` is the entry's.
            StoreError: the disk or this process failed.
            LocalError: there is no such leaf; the caller checks what a peer asks for.
        """
        memory = memory or LeafMemory(0)
        runs: list[tuple[SharedEntry, list[tuple[int, Cid, memoryview]]]] = []
        for index, run in itertools.groupby(places, key=itemgetter(0)):
            entry, leaves = share.entry(index), [leaf for _, leaf in run]
            count = 0 if entry.root is None else FileShape(entry.size).leaf_count
            if not all(0 <= leaf < count for leaf in leaves):
                raise LocalError("A leaf was to be read that this entry does not have")
            cids = await self._leaf_cids(share, entry, index, leaves)
            shape = FileShape(entry.size)
            rooms = [memory.of_size(shape.leaf_size(leaf)) for leaf in leaves]
            runs.append((entry, list(zip(leaves, cids, rooms, strict=True))))
        return await trio.to_thread.run_sync(
            lambda: [leaf for entry, leaves in runs for leaf in self._read(share, entry, leaves)],
            limiter=self._limiter,
        )

    async def read_nodes(self, share: StoredShare, index: int, nodes: Sequence[int]) -> list[Verified]:
        """Return inner nodes of the entry at ``index`` of the manifest, in the order asked for.

        Raises:
            LocalError: there is no such node; the caller checks what a peer asks for.
        """
        dag = await self._dag(share, index)
        if not all(0 <= node < len(dag.nodes) for node in nodes):
            raise LocalError("A node was to be read that this entry does not have")
        return [verify(dag.node_cids[node], dag.nodes[node]) for node in nodes]

    async def _leaf_cids(
        self, share: StoredShare, entry: SharedEntry, index: int, leaves: Sequence[int]
    ) -> list[Cid]:
        assert entry.root is not None
        if entry.root.codec is Codec.RAW or not leaves:
            return [entry.root for _ in leaves]
        found = []
        for leaf in leaves:
            group, place = divmod(leaf, DIGESTS_AT_ONCE)
            digests = await self._digests(share.manifest_cid, index, group)
            found.append(digests[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE])
        return [Cid(Codec.RAW, entry.root.hash_function, digest) for digest in found]

    async def _digests(self, manifest_cid: str, index: int, group: int) -> bytes:
        """Return the digests of some consecutive leaves; those used last are at hand."""
        key = (manifest_cid, index, group)
        digests = self._groups.pop(key, None)
        if digests is None:
            digests = await self._shares.leaf_digests(
                manifest_cid, index, group * DIGESTS_AT_ONCE, DIGESTS_AT_ONCE
            )
        self._groups[key] = digests  # the last asked for stands last
        while len(self._groups) > MAX_GROUPS:
            del self._groups[next(iter(self._groups))]
        return digests

    async def _dag(self, share: StoredShare, index: int) -> Dag:
        key = (share.manifest_cid, index)
        dag = self._dags.pop(key, None)
        if dag is None:
            digests = await self._shares.leaf_digests(share.manifest_cid, index)
            size, function = share.entry(index).size, share.item.hash_function
            dag = await trio.to_thread.run_sync(build_dag, function, size, digests)
        self._dags[key] = dag  # the last asked for stands last
        while len(self._dags) > MAX_DAGS:
            del self._dags[next(iter(self._dags))]
        return dag

    # --- on a worker thread ------------------------------------------------------------------------

    def _read(
        self, share: StoredShare, entry: SharedEntry, leaves: Sequence[tuple[int, Cid, memoryview]]
    ) -> list[Verified]:
        fd = self._open(share, entry)
        try:
            return [_read_leaf(fd, entry, leaf, cid, room) for leaf, cid, room in leaves]
        except OSError as exc:
            raise StoreError(f"{entry.path} can't be read: {exc.strerror}") from exc
        finally:
            os.close(fd)

    def _open(self, share: StoredShare, entry: SharedEntry) -> int:
        try:
            folder = os.open(share.source_of(entry).folder, _FOLDER_FLAGS)
            try:
                fd = open_beneath(folder, entry.path.split("/"), _FILE_FLAGS, use_openat2=self._use_openat2)
            finally:
                os.close(folder)
            is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        except OSError as exc:
            raise _failure(entry, exc) from exc
        if not is_file:
            os.close(fd)
            raise _changed(entry)
        return fd


def _read_leaf(fd: int, entry: SharedEntry, leaf: int, cid: Cid, room: memoryview) -> Verified:
    if read_full(fd, room, leaf * CHUNK_SIZE) < len(room):
        raise _changed(entry)
    try:
        return verify(cid, room.toreadonly())
    except IntegrityError as exc:
        raise _changed(entry) from exc


def _failure(entry: SharedEntry, exc: OSError) -> SourceChangedError | StoreError:
    """Tell a file that is not there any more from a machine that can't open one more."""
    if exc.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}:
        return StoreError(f"{entry.path} can't be opened: {exc.strerror}")
    return _changed(entry)


def _changed(entry: SharedEntry) -> SourceChangedError:
    return SourceChangedError(
        f"{entry.path} is not what was shared any more", "Share it again.", path=entry.path
    )
