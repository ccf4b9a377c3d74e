"""What is still to be asked for, and from whom next? The work of one ``get``, shared by its providers.

It does no I/O. Small files (one leaf) are asked for many at once; a large file's nodes come first, then its
leaves, a few at a time. What a provider failed to bring goes back to the front. A file that one provider
refuses (it changed there, or is not shown) is kept for the others: a refused request for many files is
halved until it is known which of them it was. Of large files with the same octets one is asked for; the
others are there then, or are asked for where it was refused.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from peertransfer.content.cid import Codec
from peertransfer.content.dag import DagVerifier
from peertransfer.content.shape import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from peertransfer.content.cid import Cid
    from peertransfer.errors import RemoteError
    from peertransfer.service.plan import RemoteEntry

SMALL_BATCH = 256
"""Small files asked for by one request."""
SMALL_BATCH_SIZE = 2 * CHUNK_SIZE
"""Octets of small files asked for by one request, by the sizes that the provider told."""
LEAVES_OF_JOB = 4
"""Leaves of a large file asked for by one request."""
MAX_OPEN_FILES = 8
"""Large files worked on at once."""


@dataclass(eq=False, slots=True)
class Target:
    """A file to fetch."""

    entry: RemoteEntry
    verifier: DagVerifier
    missing: deque[int] = field(default_factory=deque)
    """Leaves not asked for; filled once the nodes are there."""
    left: int = 0
    """Leaves not written."""
    busy: int = 0
    """Jobs about it that are outstanding, of a large file."""
    refused: dict[str, RemoteError] = field(default_factory=dict)
    """Why not, by the peer ID of each provider that refused it."""

    @classmethod
    def of(cls, entry: RemoteEntry, root: Cid) -> Target:
        """Return the target for an entry whose content was opened."""
        return cls(entry, DagVerifier(root), left=1)

    @property
    def is_small(self) -> bool:
        """Whether the file is one leaf."""
        return self.verifier.is_complete and self.verifier.missing_nodes() == [] and self._root_is_leaf

    @property
    def _root_is_leaf(self) -> bool:
        assert self.entry.root is not None
        return self.entry.root.codec is Codec.RAW


def targets_of(entries: Iterable[RemoteEntry], missing: Container[int]) -> list[Target]:
    """Return what is to be fetched: entries whose index is in ``missing``. Thousands take a while."""
    return [Target.of(entry, entry.root) for entry in entries if entry.index in missing and entry.root]


@dataclass(eq=False, frozen=True, slots=True)
class SmallJob:
    """Ask for the only leaves of these files."""

    targets: tuple[Target, ...]


@dataclass(eq=False, frozen=True, slots=True)
class NodesJob:
    """Ask for the nodes of this file, level by level."""

    target: Target


@dataclass(eq=False, frozen=True, slots=True)
class LeavesJob:
    """Ask for these leaves of this file."""

    target: Target
    indices: tuple[int, ...]


Job: TypeAlias = SmallJob | NodesJob | LeavesJob


class FetchQueue:
    """The jobs of one ``get``."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._small: deque[Target] = deque()
        self._large: deque[Target] = deque()
        self._twins: dict[Cid, list[Target]] = {}
        """Large files of the same octets as one that is asked for: they wait until it is in place."""
        for target in targets:
            root = target.entry.root
            if target.is_small or root is None:
                self._small.append(target)
            elif root in self._twins:
                self._twins[root].append(target)
            else:
                self._twins[root] = []
                self._large.append(target)
        self._halves: deque[tuple[Target, ...]] = deque()
        """Small files of a request that was refused for one of them."""
        self._shelf: list[Target] = []
        """Files that a provider refused, for others to be asked for."""
        self._open: list[Target] = []
        self._outstanding = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask for and nothing outstanding."""
        return not (self._has_fresh or self._open or self._shelf or self._outstanding)

    @property
    def _has_fresh(self) -> bool:
        return bool(self._small or self._large or self._halves)

    def is_over_for(self, peer_id: str) -> bool:
        """Whether nothing is outstanding, and this provider refused all that is left."""
        return not (self._has_fresh or self._outstanding) and all(
            peer_id in target.refused for target in (*self._open, *self._shelf)
        )

    def refused_by(self, peer_id: str) -> list[Target]:
        """Return the files that are left and that this provider refused."""
        return [target for target in (*self._open, *self._shelf) if peer_id in target.refused]

    def take(self, peer_id: str = "") -> Job | None:
        """Return the next job for a provider; ``None`` where others must end first."""
        job = self._leaves(peer_id) or self._nodes() or self._smalls() or self._shelved(peer_id)
        if job is not None:
            self._outstanding += 1
            if not isinstance(job, SmallJob):
                job.target.busy += 1
        return job

    def opened(self, target: Target, missing: Iterable[int]) -> None:
        """Note that a file's nodes are there, and which of its leaves are missing."""
        target.missing.extend(missing)
        target.left = len(target.missing)

    def done(self, job: Job) -> list[Target]:
        """Note that a job succeeded; return the files that are whole now, large ones to be ``placed``."""
        self._end(job)
        match job:
            case SmallJob(targets):
                return list(targets)
            case NodesJob(target):
                return self._close(target)
            case LeavesJob(target, indices):
                target.left -= len(indices)
                return self._close(target)

    def failed(self, job: Job) -> None:
        """Put a job back, first in its line."""
        self._end(job)
        match job:
            case SmallJob(targets):
                self._small.extendleft(target for target in reversed(targets) if target.left)
            case NodesJob(target):
                self._open.remove(target)
                self._large.appendleft(target)
            case LeavesJob(target, indices):
                target.missing.extendleft(reversed(indices))

    def refused(self, job: Job, peer_id: str, error: RemoteError) -> None:
        """Note that a provider refused a job: it is not asked for that file again, or for fewer at once."""
        self._end(job)
        match job:
            case SmallJob(targets):
                left = tuple(target for target in targets if target.left)
                middle = (len(left) + 1) // 2
                if len(left) == 1:
                    left[0].refused[peer_id] = error
                    self._shelf.append(left[0])
                else:
                    self._halves.extendleft(half for half in (left[middle:], left[:middle]) if half)
            case NodesJob(target):
                target.refused[peer_id] = error
                self._open.remove(target)
                self._shelf.append(target)
                self._free_twins(target)
            case LeavesJob(target, indices):
                target.refused[peer_id] = error
                target.missing.extendleft(reversed(indices))
                self._free_twins(target)

    def take_idle(self, peer_id: str) -> Target | None:
        """Take out an open file that this provider refused and nobody works on, to be closed and shelved."""
        idle = next((one for one in self._open if peer_id in one.refused and not one.busy), None)
        if idle is not None:
            self._open.remove(idle)
            self._outstanding += 1
        return idle

    def shelve(self, target: Target) -> None:
        """Keep a file that was closed for another provider; its leaves are looked at again then."""
        self._outstanding -= 1
        target.missing.clear()
        self._shelf.append(target)

    def _end(self, job: Job) -> None:
        self._outstanding -= 1
        if not isinstance(job, SmallJob):
            job.target.busy -= 1

    def _close(self, target: Target) -> list[Target]:
        if target.left:
            return []
        self._open.remove(target)
        self._outstanding += 1
        return [target]

    def placed(self, target: Target) -> None:
        """Note that a whole large file is in place: not before is everything over."""
        self._outstanding -= 1
        for twin in self._free_twins(target):
            twin.verifier = target.verifier

    def _free_twins(self, target: Target) -> list[Target]:
        assert target.entry.root is not None
        twins = self._twins.pop(target.entry.root, [])
        self._large.extendleft(reversed(twins))
        return twins

    def _leaves(self, peer_id: str) -> LeavesJob | None:
        target = next((one for one in self._open if one.missing and peer_id not in one.refused), None)
        if target is None:
            return None
        count = min(LEAVES_OF_JOB, len(target.missing))
        return LeavesJob(target, tuple(target.missing.popleft() for _ in range(count)))

    def _nodes(self) -> NodesJob | None:
        if not self._large or len(self._open) >= MAX_OPEN_FILES:
            return None
        target = self._large.popleft()
        self._open.append(target)
        return NodesJob(target)

    def _smalls(self) -> SmallJob | None:
        if self._halves:
            return SmallJob(self._halves.popleft())
        batch: list[Target] = []
        size = 0
        while self._small and len(batch) < SMALL_BATCH and size < SMALL_BATCH_SIZE:
            target = self._small.popleft()
            batch.append(target)
            size += min(target.entry.size or 0, CHUNK_SIZE)
        return SmallJob(tuple(batch)) if batch else None

    def _shelved(self, peer_id: str) -> Job | None:
        """Return a job for a file that others refused, once nothing else is to be asked for."""
        target = next((one for one in self._shelf if peer_id not in one.refused), None)
        if target is None or (not target.is_small and len(self._open) >= MAX_OPEN_FILES):
            return None
        self._shelf.remove(target)
        if target.is_small:
            return SmallJob((target,))
        self._open.append(target)
        return NodesJob(target)
