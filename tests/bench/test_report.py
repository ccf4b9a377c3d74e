"""The documents say what was measured, by how much the bars were met, and who was not there."""

import xml.etree.ElementTree as ET

import pytest

from bench.bars import BARS, Bar
from bench.chart import chart
from bench.figures import Stamp, figure
from bench.readme import BEGIN, END, with_table
from bench.report import TITLES, bars_table, cell, document, job_table, measured, number
from bench.suite import JOBS

STAMP = Stamp("abc1234", "2026-01-02")


def figures_of(**values):
    made = [figure(name.replace("__", "."), "s", value, STAMP) for name, value in values.items()]
    return {one.name: one for one in made}


SMALL = figures_of(small__ours__seconds=[0.1])
LARGE = figures_of(large__ours__seconds=[4.0, 2.0, 3.0], large__cp__seconds=[1.0])
ABSENT = figure("large.rsync.seconds", "s", [], STAMP, "not installed: rsync")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123")],
)
def test_a_number_has_the_digits_that_count(value, text):
    assert number(value) == text


def test_a_cell_has_median_and_spread_and_a_missing_one_a_dash():
    assert cell(LARGE["large.ours.seconds"]) == "3.00 (2.00 to 4.00)"
    assert cell(LARGE["large.cp.seconds"]) == "1.00"
    assert cell(ABSENT) == "-"
    assert cell(None) == "-"


def test_a_contender_that_was_not_there_keeps_its_row_with_the_reason():
    table = job_table("large", {**LARGE, ABSENT.name: ABSENT})
    (row,) = [line for line in table.splitlines() if "rsync" in line]
    assert "not installed: rsync" in row


def test_it_is_said_who_has_it_on_the_disk():
    rows = {
        line.split("|")[1].strip(): line.split("|")[3].strip()
        for line in job_table("large", LARGE).splitlines()
    }
    assert rows["Peertransfer"] == "yes"
    assert rows["`cp` + SHA-256"] == "no"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.8, "aim reached"), (0.7, "aim reached"), (0.5, "bar reached"), (0.44, "**missed**")],
)
def test_a_bar_is_the_least_that_must_be_reached(value, verdict):
    bar = Bar("x", ("a",), 0.45, 0.7)
    assert bar.verdict(bar.reached(figures_of(a=[value]))) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(90, "aim reached"), (128, "bar reached"), (129, "**missed**")]
)
def test_or_the_most_that_is_allowed(value, verdict):
    bar = Bar("x", ("a",), 128, 96, is_most=True)
    assert bar.verdict(bar.reached(figures_of(a=[value]))) == verdict


def test_the_worst_of_several_figures_counts_and_of_memory_the_largest_run():
    found = figures_of(a=[1.0, 2.0, 9.0], b=[3.0])
    assert Bar("x", ("a", "b"), 1, 1).reached(found) == 2.0
    assert Bar("x", ("a", "b"), 1, 1, is_most=True).reached(found) == 3.0
    assert Bar("x", ("a", "b"), 1, 1, is_most=True, of_max=True).reached(found) == 9.0


def test_a_bar_without_its_figure_is_not_measured():
    assert Bar("x", ("a", "b"), 1, 1).reached(figures_of(a=[1.0])) is None
    assert bars_table({}).count("not measured") == len(BARS)


def test_the_page_names_commit_machine_and_all_that_was_measured():
    page = document({"cores": "2"}, {**LARGE, ABSENT.name: ABSENT})
    assert "2026-01-02 at commit abc1234; cores 2." in page
    assert f"## {TITLES['large']}" in page
    assert f"## {TITLES['many']}" not in page


def test_every_job_has_a_title():
    assert set(TITLES) == set(JOBS)


def test_the_picture_is_svg_with_a_bar_for_each_who_took_part():
    drawn = chart({**LARGE, ABSENT.name: ABSENT})
    root = ET.fromstring(drawn)
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Peertransfer" in texts
    assert "rsync over ssh" not in texts
    widths = [
        float(one.get("width")) for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("x")
    ]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)


def test_the_readme_gets_its_table_between_the_marks_and_again():
    once = with_table(f"before\n{BEGIN}old\n{END}after\n", SMALL)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "| `get` of 1 MiB, from the command to its end | 0.100 s |" in once
    assert "not measured" in once
    assert with_table(once, SMALL) == once


def test_a_readme_without_marks_is_not_touched():
    with pytest.raises(ValueError, match="no place"):
        with_table("nothing here", LARGE)


def test_jobs_that_were_measured_at_another_commit_say_so():
    old = figure("stream.ours.rate", "MiB/s", [1.0], STAMP)
    new = figure("large.ours.rate", "MiB/s", [1.0], Stamp("def5678", "2026-01-03"))
    both = {one.name: one for one in (old, new)}
    told = "2026-01-02 at commit abc1234 (stream); 2026-01-03 at commit def5678 (large)"
    assert measured(both) == told
    assert measured({old.name: old}) == "2026-01-02 at commit abc1234"
