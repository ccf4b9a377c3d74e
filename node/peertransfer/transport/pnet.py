"""A private network's cipher around a TCP connection: XSalsa20, as all libp2p implementations have it.

It authenticates nothing and is no membership check: Noise comes above it. The library's own wrapper is off
the spec (fact 7). Each side sends a nonce of 24 octets, then everything encrypted.
Spec: https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md

Strategy: with the same key, the first decrypted octets are those that open multistream-select; the first
mismatch tells that the key is another one, and the connection ends at once instead of hanging.
"""

from __future__ import annotations

import os
from typing import Any

from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.connection.raw_connection import RawConnection

from peertransfer.transport.salsa import NONCE_SIZE, XSalsa20, xsalsa20

GREETING = b"\x13/multistream/1.0.0\n"
"""What both sides say first."""


class PnetConnection(RawConnection):
    """A raw connection whose octets are encrypted under the network's key."""

    def __init__(self, inner: RawConnection, psk: bytes) -> None:
        super().__init__(inner.stream, inner.is_initiator)
        self._inner = inner
        self._psk = psk
        self._writer: XSalsa20 | None = None
        self._reader: XSalsa20 | None = None
        self._greeting = b""
        self.is_foreign = False
        """Whether the other side holds another key, or hung up as one does that finds ours to be another."""

    @property
    def is_greeted(self) -> bool:
        """Whether the other side has shown that it holds the same key."""
        return self._greeting == GREETING

    async def write(self, data: bytes) -> None:
        """Encrypt and write; the first write sends the nonce as well."""
        if self._writer is None:
            nonce = os.urandom(NONCE_SIZE)
            self._writer = xsalsa20(self._psk, nonce)
            await self._inner.write(nonce + self._writer.xor(data))
            return
        await self._inner.write(self._writer.xor(data))

    async def read(self, n: int | None = None) -> bytes:
        """Read and decrypt; the first read takes the nonce."""
        if self._reader is None:
            self._reader = xsalsa20(self._psk, await self._read_nonce())
        octets = await self._read_inner(n)
        if not octets:
            return b""
        plain = self._reader.xor(octets)
        if len(self._greeting) < len(GREETING):
            await self._check_greeting(plain)
        return plain

    async def close(self) -> None:
        """Close the connection."""
        await self._inner.close()

    def get_remote_address(self) -> Any:
        """Return the socket's remote address."""
        return self._inner.get_remote_address()

    async def _read_nonce(self) -> bytes:
        nonce = b""
        while len(nonce) < NONCE_SIZE:
            octets = await self._read_inner(NONCE_SIZE - len(nonce))
            if not octets:
                raise RawConnError("the peer hung up before it sent a nonce")
            nonce += octets
        return nonce

    async def _read_inner(self, n: int | None) -> bytes:
        """Read what is still encrypted; who ends before its greeting, by a reset as well, is foreign."""
        try:
            octets = await self._inner.read(n)
        except (RawConnError, ConnectionClosedError):
            self.is_foreign = self.is_foreign or not self.is_greeted
            raise
        if not octets:
            self.is_foreign = self.is_foreign or not self.is_greeted
        return octets

    async def _check_greeting(self, plain: bytes) -> None:
        self._greeting += plain[: len(GREETING) - len(self._greeting)]
        if not GREETING.startswith(self._greeting):
            self.is_foreign = True
            await self._inner.close()
            raise RawConnError("the peer holds another network key")
