"""The manifest: a share as the sorted digests of its entries.

Canonical octets: ``PTMF``, version 1, hash code, the share's own digest, entry count (4 octets), then the
entry digests in ascending order, so that not even the order of names is told. It is carried as an
ordinary UnixFS file; that file's root is the manifest CID. Spec: docs/protocol.md, "Manifest".
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.content.cid import DIGEST_SIZE, HASH_FUNCTIONS, HashFunction
from peertransfer.content.dag import Dag, build_dag
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import IntegrityError

if TYPE_CHECKING:
    from peertransfer.content.cid import Buffer

MAGIC = b"PTMF\x01"
MAX_ENTRIES = 100_000
_HEAD_SIZE = len(MAGIC) + 1 + DIGEST_SIZE + 4
MAX_MANIFEST_SIZE = _HEAD_SIZE + MAX_ENTRIES * DIGEST_SIZE


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a share's CID stands for."""

    hash_function: HashFunction
    share_digest: bytes
    entry_digests: tuple[bytes, ...]
    """Ascending; the position is the entry's index."""

    def to_octets(self) -> bytes:
        """Return the canonical octets."""
        head = MAGIC + bytes((self.hash_function.code,)) + self.share_digest
        return head + len(self.entry_digests).to_bytes(4) + b"".join(self.entry_digests)

    @classmethod
    def parse(cls, octets: Buffer) -> Manifest:
        """Read canonical octets.

        Raises:
            IntegrityError: they are not those of a manifest.
        """
        raw = bytes(octets)
        body = raw[_HEAD_SIZE:]
        code = raw[len(MAGIC)] if len(raw) >= _HEAD_SIZE else 0
        count = int.from_bytes(raw[_HEAD_SIZE - 4 : _HEAD_SIZE])
        if not raw.startswith(MAGIC) or code not in HASH_FUNCTIONS or count > MAX_ENTRIES:
            raise IntegrityError("this is not a manifest of a kind that is known here")
        if len(body) != count * DIGEST_SIZE:
            raise IntegrityError("a manifest is cut short or too long")
        digests = tuple(body[at : at + DIGEST_SIZE] for at in range(0, len(body), DIGEST_SIZE))
        if any(one >= other for one, other in itertools.pairwise(digests)):
            raise IntegrityError("a manifest's entries are not in order")
        return cls(HASH_FUNCTIONS[code], raw[len(MAGIC) + 1 : len(MAGIC) + 1 + DIGEST_SIZE], digests)


def manifest_dag(manifest: Manifest) -> Dag:
    """Return the DAG of the manifest's octets; its root is the manifest CID."""
    octets = manifest.to_octets()
    leaves = (octets[at : at + CHUNK_SIZE] for at in range(0, len(octets), CHUNK_SIZE))
    digests = b"".join(manifest.hash_function.digest(leaf) for leaf in leaves)
    return build_dag(manifest.hash_function, len(octets), digests)
