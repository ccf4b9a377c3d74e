"""Where does one frame end? Varint lengths, frames, and the raw octets that follow some frames.

It does not look inside a frame (``wire.exchange_codec``, ``wire.kad_codec``) and keeps no protocol
state (``exchange``). Spec: docs/protocol.md, "Framing".

Strategy: received pieces wait in a queue and are copied once, into a target of exactly the size that
the length prefix (or the Blocks header) named, after that size was checked. So a length is refused
before memory is taken, and octets that come one at a time cost the same as those that come at once.
"""

from __future__ import annotations

from collections import deque

from peertransfer.content.memory import LeafMemory
from peertransfer.errors import LocalProtocolError, RemoteProtocolError

MAX_FRAME = 1 << 16
"""Octets of a control frame: a page of openings fits, a megabyte does not."""
MAX_BODY = 1 << 20
"""Raw octets that may follow one frame: one leaf."""
MAX_KEPT = 14
"""Memories of whole leaves that are used again: for those under way, and one that is being filled."""

_MORE = 0x80
_BITS = 0x7F


def encode_varint(number: int) -> bytes:
    """Encode ``number`` (not negative) as an unsigned varint in its shortest form."""
    octets = bytearray()
    while number > _BITS:
        octets.append(number & _BITS | _MORE)
        number >>= 7
    octets.append(number)
    return bytes(octets)


class FrameReader:
    """Cuts a stream of octets into frames, and raw bodies where the caller asks for them.

    The caller takes all that is there before it gives more: unread octets over one frame and one body
    are our own bug.
    """

    __slots__ = (
        "_bodies",
        "_filled",
        "_is_body",
        "_length",
        "_length_limit",
        "_max_frame",
        "_pieces",
        "_target",
        "_unread",
    )

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max_frame = max_frame
        self._length_limit = len(encode_varint(max_frame))
        self._pieces: deque[memoryview] = deque()
        self._unread = 0
        self._length = bytearray()
        self._target: memoryview | None = None
        self._is_body = False
        """Whether the target is one."""
        self._filled = 0
        self._bodies = LeafMemory(MAX_KEPT)

    @property
    def is_between_frames(self) -> bool:
        """Whether nothing of a next frame or body has arrived."""
        return not self._unread and not self._length and self._target is None

    @property
    def buffered_size(self) -> int:
        """Octets held: unread ones, and the frame or body being filled."""
        return self._unread + len(self._length) + (0 if self._target is None else len(self._target))

    def receive_data(self, octets: bytes | bytearray | memoryview) -> None:
        """Take octets as they arrived, in a piece of any size.

        Raises:
            LocalProtocolError: the caller gives more without having taken what is there.
        """
        if self._unread > self._max_frame + MAX_BODY:
            raise LocalProtocolError("more octets were given before the frames were taken", "drain first")
        piece = memoryview(octets)
        if not piece.readonly:
            piece = memoryview(bytes(octets))
        if piece:
            self._pieces.append(piece)
            self._unread += len(piece)

    def next_frame(self) -> bytes | None:
        """Return the next whole frame without its length, or ``None``: more octets are needed.

        Raises:
            RemoteProtocolError: the length is over the limit or not in its shortest form.
        """
        if self._target is None:
            size = self._next_length()
            if size is None:
                return None
            self._target = memoryview(bytearray(size))
        frame = self._fill(self._target)
        return None if frame is None else bytes(frame)

    def next_body(self, size: int) -> memoryview | None:
        """Return the ``size`` raw octets that follow the last frame, or ``None``: more are needed.

        The caller asks again with the same ``size`` until it gets them.

        Raises:
            LocalProtocolError: ``size`` is over ``MAX_BODY``; the caller must check it first.
        """
        if self._target is None:
            if size > MAX_BODY:
                raise LocalProtocolError("a raw body over the limit was asked for", "check the size first")
            self._target = self._bodies.of_size(size)
            self._is_body = True
        body = self._fill(self._target)
        return None if body is None else body.toreadonly()

    @property
    def body_room(self) -> memoryview | None:
        """Where the rest of a body that was asked for belongs: fill it from the front, then ``note_filled``.

        ``None`` where no body was asked for, or what was received before is still to be taken.
        """
        if self._target is None or not self._is_body or self._pieces:
            return None
        return self._target[self._filled :]

    def note_filled(self, count: int) -> None:
        """Note that ``count`` octets were put at the front of ``body_room``."""
        self._filled += count

    def _next_length(self) -> int | None:
        while self._pieces:
            octet = self._take(1)[0]
            self._length.append(octet)
            if octet & _MORE:
                if len(self._length) == self._length_limit:
                    raise RemoteProtocolError("a frame's length prefix is too long")
                continue
            if not octet and len(self._length) > 1:
                raise RemoteProtocolError("a frame's length is not in its shortest form")
            size = sum((part & _BITS) << 7 * place for place, part in enumerate(self._length))
            if size > self._max_frame:
                raise RemoteProtocolError(f"a frame of {size} octets is over the limit")
            self._length.clear()
            return size
        return None

    def _fill(self, target: memoryview) -> memoryview | None:
        while self._filled < len(target) and self._pieces:
            part = self._take(len(target) - self._filled)
            # Into a view: a bytearray would make a copy of the part first.
            target[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
        if self._filled < len(target):
            return None
        self._target = None
        self._is_body = False
        self._filled = 0
        return target

    def _take(self, size: int) -> memoryview:
        piece = self._pieces.popleft()
        part = piece[:size]
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
        self._unread -= len(part)
        return part
