"""A private network's pre-shared key, in the text form that all libp2p implementations read.

It encrypts nothing (``transport.pnet``). Spec: https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md
"""

from __future__ import annotations

import base64
import binascii

from peertransfer.errors import UsageError

PSK_SIZE = 32
HEADER = "/key/swarm/psk/1.0.0/"
MAX_FILE_SIZE = 4096
_MIN_DISTINCT = 8
"""Octets of 32 random ones that differ from each other: fewer happens once in 10^20 keys."""
_HINT = "A swarm.key file has three lines: /key/swarm/psk/1.0.0/, /base16/ and 64 hexadecimal digits."


def parse_swarm_key(text: str) -> bytes:
    """Return the 32 octets of a ``swarm.key`` file.

    Raises:
        UsageError: not such a file, a key of another length, or one that nobody drew at random.
    """
    lines = [line.strip() for line in text[:MAX_FILE_SIZE].strip().splitlines()]
    if len(lines) != 3 or lines[0] != HEADER:  # noqa: PLR2004 - header, encoding, key
        raise UsageError("This is not a swarm.key file", _HINT)
    key = _decode(lines[1], lines[2])
    if len(key) != PSK_SIZE:
        raise UsageError(f"This network key has {len(key)} octets, not {PSK_SIZE}", _HINT)
    if len(set(key)) < _MIN_DISTINCT:
        raise UsageError("This network key is not random", "Make one with: peertransfer network create")
    return key


def format_swarm_key(psk: bytes) -> str:
    """Return the text of a ``swarm.key`` file."""
    return f"{HEADER}\n/base16/\n{psk.hex()}\n"


def _decode(encoding: str, text: str) -> bytes:
    try:
        if encoding == "/base16/":
            return bytes.fromhex(text)
        if encoding == "/base64/":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        pass
    raise UsageError("This swarm.key file's key can't be read", _HINT) from None
