"""Contenders take turns, and nobody is dropped without a word."""

import subprocess

import pytest

from bench.figures import Stamp, figures_of, read_figures, write_figures
from bench.rounds import run_rounds
from bench.samples import Job, NotInstalledError, RunFailedError

STAMP = Stamp("abc1234", "2026-01-02")


def missing():
    raise NotInstalledError("rsync")


def job_of(contenders, **options):
    return Job("large", contenders, ("seconds", "peak_getter"), **options)


def test_every_round_runs_each_contender_once_and_settles_before_it():
    order = []
    job = job_of({name: lambda name=name: order.append(name) or {"seconds": 1.0} for name in "abc"})
    outcome = run_rounds(job, 2, settle=lambda: order.append("-"))
    assert "".join(order) == "-a-b-c-a-b-c"
    assert [len(outcome.samples[name]) for name in "abc"] == [2, 2, 2]


def test_a_job_that_is_too_long_for_all_rounds_ends_earlier():
    outcome = run_rounds(job_of({"ours": lambda: {"seconds": 1.0}}, most_rounds=1), 5, settle=int)
    assert len(outcome.samples["ours"]) == 1


def test_a_tool_that_is_missing_is_asked_for_once_and_keeps_a_figure_with_the_reason():
    job = job_of({"rsync": missing, "cp": lambda: {"seconds": 2.0}})
    outcome = run_rounds(job, 3, settle=int)
    figures = {one.name: one for one in figures_of(job, outcome, STAMP)}
    assert figures["large.rsync.seconds"].note == "not installed: rsync"
    assert figures["large.rsync.seconds"].median is None
    assert figures["large.cp.seconds"].repetitions == 3


def test_who_fails_in_a_later_round_keeps_what_it_had_and_the_reason():
    answers = iter([{"seconds": 3.0}, RunFailedError("it broke")])

    def run():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    job = job_of({"scp": run})
    (figure,) = figures_of(job, run_rounds(job, 5, settle=int), STAMP)
    assert (figure.median, figure.repetitions, figure.note) == (3.0, 1, "failed: it broke")


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("/x"), subprocess.TimeoutExpired(["/x"], 1)],
    ids=lambda one: type(one).__name__,
)
def test_a_contender_that_breaks_does_not_end_the_run_and_no_folder_is_named(error):
    def run():
        raise error

    job = job_of({"scp": run, "cp": lambda: {"seconds": 1.0}})
    outcome = run_rounds(job, 1, settle=int)
    assert outcome.notes == {"scp": f"failed: {type(error).__name__}"}
    assert outcome.samples["cp"] == [{"seconds": 1.0}]


def test_a_figure_has_median_spread_count_commit_and_date():
    values = iter([5.0, 1.0, 3.0])
    job = job_of({"ours": lambda: {"seconds": next(values), "peak_getter": 96.5, "rate": 7.0}})
    figures = {one.name: one for one in figures_of(job, run_rounds(job, 3, settle=int), STAMP)}
    assert set(figures) == {"large.ours.seconds", "large.ours.peak_getter"}
    one = figures["large.ours.seconds"]
    assert (one.unit, one.median, one.min, one.max, one.repetitions) == ("s", 3.0, 1.0, 5.0, 3)
    assert (one.commit, one.date) == ("abc1234", "2026-01-02")


def test_figures_are_a_line_of_json_each_and_read_back(tmp_path):
    job = job_of({"rsync": missing, "cp": lambda: {"seconds": 2.0}})
    figures = figures_of(job, run_rounds(job, 1, settle=int), STAMP)
    write_figures(tmp_path / "x.jsonl", {"cores": "2"}, figures)
    machine, found = read_figures(tmp_path / "x.jsonl")
    assert machine == {"cores": "2"}
    assert list(found.values()) == figures
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 3
