"""The check compares ratios with the committed ones, and a worse one fails."""

import json
from pathlib import Path

import pytest

import bench.__main__
from bench.baseline import judge, read_baseline, write_baseline
from bench.check import CHECKED, Check, reduced
from bench.derived import COMPARISONS, Comparison, differences, ratios
from bench.rounds import Outcome
from bench.samples import Job
from bench.suite import JOBS

RATIO = Comparison("large", "ours", "cp", "seconds")


def outcome(ours, control, metric="seconds"):
    return Outcome({"ours": [{metric: one} for one in ours], "cp": [{metric: one} for one in control]})


def test_a_ratio_is_made_round_by_round_and_over_one_where_ours_is_better():
    assert RATIO.values(outcome([2.0, 4.0], [1.0, 4.0])) == [0.5, 1.0]
    rate = Comparison("stream", "ours", "cp", "rate")
    assert rate.values(outcome([300.0], [100.0], "rate")) == [3.0]


def test_a_control_without_runs_has_no_ratio():
    assert RATIO.values(outcome([2.0], [])) == []
    assert RATIO.values(Outcome({"ours": [{"seconds": 1.0}]})) == []


def test_the_metric_of_the_control_may_be_another_one():
    total = Comparison("many", "ours", "cp", "total_seconds", "seconds")
    samples = {"ours": [{"seconds": 1.0, "total_seconds": 2.0}], "cp": [{"seconds": 3.0}]}
    assert total.values(Outcome(samples)) == [1.5]
    assert total.name == "ratio.many.ours/cp.total_seconds"


def test_ratios_are_told_of_jobs_that_ran_only():
    found = ratios({"large": Outcome({"ours": [{"seconds": 2.0}], "cp": [{"seconds": 1.0}]})})
    assert found["ratio.large.ours/cp.seconds"] == [0.5]
    assert found["ratio.large.ours/rsync.seconds"] == []
    assert all(name.startswith("ratio.large.") for name in found)


def test_what_the_psk_adds_is_a_difference_round_by_round():
    samples = {
        "ours": [{"cpu_provider": 2.0, "cpu_getter": 3.0}, {"cpu_provider": 1.0, "cpu_getter": 1.0}],
        "ours_psk": [{"cpu_provider": 2.5, "cpu_getter": 3.25}, {"cpu_provider": 1.75, "cpu_getter": 1.5}],
    }
    found = differences({"large": Outcome(samples)})
    assert found["difference.large.psk.cpu_provider"] == [0.5, 0.75]
    assert found["difference.large.psk.cpu_getter"] == [0.25, 0.5]
    assert differences({}) == {}


@pytest.mark.parametrize(("measured", "is_worse"), [(0.5, False), (0.41, False), (0.39, True), (0.9, False)])
def test_a_ratio_may_lose_a_fifth_and_no_more(measured, is_worse):
    (one,) = judge({"r": 0.5}, {"r": [measured]})
    assert one.is_worse is is_worse
    assert str(one).startswith("WORSE" if is_worse else "ok")


def test_the_median_is_compared_and_not_one_slow_round():
    (one,) = judge({"r": 0.5}, {"r": [0.5, 0.1, 0.52]})
    assert not one.is_worse


def test_a_ratio_that_was_not_measured_fails_and_a_new_one_does_not():
    judged = {one.name: one for one in judge({"gone": 0.5, "empty": 0.5}, {"empty": [], "new": [0.1]})}
    assert judged["gone"].is_worse
    assert judged["empty"].is_worse
    assert not judged["new"].is_worse


def test_a_baseline_is_written_as_medians_and_read_back(tmp_path):
    write_baseline(tmp_path / "b.json", {"a": [1.0, 3.0, 2.0], "empty": []})
    assert read_baseline(tmp_path / "b.json") == {"a": 2.0}


class Measure:
    """Gives one outcome after another, and keeps of which jobs it was asked."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = []

    def __call__(self, job, rounds):
        self.asked.append(job.name)
        return self.outcomes.pop(0)


def check_with(measure):
    return Check({"large": Job("large", {}, ())}, 1, (RATIO,), measure)


def test_what_looks_worse_is_measured_once_more_and_all_rounds_count():
    measure = Measure(outcome([10.0], [1.0]), outcome([2.0, 2.0], [1.0, 1.0]))
    (one,) = check_with(measure).against({RATIO.name: 0.5})
    assert measure.asked == ["large", "large"]
    assert one.measured == 0.5
    assert not one.is_worse


def test_what_is_worse_twice_is_worse():
    measure = Measure(outcome([10.0], [1.0]), outcome([9.0], [1.0]))
    (one,) = check_with(measure).against({RATIO.name: 0.5})
    assert one.is_worse


def test_what_is_good_is_measured_once():
    measure = Measure(outcome([2.0], [1.0]))
    (one,) = check_with(measure).against({RATIO.name: 0.5})
    assert measure.asked == ["large"]
    assert not one.is_worse


def test_a_job_of_the_check_keeps_only_those_who_are_compared():
    job = Job("large", dict.fromkeys(("ours", "cp", "rsync"), dict), ("seconds",))
    assert set(reduced(job, (RATIO,)).contenders) == {"ours", "cp"}


def test_the_committed_baseline_holds_the_ratios_that_are_checked():
    assert set(read_baseline(bench.__main__.BASELINE)) == {one.name for one in CHECKED}


def test_everything_compared_is_of_a_job_that_is_there():
    assert {one.job for one in (*COMPARISONS, *CHECKED)} <= set(JOBS)


@pytest.mark.parametrize(("ratio", "code"), [(0.5, 0), (0.1, 1)])
def test_the_command_ends_with_one_where_a_ratio_is_worse(tmp_path, monkeypatch, capsys, ratio, code):
    (tmp_path / "baseline.json").write_text(json.dumps({RATIO.name: 0.5}))
    always = [outcome([1.0], [ratio])] * 2
    monkeypatch.setattr(bench.__main__, "BASELINE", Path(tmp_path / "baseline.json"))
    monkeypatch.setattr(bench.__main__.check, "check_of", lambda *_: check_with(Measure(*always)))
    monkeypatch.setattr("sys.argv", ["bench", "--disk", str(tmp_path), "--memory", str(tmp_path), "check"])
    assert bench.__main__.main() == code
    assert ("WORSE" in capsys.readouterr().out) is bool(code)
