"""What this node serves: live links by locator, and shares with everything needed to answer for them.

It grants nothing (``service.answering``). A few shares are held in memory, without their leaf digests.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

import trio

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, FileShape
from peertransfer.content.link import Link
from peertransfer.content.manifest import Manifest, manifest_dag
from peertransfer.content.shared import entry_opening, share_opening
from peertransfer.content.verified import verify
from peertransfer.disclosure.views import CatalogueItem
from peertransfer.policy.facts import EntryFacts, ItemFacts
from peertransfer.service.facts import earliest_end, wall_clock
from peertransfer.store.deliveries import Deliveries, Delivery
from peertransfer.store.links import Links, StoredLink
from peertransfer.store.reading import SourceReader
from peertransfer.store.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.memory import LeafMemory
    from peertransfer.content.opening import EntryOpening, ShareOpening
    from peertransfer.content.shared import SharedEntry
    from peertransfer.content.verified import Verified
    from peertransfer.policy.facts import Asker
    from peertransfer.store.database import Database
    from peertransfer.store.shares import StoredShare

MAX_HELD = 8
"""Shares held in memory."""


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A link as a want meets it."""

    name: str
    manifest_cid: str
    secret: bytes = field(repr=False)
    expires_at: int
    is_ended: bool

    @classmethod
    def of(cls, link: StoredLink) -> LiveLink:
        """Return the live form of a stored link."""
        return cls(link.name, link.manifest_cid, link.secret, link.expires_at, bool(link.ended_at))

    def is_live(self, now: int) -> bool:
        """Tell whether the link holds."""
        return not self.is_ended and (not self.expires_at or now < self.expires_at)

    def item(self, share: ServedShare) -> ItemFacts:
        """Return the facts that the engine judges."""
        return ItemFacts(self.manifest_cid, share.labels, self.name, self.until(share), share.created_at)

    def until(self, share: ServedShare) -> int:
        """Return until when it holds; 0: without end."""
        return earliest_end(self.expires_at, share.expires_at)


class ServedShare:
    """One share, ready to be served."""

    def __init__(
        self, stored: StoredShare, reader: SourceReader, shares: Shares, deliveries: Deliveries
    ) -> None:
        self._stored = stored
        self._shares = shares
        self._deliveries = deliveries
        self.changed: dict[str, None] = {}
        """Paths of files that were found changed since the share was loaded, in that order."""
        self._reader = reader
        self.manifest_octets = stored.manifest
        manifest = Manifest.parse(stored.manifest)
        dag = manifest_dag(manifest)
        self.manifest_nodes = [
            verify(cid, octets) for cid, octets in zip(dag.node_cids, dag.nodes, strict=True)
        ]
        self.manifest_leaves = [
            verify(Cid.of(Codec.RAW, manifest.hash_function, leaf), leaf) for leaf in _cut(stored.manifest)
        ]
        self.entry_facts = [_facts_of(index, self._entry(index)) for index in range(len(stored.order))]

    @property
    def hash_function(self) -> HashFunction:
        """The hash function of all blocks."""
        return self._stored.item.hash_function

    @property
    def labels(self) -> tuple[str, ...]:
        """The share's labels: private, the policy looks at them."""
        return self._stored.item.labels

    @property
    def expires_at(self) -> int:
        """Unix seconds; 0: never."""
        return self._stored.item.expires_at

    @property
    def created_at(self) -> int:
        """Unix seconds at which the share was made."""
        return self._stored.created_at

    def share_opening(self) -> ShareOpening:
        """Open the share's own slots."""
        return share_opening(self._stored.item)

    def entry_opening(self, index: int) -> EntryOpening:
        """Open the slots of the entry at ``index``."""
        return entry_opening(self._stored.item, self._entry(index), index)

    def leaf_count(self, index: int) -> int:
        """Return the leaves of a file."""
        return FileShape(self._entry(index).size).leaf_count

    def has_block(self, index: int, place: int, *, nodes: bool) -> bool:
        """Tell whether there is such a node or leaf."""
        if index >= len(self.entry_facts) or self._entry(index).root is None:
            return False
        shape = FileShape(self._entry(index).size)
        return place < (shape.node_count if nodes else shape.leaf_count)

    def block_size(self, index: int, place: int, *, nodes: bool) -> int:
        """Return the octets of a leaf, or a bound for those of a node."""
        if not nodes:
            return FileShape(self._entry(index).size).leaf_size(place)
        _, children = FileShape(self._entry(index).size).children_of(place)
        return 64 * len(children) + 64

    async def blocks(
        self, places: Sequence[tuple[int, int]], memory: LeafMemory, *, nodes: bool
    ) -> list[Verified]:
        """Return nodes or leaves, each (entry, index), verified; leaves are put into ``memory``.

        Raises:
            SourceError: a file changed since it was shared, or is gone.
        """
        if not nodes:
            return await self._reader.read_leaves(self._stored, places, memory)
        found: list[Verified] = []
        for index, run in itertools.groupby(places, key=itemgetter(0)):
            found += await self._reader.read_nodes(self._stored, index, [place for _, place in run])
        return found

    async def note_changed(self, path: str) -> None:
        """Keep that a file changed, so that its owner is told."""
        self.changed[path] = None
        for index in range(len(self.entry_facts)):
            if path == self._entry(index).path:
                await self._shares.mark_stale(self._stored.manifest_cid, index)

    async def note_delivery(self, link: LiveLink, asker: Asker, octets: int, now: int) -> None:
        """Keep that a getter has everything."""
        delivery = Delivery(link.name, link.manifest_cid, asker.network_id, asker.peer_id, now, octets)
        await self._deliveries.add(delivery)

    def _entry(self, index: int) -> SharedEntry:
        return self._stored.entry(index)


