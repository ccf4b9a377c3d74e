"""Everything that is kept for fuzzing, replayed: the seeds, and what was found once."""

import pytest
from fuzz_kit import FOUND, SEEDS, Judge, corpus, targets

TARGETS = targets()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_all_that_is_kept_for_it(name):
    judge = Judge(TARGETS[name])
    for path in corpus(name):
        judge(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_nothing_and_every_octet(name):
    judge = Judge(TARGETS[name])
    for octets in (b"", *(bytes([one]) for one in range(256))):
        judge(octets)


def test_each_target_has_seeds_and_nothing_is_kept_for_a_target_that_is_none():
    assert {path.name for path in SEEDS.iterdir()} == TARGETS.keys()
    assert {path.name for path in FOUND.iterdir() if path.is_dir()} <= TARGETS.keys()
    for name in TARGETS:
        kept = [one for folder in (SEEDS, FOUND) for one in (folder / name).glob("*")]
        assert sorted(kept) == corpus(name)


def test_a_good_seed_is_taken_without_an_error():
    """Or else the seeds say nothing of what lies behind the first check."""
    refused = []
    for name in TARGETS:
        taken = 0
        for path in (SEEDS / name).iterdir():
            try:
                TARGETS[name].parse(path.read_bytes())
            except TARGETS[name].errors:
                continue
            taken += 1
        if not taken:
            refused.append(name)
    assert refused == ["records"]  # without the key nobody makes one
