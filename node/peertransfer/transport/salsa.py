"""XSalsa20 as a running stream: which octets come out, wherever the pieces are cut?

It does not know connections or nonces' way over the wire (``transport.pnet``), and authenticates
nothing: Noise does that above it.

Strategy: libsodium's ``crypto_stream_xsalsa20_xor_ic`` takes a block counter, so the rest of a begun
block is padded in front to the block's start, and what follows is worked on in place. PyNaCl has
no Python binding for it, but its shared object exports the symbol, and calls by ``ctypes`` release the
GIL. Where the symbol is missing, pycryptodome's Salsa20 under a key derived by HSalsa20 gives the same.

Spec: https://cr.yp.to/snuffle/xsalsa-20110204.pdf
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Protocol

from Crypto.Cipher import Salsa20
from nacl import _sodium  # noqa: PLC2701 - the shared object is the only way to its streaming XSalsa20

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_SIZE = 32
NONCE_SIZE = 24
_BLOCK = 64
_WORD = 0xFFFFFFFF
_SIGMA = b"expand 32-byte k"


class XSalsa20(Protocol):
    """A running key stream: each call goes on where the last one ended."""

    def xor(self, octets: memoryview) -> None:
        """Encrypt or decrypt the next ``octets``, in place."""


class SodiumXSalsa20:
    """XSalsa20 by the libsodium inside PyNaCl."""

    __slots__ = ("_function", "_key", "_nonce", "_offset")

    def __init__(self, key: bytes, nonce: bytes, function: Callable[..., int]) -> None:
        self._key = key
        self._nonce = nonce
        self._function = function
        self._offset = 0

    def xor(self, octets: memoryview) -> None:
        """Encrypt or decrypt the next ``octets``, in place."""
        size = len(octets)
        block, pad = divmod(self._offset, _BLOCK)
        start = min(_BLOCK - pad, size) if pad else 0
        if start:
            begun = memoryview(bytearray(pad) + octets[:start])
            self._run(begun, 0, block)
            octets[:start] = begun[pad:]
            block += 1
        if start < size:
            self._run(octets, start, block)
        self._offset += size

    def _run(self, octets: memoryview, start: int, block: int) -> None:
        at = ctypes.addressof(ctypes.c_char.from_buffer(octets, start))
        self._function(at, at, len(octets) - start, self._nonce, block, self._key)


class CryptodomeXSalsa20:
    """XSalsa20 by pycryptodome: Salsa20 with a derived key and the nonce's last 8 octets."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._cipher = Salsa20.new(key=hsalsa20(key, nonce[:16]), nonce=nonce[16:])

    def xor(self, octets: memoryview) -> None:
        """Encrypt or decrypt the next ``octets``, in place."""
        octets[:] = self._cipher.encrypt(bytes(octets))


def sodium_function() -> Callable[..., int] | None:
    """Return libsodium's function from PyNaCl's shared object, or ``None`` where it is not exported."""
    library = ctypes.CDLL(_sodium.__file__)
    try:
        function = library.crypto_stream_xsalsa20_xor_ic
    except AttributeError:
        return None
    target, source, size = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulonglong
    nonce, block, key = ctypes.c_char_p, ctypes.c_uint64, ctypes.c_char_p
    function.argtypes = [target, source, size, nonce, block, key]
    function.restype = ctypes.c_int
    return function


_FUNCTION = sodium_function()


def xsalsa20(key: bytes, nonce: bytes) -> XSalsa20:
    """Start a key stream from a ``key`` of 32 octets and a ``nonce`` of 24."""
    if len(key) != KEY_SIZE or len(nonce) != NONCE_SIZE:
        raise ValueError("XSalsa20 takes a key of 32 octets and a nonce of 24")
    if _FUNCTION is None:
        return CryptodomeXSalsa20(key, nonce)
    return SodiumXSalsa20(key, nonce, _FUNCTION)


def hsalsa20(key: bytes, nonce16: bytes) -> bytes:
    """Derive the Salsa20 key that stands for ``key`` and the first 16 octets of an XSalsa20 nonce."""
    c, k, n = struct.unpack("<4I", _SIGMA), struct.unpack("<8I", key), struct.unpack("<4I", nonce16)
    x = [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]
    for _ in range(10):
        for column in range(4):
            _quarter(x, *((column * 5 + step * 4) % 16 for step in range(4)))
        for row in range(4):
            _quarter(x, *(row * 4 + (row + step) % 4 for step in range(4)))
    return struct.pack("<8I", *(x[place] for place in (0, 5, 10, 15, 6, 7, 8, 9)))


def _quarter(x: list[int], a: int, b: int, c: int, d: int) -> None:
    """Apply Salsa20's quarter-round in place."""
    for target, first, second, turn in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
        total = x[first] + x[second] & _WORD
        x[target] ^= (total << turn | total >> 32 - turn) & _WORD
