"""How long do others wait for their turn of the event loop?"""

import contextlib
import gc
import time

import trio


@contextlib.contextmanager
def no_garbage():
    """Collect no garbage meanwhile: a collection looks at all that other tests of this process have left."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.asynccontextmanager
async def turns_within(seconds):
    """Have no turn of the loop take more of this thread's time than this, whatever else the machine does."""
    worst = 0.0

    async def watch():
        nonlocal worst
        while True:
            before = time.thread_time()
            await trio.sleep(0)
            worst = max(worst, time.thread_time() - before)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await trio.sleep(0.01)  # it watches from here on
        yield
        await trio.sleep(0.01)  # and has seen the last turn
        nursery.cancel_scope.cancel()
    assert worst < seconds
