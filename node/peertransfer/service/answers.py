"""What a granted getter is sent: manifest, openings, nodes and leaves, in batches.

It proves and decides nothing (``service.answering``, ``service.granted``) and reads no block
(``service.read_ahead``). Spec: docs/protocol.md, "Requests and answers".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from peertransfer.exchange import events as e
from peertransfer.service.read_ahead import BlocksRead, BlocksRefused, ReadAhead
from peertransfer.wire.codes import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import trio

    from peertransfer.exchange.provider import Provider
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.service.granted import Granted
    from peertransfer.service.read_ahead import BlocksEvent, Read
    from peertransfer.wire.messages import Range

PlainRequest: TypeAlias = "e.ManifestRequested | e.OpeningsRequested | e.HaveRequested"
"""A request whose answer takes no block from the disk."""
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
        self._answered: BlocksEvent | None = None
        """The request for blocks whose answer ended last, perhaps before its time."""
        self._reading = ReadAhead(stream, granted, may_go_on=may_go_on, is_answered=self.is_answered)

    async def read(self, event: BlocksEvent, into: trio.MemorySendChannel[Read]) -> None:
        """Read what a request for blocks asks for, for ``send``, each group when the one before was taken."""
        await self._reading.read(event, into)

    async def answer(self, event: PlainRequest) -> RefusalCode | None:
        """Answer a request that needs no block; return with what to refuse it, or the rest of it, instead."""
        match event:
            case e.ManifestRequested(request_id, nodes, ranges):
                return await self._send_manifest(request_id, ranges, nodes=nodes)
            case e.OpeningsRequested(request_id, first, count):
                return await self._send_openings(request_id, first, count)
            case e.HaveRequested(request_id, entry):
                return await self._send_have(request_id, entry)

    def is_answered(self, event: BlocksEvent) -> bool:
        """Tell whether the answer to the request of which blocks were sent or refused last has ended."""
        return event is self._answered

    async def send(self, read: Read) -> RefusalCode | None:
        """Send blocks that were read, unless their answer has ended; return as ``answer`` does."""
        if isinstance(read, BlocksRefused):
            code = None if self.is_answered(read.event) else read.code
        else:
            with read.memory:
                code = None if self.is_answered(read.event) else await self._send_blocks(read)
        if code is not None:
            self._answered = read.event
        return code

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

    async def _send_blocks(self, read: BlocksRead) -> RefusalCode | None:
        request_id = read.event.request_id
        last = read.batches[-1][0]
        for batch, size in read.batches:
            if not self._may_go_on():
                return RefusalCode.ENDED
            content = await self._granted.content({entry for entry, _, _ in batch})
            if content is None:
                return RefusalCode.REFUSED
            is_last = (read.is_last and batch is last) or request_id in self._cancelled
            frame = self._machine.send_blocks(content, request_id, batch, last=is_last)
            if isinstance(read.event, e.BlocksRequested):
                self._granted.count(sum(len(block.octets) for _, _, block in batch))
            if is_last:
                self._answered = read.event
            read.memory.give(size)
            await self._stream.send(frame)
            if is_last:
                break
        return None

    async def _send_have(self, request_id: int, entry: int) -> RefusalCode | None:
        refusal = await self._reading.refusal_of({entry})
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
