"""Where verified octets land: the ``Writer`` of one ``get``, on top of partial files and batches.

It asks nobody for anything (``service.fetching``). What was there already is counted as reused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.store import partial
from peertransfer.store.seeding import seed
from peertransfer.store.small_files import SmallFileBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.content.verified import Verified
    from peertransfer.service.fetch_queue import Target
    from peertransfer.store.partial import PartialFile
    from peertransfer.store.partial_folder import PartialFolder
    from peertransfer.store.placing import DestinationRoot
    from peertransfer.store.survey import Surveyed


def adjust(root: DestinationRoot, surveyed: Sequence[Surveyed]) -> None:
    """Do what takes no octets: empty folders, and who may run a file that is there already (blocking)."""
    for one in surveyed:
        if one.placement.root is None and not one.is_there:
            root.make_folders(one.path)
        if one.has_other_mode:
            root.set_executable(one.path, executable=bool(one.placement.executable))


def renamed(surveyed: Sequence[Surveyed]) -> tuple[tuple[str, str], ...]:
    """Return what goes beside something that is there: its path in the share, and where it is put."""
    return tuple(
        ("/".join(one.placement.path), "/".join(one.path))
        for one in surveyed
        if one.path != one.placement.path
    )


class Landing:
    """Counts and places what arrives."""

    def __init__(
        self, folder: PartialFolder, places: Mapping[int, Surveyed], there: Mapping[Cid, Sequence[str]]
    ) -> None:
        """Begin with nothing received.

        Args:
            folder: of the unfinished files.
            places: where each missing file goes, by its index in the manifest.
            there: where whole files of this share are already, by their root.
        """
        self._folder = folder
        self._places = places
        self._there = dict(there)
        self._files: dict[int, PartialFile] = {}
        self._seen: set[int] = set()
        """Large files that were opened in this run: what is in one again arrived in it."""
        self._batch = SmallFileBatch(folder)
        self.octets_received = 0
        """Octets of verified leaves that came over the network in this run."""
        self.octets_reused = 0
        """Octets that were here already."""
        self.files_done = 0

    async def open(self, target: Target) -> list[int]:
        """Prepare a large file; return the leaves that are missing."""
        shape = target.verifier.shape
        assert shape is not None
        file = await self._folder.open_file(self._target(target, shape.size), target.verifier.leaf_cid)
        self._files[target.entry.index] = file
        place = self._places[target.entry.index]
        twin = self._there.get(file.target.root)
        for path in filter(None, (twin, place.path if place.overwrites else None)):
            await seed(file, self._folder.root, path, target.verifier.leaf_cid)
        missing = list(file.missing())
        if target.entry.index not in self._seen:
            self._seen.add(target.entry.index)
            self.octets_reused += shape.size - sum(map(shape.leaf_size, missing))
        return missing

    async def write(
        self, target: Target, check: Callable[[], Sequence[tuple[int, Verified]]], size: int
    ) -> None:
        """Check and keep leaves of a large file."""
        await self._files[target.entry.index].take(check, size)
        self.octets_received += size

    async def write_small(self, target: Target, leaf: Verified) -> None:
        """Take a file of one leaf; it is in place after the next flush."""
        await self._batch.add(self._target(target, len(leaf.octets)), leaf)
        self.octets_received += len(leaf.octets)
        self.files_done += 1

    async def finish(self, target: Target) -> None:
        """Put a large file in place."""
        file = self._files.pop(target.entry.index)
        await file.finish()
        self._there[file.target.root] = file.target.path
        self.files_done += 1

    async def close(self, target: Target) -> None:
        """Let a large file go for now; what was written of it is kept."""
        await self._folder.sync()
        self._files.pop(target.entry.index).close()

    async def flush(self) -> None:
        """Put every small file that was taken in place."""
        await self._batch.flush()

    def _target(self, target: Target, size: int) -> partial.Target:
        place = self._places[target.entry.index]
        root = target.entry.root
        assert root is not None
        return partial.Target(
            target.entry.index,
            place.path,
            root,
            size,
            executable=bool(target.entry.executable),
            overwrites=place.overwrites,
        )
