"""The canonical octets of an inner node: dag-pb around UnixFS.

Links come before Data, each link has hash, empty name and Tsize; Data says File, file size and block
sizes, unpacked. ``parse_node`` accepts only what ``encode_node`` gives.
Spec: https://ipld.io/specs/codecs/dag-pb/spec/ and https://github.com/ipfs/specs (UnixFS).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from peertransfer.content.cid import CID_SIZE, Buffer, Cid
from peertransfer.content.shape import MAX_LINKS
from peertransfer.errors import IntegrityError, UsageError

MAX_NODE_SIZE = 128 * 1024
"""Octets; a node of 1024 links has about 56 KiB."""
_FILE = b"\x08\x02"
_MAX_VARINT = 10


@dataclass(frozen=True, slots=True)
class Link:
    """A link of an inner node."""

    cid: Cid
    total_size: int
    """Octets of all blocks below, the linked one included (Tsize)."""
    block_size: int
    """Octets of the file below (a block size of UnixFS)."""


@lru_cache(maxsize=64)  # nearly all links of a file have the same sizes
def varint(number: int) -> bytes:
    """Encode an unsigned varint."""
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits an octet
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def encode_node(links: tuple[Link, ...]) -> bytes:
    """Encode an inner node of a file."""
    parts: list[bytes] = []
    data = [_FILE, b"\x18", varint(sum(link.block_size for link in links))]
    for link in links:
        size = varint(link.total_size)
        body = b"\x0a" + bytes((CID_SIZE,)) + link.cid.to_bytes() + b"\x12\x00\x18" + size
        parts += (b"\x12", varint(len(body)), body)
        data += (b"\x20", varint(link.block_size))
    payload = b"".join(data)
    parts += (b"\x0a", varint(len(payload)), payload)
    return b"".join(parts)


def parse_node(octets: Buffer) -> tuple[Link, ...]:
    """Parse an inner node of a file.

    Raises:
        IntegrityError: not the canonical octets of one.
    """
    try:
        links = _parse(memoryview(octets))
    except (IndexError, ValueError, UsageError) as exc:
        raise _malformed() from exc
    if encode_node(links) != bytes(octets):
        raise _malformed()
    return links


def _malformed() -> IntegrityError:
    return IntegrityError("an inner node is not that of a file's DAG", "Get it from another provider.")


def _parse(octets: memoryview) -> tuple[Link, ...]:
    if len(octets) > MAX_NODE_SIZE:
        raise ValueError
    heads: list[tuple[Cid, int]] = []
    at = 0
    while octets[at] == 0x12:  # noqa: PLR2004 - field 2, length-delimited
        length, start = _read_varint(octets, at + 1)
        body = octets[start : start + length]
        size, _ = _read_varint(body, CID_SIZE + 5)
        heads.append((Cid.from_bytes(body[2 : CID_SIZE + 2]), size))
        if len(heads) > MAX_LINKS:
            raise ValueError
        at = start + length
    _, at = _read_varint(octets, at + 1)
    _, at = _read_varint(octets, at + len(_FILE) + 1)
    links = []
    for cid, size in heads:
        block_size, at = _read_varint(octets, at + 1)
        links.append(Link(cid, size, block_size))
    return tuple(links)


def _read_varint(octets: memoryview, at: int) -> tuple[int, int]:
    number = 0
    for position in range(_MAX_VARINT):
        octet = octets[at + position]
        number |= (octet & 0x7F) << (7 * position)
        if octet < 0x80:  # noqa: PLR2004 - the last octet of a varint
            return number, at + position + 1
    raise ValueError