class ServedShares:
    """All shares and links of this node."""

    def __init__(self, database: Database) -> None:
        self._shares = Shares(database)
        self._links = Links(database)
        self._deliveries = Deliveries(database)
        self._reader = SourceReader(self._shares)
        self._held: OrderedDict[str, ServedShare] = OrderedDict()
        self._live: dict[str, dict[bytes, tuple[StoredLink, ItemFacts]]] = {}
        self._by_name: dict[str, tuple[StoredLink, ItemFacts]] = {}
        self._loading = trio.Lock()
        self._changes = 0
        """How often something was withdrawn, or links were read anew."""
        self.octets_sent = 0
        """Payload octets of content since start."""

    async def find(self, network_id: str, locator: bytes) -> LiveLink | None:
        """Return the link that a want names, live or not."""
        found = await self._links.find_link_by_locator(network_id, locator)
        return None if found is None else LiveLink.of(found)

    async def load(self, manifest_cid: str) -> ServedShare:
        """Return a share to serve.

        Raises:
            NotFoundError: there is none.
        """
        held = self._held.get(manifest_cid)
        if held is None:
            known = self._changes
            stored = await self._shares.load_share(manifest_cid)
            held = await trio.to_thread.run_sync(
                ServedShare, stored, self._reader, self._shares, self._deliveries
            )
            if known != self._changes:
                return held  # it may have been withdrawn meanwhile
            self._held[manifest_cid] = held
            if len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(manifest_cid)
        return held

    def changed(self, manifest_cid: str) -> tuple[str, ...]:
        """Return the paths of a share's files that were asked for and found changed, in that order."""
        held = self._held.get(manifest_cid)
        return () if held is None else tuple(held.changed)

    def withdraw(self, manifest_cid: str) -> None:
        """Serve a share no more, from now on; it is still to be removed, and ``load_links`` called."""
        self._changes += 1
        self._keep_links([pair for pair in self._by_name.values() if pair[0].manifest_cid != manifest_cid])
        self._held.pop(manifest_cid, None)

    def holds(self, link_name: str, now: int) -> bool:
        """Tell whether a link and the share behind it are served at ``now``, as far as was read."""
        found = self._by_name.get(link_name)
        return found is not None and found[0].holds(now) and not found[1].is_expired(now)

    def provided(self, network_id: str) -> dict[bytes, ItemFacts]:
        """Return the locators to provide in a network now, each with the facts of its share."""
        now = wall_clock()
        return {
            locator: item
            for locator, (link, item) in self._live.get(network_id, {}).items()
            if link.holds(now) and not item.is_expired(now)
        }

    def provided_under(self, network_id: str, locator: bytes) -> ItemFacts | None:
        """Return the facts of the share that a locator leads to in a network now; ``None`` without one."""
        found = self._live.get(network_id, {}).get(locator)
        if found is None:
            return None
        (link, item), now = found, wall_clock()
        return item if link.holds(now) and not item.is_expired(now) else None

    async def load_links(self) -> None:
        """Read anew which links hold."""
        async with self._loading:  # so that what was read last is kept last
            summaries = {one.manifest_cid: one for one in await self._shares.list_shares()}
            found: list[tuple[StoredLink, ItemFacts]] = []
            for link in await self._links.list_links():
                share = summaries.get(link.manifest_cid)
                if share is not None:
                    until = earliest_end(link.expires_at, share.expires_at)
                    item = ItemFacts(link.manifest_cid, share.labels, link.name, until, share.created_at)
                    found.append((link, item))
            self._keep_links(found)
            self._changes += 1
            for gone in self._held.keys() - summaries.keys():
                del self._held[gone]

    def _keep_links(self, found: Sequence[tuple[StoredLink, ItemFacts]]) -> None:
        self._by_name = {link.name: (link, item) for link, item in found}
        self._live = {}
        for link, item in found:
            self._live.setdefault(link.network_id, {})[link.locator] = (link, item)

    async def catalogue(self, network_id: str) -> list[tuple[ItemFacts, CatalogueItem]]:
        """Return the shares of a network that a link leads to, for the policy to choose from."""
        now = wall_clock()
        links: dict[str, list[StoredLink]] = {}
        for link, item in self._live.get(network_id, {}).values():
            if not item.is_expired(now):
                links.setdefault(link.manifest_cid, []).append(link)
        return [
            (
                ItemFacts(one.manifest_cid, one.labels, "", one.expires_at, one.created_at),
                CatalogueItem(
                    one.manifest_cid,
                    one.title,
                    one.entry_count,
                    one.size,
                    _text_of(links[one.manifest_cid][0], now),
                ),
            )
            for one in await self._shares.list_shares()
            if any(link.holds(now) for link in links.get(one.manifest_cid, ()))
        ]


def _facts_of(index: int, entry: SharedEntry) -> EntryFacts:
    return EntryFacts(index, entry.path, entry.labels, entry.media_type or "", entry.size)


def _text_of(link: StoredLink, now: int) -> str | None:
    """Return a share's own link for a catalogue; further ones were made for somebody else."""
    return str(Link(Cid.parse(link.manifest_cid), link.network_id, link.secret)) if link.holds(now) else None


def _cut(octets: bytes) -> list[bytes]:
    return [octets[at : at + CHUNK_SIZE] for at in range(0, len(octets), CHUNK_SIZE)]
