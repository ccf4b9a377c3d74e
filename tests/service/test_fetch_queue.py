"""Who is asked for what: every file comes to an end under any order of successes and failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.errors import ChangedError
from peertransfer.service.fetch_queue import (
    LEAVES_OF_JOB,
    MAX_OPEN_FILES,
    SMALL_BATCH,
    FetchQueue,
    LeavesJob,
    NodesJob,
    SmallJob,
    Target,
)
from peertransfer.service.fetching import ranges_of
from peertransfer.service.plan import RemoteEntry
from peertransfer.wire.messages import Range

BLAKE3 = HashFunction.BLAKE3
CHANGED = ChangedError("changed")


def target(index, codec, size=100):
    root = Cid.of(codec, BLAKE3, index.to_bytes(4))
    return Target.of(RemoteEntry(index, "file", (str(index),), root, size, executable=False), root)


def small(index, size=100):
    return target(index, Codec.RAW, size)


def large(index):
    return target(index, Codec.DAG_PB)


def done(queue, job):
    """End a job well, and put in place what is whole; return that."""
    whole = queue.done(job)
    if not isinstance(job, SmallJob):
        for one in whole:
            assert not queue.is_over
            queue.placed(one)
    return whole


def test_small_files_are_asked_for_many_at_once():
    queue = FetchQueue([small(index) for index in range(1000)])
    assert len(queue.take().targets) == SMALL_BATCH
    queue = FetchQueue([small(index, 1 << 20) for index in range(10)])
    assert len(queue.take().targets) == 2


def test_a_size_that_the_provider_made_up_counts_for_one_leaf_at_most():
    queue = FetchQueue([small(index, 1 << 60) for index in range(10)])
    assert len(queue.take().targets) == 2


def test_nodes_come_before_leaves_and_leaves_before_the_next_file():
    queue = FetchQueue([large(1), large(2), small(3)])
    job = queue.take()
    assert isinstance(job, NodesJob)
    queue.opened(job.target, range(5))
    assert done(queue, job) == []
    leaves = queue.take()
    assert isinstance(leaves, LeavesJob)
    assert leaves.indices == tuple(range(LEAVES_OF_JOB))


def test_only_so_many_large_files_are_open_at_once():
    queue = FetchQueue([large(index) for index in range(MAX_OPEN_FILES + 5)])
    taken = [queue.take() for _ in range(MAX_OPEN_FILES)]
    assert all(isinstance(job, NodesJob) for job in taken)
    assert queue.take() is None
    queue.opened(taken[0].target, [])
    done(queue, taken[0])
    assert isinstance(queue.take(), NodesJob)


def test_what_failed_comes_first_again():
    queue = FetchQueue([large(1)])
    nodes = queue.take()
    queue.failed(nodes)
    nodes = queue.take()
    queue.opened(nodes.target, range(4))
    done(queue, nodes)
    first = queue.take()
    queue.failed(first)
    assert queue.take().indices == first.indices


def test_a_file_that_was_written_is_not_asked_for_again_when_its_batch_fails():
    targets = [small(1), small(2)]
    queue = FetchQueue(targets)
    job = queue.take()
    targets[0].left = 0
    queue.failed(job)
    assert queue.take().targets == (targets[1],)


def test_a_file_that_was_there_already_ends_with_its_nodes():
    queue = FetchQueue([large(1)])
    job = queue.take()
    queue.opened(job.target, [])
    assert done(queue, job) == [job.target]
    assert queue.is_over


def test_a_refused_batch_is_halved_until_it_is_known_which_file_it_was():
    targets = [small(index) for index in range(8)]
    queue = FetchQueue(targets)
    ended = []
    requests = 0
    while not queue.is_over_for("peer"):
        job = queue.take("peer")
        requests += 1
        if targets[5] in job.targets:
            queue.refused(job, "peer", CHANGED)
        else:
            ended += done(queue, job)
    assert {one.entry.index for one in ended} == {0, 1, 2, 3, 4, 6, 7}
    assert queue.refused_by("peer") == [targets[5]]
    assert requests == 1 + 2 * 3
    assert not queue.is_over


def test_of_a_refused_batch_what_was_written_is_not_asked_for_again():
    targets = [small(index) for index in range(3)]
    queue = FetchQueue(targets)
    job = queue.take("peer")
    targets[0].left = 0
    queue.refused(job, "peer", CHANGED)
    assert [queue.take("peer").targets, queue.take("peer").targets] == [(targets[1],), (targets[2],)]


def test_what_one_provider_refused_another_is_asked_for():
    targets = [small(1), large(2)]
    queue = FetchQueue(targets)
    for _ in range(2):
        queue.refused(queue.take("one"), "one", CHANGED)
    assert queue.take("one") is None
    assert queue.is_over_for("one")
    assert not queue.is_over_for("two")
    jobs = [queue.take("two"), queue.take("two")]
    assert not queue.is_over_for("one")
    queue.opened(targets[1], [])
    assert sorted(one.entry.index for job in jobs for one in done(queue, job)) == [1, 2]
    assert queue.is_over


def test_a_large_file_is_shelved_once_nobody_works_on_it():
    queue = FetchQueue([large(1)])
    nodes = queue.take("one")
    queue.opened(nodes.target, range(2 * LEAVES_OF_JOB))
    done(queue, nodes)
    first, second = queue.take("one"), queue.take("one")
    queue.refused(first, "one", CHANGED)
    assert queue.take_idle("one") is None
    queue.refused(second, "one", CHANGED)
    target = queue.take_idle("one")
    assert target is nodes.target
    assert not queue.is_over_for("one")
    queue.shelve(target)
    assert queue.is_over_for("one")
    again = queue.take("two")
    assert isinstance(again, NodesJob)
    queue.opened(target, range(1))
    done(queue, again)
    assert queue.take_idle("two") is None
    assert done(queue, queue.take("two")) == [target]
    assert queue.is_over


def test_files_that_one_provider_refused_do_not_keep_others_from_being_opened():
    queue = FetchQueue([large(index) for index in range(MAX_OPEN_FILES + 1)])
    for _ in range(MAX_OPEN_FILES):
        nodes = queue.take("one")
        queue.opened(nodes.target, range(1))
        done(queue, nodes)
        queue.refused(queue.take("one"), "one", CHANGED)
        queue.shelve(queue.take_idle("one"))
    assert isinstance(queue.take("one"), NodesJob)


def twin(index, of):
    return Target.of(
        RemoteEntry(index, "file", (str(index),), of.entry.root, 100, executable=False), of.entry.root
    )


def test_of_twins_one_is_asked_for_until_it_is_in_place():
    first = large(1)
    second = twin(2, first)
    queue = FetchQueue([first, second])
    nodes = queue.take("peer")
    assert queue.take("peer") is None
    queue.opened(first, [])
    assert queue.done(nodes) == [first]
    assert queue.take("peer") is None
    queue.placed(first)
    again = queue.take("peer")
    assert again.target is second
    assert second.verifier is first.verifier
    queue.opened(second, [])
    assert done(queue, again) == [second]
    assert queue.is_over


@pytest.mark.parametrize("at_nodes", [True, False])
def test_a_twin_of_a_refused_file_is_asked_for_itself(at_nodes):
    first = large(1)
    queue = FetchQueue([first, twin(2, first)])
    job = queue.take("peer")
    if not at_nodes:
        queue.opened(first, range(3))
        done(queue, job)
        job = queue.take("peer")
    queue.refused(job, "peer", CHANGED)
    assert queue.take("peer").target.entry.index == 2


@given(st.data())
def test_with_any_refusals_every_file_ends_or_is_refused_by_everybody(data):
    kinds = data.draw(st.lists(st.booleans(), max_size=12))
    targets = [(large if is_large else small)(index) for index, is_large in enumerate(kinds)]
    firsts = [one for one in targets if not one.is_small]
    targets += [twin(len(targets) + number, one) for number, one in enumerate(firsts)]
    refusing = data.draw(
        st.fixed_dictionaries({peer: st.sets(st.integers(0, 23)) for peer in ("one", "two")})
    )
    queue = FetchQueue(targets)
    outstanding = []
    ended = []
    while not all(queue.is_over_for(peer) for peer in refusing):
        peer = data.draw(st.sampled_from(sorted(refusing)))
        while (idle := queue.take_idle(peer)) is not None:
            queue.shelve(idle)
        job = queue.take(peer)
        if job is not None:
            outstanding.append((peer, job))
            if data.draw(st.booleans()):
                continue
        if not outstanding:
            continue
        peer, job = outstanding.pop(data.draw(st.integers(0, len(outstanding) - 1)))
        asked = job.targets if isinstance(job, SmallJob) else (job.target,)
        if data.draw(st.integers(0, 5)) == 0:
            queue.failed(job)
        elif any(one.entry.index in refusing[peer] for one in asked):
            queue.refused(job, peer, CHANGED)
        else:
            if isinstance(job, NodesJob):
                queue.opened(job.target, range(data.draw(st.integers(0, 7))))
            ended += done(queue, job)
    hopeless = {one.entry.index for one in queue.refused_by("one")}
    assert hopeless <= refusing["one"] & refusing["two"]
    assert sorted([*hopeless, *(one.entry.index for one in ended)]) == list(range(len(targets)))
    assert queue.is_over == (not hopeless)


@given(st.data())
def test_every_file_ends_once_under_any_order(data):
    targets = [
        (large if data.draw(st.booleans()) else small)(index)
        for index in range(data.draw(st.integers(0, 20)))
    ]
    queue = FetchQueue(targets)
    outstanding = []
    ended = []
    while not queue.is_over:
        job = queue.take()
        if job is not None:
            outstanding.append(job)
            if data.draw(st.booleans()):
                continue
        job = outstanding.pop(data.draw(st.integers(0, len(outstanding) - 1)))
        if data.draw(st.integers(0, 3)) == 0:
            queue.failed(job)
            continue
        if isinstance(job, NodesJob):
            queue.opened(job.target, range(data.draw(st.integers(0, 7))))
        ended += done(queue, job)
    assert sorted(one.entry.index for one in ended) == [one.entry.index for one in targets]
    assert not outstanding


@pytest.mark.parametrize(
    ("indices", "runs"),
    [((), ()), ((3,), (Range(3, 1),)), ((0, 1, 2, 5, 7, 8), (Range(0, 3), Range(5, 1), Range(7, 2)))],
)
def test_indices_become_runs(indices, runs):
    assert ranges_of(indices) == runs


def test_a_small_job_names_its_targets():
    targets = [small(1)]
    job = FetchQueue(targets).take()
    assert isinstance(job, SmallJob)
    assert list(job.targets) == targets
