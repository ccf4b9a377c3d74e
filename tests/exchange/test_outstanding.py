"""An answer is held against its request: kind, entry, index, order, count, end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.errors import LocalProtocolError
from peertransfer.exchange.outstanding import MAX_CATALOGUE, Outstanding
from peertransfer.wire import messages as m

RANGES = (m.Range(3, 2), m.Range(9, 1))
BLOCKS = m.BlocksRequest(1, (m.EntryRanges(4, RANGES), m.EntryRanges(2, (m.Range(0, 1),))))
PLACES = [(4, 3), (4, 4), (4, 9), (2, 0)]


def awaiting(*requests):
    outstanding = Outstanding()
    outstanding.limit = 8
    for request in requests:
        outstanding.add(request)
    return outstanding


@given(st.lists(st.integers(1, 4)))
def test_blocks_are_taken_in_batches_of_any_size(sizes):
    outstanding = awaiting(BLOCKS)
    left = PLACES
    for size in [*sizes, 4]:
        if left:
            batch, left = left[:size], left[size:]
            assert outstanding.blocks(1, batch, last=not left) is BLOCKS
    assert not outstanding


@pytest.mark.parametrize(
    ("places", "last"),
    [
        ([(4, 4)], False),
        ([(2, 3)], False),
        ([(4, 3), (4, 3)], False),
        ([(4, 3), (4, 9)], False),
        ([*PLACES, (2, 1)], True),
        (PLACES, False),
        (PLACES[:3], True),
        ([], True),
        ([], False),
    ],
    ids=[
        "wrong index",
        "wrong entry",
        "twice",
        "gap",
        "one more",
        "no end",
        "early end",
        "nothing at all",
        "empty part",
    ],
)
def test_blocks_that_do_not_answer_are_refused(places, last):
    with pytest.raises(LocalProtocolError):
        awaiting(BLOCKS).blocks(1, places, last=last)


def test_the_entry_of_a_manifest_block_is_ignored():
    outstanding = awaiting(m.ManifestRequest(1, nodes=False, ranges=RANGES))
    outstanding.blocks(1, [(0, 3), (77, 4), (0, 9)], last=True)
    assert not outstanding


def test_nodes_are_blocks_too():
    request = m.NodesRequest(5, (m.EntryRanges(1, (m.Range(0, 1),)),))
    assert awaiting(request).blocks(5, [(1, 0)], last=True) is request


def test_openings_are_taken_page_by_page():
    outstanding = awaiting(m.OpeningsRequest(1, 10, 3))
    outstanding.openings(1, [10], share=False, last=False)
    outstanding.openings(1, [11, 12], share=False, last=True)
    assert not outstanding


def test_the_shares_own_openings_are_one_page():
    outstanding = awaiting(m.OpeningsRequest(1, 0, 0))
    outstanding.openings(1, [], share=True, last=True)
    assert not outstanding


@pytest.mark.parametrize(
    ("count", "indices", "share", "last"),
    [
        (0, [9], False, True),
        (3, [11], False, False),
        (3, [10, 10], False, False),
        (3, [10, 11, 12, 13], False, True),
        (3, [10, 11, 12], False, False),
        (3, [10], False, True),
        (3, [], False, False),
        (3, [10], True, False),
        (3, [], True, False),
        (0, [10], False, True),
        (0, [10], True, True),
        (0, [], True, False),
        (0, [], False, True),
    ],
)
def test_openings_that_do_not_answer_are_refused(count, indices, share, last):
    with pytest.raises(LocalProtocolError):
        awaiting(m.OpeningsRequest(1, 10, count)).openings(1, indices, share=share, last=last)


def test_a_catalogue_has_an_end_and_a_size():
    outstanding = awaiting(m.CatalogueRequest(1))
    outstanding.catalogue(1, 5, last=False)
    outstanding.catalogue(1, 0, last=True)
    assert not outstanding
    with pytest.raises(LocalProtocolError):
        awaiting(m.CatalogueRequest(1)).catalogue(1, 0, last=False)
    with pytest.raises(LocalProtocolError):
        awaiting(m.CatalogueRequest(1)).catalogue(1, MAX_CATALOGUE + 1, last=True)


ANSWERS = {
    m.BlocksRequest: lambda outstanding: outstanding.blocks(1, PLACES, last=True),
    m.OpeningsRequest: lambda outstanding: outstanding.openings(1, [0], share=False, last=True),
    m.HaveRequest: lambda outstanding: outstanding.have(1),
    m.CatalogueRequest: lambda outstanding: outstanding.catalogue(1, 1, last=True),
}
REQUESTS = [
    BLOCKS,
    m.OpeningsRequest(1, 0, 1),
    m.HaveRequest(1, 4),
    m.CatalogueRequest(1),
    m.UnknownKindRequest(1),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_an_answer_of_another_kind_is_refused(request_, kind):
    outstanding = awaiting(request_)
    if isinstance(request_, kind):
        ANSWERS[kind](outstanding)
        assert not outstanding
    else:
        with pytest.raises(LocalProtocolError):
            ANSWERS[kind](outstanding)


@pytest.mark.parametrize("answer", [*ANSWERS.values(), lambda outstanding: outstanding.refuse(1)])
def test_an_answer_to_nothing_is_refused(answer):
    with pytest.raises(LocalProtocolError):
        answer(awaiting(m.HaveRequest(2, 1)))


def test_a_refusal_ends_any_request_at_any_point():
    for request in REQUESTS:
        outstanding = awaiting(request)
        outstanding.refuse(1)
        assert not outstanding
    outstanding = awaiting(BLOCKS)
    outstanding.blocks(1, PLACES[:2], last=False)
    outstanding.refuse(1)
    assert not outstanding


def test_a_cancelled_request_may_end_early_and_even_empty():
    for batch in (PLACES[:2], []):
        outstanding = awaiting(BLOCKS)
        assert outstanding.cancel(1)
        outstanding.blocks(1, batch, last=True)
        assert not outstanding
    outstanding = awaiting(m.OpeningsRequest(1, 0, 5))
    outstanding.cancel(1)
    outstanding.openings(1, [], share=False, last=True)
    assert not outstanding


def test_a_cancelled_request_still_takes_nothing_that_was_not_asked_for():
    outstanding = awaiting(BLOCKS)
    outstanding.cancel(1)
    with pytest.raises(LocalProtocolError):
        outstanding.blocks(1, [(9, 9)], last=True)


def test_cancelling_twice_or_too_late_does_nothing():
    outstanding = awaiting(m.HaveRequest(1, 1))
    assert outstanding.cancel(1)
    assert not outstanding.cancel(1)
    assert not outstanding.cancel(2)


def test_ids_are_unique_only_among_the_outstanding():
    outstanding = awaiting(m.HaveRequest(1, 1))
    with pytest.raises(LocalProtocolError):
        outstanding.add(m.HaveRequest(1, 2))
    outstanding.have(1)
    outstanding.add(m.HaveRequest(1, 2))


def test_no_more_than_the_limit_are_outstanding():
    outstanding = awaiting(*(m.HaveRequest(number, 1) for number in range(1, 9)))
    with pytest.raises(LocalProtocolError):
        outstanding.add(m.HaveRequest(9, 1))
    outstanding.clear()
    outstanding.add(m.HaveRequest(9, 1))
