"""The table of mutations fits the tree: what ``make mutants`` is about to change is there, and so is what catches it."""

import tomllib
from pathlib import Path

import pytest
from source_kit import ROOT

MUTATIONS = tomllib.loads((Path(__file__).parent / "mutations.toml").read_text())["mutation"]
TESTS = (Path(__file__).parent / "test_day.py").read_text()


def test_there_are_at_least_ten_each_with_its_name():
    assert len({one["name"] for one in MUTATIONS}) == len(MUTATIONS) >= 10


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one["name"])
def test_a_mutation_changes_one_line_that_is_there_once_and_names_who_catches_it(mutation):
    lines = (ROOT / mutation["file"]).read_text().splitlines()
    assert lines.count(mutation["original"]) == 1
    assert mutation["changed"] != mutation["original"]
    assert "\n" not in mutation["changed"]
    assert mutation["caught_by"]
    for name in mutation["caught_by"]:
        assert f"def {name}(" in TESTS
