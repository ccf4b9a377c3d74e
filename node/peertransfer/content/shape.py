"""Where is which block in a file's DAG? The balanced layout, as arithmetic.

Leaves hold 1 MiB each, inner nodes up to 1024 links, all leaves stand at one depth. Nodes are numbered
breadth-first, the root is 0. A file of one leaf has no inner node: the leaf is the root.
Spec: the layout of the profile ``unixfs-v1-2025`` (IPIP-499).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

CHUNK_SIZE = 1 << 20
"""Octets of a full leaf."""
MAX_LINKS = 1024
"""Links of a full inner node."""
MAX_FILE_SIZE = 1 << 46
"""Octets; more is refused before anything is computed from it."""


@dataclass(frozen=True)
class FileShape:
    """The shape of the DAG of a file of ``size`` octets; it follows from the size alone."""

    size: int

    @cached_property
    def leaf_count(self) -> int:
        """Leaves, at least 1 (an empty file has one empty leaf)."""
        return max(1, -(-self.size // CHUNK_SIZE))

    @cached_property
    def level_counts(self) -> tuple[int, ...]:
        """Inner nodes of each level, root first; empty for a single leaf."""
        counts: list[int] = []
        width = self.leaf_count
        while width > 1:
            width = -(-width // MAX_LINKS)
            counts.append(width)
        return tuple(reversed(counts))

    @cached_property
    def level_starts(self) -> tuple[int, ...]:
        """Number of the first node of each level."""
        starts = [0]
        for count in self.level_counts:
            starts.append(starts[-1] + count)
        return tuple(starts[:-1])

    @property
    def node_count(self) -> int:
        """Inner nodes; 0 for a single leaf."""
        return sum(self.level_counts)

    def level_of(self, node: int) -> int:
        """Return the level of an inner node; the root's is 0."""
        return max(level for level, start in enumerate(self.level_starts) if start <= node)

    def children_of(self, node: int) -> tuple[bool, range]:
        """Return whether the children are leaves, and their numbers (of leaves, or of nodes)."""
        level = self.level_of(node)
        place = node - self.level_starts[level]
        is_lowest = level == len(self.level_counts) - 1
        below = self.leaf_count if is_lowest else self.level_counts[level + 1]
        base = 0 if is_lowest else self.level_starts[level + 1]
        first = place * MAX_LINKS
        return is_lowest, range(base + first, base + min(first + MAX_LINKS, below))

    def parent_of(self, node: int) -> tuple[int, int]:
        """Return the parent of a node other than the root, and the position of its link there."""
        level = self.level_of(node)
        place = node - self.level_starts[level]
        return self.level_starts[level - 1] + place // MAX_LINKS, place % MAX_LINKS

    def parent_of_leaf(self, index: int) -> tuple[int, int]:
        """Return the inner node above a leaf, and the position of its link there; not of a single leaf."""
        return self.level_starts[-1] + index // MAX_LINKS, index % MAX_LINKS

    def leaf_size(self, index: int) -> int:
        """Return the octets of a leaf."""
        return min(CHUNK_SIZE, self.size - index * CHUNK_SIZE)

    def span_of(self, node: int) -> int:
        """Return the file's octets below an inner node."""
        level = self.level_of(node)
        reach: int = CHUNK_SIZE * MAX_LINKS ** (len(self.level_counts) - level)
        place = node - self.level_starts[level]
        return min(reach, self.size - place * reach)
