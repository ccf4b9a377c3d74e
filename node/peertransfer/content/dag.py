"""A file's DAG: build it from leaf digests, or verify it node by node.

It reads no file. ``DagVerifier`` believes nothing that was not checked against a CID above it.
Spec: ARCHITECTURE.md 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.content.cid import DIGEST_SIZE, Cid, Codec, HashFunction
from peertransfer.content.dag_pb import MAX_NODE_SIZE, Link, encode_node, parse_node
from peertransfer.content.shape import CHUNK_SIZE, MAX_FILE_SIZE, MAX_LINKS, FileShape
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import IntegrityError, LocalError, LocalProtocolError

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

    Raises:
        LocalError: the digests are not those of a file of this size, or no file may have it.
    """
    shape = FileShape(size)
    digests = bytes(leaf_digests)
    if not 0 <= size <= MAX_FILE_SIZE or len(digests) != shape.leaf_count * DIGEST_SIZE:
        raise LocalError("A DAG was to be built of other leaves than a file of its size has")
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
    """The getter's side of a DAG: it knows the root's CID, and takes nodes one by one.

    Of a verified node it keeps 32 octets for each link, so that a file of a tebibyte costs 32 MiB.
    """

    def __init__(self, root: Cid) -> None:
        self._root = root
        self._digests: dict[int, bytes] = {}
        """Of each verified node: the digests of its children, concatenated."""
        self._totals: dict[int, int] = {}
        """Of each node that can be verified now: the Tsize that the link to it gives."""
        self.shape: FileShape | None = None
        """Known once the root is verified."""

    @property
    def is_complete(self) -> bool:
        """Tell whether every leaf's CID is known."""
        return self._root.codec is Codec.RAW or (
            self.shape is not None and len(self._digests) == self.shape.node_count
        )

    def missing_nodes(self) -> list[int]:
        """Return the nodes that can be verified now and are not there, in order."""
        if self._root.codec is Codec.RAW:
            return []
        return [0] if self.shape is None else sorted(self._totals)

    def add_node(self, index: int, octets: Buffer) -> Verified:
        """Verify an inner node against the link above it, and remember its links.

        Raises:
            IntegrityError: wrong octets, or not the shape of a file.
            LocalProtocolError: its parent is not verified, or the file has no such node.
        """
        cid = self._cid_of(index)
        if len(octets) > MAX_NODE_SIZE:
            raise IntegrityError("an inner node is longer than any can be")
        verified = verify(cid, octets)
        links = parse_node(octets)
        shape = self.shape or _shape_of_root(links)
        _check_links(shape, index, links, self._root.hash_function)
        total = len(octets) + sum(link.total_size for link in links)
        if self._totals.get(index, total) != total:
            raise IntegrityError("an inner node is not as large in all as the link to it says")
        self.shape = shape
        self._totals.pop(index, None)
        is_lowest, children = shape.children_of(index)
        if not is_lowest and index not in self._digests:
            self._totals.update(zip(children, (link.total_size for link in links), strict=True))
        self._digests[index] = b"".join(link.cid.digest for link in links)
        return verified

    def add_root_leaf(self, octets: Buffer) -> Verified:
        """Verify the leaf of a file that has only one; its length is the file's size.

        Raises:
            IntegrityError: wrong octets, or more than a leaf has.
            LocalProtocolError: the root is an inner node.
        """
        if self._root.codec is not Codec.RAW:
            raise LocalProtocolError("A leaf was given as the root of a file that has inner nodes")
        if len(octets) > CHUNK_SIZE:
            raise IntegrityError("a leaf is over 1 MiB")
        verified = verify(self._root, octets)
        self.shape = FileShape(len(octets))
        return verified

    def leaf_cid(self, index: int) -> Cid:
        """Return the CID of a leaf whose parent is verified.

        Raises:
            LocalProtocolError: its parent is not, or the file has no such leaf.
        """
        if self._root.codec is Codec.RAW and index == 0:
            return self._root
        if self.shape is not None and 0 <= index < self.shape.leaf_count:
            parent, place = self.shape.parent_of_leaf(index)
            if parent in self._digests:
                return self._child(Codec.RAW, parent, place)
        raise LocalProtocolError("A leaf was asked for that is not known to be in the file")

    def verified_leaf(self, index: int, octets: Buffer) -> Verified:
        """Verify a leaf whose parent is verified, and that it has the size of its place.

        Raises:
            IntegrityError: wrong octets, or of another size than the nodes above say.
            LocalProtocolError: its parent is not verified, or the file has no such leaf.
        """
        if self._root.codec is Codec.RAW and index == 0:
            return self.add_root_leaf(octets)
        cid = self.leaf_cid(index)
        assert self.shape is not None
        if len(octets) != self.shape.leaf_size(index):
            raise IntegrityError("a leaf has not the size that its place in the file asks for")
        return verify(cid, octets)

    def leaf_digests(self) -> bytes:
        """Return 32 octets for each leaf.

        Raises:
            LocalProtocolError: not all nodes are verified.
        """
        if not self.is_complete:
            raise LocalProtocolError("Leaf digests were asked for before all nodes were verified")
        if self._root.codec is Codec.RAW:
            return self._root.digest
        assert self.shape is not None
        lowest = range(self.shape.level_starts[-1], self.shape.node_count)
        return b"".join(self._digests[node] for node in lowest)

    def _cid_of(self, index: int) -> Cid:
        if index == 0 and self._root.codec is Codec.DAG_PB:
            return self._root
        if self.shape is not None and 0 < index < self.shape.node_count:
            parent, place = self.shape.parent_of(index)
            if parent in self._digests:
                return self._child(Codec.DAG_PB, parent, place)
        raise LocalProtocolError("An inner node was given that is not known to be in the file")

    def _child(self, codec: Codec, parent: int, place: int) -> Cid:
        at = place * DIGEST_SIZE
        return Cid(codec, self._root.hash_function, self._digests[parent][at : at + DIGEST_SIZE])


def _shape_of_root(links: Sequence[Link]) -> FileShape:
    size = sum(link.block_size for link in links)
    if size > MAX_FILE_SIZE:
        raise IntegrityError("a file claims more octets than a file may have")
    shape = FileShape(size)
    if shape.node_count == 0:
        raise IntegrityError("an inner node stands above a single leaf")
    return shape


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
