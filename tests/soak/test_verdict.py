"""What a soak judges by: a leak fails it, noise does not, and a short run does not say more than it knows."""

import math
import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

import soak
import soak_verdict as verdict

MIB = verdict.MIB
BASE = verdict.Sample(0.0, 100 * MIB, 20, 5, 2)


def samples(minutes, growth=0.0, noise=0.5, seed=1, every=2.0):
    """Samples of a node that grows by so many MiB an hour, and breathes by so many."""
    chance = random.Random(seed)
    return [
        replace(BASE, at=at, resident=int((100 + growth * at / 3600 + chance.gauss(0, noise)) * MIB))
        for at in (every * number for number in range(int(minutes * 60 / every)))
    ]


def node(**facts):
    return verdict.Watched(
        **{"name": "getter", "base": BASE, "samples": samples(60), "end": BASE, "exit_code": 0} | facts
    )


# --- the slope -----------------------------------------------------------------------------------


def test_the_slope_of_a_straight_line_is_its_slope():
    slope = verdict.slope_of(samples(60, growth=7.0, noise=0))
    assert slope.growth == pytest.approx(7.0, abs=0.01)
    assert slope.error < 0.01
    assert slope.hours == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_the_error_is_as_large_as_the_noise_makes_it(seed):
    """The true slope is within twice the error, whatever the seed; the error grows with the noise."""
    quiet = verdict.slope_of(samples(60, growth=3.0, noise=0.5, seed=seed))
    loud = verdict.slope_of(samples(60, growth=3.0, noise=20.0, seed=seed))
    for slope in (quiet, loud):
        assert abs(slope.growth - 3.0) <= 2 * slope.error
    assert loud.error > 5 * quiet.error


def test_a_spike_moves_nothing():
    found = samples(60, noise=0)
    found[900:910] = [replace(one, resident=900 * MIB) for one in found[900:910]]
    assert verdict.slope_of(found).word == "steady"


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="19 samples"):
        verdict.slope_of(samples(1)[:19])


@pytest.mark.parametrize(
    ("minutes", "growth", "word"),
    [
        (60, 0.0, "steady"),
        (60, 0.5, "steady"),
        (60, 1.5, "leaks"),
        (60, 20.0, "leaks"),
        (5, 1.5, "steady"),  # too slow for so short a run, which the document says
        (5, 20.0, "steady"),
        (5, 60.0, "leaks"),
    ],
)
def test_a_leak_is_told_where_the_run_is_long_enough_for_it(minutes, growth, word):
    assert verdict.slope_of(samples(minutes, growth, noise=0.1)).word == word


def test_a_slope_within_its_own_error_of_the_limit_is_neither():
    assert verdict.slope_of(samples(60, growth=1.0, noise=20.0)).word == "can't tell"


@pytest.mark.parametrize(("hours", "permitted"), [(2.0, 1.0), (0.8, 1.0), (0.5, 4.0), (0.1, 20.0)])
def test_a_short_run_permits_two_mebibytes_and_a_long_one_the_rule(hours, permitted):
    assert verdict.Slope(0.0, 0.0, hours).permitted == pytest.approx(permitted)


# --- a node --------------------------------------------------------------------------------------


def test_a_node_that_returns_has_no_problem():
    assert verdict.problems_of(node(), 600.0) == []
    fewer = replace(BASE, fds=19, threads=4, connections=1)
    assert verdict.problems_of(node(end=fewer), 600.0) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"samples": samples(60, growth=30.0)}, "getter: memory grows by 30."),
        ({"end": replace(BASE, fds=21)}, "getter: fds did not return: 20 before, 21 after"),
        ({"end": replace(BASE, threads=6)}, "getter: threads did not return: 5 before, 6 after"),
        ({"end": replace(BASE, connections=3)}, "getter: connections did not return: 2 before, 3 after"),
        ({"end": None}, "getter: it was not seen at rest again"),
        ({"errors": ["one", "two"]}, "getter: 2 error lines, the first: one"),
        ({"exit_code": -9}, "getter: it ended with -9"),
        ({"exit_code": None}, "getter: it ended with None"),
    ],
    ids=["memory", "fds", "threads", "connections", "no rest", "errors", "killed", "not ended"],
)
def test_each_thing_that_is_wrong_is_told(facts, said):
    (problem,) = verdict.problems_of(node(**facts), 600.0)
    assert problem.startswith(said)


def test_growth_while_it_warms_up_is_no_leak():
    """It fills its caches for ten minutes, from 40 MiB to 100, and stays there."""
    filling = [
        replace(one, resident=int(one.resident - 60 * MIB * math.exp(-one.at / 100)))
        for one in samples(60, noise=0.1)
    ]
    assert verdict.slope_of(filling).word != "steady"
    assert verdict.problems_of(node(samples=filling), 600.0) == []


# --- the document --------------------------------------------------------------------------------


def told(*nodes, failures=()):
    load = SimpleNamespace(counts=Counter(fetch=7, look_up=3), failures=list(failures))
    return soak.report(list(nodes), load, {"greet": 12, "too_slow": 0}, 3600.0, 600.0, "abc1234")


def test_the_document_tells_what_was_done_and_that_nothing_is_wrong():
    document = told(node())
    assert "at commit abc1234" in document
    assert "for 60 minutes, the first 10.0 of them to warm up" in document
    assert "fetch 7, look up 3; unexpected ends: 0" in document
    assert "| getter | 100 → 100 MiB " in document
    assert "| steady | 20 → 20 | 5 → 5 | 2 → 2 | 2 | 0 |" in document
    assert document.endswith("**What is wrong:**\n\n- none\n")


def test_the_document_tells_a_leak_and_a_wrong_file():
    document = told(node(samples=samples(60, growth=30.0)), failures=["fetch: AssertionError: x"])
    assert "| leaks |" in document
    assert "- getter: memory grows by" in document
    assert "- fetch: AssertionError: x" in document


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ("2026-01-31T12:00:00Z error net inbound_connection_crashed reason=KeyError", True),
        ("2026-01-31T12:00:00Z critical x y", True),
        ("2026-01-31T12:00:00Z warning net slow", False),
        ("2026-01-31T12:00:00Z info net error", False),
    ],
)
def test_an_error_line_is_found_by_its_level(line, is_error):
    assert bool(soak.ERROR_LINE.match(line)) is is_error
