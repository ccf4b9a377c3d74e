"""Bitmaps: a set of leaves, its octets, and the runs that are missing from it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peertransfer.content.bitmap import Bitmap
from peertransfer.errors import LocalError, RemoteProtocolError

COUNTS_AND_MEMBERS = st.integers(0, 200).flatmap(
    lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)) if count else st.just(set()))
)


def bitmap_of(count, members):
    bitmap = Bitmap(count)
    for index in members:
        bitmap.add(index)
    return bitmap


@given(COUNTS_AND_MEMBERS)
def test_a_bitmap_is_read_back_from_its_octets(case):
    count, members = case
    again = Bitmap(count, bitmap_of(count, members).to_octets())
    assert {index for index in range(-8, count + 8) if index in again} == members
    assert len(again) == len(members)
    assert again.is_full == (len(members) == count)
    assert list(again.missing()) == sorted(set(range(count)) - members)


@given(COUNTS_AND_MEMBERS)
def test_the_missing_runs_are_what_is_missing_and_never_touch(case):
    count, members = case
    runs = list(bitmap_of(count, members).missing_ranges())
    assert [index for run in runs for index in run] == sorted(set(range(count)) - members)
    assert all(run for run in runs)
    assert all(one.stop < other.start for one, other in itertools.pairwise(runs))


def test_the_runs_of_a_large_file_are_long():
    bitmap = bitmap_of(10_240, [0, 5000, 10_239])
    assert list(bitmap.missing_ranges()) == [range(1, 5000), range(5001, 10_239)]


def test_the_first_leaf_is_the_least_bit_of_the_first_octet():
    assert bitmap_of(9, [0, 8]).to_octets() == b"\x01\x01"


@pytest.mark.parametrize("octets", [b"", b"\0\0\0", b"\0\x04"])
def test_octets_of_another_length_or_with_bits_beyond_the_last_leaf_are_refused(octets):
    with pytest.raises(RemoteProtocolError):
        Bitmap(10, octets)


@pytest.mark.parametrize("index", [-1, 10, 15, 16])
def test_a_leaf_that_the_file_does_not_have_is_never_marked(index):
    bitmap = Bitmap(10)
    with pytest.raises(LocalError):
        bitmap.add(index)
    bitmap.discard(index)
    assert bitmap.to_octets() == b"\0\0"


class BitmapAsSet(RuleBasedStateMachine):
    """Marks and unmarks leaves; a set says what must be there."""

    @initialize(count=st.integers(1, 40))
    def begin(self, count):
        self.bitmap = Bitmap(count)
        self.members = set()

    @rule(index=st.integers(0, 39))
    def add(self, index):
        if index < self.bitmap.count:
            self.bitmap.add(index)
            self.members.add(index)

    @rule(index=st.integers(0, 39))
    def discard(self, index):
        self.bitmap.discard(index)
        self.members.discard(index)

    @invariant()
    def it_is_the_set(self):
        if hasattr(self, "bitmap"):
            assert set(range(self.bitmap.count)) - set(self.bitmap.missing()) == self.members
            assert len(self.bitmap) == len(self.members)


test_a_bitmap_stays_the_set_whatever_is_done_to_it = BitmapAsSet.TestCase
