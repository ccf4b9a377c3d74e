"""A file's DAG: build it from leaf digests, or verify it node by node.

It reads no file. ``DagVerifier`` believes nothing that was not checked against a CID above it.
Spec: ARCHITECTURE.md 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.content.cid import DIGEST_SIZE, Cid, Codec, HashFunction
from peertransfer.content.dag_pb import Link, encode_node, parse_node
from peertransfer.content.shape import CHUNK_SIZE, MAX_FILE_SIZE, MAX_LINKS, FileShape
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer

__all__ = ["CHUNK_SIZE", "MAX_LINKS", "Dag", "DagVerifier", "FileShape", "build_dag"]


@dataclass(frozen=True, slots=True)
class Dag:
    """A whole DAG without its leaves."""

    root: Cid
    nodes: tuple[bytes, ...]
    """Inner nodes, breadth-first; empty where the root is the one leaf."""
    node_cids: tuple[Cid, ...]


def build_dag(hash_function: HashFunction, size: int, leaf_digests: Buffer) -> Dag:
    """Build the DAG of a file.

    Args:
        hash_function: of all its blocks.
        size: octets of the file.
        leaf_digests: 32 octets for each leaf, in file order.
    """
    shape = FileShape(size)
    digests = bytes(leaf_digests)
    below = [
        Link(
            Cid(Codec.RAW, hash_function, digests[index * DIGEST_SIZE : (index + 1) * DIGEST_SIZE]),
            shape.leaf_size(index),
            shape.leaf_size(index),
        )
        for index in range(shape.leaf_count)
    ]
    levels: list[list[tuple[bytes, Cid]]] = []
    while len(below) > 1:
        level: list[tuple[bytes, Cid]] = []
        above: list[Link] = []
        for first in range(0, len(below), MAX_LINKS):
            links = tuple(below[first : first + MAX_LINKS])
            octets = encode_node(links)
            cid = Cid.of(Codec.DAG_PB, hash_function, octets)
            level.append((octets, cid))
            total = len(octets) + sum(link.total_size for link in links)
            above.append(Link(cid, total, sum(link.block_size for link in links)))
        levels.append(level)
        below = above
    nodes = [node for level in reversed(levels) for node in level]
    return Dag(below[0].cid, tuple(octets for octets, _ in nodes), tuple(cid for _, cid in nodes))


class DagVerifier:
    """The getter's side of a DAG: it knows the root's CID, and takes nodes one by one."""

    def __init__(self, root: Cid) -> None:
        self._root = root
        self._links: dict[int, tuple[Link, ...]] = {}
        self.shape: FileShape | None = None
        """Known once the root is verified."""

    @property
    def is_complete(self) -> bool:
        """Tell whether every leaf's CID is known."""
        return self._root.codec is Codec.RAW or (
            self.shape is not None and len(self._links) == self.shape.node_count
        )

    def missing_nodes(self) -> list[int]:
        """Return the nodes that can be verified now and are not there, in order."""
        if self._root.codec is Codec.RAW:
            return []
        if self.shape is None:
            return [0]
        shape = self.shape
        return [
            node
            for node in range(shape.node_count)
            if node not in self._links and shape.parent_of(node)[0] in self._links
        ]

    def add_node(self, index: int, octets: Buffer) -> Verified:
        """Verify an inner node against the link above it, and remember its links.

        Raises:
            IntegrityError: wrong octets, or not the shape of a file.
        """
        verified = verify(self._cid_of(index), octets)
        links = parse_node(octets)
        if index == 0:
            size = sum(link.block_size for link in links)
            if size > MAX_FILE_SIZE:
                raise IntegrityError("a file claims more octets than a file may have")
            shape = FileShape(size)
            if shape.node_count == 0:
                raise IntegrityError("an inner node stands above a single leaf")
        else:
            assert self.shape is not None
            shape = self.shape
        _check_links(shape, index, links, self._root.hash_function)
        self.shape = shape
        self._links[index] = links
        return verified

    def add_root_leaf(self, octets: Buffer) -> Verified:
        """Verify the leaf of a file that has only one; its length is the file's size."""
        verified = verify(self._root, octets)
        if len(verified.octets) > CHUNK_SIZE:
            raise IntegrityError("a leaf is over 1 MiB")
        self.shape = FileShape(len(verified.octets))
        return verified

    def leaf_cid(self, index: int) -> Cid:
        """Return the CID of a leaf whose parent is verified."""
        if self._root.codec is Codec.RAW:
            return self._root
        assert self.shape is not None
        lowest = self.shape.level_starts[-1] + index // MAX_LINKS
        return self._links[lowest][index % MAX_LINKS].cid

    def verified_leaf(self, index: int, octets: Buffer) -> Verified:
        """Verify a leaf whose parent is verified.

        Raises:
            IntegrityError: wrong octets.
        """
        return verify(self.leaf_cid(index), octets)

    def leaf_digests(self) -> bytes:
        """Return 32 octets for each leaf, once complete."""
        assert self.shape is not None
        return b"".join(self.leaf_cid(index).digest for index in range(self.shape.leaf_count))

    def _cid_of(self, index: int) -> Cid:
        if index == 0:
            return self._root
        assert self.shape is not None
        parent, place = self.shape.parent_of(index)
        return self._links[parent][place].cid


def _check_links(shape: FileShape, node: int, links: Sequence[Link], hash_function: HashFunction) -> None:
    is_lowest, children = shape.children_of(node)
    codec = Codec.RAW if is_lowest else Codec.DAG_PB
    sizes = [shape.leaf_size(child) if is_lowest else shape.span_of(child) for child in children]
    if [link.block_size for link in links] != sizes or any(
        link.cid.codec is not codec or link.cid.hash_function is not hash_function for link in links
    ):
        raise IntegrityError("an inner node has not the links that its place in the file asks for")
    if is_lowest and any(link.total_size != link.block_size for link in links):
        raise IntegrityError("an inner node gives a leaf another size than it has")
