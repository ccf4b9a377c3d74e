"""Whether one rule speaks wherever and whenever another does."""

import policy_kit as kit
from hypothesis import given
from hypothesis import strategies as st
from policy_strategies import entries, some_items, some_times

from peertransfer.policy.covering import covers_items, covers_time
from peertransfer.policy.items import ItemPattern

DAY = 86_400
shares = st.builds(
    kit.item,
    st.sampled_from(["bafya", "bafyb", "bafyc"]),
    st.lists(st.sampled_from(["public", "secret"]), unique=True).map(tuple),
    created_at=st.sampled_from([0, kit.NOW - 1, kit.NOW - DAY, kit.NOW - 3 * DAY]),
)
patterns = st.just(ItemPattern()) | some_items


def speaks(pattern, item, entry, *, widely):
    """What the words of ``items`` say by themselves."""
    is_chosen = pattern.selects_all or item.manifest_cid in pattern.shares
    is_chosen = is_chosen or not pattern.labels.isdisjoint((*item.labels, *entry.labels))
    is_of_age = pattern.is_of_age(item, kit.NOW, widely=widely)
    return is_chosen and is_of_age and pattern.narrows_to(entry, widely=widely)


@given(patterns, patterns, shares, entries, st.booleans())
def test_what_is_covered_speaks_of_nothing_else(outer, inner, item, facts, widely):
    if covers_items(outer, inner, widely=widely):
        for entry in facts:
            assert not speaks(inner, item, entry, widely=False) or speaks(outer, item, entry, widely=widely)
        assert outer.is_everything or not inner.is_everything


@given(patterns)
def test_what_is_everything_covers_all_and_each_covers_itself(pattern):
    assert covers_items(ItemPattern(), pattern, widely=False)
    assert covers_items(pattern, pattern, widely=False)
    assert pattern.is_everything or not covers_items(pattern, ItemPattern(), widely=True)


@given(some_times, some_times)
def test_times_that_are_covered_hold_nothing_else(outer, inner):
    if covers_time(outer, inner):
        moments = range(kit.NOW - 8 * DAY, kit.NOW + 8 * DAY, 3600)
        assert all(outer.holds(one) for one in moments if inner.holds(one))
