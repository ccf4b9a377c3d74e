"""What a granted getter is sent: manifest, openings, nodes and leaves, in batches.

It proves and decides nothing (``service.answering``, ``service.granted``). A file that changed since it was
shared is refused as changed; wrong octets never leave, because each leaf is checked against its CID first.

What is refused comes before what is out of range: where the policy keeps an entry's content, no answer may
depend on how long the entry is, or on whether it is a file. Spec: docs/protocol.md, "Requests and answers".
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import NotFoundError, SourceError
from peertransfer.exchange import events as e
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.messages import MAX_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peertransfer.exchange.provider import Provider
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.service.granted import Granted
    from peertransfer.wire.messages import EntryRanges, Range

GrantedRequest: TypeAlias = (
    "e.ManifestRequested | e.OpeningsRequested | e.NodesRequested | e.BlocksRequested | e.HaveRequested"
)
Place: TypeAlias = "tuple[int, int]"
"""Entry index, and index of the node or leaf."""

Batch: TypeAlias = "tuple[list[Place], int]"
"""Blocks of one frame, and how many octets they have, or a bound for that."""

BATCHES_READ = 4
"""Batches of blocks that are read at once, each a MiB at most: one change of threads for all."""
OPENINGS_BATCH = 256
"""Entries that the engine is asked about at once; the encoder cuts pages to the frame limit."""


class Answers:
    """The answers on one stream; each ends early once the grant ended."""

    def __init__(
        self,
        stream: PeerStream,
        machine: Provider,
        granted: Granted,
        *,
        may_go_on: Callable[[], bool],
        cancelled: set[int],
    ) -> None:
        self._stream = stream
        self._machine = machine
        self._granted = granted
        self._may_go_on = may_go_on
        self._cancelled = cancelled
        self._share = granted.share

    async def answer(self, event: GrantedRequest) -> RefusalCode | None:
        """Answer a request; return with what to refuse it, or the rest of it, instead."""
        try:
            return await self._dispatch(event)
        except SourceError as changed:
            await self._share.note_changed(changed.path)
            return RefusalCode.CHANGED
        except NotFoundError:
            if self._may_go_on():
                raise
            return RefusalCode.ENDED  # the share was withdrawn while it was read

    async def _dispatch(self, event: GrantedRequest) -> RefusalCode | None:
        match event:
            case e.ManifestRequested(request_id, nodes, ranges):
                return await self._send_manifest(request_id, ranges, nodes=nodes)
            case e.OpeningsRequested(request_id, first, count):
                return await self._send_openings(request_id, first, count)
            case e.NodesRequested(request_id, items):
                return await self._send_blocks(request_id, items, nodes=True)
            case e.BlocksRequested(request_id, items):
                return await self._send_blocks(request_id, items, nodes=False)
            case e.HaveRequested(request_id, entry):
                return await self._send_have(request_id, entry)

    # --- each kind ---------------------------------------------------------------------------------

    async def _send_manifest(
        self, request_id: int, ranges: Sequence[Range], *, nodes: bool
    ) -> RefusalCode | None:
        places = [index for one in ranges for index in range(one.first, one.first + one.count)]
        blocks = self._share.manifest_nodes if nodes else self._share.manifest_leaves
        if not all(place < len(blocks) for place in places):
            return RefusalCode.OUT_OF_RANGE
        manifest = await self._granted.manifest()
        if manifest is None:
            return RefusalCode.REFUSED
        for number, place in enumerate(places, 1):
            if not self._may_go_on():
                return RefusalCode.ENDED
            frame = self._machine.send_manifest_blocks(
                manifest, request_id, [place], [blocks[place]], last=number == len(places)
            )
            await self._stream.send(frame)
        return None

    async def _send_openings(self, request_id: int, first: int, count: int) -> RefusalCode | None:
        if count == 0:
            return await self._send_page(request_id, range(0), last=True)
        if first + count > len(self._share.entry_facts):
            return RefusalCode.OUT_OF_RANGE
        for start in range(first, first + count, OPENINGS_BATCH):
            end = min(start + OPENINGS_BATCH, first + count)
            is_last = end == first + count or request_id in self._cancelled
            refusal = await self._send_page(request_id, range(start, end), last=is_last)
            if refusal is not None or is_last:
                return refusal
        return None

    async def _send_page(self, request_id: int, indices: range, *, last: bool) -> RefusalCode | None:
        if not self._may_go_on():
            return RefusalCode.ENDED
        openings = await self._granted.openings(indices)
        if openings is None:
            return RefusalCode.REFUSED
        await self._stream.send(self._machine.send_openings(openings, request_id, last))
        return None

    async def _send_blocks(
        self, request_id: int, items: Sequence[EntryRanges], *, nodes: bool
    ) -> RefusalCode | None:
        refusal = await self._refusal_of({item.entry for item in items})
        if refusal is not None:
            return refusal
        places = [
            (item.entry, index)
            for item in items
            for one in item.ranges
            for index in range(one.first, one.first + one.count)
        ]
        if not all(self._share.has_block(entry, index, nodes=nodes) for entry, index in places):
            return RefusalCode.OUT_OF_RANGE
        batches = deque(self._batches(places, nodes=nodes))
        while batches:
            group = self._next_group(batches)
            async with self._stream.hold(sum(size for _, size in group)) as memory:
                wanted = [place for batch, _ in group for place in batch]
                blocks = deque(await self._share.blocks(wanted, nodes=nodes))
                for batch, size in group:
                    if not self._may_go_on():
                        return RefusalCode.ENDED
                    content = await self._granted.content({entry for entry, _ in batch})
                    if content is None:
                        return RefusalCode.REFUSED
                    triples = [(entry, index, blocks.popleft()) for entry, index in batch]
                    is_last = not (batches or blocks) or request_id in self._cancelled
                    frame = self._machine.send_blocks(content, request_id, triples, last=is_last)
                    if not nodes:
                        self._granted.count(sum(len(block.octets) for _, _, block in triples))
                    memory.give(size)
                    await self._stream.send(frame)
                    if is_last:
                        return None
        return None

    def _next_group(self, batches: deque[Batch]) -> list[Batch]:
        """Take the batches that are read at once: one, where the node has no memory left for more."""
        group = list(itertools.islice(batches, BATCHES_READ))
        if not self._stream.may_hold(sum(size for _, size in group)):
            group = group[:1]
        for _ in group:
            batches.popleft()
        return group

    async def _refusal_of(self, entries: set[int]) -> RefusalCode | None:
        """Return why nothing of these entries may be asked; it depends on no fact that is hidden."""
        if not all(entry < len(self._share.entry_facts) for entry in entries):
            return RefusalCode.OUT_OF_RANGE
        return None if await self._granted.covers(entries) else RefusalCode.REFUSED

    def _batches(self, places: Sequence[Place], *, nodes: bool) -> Iterator[Batch]:
        batch: list[Place] = []
        size = 0
        for entry, index in places:
            one = self._share.block_size(entry, index, nodes=nodes)
            if batch and (size + one > CHUNK_SIZE or len(batch) == MAX_HEADERS):
                yield batch, size
                batch, size = [], 0
            batch.append((entry, index))
            size += one
        if batch:
            yield batch, size

    async def _send_have(self, request_id: int, entry: int) -> RefusalCode | None:
        refusal = await self._refusal_of({entry})
        if refusal is not None:
            return refusal
        if not self._share.has_block(entry, 0, nodes=False):
            return RefusalCode.OUT_OF_RANGE
        content = await self._granted.content({entry})
        if content is None:
            return RefusalCode.REFUSED
        count = self._share.leaf_count(entry)
        await self._stream.send(self._machine.send_have(content, request_id, count))
        return None
