"""Noise transport messages in bulk: how do octets become records, and records octets again?

It does no I/O (``transport.wire``) and no handshake (the library's ``PatternXX`` does). A record is two
octets of length, then the ciphertext with its tag, under a nonce that counts up.
Spec: https://github.com/libp2p/specs/blob/master/noise/README.md, "Wire Format"

Strategy: many records are sealed into one buffer, so that one system call sends about a MiB; it is used again
while octets flow, because fresh memory costs as much as the cipher. On the way in each record is opened into
octets of its own, of which a reader can keep a part without keeping a MiB alive.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer

HEAD_SIZE = 2
TAG_SIZE = 16
MAX_PLAINTEXT = 65_535 - TAG_SIZE

_nonce = struct.Struct("<4xQ").pack


class RecordSealer:
    """One direction of a connection, outward."""

    def __init__(self, key: bytes, counter: int = 0) -> None:
        """Go on from a handshake.

        Args:
            key: 32 octets.
            counter: the nonce of the first record.
        """
        self._cipher = ChaCha20Poly1305(key)
        self._counter = counter
        self._plain = bytearray()
        self._records = bytearray()

    def seal(self, pieces: Sequence[Buffer]) -> memoryview:
        """Return the records that hold ``pieces``, one after the other; they hold until the next call."""
        size = self._gather(pieces)
        count = -(-size // MAX_PLAINTEXT)
        total = size + count * (HEAD_SIZE + TAG_SIZE)
        if len(self._records) < total:
            self._records = bytearray(total)
        plain, records = memoryview(self._plain), memoryview(self._records)
        at = 0
        for start in range(0, size, MAX_PLAINTEXT):
            piece = plain[start : min(start + MAX_PLAINTEXT, size)]
            sealed = len(piece) + TAG_SIZE
            records[at] = sealed >> 8
            records[at + 1] = sealed & 0xFF
            end = at + HEAD_SIZE + sealed
            self._cipher.encrypt_into(_nonce(self._counter), piece, None, records[at + HEAD_SIZE : end])
            self._counter += 1
            at = end
        return records[:total]

    def let_go(self) -> None:
        """Give the memory back: nothing more is to be sealed for now."""
        self._plain = bytearray()
        self._records = bytearray()

    def _gather(self, pieces: Sequence[Buffer]) -> int:
        size = sum(map(len, pieces))
        if len(self._plain) < size:
            self._plain = bytearray(size)
        plain = memoryview(self._plain)
        at = 0
        for piece in pieces:
            end = at + len(piece)
            plain[at:end] = piece
            at = end
        return size


class RecordOpener:
    """One direction of a connection, inward."""

    def __init__(self, key: bytes, counter: int = 0) -> None:
        """Go on from a handshake; see ``RecordSealer``."""
        self._cipher = ChaCha20Poly1305(key)
        self._counter = counter
        self._rest = bytearray()
        """The beginning of a record: less than one."""

    def open(self, octets: Buffer) -> list[bytes]:
        """Return what is in the records that are whole now; empty ones are left out.

        Raises:
            RemoteProtocolError: a record was changed on its way, or is too short to be one.
        """
        view = memoryview(octets)
        plain: list[bytes] = []
        at = self._complete(view, plain) if self._rest else 0
        size = len(view)
        while size - at >= HEAD_SIZE:
            end = at + HEAD_SIZE + (view[at] << 8 | view[at + 1])
            if end > size:
                break
            self._open(view[at + HEAD_SIZE : end], plain)
            at = end
        self._rest += view[at:]
        return plain

    def _complete(self, view: memoryview, plain: list[bytes]) -> int:
        """Open the record of which the beginning came before; return where the next one begins."""
        taken = 0
        if len(self._rest) < HEAD_SIZE:
            taken = HEAD_SIZE - len(self._rest)
            self._rest += view[:taken]
            if len(self._rest) < HEAD_SIZE:
                return len(view)
        missing = HEAD_SIZE + (self._rest[0] << 8 | self._rest[1]) - len(self._rest)
        self._rest += view[taken : taken + missing]
        taken += missing
        if taken > len(view):
            return len(view)
        self._open(memoryview(self._rest)[HEAD_SIZE:], plain)
        self._rest = bytearray()
        return taken

    def _open(self, record: memoryview, plain: list[bytes]) -> None:
        try:
            octets = self._cipher.decrypt(_nonce(self._counter), record, None)
        except (InvalidTag, ValueError) as exc:
            raise RemoteProtocolError("a record was changed on its way") from exc
        self._counter += 1
        if octets:
            plain.append(octets)
