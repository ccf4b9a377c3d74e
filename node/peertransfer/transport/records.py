"""Noise transport messages in bulk: how do octets become records, and records octets again?

It does no I/O (``transport.wire``) and no handshake (the library's ``PatternXX`` does). A record is two
octets of length, then the ciphertext with its tag, under a nonce that counts up.
Spec: https://github.com/libp2p/specs/blob/master/noise/README.md, "Wire Format"

Strategy: many records are sealed into one buffer, so that one system call sends about a MiB; it is used again
while octets flow, because fresh memory costs as much as the cipher. Small pieces share a record, large ones
are sealed from where they lie. On the way in a record is opened into the memory of whoever waits for it,
where that is known; else into octets of its own, of which a reader can keep a part without keeping a MiB
alive.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer

HEAD_SIZE = 2
TAG_SIZE = 16
MAX_PLAINTEXT = 65_535 - TAG_SIZE
SMALL_SIZE = MAX_PLAINTEXT
"""Octets that are gathered into one record: what is larger is sealed from where it lies, without a copy."""

_nonce = struct.Struct("<4xQ").pack


class RecordChangedError(RemoteProtocolError):
    """A record is not what its sealer made: anybody on the way can have caused that, not the peer alone."""


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
        self._small = bytearray()
        self._records = bytearray()

    def seal(self, pieces: Sequence[Buffer]) -> memoryview:
        """Return the records that hold ``pieces``, one after the other; they hold until the next call."""
        self.make_room(pieces)
        gathered = memoryview(self._small)
        at = filled = 0
        for piece in pieces:
            view = memoryview(piece)
            if filled + len(view) <= SMALL_SIZE:
                gathered[filled : filled + len(view)] = view
                filled += len(view)
                continue
            at = self._seal(gathered[:filled], at)
            at = self._seal(view, at)
            filled = 0
        at = self._seal(gathered[:filled], at)
        return memoryview(self._records)[:at]

    def let_go(self) -> None:
        """Give the memory back: nothing more is to be sealed for now."""
        self._small = bytearray()
        self._records = bytearray()

    def make_room(self, pieces: Sequence[Buffer]) -> int:
        """Take the memory that sealing ``pieces`` needs; return how many octets are kept from now on."""
        size = sum(map(len, pieces))
        most = size + (HEAD_SIZE + TAG_SIZE) * (size // MAX_PLAINTEXT + 2 * len(pieces) + 1)
        if len(self._records) < most:
            self._records = bytearray(most)
        if len(self._small) < min(size, SMALL_SIZE):
            self._small = bytearray(min(size, SMALL_SIZE))
        return len(self._records) + len(self._small)

    def _seal(self, octets: memoryview, at: int) -> int:
        """Put the records of ``octets`` at a place of the buffer; return where the next one begins."""
        records = memoryview(self._records)
        for start in range(0, len(octets), MAX_PLAINTEXT):
            piece = octets[start : start + MAX_PLAINTEXT]
            sealed = len(piece) + TAG_SIZE
            records[at] = sealed >> 8
            records[at + 1] = sealed & 0xFF
            end = at + HEAD_SIZE + sealed
            self._cipher.encrypt_into(_nonce(self._counter), piece, None, records[at + HEAD_SIZE : end])
            self._counter += 1
            at = end
        return at


class Taker(Protocol):
    """Who takes what is in the records."""

    @property
    def appetite(self) -> int:
        """Octets that are worth taking from the socket at once now."""

    def room_for(self, size: int) -> memoryview | None:
        """Return where the next ``size`` octets belong, if that is known and room for all of them."""

    def take_placed(self, size: int) -> None:
        """Note that so many octets are where ``room_for`` said."""

    def take(self, octets: bytes) -> None:
        """Take the next octets, at least one."""


class RecordOpener:
    """One direction of a connection, inward."""

    def __init__(self, key: bytes, counter: int = 0) -> None:
        """Go on from a handshake; see ``RecordSealer``."""
        self._cipher = ChaCha20Poly1305(key)
        self._counter = counter
        self._rest = bytearray()
        """The beginning of a record: less than one."""

    def open_next(self, octets: memoryview, taker: Taker) -> int:
        """Open the first record of ``octets``, or keep them as the beginning of one.

        Returns:
            how many octets of ``octets`` that took; all of them where no whole record is left.

        Raises:
            RecordChangedError: a record was changed on its way, or is too short to be one.
        """
        if self._rest:
            return self._complete(octets, taker)
        if len(octets) >= HEAD_SIZE:
            end = HEAD_SIZE + (octets[0] << 8 | octets[1])
            if end <= len(octets):
                self._open(octets[HEAD_SIZE:end], taker)
                return end
        self._rest += octets
        return len(octets)

    def _complete(self, octets: memoryview, taker: Taker) -> int:
        """Open the record of which the beginning came before."""
        taken = self._fill(octets, HEAD_SIZE)
        if len(self._rest) < HEAD_SIZE:
            return taken
        size = HEAD_SIZE + (self._rest[0] << 8 | self._rest[1])
        taken += self._fill(octets[taken:], size)
        if len(self._rest) == size:
            record, self._rest = self._rest, bytearray()
            self._open(memoryview(record)[HEAD_SIZE:], taker)
        return taken

    def _fill(self, octets: memoryview, size: int) -> int:
        """Keep octets until ``size`` are kept; return how many that took."""
        missing = octets[: max(size - len(self._rest), 0)]
        self._rest += missing
        return len(missing)

    def _open(self, record: memoryview, taker: Taker) -> None:
        size = len(record) - TAG_SIZE
        room = taker.room_for(size) if size > 0 else None
        octets = b""
        try:
            if room is None:
                octets = self._cipher.decrypt(_nonce(self._counter), record, None)
            else:
                self._cipher.decrypt_into(_nonce(self._counter), record, None, room)
        except (InvalidTag, ValueError) as exc:
            raise RecordChangedError("a record was changed on its way") from exc
        self._counter += 1
        if room is not None:
            taker.take_placed(size)
        elif octets:
            taker.take(octets)
