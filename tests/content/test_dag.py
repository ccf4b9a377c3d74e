"""The DAG of a file: layout, known CIDs, and a verifier that believes nothing."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, MAX_LINKS, DagVerifier, FileShape, build_dag
from peertransfer.content.dag_pb import Link, encode_node, parse_node
from peertransfer.content.verified import verify
from peertransfer.errors import IntegrityError, LocalError, LocalProtocolError

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


def test_an_inner_node_whose_link_tells_another_total_size_is_refused():
    size = 1025 * MIB
    dag = dag_of(size)
    links = parse_node(dag.nodes[0])
    lying = (Link(links[0].cid, links[0].total_size + 1, links[0].block_size), links[1])
    root, octets = lying_root(lying)
    verifier = DagVerifier(root)
    verifier.add_node(0, octets)
    with pytest.raises(IntegrityError, match="as large in all"):
        verifier.add_node(1, dag.nodes[1])
    assert verifier.missing_nodes() == [1, 2]
    verifier.add_node(2, dag.nodes[2])
    assert not verifier.is_complete


@pytest.mark.parametrize("octets", [b"", b"x", bytes(MIB), b"leaf" + bytes(4)])
def test_a_leaf_of_another_size_than_its_place_is_refused_although_its_cid_matches(octets):
    links = tuple(Link(Cid.of(Codec.RAW, BLAKE3, octets), size, size) for size in (MIB, 4))
    root, node = lying_root(links)
    verifier = DagVerifier(root)
    verifier.add_node(0, node)
    for index, size in enumerate((MIB, 4)):
        if len(octets) != size:
            with pytest.raises(IntegrityError, match="size"):
                verifier.verified_leaf(index, octets)
        else:
            assert verifier.verified_leaf(index, octets).octets == octets
    with pytest.raises(IntegrityError, match="match"):
        verifier.verified_leaf(1, b"evil")


def test_a_single_leaf_is_verified_by_its_index_as_well():
    verifier = DagVerifier(Cid.of(Codec.RAW, BLAKE3, b"hello"))
    with pytest.raises(IntegrityError):
        verifier.verified_leaf(0, b"hallo")
    assert verifier.shape is None
    assert verifier.verified_leaf(0, b"hello").octets == b"hello"
    assert verifier.shape == FileShape(5)
    assert verifier.leaf_digests() == BLAKE3.digest(b"hello")


def test_a_leaf_that_looks_like_an_inner_node_stays_a_leaf():
    octets = dag_of(2 * MIB).nodes[0]
    verifier = DagVerifier(Cid.of(Codec.RAW, BLAKE3, octets))
    with pytest.raises(LocalProtocolError):
        verifier.add_node(0, octets)
    assert verifier.shape is None
    assert verifier.add_root_leaf(octets).octets == octets


def test_an_inner_node_is_not_taken_for_a_leaf():
    dag = dag_of(2 * MIB)
    verifier = DagVerifier(dag.root)
    with pytest.raises(LocalProtocolError):
        verifier.add_root_leaf(dag.nodes[0])
    assert verifier.shape is None


def test_nothing_is_told_of_leaves_and_nodes_before_what_is_above_them_is_verified():
    dag = dag_of(1025 * MIB)
    verifier = DagVerifier(dag.root)
    for ask in (
        verifier.leaf_digests,
        lambda: verifier.leaf_cid(0),
        lambda: verifier.add_node(1, dag.nodes[1]),
    ):
        with pytest.raises(LocalProtocolError):
            ask()
    verifier.add_node(0, dag.nodes[0])
    verifier.add_node(2, dag.nodes[2])
    assert verifier.leaf_cid(1024).digest == digests(1025)[-32:]
    for index in (0, -1, 1025):
        with pytest.raises(LocalProtocolError):
            verifier.leaf_cid(index)
    for index in (-1, 3):
        with pytest.raises(LocalProtocolError):
            verifier.add_node(index, dag.nodes[1])


def test_a_file_of_three_levels_is_verified_from_the_root_down():
    """A tebibyte and one octet: every full node of a level is the same one, so that few need to be made."""
    lowest = encode_node((leaf_link(),) * MAX_LINKS)
    last = encode_node((leaf_link(1),))
    gibibyte = Link(Cid.of(Codec.DAG_PB, BLAKE3, lowest), len(lowest) + 1024 * MIB, 1024 * MIB)
    middle = encode_node((gibibyte,) * MAX_LINKS)
    beside = encode_node((Link(Cid.of(Codec.DAG_PB, BLAKE3, last), len(last) + 1, 1),))
    totals = len(middle) + MAX_LINKS * gibibyte.total_size, len(beside) + len(last) + 1
    root, octets = lying_root(
        (
            Link(Cid.of(Codec.DAG_PB, BLAKE3, middle), totals[0], 1 << 40),
            Link(Cid.of(Codec.DAG_PB, BLAKE3, beside), totals[1], 1),
        )
    )
    verifier = DagVerifier(root)
    verifier.add_node(0, octets)
    assert verifier.shape == FileShape((1 << 40) + 1)
    assert verifier.missing_nodes() == [1, 2]
    with pytest.raises(LocalProtocolError):
        verifier.add_node(3, lowest)
    verifier.add_node(2, beside)
    verifier.add_node(1, middle)
    assert verifier.missing_nodes() == list(range(3, 3 + 1025))
    verifier.add_node(4, lowest)
    verifier.add_node(1027, last)
    assert verifier.leaf_cid(1024) == leaf_link().cid
    assert verifier.leaf_cid(1 << 20) == leaf_link().cid
    with pytest.raises(LocalProtocolError):
        verifier.leaf_cid(0)


def test_a_file_over_the_limit_is_refused_by_its_root_although_its_shape_is_right():
    tebibytes = [leaf_link(1 << 40, codec=Codec.DAG_PB)] * 64
    root, octets = lying_root(tebibytes)
    verifier = DagVerifier(root)
    verifier.add_node(0, octets)
    assert verifier.shape == FileShape(1 << 46)
    root, octets = lying_root([*tebibytes, leaf_link(1, codec=Codec.DAG_PB)])
    with pytest.raises(IntegrityError, match="more octets"):
        DagVerifier(root).add_node(0, octets)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([2, 1024, 1025, 2500, 3 * MAX_LINKS + 1]))
def test_nodes_may_come_in_any_order_that_the_tree_allows_and_twice(random, leaves):
    size = leaves * MIB - random.randrange(MIB)
    dag = dag_of(size)
    verifier = DagVerifier(dag.root)
    given_nodes = []
    while missing := verifier.missing_nodes():
        assert not verifier.is_complete
        node = random.choice(missing)
        verifier.add_node(node, dag.nodes[node])
        given_nodes.append(node)
        again = random.choice(given_nodes)
        verifier.add_node(again, dag.nodes[again])
    assert sorted(given_nodes) == list(range(len(dag.nodes)))
    assert verifier.is_complete
    assert verifier.leaf_digests() == digests(leaves)


@pytest.mark.parametrize(
    ("size", "count"), [(0, 0), (0, 2), (1, 0), (MIB + 1, 1), (MIB, 2), (-1, 1), ((1 << 46) + 1, 1)]
)
def test_a_dag_is_not_built_of_other_leaves_than_its_size_asks_for(size, count):
    with pytest.raises(LocalError):
        build_dag(BLAKE3, size, digests(count))


@given(st.integers(0, 1 << 46))
def test_every_leaf_and_node_has_one_place(size):
    shape = FileShape(size)
    assert sum(shape.level_counts) == shape.node_count
    for leaf in {0, shape.leaf_count // 2, shape.leaf_count - 1}:
        if shape.node_count:
            parent, place = shape.parent_of_leaf(leaf)
            is_lowest, children = shape.children_of(parent)
            assert is_lowest
            assert children[place] == leaf
    for node in {1, shape.node_count // 2, shape.node_count - 1} & set(range(1, shape.node_count)):
        parent, place = shape.parent_of(node)
        is_lowest, children = shape.children_of(parent)
        assert not is_lowest
        assert children[place] == node
    if shape.node_count:
        assert shape.span_of(0) == size


def test_a_node_over_any_length_is_not_even_hashed():
    octets = bytes(200_000)
    with pytest.raises(IntegrityError, match="longer than any"):
        DagVerifier(Cid.of(Codec.DAG_PB, BLAKE3, octets)).add_node(0, octets)


def test_what_was_verified_can_not_be_written_through_its_view():
    octets = bytearray(b"hello")
    verified = verify(Cid.of(Codec.RAW, BLAKE3, octets), octets)
    with pytest.raises(TypeError):
        verified.octets[0] = 0


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
