"""Moments at which a rule speaks at all."""

import time

import policy_kit as kit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_strategies import when_of

from peertransfer.policy.when import When, moment_text
from peertransfer.policy.windows import has_moment

DAY = 86_400
HALF_HOUR = 1800
DATES = ["1970-01-01..1970-01-01", "1970-01-03..1970-01-04 +02:00", "1970-01-06..", "..1970-01-02 -03:00"]
HOURS = [
    "mon",
    "sat,sun",
    "22:00-06:00",
    "fri 22:00-06:00 +14:00",
    "tue 08:00-08:30 -14:00",
    "thu 23:30-24:00",
]


@given(
    st.lists(st.sampled_from(DATES), unique=True),
    st.lists(st.sampled_from(HOURS), unique=True),
    st.none() | st.integers(-DAY // HALF_HOUR, 14 * DAY // HALF_HOUR).map(lambda count: count * HALF_HOUR),
)
@settings(max_examples=300)
def test_a_moment_is_found_where_there_is_one(dates, hours, since):
    when = when_of(*dates, *hours)
    first = -30 * DAY if since is None else since
    moments = range(first, first + 60 * DAY, HALF_HOUR)
    assert has_moment(when, since) == any(when.holds(one) for one in moments)


@pytest.mark.parametrize("word", ["2026-01-05..2026-01-05", "2026-01-01..2026-01-07"])
def test_a_week_has_every_day_and_a_monday_no_tuesday(word):
    assert has_moment(when_of(word, "tue")) == word.endswith("07")


def test_what_names_no_dates_comes_again():
    assert has_moment(When(), kit.NOW)
    assert has_moment(when_of("mon 08:00-08:01"), kit.NOW)


def test_dates_are_over_with_their_last_day():
    when = when_of("..1970-01-12")
    last = 12 * DAY - 1
    assert moment_text(last) == "1970-01-12T23:59:59Z"
    assert has_moment(when, last)
    assert not has_moment(when, last + 1)


def test_very_many_words_cost_little():
    dates = [f"{year}-01-05..{year}-01-05" for year in range(2000, 7000)]
    hours = [f"mon {minute // 60:02}:{minute % 60:02}-24:00" for minute in range(1440)]
    when = when_of(*dates, *hours, *(f"{one} +01:00" for one in hours))
    begin = time.perf_counter()
    assert has_moment(when)
    assert time.perf_counter() - begin < 1
