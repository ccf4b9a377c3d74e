"""Blocks for the next answers are read and checked while the last ones leave: one group ahead.

It sends nothing (``service.answers``) and orders nothing: what it is given comes out in the same order. A
file that changed since it was shared is refused as changed; wrong octets never leave: each leaf is checked
against its CID here. Spec: docs/protocol.md, "Requests and answers".

What is refused comes before what is out of range: where the policy keeps an entry's content, no answer may
depend on how long the entry is, or on whether it is a file.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from peertransfer.content.memory import LeafMemory
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import NotFoundError, SourceError
from peertransfer.exchange import events as e
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.messages import MAX_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import trio

    from peertransfer.content.verified import Verified
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.service.granted import Granted
    from peertransfer.transport.answer_memory import Held

Place: TypeAlias = "tuple[int, int]"
"""Entry index, and index of the node or leaf."""
Batch: TypeAlias = "tuple[list[Place], int]"
"""Blocks of one frame, and how many octets they have, or a bound for that."""
Blocks: TypeAlias = "tuple[tuple[int, int, Verified], ...]"
"""Of each block its entry, its index and itself."""
BlocksEvent: TypeAlias = "e.NodesRequested | e.BlocksRequested"

BATCHES_READ = 4
"""Batches of blocks that are read at once, each a MiB at most: one change of threads for all."""
LEAVES_KEPT = 3 * BATCHES_READ
"""Leaves of which the memory is used again: being read, read, and on their way."""


@dataclass(frozen=True, slots=True)
class BlocksRead:
    """Some batches of what was asked for, each for one frame."""

    event: BlocksEvent
    batches: tuple[tuple[Blocks, int], ...]
    """Each with its size in octets, or a bound for that."""
    is_last: bool
    memory: Held
    """Of all of them; whoever takes them gives it back."""


@dataclass(frozen=True, slots=True)
class BlocksRefused:
    """The rest of what was asked for is refused."""

    event: BlocksEvent
    code: RefusalCode


Read: TypeAlias = BlocksRead | BlocksRefused


class ReadAhead:
    """Reads for one stream."""

    def __init__(
        self,
        stream: PeerStream,
        granted: Granted,
        *,
        may_go_on: Callable[[], bool],
        is_answered: Callable[[BlocksEvent], bool],
    ) -> None:
        """Read nothing yet.

        Args:
            stream: has the memory for answers.
            granted: what the getter may see, of which share.
            may_go_on: tells whether the grant holds.
            is_answered: tells whether a request was given up or refused meanwhile.
        """
        self._stream = stream
        self._granted = granted
        self._share = granted.share
        self._may_go_on = may_go_on
        self._is_answered = is_answered
        self._memory = LeafMemory(LEAVES_KEPT)

    async def read(self, event: BlocksEvent, into: trio.MemorySendChannel[Read]) -> None:
        """Read what is asked for, group by group, each when the one before was taken."""
        try:
            code = await self._read(event, into)
        except SourceError as changed:
            await self._share.note_changed(changed.path)
            code = RefusalCode.CHANGED
        except NotFoundError:
            if self._may_go_on():
                raise
            code = RefusalCode.ENDED  # the share was withdrawn while it was read
        if code is not None:
            await into.send(BlocksRefused(event, code))

    async def refusal_of(self, entries: set[int]) -> RefusalCode | None:
        """Return why nothing of these entries may be asked; it depends on no fact that is hidden."""
        if not all(entry < len(self._share.entry_facts) for entry in entries):
            return RefusalCode.OUT_OF_RANGE
        return None if await self._granted.covers(entries) else RefusalCode.REFUSED

    async def _read(self, event: BlocksEvent, into: trio.MemorySendChannel[Read]) -> RefusalCode | None:
        refusal = await self.refusal_of({item.entry for item in event.items})
        if refusal is not None:
            return refusal
        nodes = isinstance(event, e.NodesRequested)
        places = [
            (item.entry, index)
            for item in event.items
            for one in item.ranges
            for index in range(one.first, one.first + one.count)
        ]
        if not all(self._share.has_block(entry, index, nodes=nodes) for entry, index in places):
            return RefusalCode.OUT_OF_RANGE
        batches = deque(self._batches(places, nodes=nodes))
        while batches:
            if self._is_answered(event):
                return None
            if not self._may_go_on():
                return RefusalCode.ENDED
            group = self._next_group(batches)
            memory = await self._stream.hold(sum(size for _, size in group))
            with contextlib.ExitStack() as unless_taken:
                unless_taken.callback(memory.close)
                read = await self._read_group(group, nodes=nodes)
                await into.send(BlocksRead(event, read, is_last=not batches, memory=memory))
                unless_taken.pop_all()
        return None

    def _next_group(self, batches: deque[Batch]) -> list[Batch]:
        """Take the batches that are read at once: one, where the node has no memory left for more."""
        group = list(itertools.islice(batches, BATCHES_READ))
        if not self._stream.may_hold(sum(size for _, size in group)):
            group = group[:1]
        for _ in group:
            batches.popleft()
        return group

    async def _read_group(self, group: Sequence[Batch], *, nodes: bool) -> tuple[tuple[Blocks, int], ...]:
        places = [place for batch, _ in group for place in batch]
        blocks = iter(await self._share.blocks(places, self._memory, nodes=nodes))
        return tuple(
            (tuple((entry, index, next(blocks)) for entry, index in batch), size) for batch, size in group
        )

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
