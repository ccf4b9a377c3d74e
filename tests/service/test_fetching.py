"""Blocks that arrive are checked before anybody keeps them, and a liar is named."""

import pytest

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, DagVerifier, build_dag
from peertransfer.errors import IntegrityError
from peertransfer.service.fetching import checking, verify_roots

BLAKE3 = HashFunction.BLAKE3
FIRST = bytes(CHUNK_SIZE)


def verifier_of(last):
    """A provider's own DAG: its last leaf may be committed to with any octets."""
    dag = build_dag(BLAKE3, CHUNK_SIZE + 5, BLAKE3.digest(FIRST) + BLAKE3.digest(last))
    verifier = DagVerifier(dag.root)
    verifier.add_node(0, dag.nodes[0])
    return verifier


def test_leaves_that_match_are_handed_on():
    leaves = [(0, memoryview(FIRST)), (1, memoryview(b"right"))]
    verified = checking(verifier_of(b"right"), leaves, "peer")()
    assert [(index, bytes(leaf.octets)) for index, leaf in verified] == [(0, FIRST), (1, b"right")]


@pytest.mark.parametrize("octets", [b"wrong", b"right!"])
def test_a_leaf_of_other_octets_names_who_sent_it(octets):
    with pytest.raises(IntegrityError) as caught:
        checking(verifier_of(b"right"), [(1, memoryview(octets))], "liar")()
    assert caught.value.peer == "liar"


def test_a_leaf_that_was_committed_to_with_another_size_names_who_sent_it():
    with pytest.raises(IntegrityError) as caught:
        checking(verifier_of(b"far too long"), [(1, memoryview(b"far too long"))], "liar")()
    assert caught.value.peer == "liar"


async def test_a_small_file_of_other_octets_names_who_sent_it():
    root = Cid.of(Codec.RAW, BLAKE3, b"right")
    (verified,) = await verify_roots([(root, memoryview(b"right"))], "peer")
    assert verified.cid == root
    with pytest.raises(IntegrityError) as caught:
        await verify_roots([(root, memoryview(b"wrong"))], "liar")
    assert caught.value.peer == "liar"
