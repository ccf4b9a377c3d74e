"""What does a yamux frame look like? Twelve octets of header, and for data what follows.

Plain numbers, because these lines run for every frame.
Spec: https://github.com/hashicorp/yamux/blob/master/spec.md
"""

from __future__ import annotations

import struct

HEADER_SIZE = 12
VERSION = 0

DATA = 0
WINDOW_UPDATE = 1
PING = 2
GO_AWAY = 3

SYN = 1
ACK = 2
FIN = 4
RST = 8

NORMAL = 0
PROTOCOL_ERROR = 1

INITIAL_WINDOW = 1 << 18
"""Octets that each side may send on a new stream."""
MAX_WINDOW = (1 << 32) - 1

_HEADER = struct.Struct(">BBHII")
unpack_header = _HEADER.unpack_from
"""Return version, kind, flags, stream ID, and length, from a buffer and a place in it."""


def pack_header(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """Return a header; ``length`` counts octets of data, or is the number that the kind carries."""
    return _HEADER.pack(VERSION, kind, flags, stream_id, length)
