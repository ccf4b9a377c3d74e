"""Carry out the jobs of one ``get`` over one provider's stream: ask, verify, hand to the writer.

It chooses no job (``service.fetch_queue``), finds no provider and places no file (``service.getting``).
Hashing runs off the event loop. The first block that does not verify ends this provider; a file that it
refuses does not: the others go on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import trio

from peertransfer.content.cid import Codec
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import (
    BusyError,
    ChangedError,
    EndedError,
    IntegrityError,
    PeerTimeoutError,
    RefusedError,
    RemoteProtocolError,
    UnsupportedError,
)
from peertransfer.exchange import events as e
from peertransfer.service.fetch_queue import FetchQueue, Job, LeavesJob, NodesJob, SmallJob
from peertransfer.service.groups import open_nursery
from peertransfer.service.not_given import not_given, refusal_of
from peertransfer.wire.messages import EntryRanges, Range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.content.dag import DagVerifier
    from peertransfer.errors import RemoteError
    from peertransfer.service.asking import Ask, Asking
    from peertransfer.service.fetch_queue import Target
    from peertransfer.transport.allowance import Allowance

TASKS = 4
"""Jobs carried out at once over one stream."""
REQUESTS = 2
"""Jobs of leaves that wait for octets at once over one stream: the others are being written."""
GATHER_SECONDS = 0.05
"""Leaves of a job that come within so long of the first are checked and written together."""
NODES_OF_REQUEST = 256
_OF_THE_STREAM = (BusyError, EndedError, UnsupportedError)
"""Refusals that are not about the files of the request: this provider is of no use now."""


class Writer(Protocol):
    """Where verified octets go."""

    async def open(self, target: Target) -> list[int]:
        """Prepare the file of a target whose nodes are there; return the leaves that are missing."""

    async def write(
        self, target: Target, check: Callable[[], Sequence[tuple[int, Verified]]], size: int
    ) -> None:
        """Check leaves of a large file, ``size`` octets, and keep them; off the event loop."""

    async def write_small(self, target: Target, leaf: Verified) -> None:
        """Take a file of one leaf; it is in place after the next flush."""

    async def finish(self, target: Target) -> None:
        """Put a large file in place."""

    async def close(self, target: Target) -> None:
        """Let a large file go for now; what was written of it is kept."""

    async def flush(self) -> None:
        """Put everything that was taken in place."""


class Fetching:
    """The jobs of one ``get``, and the event that tells workers of a change."""

    def __init__(
        self, targets: Iterable[Target], writer: Writer, file_count: int, allowance: Allowance
    ) -> None:
        """Make the queue.

        Args:
            targets: files to fetch.
            writer: where their octets go.
            file_count: files that are wanted, those that are here already among them.
            allowance: a job that takes longer than its ``request_seconds`` is given to another provider.
        """
        self._allowance = allowance
        self._queue = FetchQueue(targets)
        self._writer = writer
        self._file_count = file_count
        self._changed = trio.Event()

    @property
    def is_over(self) -> bool:
        """Whether everything is in place."""
        return self._queue.is_over

    async def flush(self) -> None:
        """Put everything that was taken in place, on the disk."""
        await self._writer.flush()

    def refusal(self, peer_id: str) -> RemoteError | None:
        """Return the error for what is left because this provider refused it; ``None`` for nothing."""
        left = [
            not_given(target.entry.text, target.refused[peer_id])
            for target in self._queue.refused_by(peer_id)
        ]
        return refusal_of(left, self._file_count, peer_id) if left else None

    async def serve(self, asking: Asking) -> None:
        """Work on jobs with one provider until nothing is left, or only what it refused.

        Raises:
            PeertransferError: the provider failed; its jobs went back.
        """
        turns = trio.Semaphore(REQUESTS)
        async with open_nursery() as nursery:
            for _ in range(TASKS):
                nursery.start_soon(self._work, asking, turns)

    async def _work(self, asking: Asking, turns: trio.Semaphore) -> None:
        while True:
            await self._close_refused(asking.peer_id)
            if self._queue.is_over_for(asking.peer_id):
                return
            job = self._queue.take(asking.peer_id)
            if job is None:
                await self._changed.wait()
                continue
            is_done = False
            try:
                await self._carry_out(asking, job, turns)
                whole = self._queue.done(job)
                is_done = True
                if not isinstance(job, SmallJob):
                    await self._place(whole)
            except trio.TooSlowError:
                self._allowance.reach("request_seconds")
                raise PeerTimeoutError("The provider is too slow", peer=asking.peer_id) from None
            except (ChangedError, RefusedError) as error:
                if asking.is_over or isinstance(error, _OF_THE_STREAM):
                    raise
                self._queue.refused(job, asking.peer_id, error)
                is_done = True
            finally:
                if not is_done:
                    self._queue.failed(job)
                self._tell()

    async def _place(self, targets: Sequence[Target]) -> None:
        """Finish large files, whatever becomes of the provider meanwhile."""
        with trio.CancelScope(shield=True):
            for target in targets:
                await self._writer.finish(target)
                self._queue.placed(target)

    async def _close_refused(self, peer_id: str) -> None:
        while (target := self._queue.take_idle(peer_id)) is not None:
            try:
                await self._writer.close(target)
            finally:
                self._queue.shelve(target)
                self._tell()

    def _tell(self) -> None:
        """Wake those that wait for a job."""
        self._changed.set()
        self._changed = trio.Event()

    async def _carry_out(self, asking: Asking, job: Job, turns: trio.Semaphore) -> None:
        seconds = self._allowance.limits.request_seconds
        match job:
            case SmallJob(targets):
                with trio.fail_after(seconds):
                    await self._fetch_small(asking, targets)
            case NodesJob(target):
                with trio.fail_after(seconds):
                    await fetch_nodes(asking, target)
                # Reading back what is here already takes as long as it takes.
                self._queue.opened(target, await self._writer.open(target))
            case LeavesJob(target, indices):
                with trio.fail_after(seconds):
                    await self._fetch_leaves(asking, target, indices, turns)

    async def _fetch_small(self, asking: Asking, targets: Sequence[Target]) -> None:
        waiting = list(targets)
        items = [EntryRanges(target.entry.index, (Range(0, 1),)) for target in targets]
        async with asking.request(lambda machine, want: machine.request_blocks(want, items)) as parts:
            async for part in parts:
                blocks = _blocks(part)
                batch, waiting = waiting[: len(blocks)], waiting[len(blocks) :]
                roots = [
                    (_root(target), octets) for target, (_, _, octets) in zip(batch, blocks, strict=True)
                ]
                verified = await verify_roots(roots, asking.peer_id)
                for target, leaf in zip(batch, verified, strict=True):
                    await self._writer.write_small(target, leaf)
                    target.left = 0  # at once: what was taken must not come again, whatever is cancelled
        if waiting:
            raise RemoteProtocolError("the provider left out files that were asked for", peer=asking.peer_id)

    async def _fetch_leaves(
        self, asking: Asking, target: Target, indices: Sequence[int], turns: trio.Semaphore
    ) -> None:
        waiting = list(indices)
        item = EntryRanges(target.entry.index, ranges_of(indices))
        async with (
            one_turn(turns) as turn,
            asking.request(lambda machine, want: machine.request_blocks(want, [item])) as parts,
        ):
            while together := await parts.together(GATHER_SECONDS):
                if parts.is_over:
                    turn.close()  # nothing more is to come: another may ask while this is written
                blocks = [octets for part in together for _, _, octets in _blocks(part)]
                batch, waiting = waiting[: len(blocks)], waiting[len(blocks) :]
                check = checking(target.verifier, list(zip(batch, blocks, strict=True)), asking.peer_id)
                await self._writer.write(target, check, sum(map(len, blocks)))
        if waiting:
            raise RemoteProtocolError("the provider left out leaves that were asked for", peer=asking.peer_id)


@contextlib.asynccontextmanager
async def one_turn(turns: trio.Semaphore) -> AsyncIterator[contextlib.ExitStack]:
    """Wait for a turn; it ends when what is returned is closed, at the latest with the block."""
    await turns.acquire()
    with contextlib.ExitStack() as turn:
        turn.callback(turns.release)
        yield turn


async def fetch_nodes(asking: Asking, target: Target) -> None:
    """Fetch and verify the inner nodes of an entry."""

    def ask_for(wanted: Sequence[int]) -> Ask:
        item = EntryRanges(target.entry.index, ranges_of(wanted))
        return lambda machine, want: machine.request_nodes(want, [item])

    while missing := target.verifier.missing_nodes():
        for start in range(0, len(missing), NODES_OF_REQUEST):
            async with asking.request(ask_for(missing[start : start + NODES_OF_REQUEST])) as parts:
                async for part in parts:
                    for _, index, octets in _blocks(part):
                        _add_node(target, index, octets, asking.peer_id)


def _add_node(target: Target, index: int, octets: memoryview, peer_id: str) -> None:
    with blaming(peer_id):
        target.verifier.add_node(index, octets)


def ranges_of(indices: Sequence[int]) -> tuple[Range, ...]:
    """Return runs of consecutive indices; ``indices`` ascend."""
    runs: list[Range] = []
    for index in indices:
        if runs and runs[-1].first + runs[-1].count == index:
            runs[-1] = Range(runs[-1].first, runs[-1].count + 1)
        else:
            runs.append(Range(index, 1))
    return tuple(runs)


def checking(
    verifier: DagVerifier, leaves: Sequence[tuple[int, memoryview]], peer_id: str
) -> Callable[[], list[tuple[int, Verified]]]:
    """Return what checks leaves of a large file, octets and size; it is to run off the event loop.

    It raises:
        IntegrityError: one is not the leaf that it is sent as; ``peer`` is who sent it.
    """

    def check() -> list[tuple[int, Verified]]:
        with blaming(peer_id):
            return [(index, verifier.verified_leaf(index, octets)) for index, octets in leaves]

    return check


async def verify_roots(roots: Sequence[tuple[Cid, memoryview]], peer_id: str) -> list[Verified]:
    """Check files of one leaf, off the event loop.

    Raises:
        IntegrityError: one is not the file that it is sent as; ``peer`` is who sent it.
    """
    with blaming(peer_id):
        return await trio.to_thread.run_sync(lambda: [verify(cid, octets) for cid, octets in roots])


@contextlib.contextmanager
def blaming(peer_id: str) -> Iterator[None]:
    """Name in an ``IntegrityError`` who sent what did not verify."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityError(error.message, error.hint, peer=peer_id) from error


def _blocks(part: object) -> tuple[tuple[int, int, memoryview], ...]:
    assert isinstance(part, e.BlocksReceived)  # the machine checked what answers which request
    return part.blocks


def _root(target: Target) -> Cid:
    assert target.entry.root is not None
    assert target.entry.root.codec is Codec.RAW
    return target.entry.root
