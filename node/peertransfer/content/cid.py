"""Content identifiers: CIDv1 of raw and dag-pb blocks, hashed by BLAKE3-256 or SHA2-256.

Strict on purpose: other versions, codecs, hashes and lengths are refused, because a CID from a peer
decides what is hashed. Spec: https://github.com/multiformats/cid
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import total_ordering
from typing import TypeAlias

import blake3

from peertransfer.errors import UsageError

Buffer: TypeAlias = bytes | bytearray | memoryview

DIGEST_SIZE = 32
CID_SIZE = 36
"""Octets: version, codec, hash code, digest length, digest."""
_TEXT_SIZE = 59
"""``b`` and 58 characters of base32."""


class HashFunction(Enum):
    """The hash functions that a share can use."""

    BLAKE3 = "blake3"
    SHA2_256 = "sha2-256"

    @property
    def code(self) -> int:
        """The multihash code."""
        return _CODES[self]

    def digest(self, octets: Buffer) -> bytes:
        """Hash ``octets`` to 32 octets."""
        if self is HashFunction.BLAKE3:
            return blake3.blake3(octets).digest()
        return hashlib.sha256(octets).digest()


_CODES = {HashFunction.BLAKE3: 0x1E, HashFunction.SHA2_256: 0x12}
HASH_FUNCTIONS = {code: function for function, code in _CODES.items()}
"""Hash functions by multihash code."""


class Codec(IntEnum):
    """What a block's octets are."""

    RAW = 0x55
    DAG_PB = 0x70


_CODECS = {int(codec): codec for codec in Codec}


@total_ordering
@dataclass(frozen=True, slots=True)
class Cid:
    """A CIDv1; ordered by its binary form."""

    codec: Codec
    hash_function: HashFunction
    digest: bytes
    """32 octets."""

    @classmethod
    def of(cls, codec: Codec, hash_function: HashFunction, octets: Buffer) -> Cid:
        """Hash ``octets`` into their CID."""
        return cls(codec, hash_function, hash_function.digest(octets))

    def to_bytes(self) -> bytes:
        """Return the binary form, 36 octets."""
        return bytes((1, self.codec, self.hash_function.code, DIGEST_SIZE)) + self.digest

    @classmethod
    def from_bytes(cls, octets: Buffer) -> Cid:
        """Parse the binary form.

        Raises:
            UsageError: not a CIDv1 of a kind that is used here.
        """
        raw = bytes(octets)
        if len(raw) != CID_SIZE or raw[0] != 1 or raw[3] != DIGEST_SIZE:
            raise UsageError("this is not a CIDv1 with a 32-octet digest")
        if raw[1] not in _CODECS or raw[2] not in HASH_FUNCTIONS:
            raise UsageError("this CID has a codec or hash that is not used here")
        return cls(_CODECS[raw[1]], HASH_FUNCTIONS[raw[2]], raw[4:])

    def __lt__(self, other: Cid) -> bool:
        """Tell whether the binary form comes first."""
        return self.to_bytes() < other.to_bytes()

    def __str__(self) -> str:
        """Return the text form: base32, lower case, 59 characters."""
        return "b" + base64.b32encode(self.to_bytes()).decode().lower().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Parse the text form.

        Raises:
            UsageError: not a CIDv1 of a kind that is used here.
        """
        if len(text) != _TEXT_SIZE or not text.startswith("b") or text != text.lower() or not text.isascii():
            raise UsageError("this is not a CID", "A CID has 59 characters and begins with b.")
        try:
            octets = base64.b32decode(text[1:].upper() + "======")
        except ValueError as exc:
            raise UsageError("this is not a CID", "A CID has 59 characters and begins with b.") from exc
        cid = cls.from_bytes(octets)
        if str(cid) != text:
            raise UsageError("this CID is not in its canonical form")
        return cid
