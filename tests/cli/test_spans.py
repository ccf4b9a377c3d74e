import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.cli.output import joined, sentences, short
from peertransfer.cli.spans import count_text, moment_text, parse_expiry, parse_moment, size_text, span_text
from peertransfer.errors import UsageError

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), (" 7D ", 604_800)],
)
def test_a_span_counts_from_now(text, seconds):
    assert parse_expiry(text, NOW) == NOW + seconds
    assert parse_moment(text, NOW) == NOW - seconds


def test_a_date_is_included():
    expires_at = parse_expiry("2030-01-31", NOW)
    last = dt.datetime.fromtimestamp(expires_at - 1, dt.UTC).astimezone()
    assert (last.date(), last.hour) == (dt.date(2030, 1, 31), 23)


def test_a_date_in_the_past_tells_since_its_beginning():
    since = dt.datetime.fromtimestamp(parse_moment("2020-02-01", NOW), dt.UTC).astimezone()
    assert (since.date(), since.hour) == (dt.date(2020, 2, 1), 0)


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-1d", "0d", "1.5h", "soon", "2020-01-01", "2030-13-01", "9999-12-31x"]
)
def test_anything_else_is_a_usage_error_that_says_what_to_write(text):
    with pytest.raises(UsageError):
        parse_expiry(text, NOW)


@given(st.text(max_size=12))
def test_any_text_is_a_moment_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert parse_expiry(text, NOW) > NOW
    with contextlib.suppress(UsageError):
        assert parse_moment(text, NOW) >= 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (5, "5 B"),
        (1_023, "1023 B"),
        (1_536, "1.5 KiB"),
        (20 << 20, "20 MiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59, "59s"), (61, "1m 01s"), (7_500, "2h 05m"), (90_000, "1d 01h")]
)
def test_lengths_of_time(seconds, text):
    assert span_text(seconds) == text


def test_no_moment_is_never():
    assert moment_text(0) == "never"


def test_counts():
    assert (count_text(1, "file"), count_text(0, "file")) == ("1 file", "0 files")


def test_identifiers_are_shortened_from_the_left():
    assert short("12D3KooWabcdefgh") == "…abcdefgh"
    assert short("open") == "open"
    assert short(None) == ""


def test_words_are_joined():
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("What", "Why. How."), "What. Why. How."),
        (("What?", ""), "What?"),
        (("What", "Mend it with: chmod 700 /x"), "What. Mend it with: chmod 700 /x"),
        (("What", "See: docs"), "What. See: docs."),
    ],
)
def test_parts_become_sentences_and_commands_keep_their_end(parts, line):
    assert sentences(*parts) == line
