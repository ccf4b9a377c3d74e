"""The program, with its event loop watched: how long is a step of a task, and how late does a timer come?

``python -m bench.watched_node FILE WORDS…`` runs ``peertransfer WORDS…``. At SIGUSR1 what was seen since the
last one is written to FILE, and counting begins anew. The program itself knows nothing of this and pays
nothing for it: what runs its loop is replaced here, in this process.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import threading
import time
from array import array
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from peertransfer.cli.main import main as run_program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

TICK_SECONDS = 0.01
SLOW_SECONDS = 0.02
LOOK_SECONDS = 0.004
OURS = "/peertransfer/"
"""What stands in the path of a source file of ours."""


class Seen:
    """Everything since the last look."""

    def __init__(self) -> None:
        self.steps = array("d")
        """Seconds of this thread's CPU time, by step."""
        self.lags = array("d")
        """Seconds by which a timer was late."""
        self.slow: dict[str, float] = {}
        """The longest over ``SLOW_SECONDS``, by where: task, from where to where it went, and what ran."""


class LoopWatch(trio.abc.Instrument):
    """Times every step of every task, and a timer beside them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = Seen()
        self._from = ""
        self._began = 0.0
        self._step = 0
        """Number of the step that runs; 0 between steps."""
        self._ran: Counter[str] = Counter()
        """What was seen to run in it."""
        self._count = 0
        self._collecting = 0.0
        """Seconds of the step that went into looking for garbage."""
        gc.callbacks.append(self._collect)
        threading.Thread(target=self._look, args=(threading.get_ident(),), daemon=True).start()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note where a task goes on, and when."""
        self._from = place_of(task)
        self._count += 1
        self._ran.clear()
        self._collecting = 0.0
        self._step = self._count
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the step, and keep where it was if it is a long one."""
        took = time.thread_time() - self._began
        self._step = 0
        self._seen.steps.append(took)
        if took > SLOW_SECONDS:
            name = task.name.rpartition(".")[2]
            ran = "".join(f"; {place} ran" for place, _ in self._ran.most_common(1))
            if self._collecting > took / 2:
                ran = "; garbage was collected"
            where = f"{name}, from {self._from} to {place_of(task) or 'its end'}{ran}"
            self._seen.slow[where] = max(took, self._seen.slow.get(where, 0.0))

    def _collect(self, phase: str, _: object) -> None:
        if self._step and threading.current_thread() is threading.main_thread():
            now = time.thread_time()
            self._collecting += now if phase == "stop" else -now

    def _look(self, thread: int) -> None:
        """See from beside what a step that lasts is doing."""
        before = 0
        while True:
            time.sleep(LOOK_SECONDS)
            step = self._step
            if step and step == before:
                place = innermost(sys._current_frames().get(thread))  # noqa: SLF001 - there is no other way
                if place and step == self._step:
                    self._ran[place] += 1
            before = step

    async def tick(self) -> None:
        """Note how late each of a row of timers is."""
        while True:
            due = trio.current_time() + TICK_SECONDS
            await trio.sleep_until(due)
            self._seen.lags.append(trio.current_time() - due)

    def tell(self, *_: object) -> None:
        """Have what was seen written by another thread, and begin anew."""
        seen, self._seen = self._seen, Seen()
        threading.Thread(target=self._write, args=(seen,)).start()

    def _write(self, seen: Seen) -> None:
        whole = self._file.with_suffix(".new")
        facts = {
            "step": milliseconds(seen.steps),
            "lag": milliseconds(seen.lags),
            "slow": {where: seconds * 1000 for where, seconds in seen.slow.items()},
        }
        whole.write_text(json.dumps(facts))
        whole.replace(self._file)


def place_of(task: trio.lowlevel.Task) -> str:
    """Return the innermost place of ours where a task waits: ``file.py:12 function``."""
    found = None
    waiting: Any = task.coro
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is not None and (found is None or OURS in frame.f_code.co_filename):
            found = frame
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)
    return described(found)


def innermost(frame: FrameType | None) -> str:
    """Return the innermost place of ours in a running stack."""
    while frame is not None and OURS not in frame.f_code.co_filename:
        frame = frame.f_back
    return described(frame)


def described(frame: FrameType | None) -> str:
    """Return ``file.py:12 function``."""
    if frame is None:
        return ""
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"


def milliseconds(seconds: array[float]) -> dict[str, float]:
    """Return median, 99th percentile and most, in milliseconds; nothing was seen: zeros."""
    ordered = sorted(seconds) or [0.0]
    last = len(ordered) - 1
    return {
        "p50": ordered[last // 2] * 1000,
        "p99": ordered[round(last * 0.99)] * 1000,
        "max": ordered[-1] * 1000,
    }


def watch_loops(watch: LoopWatch, run: Callable[..., Any] = trio.run) -> Callable[..., Any]:
    """Return what runs a loop and has it watched."""

    async def run_watched(main: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.tick)
            found = await main(*args)
            nursery.cancel_scope.cancel()
        return found

    return lambda main, *args: run(partial(run_watched, main), *args, instruments=[watch])


def main() -> None:
    """Take the command line."""
    file, *words = sys.argv[1:]
    watch = LoopWatch(Path(file))
    trio.run = watch_loops(watch)
    signal.signal(signal.SIGUSR1, watch.tell)
    run_program(words)


if __name__ == "__main__":
    main()
