"""Spans of dates and hours."""

from datetime import UTC, datetime, timedelta

import policy_kit as kit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.when import moment_text, parse_moment, parse_when


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        (
            "2026-01-01..2026-06-30",
            ["2026-01-01T00:00", "2026-06-30T23:59"],
            ["2025-12-31T23:59", "2026-07-01T00:00"],
        ),
        ("2026-01-01..", ["2026-01-01T00:00", "2999-01-01T00:00"], ["2025-12-31T23:59"]),
        ("..2026-01-01", ["1970-01-01T00:00", "2026-01-01T23:59"], ["2026-01-02T00:00"]),
        (
            "2026-01-01..2026-01-01 +02:00",
            ["2025-12-31T22:00", "2026-01-01T21:59"],
            ["2025-12-31T21:59", "2026-01-01T22:00"],
        ),
        ("08:00-18:00", ["2026-01-03T08:00", "2026-01-03T17:59"], ["2026-01-03T07:59", "2026-01-03T18:00"]),
        (
            "mon-fri 08:00-18:00",
            ["2026-01-05T08:00", "2026-01-09T12:00"],
            ["2026-01-04T12:00", "2026-01-10T12:00"],
        ),
        ("mon-fri 08:00-18:00 +02:00", ["2026-01-05T06:00"], ["2026-01-05T05:59", "2026-01-05T16:00"]),
        ("mon-fri 08:00-18:00 -02:00", ["2026-01-05T10:00", "2026-01-05T19:59"], ["2026-01-05T09:59"]),
        ("sat,sun", ["2026-01-03T00:00", "2026-01-04T23:59"], ["2026-01-02T23:59", "2026-01-05T00:00"]),
        ("fri-mon", ["2026-01-02T12:00", "2026-01-05T12:00"], ["2026-01-01T12:00", "2026-01-06T12:00"]),
        ("mon Z", ["2026-01-05T12:00"], ["2026-01-06T12:00"]),
        ("22:00-06:00", ["2026-01-01T23:00", "2026-01-01T05:59"], ["2026-01-01T06:00", "2026-01-01T21:59"]),
        (
            "fri 22:00-06:00",
            ["2026-01-02T22:00", "2026-01-03T05:59"],
            ["2026-01-02T05:00", "2026-01-03T22:00"],
        ),
        ("sun 22:00-06:00", ["2026-01-04T23:00", "2026-01-05T01:00"], ["2026-01-04T01:00"]),
        ("00:00-24:00", ["2026-01-01T00:00", "2026-01-01T23:59"], []),
    ],
)
def test_a_span_holds_what_is_in_it_and_no_more(word, inside, outside):
    span = parse_when(word)
    assert [span.holds(at(moment)) for moment in inside] == [True] * len(inside)
    assert [span.holds(at(moment)) for moment in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("", "08:00-18:00"),
        ("always", "08:00-18:00"),
        ("Mon-Fri", "08:00-18:00"),
        ("mon-fri08:00-18:00", "08:00-18:00"),
        ("08:00", "08:00-18:00"),
        ("2026-01-01", "2026-01-01..2026-06-30"),
        ("2026..2027", "2026-01-01..2026-06-30"),
        ("..", "at least one"),
        ("2026-02-29..", "no day 2026-02-29"),
        ("2026-02-02..2026-02-01", "after the last"),
        ("25:00-26:00", "no 25:00"),
        ("08:60-09:00", "no 08:60"),
        ("24:00-08:00", "begin before midnight"),
        ("08:00-08:00", "must differ"),
        ("08:00-18:00 +15:00", "14 hours"),
        ("08:00-18:00 +02", "08:00-18:00"),
        (" +02:00", "08:00-18:00"),
        ("٠٨:00-18:00", "08:00-18:00"),
    ],
)
def test_what_is_no_span_is_answered_with_the_mend(word, mend):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_when(word)
    assert mend in str(caught.value)


@given(
    st.integers(0, 4_000_000_000),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.integers(-14 * 60, 14 * 60),
)
def test_hours_agree_with_the_calendar(now, first, last, start, end, offset):
    if start == end:
        return
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    sign = "-" if offset < 0 else "+"
    shift = f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    word = f"{days[first]}-{days[last]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {shift}"
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now + offset * 60)
    chosen = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    minute = local.hour * 60 + local.minute
    if start < end:
        expected = local.weekday() in chosen and start <= minute < end
    elif minute >= start:
        expected = local.weekday() in chosen
    else:
        expected = minute < end and (local - timedelta(days=1)).weekday() in chosen
    assert parse_when(word).holds(now) == expected


@given(st.integers(0, 4_000_000_000))
def test_a_moment_is_read_as_it_is_told(now):
    assert parse_moment(moment_text(now)) == now


def test_a_moment_has_an_offset():
    assert parse_moment("2026-01-01T12:00+02:00") == at("2026-01-01T10:00")
    for wrong in (
        "2026-01-01",
        "2026-01-01T12:00",
        "2026-01-01T24:00Z",
        "2026-01-01T12:00:60Z",
        "2026-13-01T12:00Z",
    ):
        with pytest.raises(ValueError, match=r"."):
            parse_moment(wrong)


def test_a_rule_out_of_its_time_shows_nothing_and_hides_nothing():
    engine = kit.engine(
        'to = ["anyone"]\nshow.agent = ["agent_version"]\nwhen = ["08:00-18:00", "2026-01-01..2026-01-31"]',
        'to = ["anyone"]\nshow.agent = ["protocol_version"]',
        'to = ["anyone"]\nhide.agent = ["protocol_version"]\nwhen = ["sat", "sun"]',
    )

    def sees(moment):
        decision = engine.agent(kit.asker(), agent_version="a", protocol_version="p", now=at(moment))
        return set() if isinstance(decision, Denied) else set(decision.record.fields)

    assert sees("2026-01-05T12:00") == {"agent_version", "protocol_version"}
    assert sees("2026-01-05T19:00") == {"protocol_version"}
    assert sees("2026-02-02T12:00") == {"protocol_version"}
    assert sees("2026-01-10T12:00") == {"agent_version"}
    assert sees("2026-02-07T12:00") == set()
