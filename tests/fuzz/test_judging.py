"""The rule that fuzzing judges by finds what it is there to find, and ``make fuzz`` tells it."""

import mmap
from pathlib import Path

import pytest
from fuzz_kit import MAX_GROWTH, MAX_SECONDS, HungryError, Judge, SlowError, Target, peak, text_of

import fuzz
from peertransfer.errors import RemoteProtocolError, UsageError


def judge(parse, *, seconds=0.0, growth=0):
    """Judge with a clock and a memory that move by so much in each call."""
    times, sizes = iter([0.0, seconds]), iter([1 << 20, (1 << 20) + growth])
    return Judge(Target(parse, (UsageError,)), clock=lambda: next(times), memory=lambda: next(sizes))


def raising(error):
    def parse(octets):
        raise error

    return parse


def test_what_returns_or_raises_a_named_error_is_no_finding():
    judge(len, seconds=MAX_SECONDS, growth=MAX_GROWTH)(b"x")
    judge(raising(UsageError("no")))(b"x")


@pytest.mark.parametrize("error", [KeyError(1), RemoteProtocolError("another of ours"), AssertionError()])
def test_another_error_is_a_finding(error):
    with pytest.raises(type(error)):
        judge(raising(error))(b"x")


def test_a_slow_call_is_a_finding():
    with pytest.raises(SlowError, match=r"1 octets took 1\.5 s"):
        judge(len, seconds=1.5)(b"x")


def test_a_call_that_takes_much_memory_is_a_finding():
    with pytest.raises(HungryError, match="grew by 257 MiB"):
        judge(raising(UsageError("no")), growth=MAX_GROWTH + (1 << 20))(b"x")


def test_memory_that_was_taken_and_given_back_is_seen():
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    size = peak() - resident + MAX_GROWTH + (32 << 20)
    with pytest.raises(HungryError):
        Judge(Target(lambda octets: len(octets * size), ()))(b"x")


def test_octets_that_are_no_text_come_as_on_a_command_line():
    assert text_of(b"a\xff") == "a\udcff"


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "clean"),
        ({"found": ("crash-1.bin",), "exit_code": 77}, "found: crash-1.bin"),
        ({"exit_code": 70}, "did not run to its end (exit code 70)"),
        ({"inputs": 0}, "did not run to its end (exit code 0)"),
    ],
    ids=["clean", "found", "broken off", "nothing tried"],
)
def test_the_document_tells_what_came_of_each_target(more, verdict):
    facts = {"name": "kad", "inputs": 1234, "branches": 56, "found": (), "said": "", "exit_code": 0}
    run = fuzz.Run(**facts | more)
    assert run.is_good == (verdict == "clean")
    told = fuzz.report([run], 60, "abc1234")
    assert f"| kad | {run.inputs:,} | 56 | {verdict} |" in told
    assert "at commit abc1234: 1 targets, 60 s each" in told
