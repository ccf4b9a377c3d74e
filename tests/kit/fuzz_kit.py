"""Fuzz targets, and the rule that every input is judged by.

A target is a function that takes any octets. It may return, or raise one of the errors that it names; anything else,
a second of processor time or a quarter of a gibibyte is a finding. ``scripts/fuzz.py`` runs the targets with an
engine, ``tests/fuzz/test_corpus.py`` runs them over what is kept.
"""

import contextlib
import importlib.util
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "fuzz"
SEEDS = FOLDER / "corpus" / "seeds"
"""A folder for each target; made from the vectors by ``make vectors``."""
FOUND = FOLDER / "corpus" / "found"
"""A folder for each target: what was found once, and must never be found again."""

MAX_SECONDS = 1.0
"""Processor time of one call: a busy machine makes no finding."""
MAX_GROWTH = 256 << 20
"""Octets by which the most that was ever resident may grow."""


@dataclass(frozen=True)
class Target:
    """One parser, or a few that take the same octets."""

    parse: Callable[[bytes], None]
    errors: tuple[type[Exception], ...]
    """What it may raise."""
    max_size: int = 4096
    """Octets of an input that an engine tries."""


class SlowError(Exception):
    """A call took too long."""


class HungryError(Exception):
    """Memory grew too much."""


def peak():
    """Return the most octets that were ever resident in this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Judge:
    """Runs one target; raises what breaks the rule."""

    def __init__(self, target, *, clock=time.thread_time, memory=peak):
        self._target = target
        self._clock = clock
        self._memory = memory
        self._base = memory()

    def __call__(self, octets):
        """Give the target one input."""
        began = self._clock()
        with contextlib.suppress(*self._target.errors):
            self._target.parse(octets)
        seconds = self._clock() - began
        if seconds > MAX_SECONDS:
            raise SlowError(f"{len(octets)} octets took {seconds:.1f} s of processor time")
        growth = self._memory() - self._base
        if growth > MAX_GROWTH:
            raise HungryError(f"memory grew by {growth >> 20} MiB")


def groups():
    """Return the files that hold targets, by their names without an ending."""
    return {path.stem: path for path in sorted(FOLDER.glob("fuzz_*.py"))}


def load(path):
    """Return the targets of one file, by name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TARGETS


def targets():
    """Return all targets, by name."""
    found = {}
    for path in groups().values():
        loaded = load(path)
        assert found.keys().isdisjoint(loaded), path
        found |= loaded
    return found


def corpus(name):
    """Return the files that are kept for a target."""
    return sorted(
        path for folder in (SEEDS, FOUND) for path in (folder / name).glob("*.bin") if path.is_file()
    )


def text_of(octets):
    """Return a word of the command line: octets that are not UTF-8 come as lone surrogates."""
    return octets.decode("utf-8", "surrogateescape")


def pieces_of(octets):
    """Cut octets into equal pieces, of the size that the first octet says."""
    size = 1 + octets[0] if octets else 1
    return [octets[at : at + size] for at in range(1, len(octets), size)]
