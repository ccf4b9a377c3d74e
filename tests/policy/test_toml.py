"""TOML within bounds: what costs far more to read than to write is refused, with its line."""

import time
import tracemalloc

import pytest

from peertransfer.errors import UsageError
from peertransfer.policy.lines import Lines
from peertransfer.policy.toml import MAX_DOTS, parse_toml


def mistake(line, what, mend):
    return UsageError(f"{line}: {what}", mend)


def read(text):
    return parse_toml(text, Lines(text), mistake)


def fails(text):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.hint
    return caught.value.message


def test_a_text_is_read():
    assert read('a.b = 1\n[c]\n"d.e" = ["x"]') == {"a": {"b": 1}, "c": {"d.e": ["x"]}}


@pytest.mark.parametrize("join", [".", " . ", "\t.\t"])
@pytest.mark.parametrize("part", ["a", "'a'", '"a"'])
@pytest.mark.parametrize("form", ["{}=1", "[{}]", "[[{}]]", "x={{{}=1}}"])
def test_a_key_has_so_many_parts_and_no_more(form, part, join):
    read("\n" + form.format(join.join([part] * (MAX_DOTS + 1))))
    said = fails("\n" + form.format(join.join([part] * (MAX_DOTS + 2))))
    assert said == "2: a key has too many parts"


def test_a_key_of_very_many_parts_costs_nothing():
    tracemalloc.start()
    try:
        fails("a." * 400_000 + "a=1")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        '"' * 1_000_000,
        "a " * 500_000,
        "a. " * 30 + "\n" * 900_000,
        ("a." * 30 + "\n") * 15_000,
    ],
    ids=["one word", "quotes", "words", "blank lines", "long keys"],
)
def test_looking_for_long_keys_takes_no_longer_than_the_text(text):
    began = time.thread_time()
    fails(text)
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\na = [", "2: this is not TOML: invalid value at the end of the file"),
        ("a = 1\nb =", "2: this is not TOML: invalid value at the end of the file"),
        ("a = 1\nb = ?\n", "2: this is not TOML: invalid value"),
        ("a = " + "1" * 5000, "1: this is not TOML: exceeds the limit"),
        ("a = " + "[" * 100_000, "1: its values are nested too deeply"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, said):
    assert fails(text).startswith(said)
