"""What keeps a loop from others is seen and named, in a node as its person runs it."""

import json
import time

import trio

from bench.loop import policy
from bench.suite import LOOP
from bench.watched_node import LoopWatch, milliseconds, watch_loops


def busy(seconds):
    """Take so much of this thread's CPU time."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def told(watch, file):
    file.unlink(missing_ok=True)
    watch.tell()
    while not file.exists():
        time.sleep(0.001)
    return json.loads(file.read_text())


def test_a_long_step_is_named_and_so_is_the_lag_that_it_made(tmp_path):
    file = tmp_path / "loop"
    watch = LoopWatch(file)

    async def hog():
        await trio.sleep(0.05)
        busy(0.06)
        await trio.sleep(0.02)

    watch_loops(watch)(hog)
    seen = told(watch, file)
    assert 60 <= seen["step"]["max"] < 120
    assert seen["step"]["p50"] < 5
    assert seen["lag"]["max"] >= 40
    ((where, took),) = seen["slow"].items()
    assert ", from " in where
    assert took == seen["step"]["max"]
    assert told(watch, file)["step"]["max"] == 0


def test_time_that_others_take_is_none_of_a_step(tmp_path):
    watch = LoopWatch(tmp_path / "loop")

    async def wait():
        await trio.sleep(0.02)
        time.sleep(0.1)
        await trio.sleep(0.02)

    watch_loops(watch)(wait)
    seen = told(watch, tmp_path / "loop")
    assert seen["step"]["max"] < 20
    assert seen["lag"]["max"] >= 80
    assert seen["slow"] == {}


def test_figures_are_median_99th_and_most():
    assert milliseconds([one / 1000 for one in range(101)]) == {"p50": 50, "p99": 99, "max": 100}
    assert milliseconds([]) == {"p50": 0, "p99": 0, "max": 0}


def test_a_node_runs_watched_and_tells_every_figure(tmp_path, scripts_in_path):
    sample = policy(tmp_path, 50)
    assert set(sample) == set(LOOP)
    assert 0 < sample["step_p50"] <= sample["step_p99"] <= sample["step_max"]
