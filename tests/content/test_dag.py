"""The DAG of a file: layout, known CIDs, and a verifier that believes nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, MAX_LINKS, DagVerifier, FileShape, build_dag
from peertransfer.content.dag_pb import Link, encode_node, parse_node
from peertransfer.errors import IntegrityError

BLAKE3 = HashFunction.BLAKE3
SHA2 = HashFunction.SHA2_256
MIB = 1 << 20


def digests(count):
    return b"".join(hashlib.sha256(index.to_bytes(4)).digest() for index in range(count))


def dag_of(size, function=BLAKE3):
    return build_dag(function, size, digests(FileShape(size).leaf_count))


def verified(dag):
    verifier = DagVerifier(dag.root)
    while missing := verifier.missing_nodes():
        for node in missing:
            verifier.add_node(node, dag.nodes[node])
    return verifier


def test_an_empty_file_has_the_cid_that_kubo_gives():
    root = build_dag(SHA2, 0, SHA2.digest(b"")).root
    assert str(root) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.mark.parametrize(
    ("size", "leaves", "nodes"),
    [
        (0, 1, 0),
        (1, 1, 0),
        (MIB, 1, 0),
        (MIB + 1, 2, 1),
        (1024 * MIB, 1024, 1),
        (1024 * MIB + 1, 1025, 3),
        (2049 * MIB, 2049, 4),
        ((MAX_LINKS**2 + 1) * MIB, MAX_LINKS**2 + 1, 1 + 2 + 1025),
    ],
)
def test_the_shape_follows_from_the_size_alone(size, leaves, nodes):
    shape = FileShape(size)
    assert (shape.leaf_count, shape.node_count) == (leaves, nodes)
    assert shape.leaf_size(leaves - 1) == size - (leaves - 1) * MIB
    if nodes:
        assert shape.span_of(0) == size


@pytest.mark.parametrize("size", [MIB + 1, 1024 * MIB, 1024 * MIB + 1, 2049 * MIB + 7])
@pytest.mark.parametrize("function", list(HashFunction))
def test_a_verified_dag_gives_back_every_leaf_digest(size, function):
    verifier = verified(dag_of(size, function))
    assert verifier.is_complete
    assert verifier.shape == FileShape(size)
    assert verifier.leaf_digests() == digests(FileShape(size).leaf_count)


def test_a_single_leaf_is_its_own_root_and_tells_the_size():
    verifier = DagVerifier(Cid.of(Codec.RAW, BLAKE3, b"hello"))
    assert verifier.is_complete
    assert verifier.missing_nodes() == []
    verifier.add_root_leaf(b"hello")
    assert verifier.shape == FileShape(5)
    assert verifier.leaf_cid(0) == Cid.of(Codec.RAW, BLAKE3, b"hello")


def test_a_root_leaf_over_one_mebibyte_is_refused():
    octets = bytes(CHUNK_SIZE + 1)
    with pytest.raises(IntegrityError, match="1 MiB"):
        DagVerifier(Cid.of(Codec.RAW, BLAKE3, octets)).add_root_leaf(octets)


def test_every_flipped_octet_of_a_node_is_noticed():
    dag = dag_of(3 * MIB)
    for at in range(len(dag.nodes[0])):
        octets = bytearray(dag.nodes[0])
        octets[at] ^= 1
        with pytest.raises(IntegrityError):
            DagVerifier(dag.root).add_node(0, octets)


def test_a_node_under_the_place_of_another_is_refused():
    dag = dag_of(2049 * MIB)
    verifier = DagVerifier(dag.root)
    verifier.add_node(0, dag.nodes[0])
    with pytest.raises(IntegrityError):
        verifier.add_node(1, dag.nodes[3])


def lying_root(links):
    octets = encode_node(tuple(links))
    return Cid.of(Codec.DAG_PB, BLAKE3, octets), octets


def leaf_link(size=MIB, total=None, codec=Codec.RAW, function=BLAKE3):
    return Link(Cid(codec, function, bytes(32)), size if total is None else total, size)


@pytest.mark.parametrize(
    "links",
    [
        [leaf_link(7)],
        [leaf_link(1 << 47), leaf_link()],
        [leaf_link(7), leaf_link()],
        [leaf_link(), leaf_link(0)],
        [leaf_link(), leaf_link(codec=Codec.DAG_PB)],
        [leaf_link(), leaf_link(function=SHA2)],
        [leaf_link(), leaf_link(total=5)],
        [leaf_link(1024 * MIB), leaf_link(1)],
        [],
    ],
    ids=[
        "one",
        "huge",
        "short first",
        "empty last",
        "node as leaf",
        "other hash",
        "size",
        "leaf as node",
        "none",
    ],
)
def test_a_root_that_is_not_the_shape_of_a_file_is_refused(links):
    root, octets = lying_root(links)
    with pytest.raises(IntegrityError):
        DagVerifier(root).add_node(0, octets)


@given(st.binary(max_size=300))
def test_no_octets_at_all_break_the_parser(octets):
    try:
        links = parse_node(octets)
    except IntegrityError:
        return
    assert encode_node(links) == octets


def test_a_node_over_the_limits_is_refused_before_it_is_built():
    with pytest.raises(IntegrityError):
        parse_node(encode_node((leaf_link(),) * (MAX_LINKS + 1)))
    with pytest.raises(IntegrityError):
        parse_node(bytes(200_000))
