"""How does a trio task have something done on one certain thread?

A job waits in a queue; the thread takes all that wait, and answers each by its outcome. It knows
nothing of databases (``store.database``).

Strategy: a job that has not been taken yet can be cancelled; one that was taken is finished, and its
task is told the outcome, because half a transaction is nothing that a caller could clean up after.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Generic, TypeVar, final

import trio

from peertransfer.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import outcome

C = TypeVar("C")
T = TypeVar("T")

MAX_GROUP = 256
"""Jobs taken at once, so that the first of a flood is not kept waiting by the last."""


@final
class Job(Generic[C]):
    """One piece of work, and the task that waits for it."""

    def __init__(self, work: Callable[[C], object]) -> None:
        self.work = work
        self.result: outcome.Outcome[object] | None = None
        self._lock = threading.Lock()
        self._is_taken = False
        self._is_cancelled = False
        self._task = trio.lowlevel.current_task()
        self._token = trio.lowlevel.current_trio_token()

    def take(self) -> bool:
        """Claim the job for the thread; False where its task was cancelled before."""
        with self._lock:
            self._is_taken = not self._is_cancelled
            return self._is_taken

    def cancel(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """Answer trio: may this job be dropped?"""
        with self._lock:
            if self._is_taken:
                return trio.lowlevel.Abort.FAILED
            self._is_cancelled = True
            return trio.lowlevel.Abort.SUCCEEDED

    def answer(self, result: outcome.Outcome[object]) -> None:
        """Wake the waiting task (from the thread)."""
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(trio.lowlevel.reschedule, self._task, result)


class Worker(Generic[C]):
    """A thread that owns one thing (``context``) and does jobs with it, group by group."""

    def __init__(self, name: str, context: C, do_group: Callable[[C, Sequence[Job[C]]], None]) -> None:
        self._context = context
        self._do_group = do_group
        self._queue: queue.SimpleQueue[Job[C] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[C], T]) -> T:
        """Have ``work`` done on the thread; its result or its error comes back.

        Raises:
            StoreError: the worker was closed.
        """
        if self._is_closed:
            raise StoreError("The database is closed")
        job: Job[C] = Job(work)
        self._queue.put(job)
        result: T = await trio.lowlevel.wait_task_rescheduled(job.cancel)
        return result

    def close(self) -> None:
        """Finish what waits, then end the thread (blocking)."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._thread.join()

    def _loop(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            taken = [job for job in group if job.take()]
            if taken:
                self._do_group(self._context, taken)

    def _next_group(self) -> tuple[list[Job[C]], bool]:
        group: list[Job[C]] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == MAX_GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False
