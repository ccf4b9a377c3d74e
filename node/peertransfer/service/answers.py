"""What a granted getter is sent: manifest, openings, nodes and leaves, in batches.

It proves and grants nothing (``service.answering``). A file that changed since it was shared is refused as
changed; wrong octets never leave, because each leaf is checked against its CID before it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from peertransfer.content.commitment import hide
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import SourceError
from peertransfer.exchange import events as e
from peertransfer.service.facts import wall_clock
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.messages import MAX_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peertransfer.content.opening import HiddenSlot, OpenSlot
    from peertransfer.content.verified import Verified
    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.views import ContentView, ManifestView
    from peertransfer.exchange.provider import Provider
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import Asker
    from peertransfer.service.door import Door
    from peertransfer.service.served_shares import LiveLink, ServedShare
    from peertransfer.wire.messages import EntryRanges, Range

Refusal: TypeAlias = "tuple[RefusalCode, int]"
GrantedRequest: TypeAlias = (
    "e.ManifestRequested | e.OpeningsRequested | e.NodesRequested | e.BlocksRequested | e.HaveRequested"
)
Place: TypeAlias = "tuple[int, int]"
"""Entry index, and index of the node or leaf."""

OPENINGS_BATCH = 256
"""Entries that the engine is asked about at once; the encoder cuts pages to the frame limit."""


class Answers:
    """Everything that one granted getter may still ask."""

    def __init__(  # noqa: PLR0917 - what was sealed for one stream
        self,
        stream: PeerStream,
        machine: Provider,
        door: Door,
        share: ServedShare,
        link: LiveLink,
        asker: Asker,
        manifest: Disclosed[ManifestView, OnePeer],
        content: Disclosed[ContentView, OnePeer],
        count_sent: Callable[[int], None],
    ) -> None:
        self._stream = stream
        self._machine = machine
        self._door = door
        self.share = share
        self.link = link
        self.asker = asker
        self._manifest = manifest
        self._content = content
        self._count_sent = count_sent
        self._accounted = 0
        self.octets_sent = 0
        """Octets of leaves."""

    async def answer(self, event: GrantedRequest, cancelled: set[int]) -> Refusal | None:
        """Answer a request; return what to refuse it with instead."""
        try:
            return await self._dispatch(event, cancelled)
        except SourceError as changed:
            await self.share.note_changed(changed.path)
            return RefusalCode.CHANGED, event.request_id

    async def _dispatch(self, event: GrantedRequest, cancelled: set[int]) -> Refusal | None:
        match event:
            case e.ManifestRequested(request_id, nodes, ranges):
                return await self._send_manifest(request_id, ranges, nodes=nodes)
            case e.OpeningsRequested(request_id, first, count):
                return await self._send_openings(request_id, first, count, cancelled)
            case e.NodesRequested(request_id, items):
                return await self._send_blocks(request_id, items, cancelled, nodes=True)
            case e.BlocksRequested(request_id, items):
                return await self._send_blocks(request_id, items, cancelled, nodes=False)
            case e.HaveRequested(request_id, entry):
                return await self._send_have(request_id, entry)

    async def account(self) -> None:
        """Write the octets sent since the last time into the ledger."""
        octets, self._accounted = self.octets_sent - self._accounted, self.octets_sent
        await self._door.sent(self._content.record, octets, now=wall_clock())

    async def note_delivery(self) -> None:
        """Keep that this getter has everything it asked for."""
        await self.share.note_delivery(self.link, self.asker, self.octets_sent, wall_clock())

    # --- each kind ---------------------------------------------------------------------------------

    async def _send_manifest(
        self, request_id: int, ranges: Sequence[Range], *, nodes: bool
    ) -> Refusal | None:
        places = [index for one in ranges for index in range(one.first, one.first + one.count)]
        blocks = self.share.manifest_nodes if nodes else self.share.manifest_leaves
        if not all(place < len(blocks) for place in places):
            return RefusalCode.OUT_OF_RANGE, request_id
        for number, place in enumerate(places, 1):
            frame = self._machine.send_manifest_blocks(
                self._manifest, request_id, [place], [blocks[place]], last=number == len(places)
            )
            await self._stream.send(frame)
        return None

    async def _send_openings(
        self, request_id: int, first: int, count: int, cancelled: set[int]
    ) -> Refusal | None:
        total = len(self.share.entry_facts)
        if first + count > total:
            return RefusalCode.OUT_OF_RANGE, request_id
        if count == 0:
            return await self._send_openings_page(request_id, range(0), last=True)
        for start in range(first, first + count, OPENINGS_BATCH):
            end = min(start + OPENINGS_BATCH, first + count)
            is_last = end == first + count or request_id in cancelled
            refusal = await self._send_openings_page(request_id, range(start, end), last=is_last)
            if refusal is not None or is_last:
                return refusal
        return None

    async def _send_openings_page(self, request_id: int, indices: range, *, last: bool) -> Refusal | None:
        now = wall_clock()
        decision = self._door.engine.openings(
            self.asker,
            self.link.item(self.share),
            self.share.entry_facts[indices.start : indices.stop],
            share=None if indices else self.share.share_opening(),
            openings=[self.share.entry_opening(index) for index in indices],
            hide=self._hide,
            now=now,
        )
        disclosed = await self._door.release(decision, peer_id=self.asker.peer_id, now=now)
        if disclosed is None:
            return RefusalCode.REFUSED, request_id
        await self._stream.send(self._machine.send_openings(disclosed, request_id, last))
        return None

    async def _send_blocks(
        self, request_id: int, items: Sequence[EntryRanges], cancelled: set[int], *, nodes: bool
    ) -> Refusal | None:
        places = [
            (item.entry, index)
            for item in items
            for one in item.ranges
            for index in range(one.first, one.first + one.count)
        ]
        if not all(self.share.has_block(entry, index, nodes=nodes) for entry, index in places):
            return RefusalCode.OUT_OF_RANGE, request_id
        if not all(self._content.view.covers(entry) for entry, _ in places):
            return RefusalCode.REFUSED, request_id
        sent = 0
        for batch in self._batches(places, nodes=nodes):
            blocks = await self.share.blocks(batch, nodes=nodes)
            sent += len(batch)
            is_last = sent == len(places) or request_id in cancelled
            if not nodes:
                self._count(sum(len(block.octets) for block in blocks))
            await self._send_batch(request_id, batch, blocks, last=is_last)
            if is_last:
                break
        return None

    def _count(self, octets: int) -> None:
        """Count before they go: of a stream that breaks, nobody knows how much the getter has."""
        self.octets_sent += octets
        self._count_sent(octets)

    async def _send_batch(
        self, request_id: int, batch: Sequence[Place], blocks: Sequence[Verified], *, last: bool
    ) -> None:
        triples = [(entry, index, block) for (entry, index), block in zip(batch, blocks, strict=True)]
        await self._stream.send(self._machine.send_blocks(self._content, request_id, triples, last=last))

    def _batches(self, places: Sequence[Place], *, nodes: bool) -> Iterator[list[Place]]:
        batch: list[Place] = []
        size = 0
        for entry, index in places:
            one = self.share.block_size(entry, index, nodes=nodes)
            if batch and (size + one > CHUNK_SIZE or len(batch) == MAX_HEADERS):
                yield batch
                batch, size = [], 0
            batch.append((entry, index))
            size += one
        if batch:
            yield batch

    async def _send_have(self, request_id: int, entry: int) -> Refusal | None:
        if not self.share.has_block(entry, 0, nodes=False):
            return RefusalCode.OUT_OF_RANGE, request_id
        if not self._content.view.covers(entry):
            return RefusalCode.REFUSED, request_id
        count = self.share.leaf_count(entry)
        await self._stream.send(self._machine.send_have(self._content, request_id, count))
        return None

    def _hide(self, slot: OpenSlot) -> HiddenSlot:
        return hide(self.share.hash_function, slot)
