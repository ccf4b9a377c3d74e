"""Which protocol does a stream speak? multistream-select, as little of it as streams need.

It chooses no handler (``net.host``). Before the upgrade the library's own negotiation runs (below a
budget, ``transport.raw``); on streams it would take messages of any length, and answer ``ls`` with every
protocol of this host, past the policy. Here a message has at most 1 KiB and ``ls`` is just an unknown
protocol.
Spec: https://github.com/multiformats/multistream-select
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peertransfer.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Container


class DuplexStream(Protocol):
    """What a negotiation needs of a stream."""

    async def read(self, n: int) -> bytes:
        """Return up to ``n`` octets."""

    async def write(self, octets: bytes) -> None:
        """Write all of ``octets``."""


HEADER = "/multistream/1.0.0"
NOT_AVAILABLE = "na"
MAX_MESSAGE = 1024
"""Octets of a message, its end included; protocol IDs have less than a hundred."""
MAX_PROPOSALS = 16
"""A peer that guesses more often than this on one stream is only probing."""


async def accept_protocol(stream: DuplexStream, protocols: Container[str]) -> str:
    """Answer a peer's proposals on its new stream until one of ``protocols`` is among them.

    Returns:
        The protocol; empty where the peer ended the stream because none of its proposals is among them.

    Raises:
        RemoteProtocolError: malformed, or too many proposals in vain.
    """
    await stream.write(_message(HEADER))
    if await _read(stream) != HEADER:
        raise RemoteProtocolError("a stream did not begin with multistream-select")
    for number in range(MAX_PROPOSALS):
        first = await stream.read(1)
        if number and not first:
            return ""
        proposal = await _read(stream, first)
        if proposal in protocols:
            await stream.write(_message(proposal))
            return proposal
        await stream.write(_message(NOT_AVAILABLE))
    raise RemoteProtocolError("a peer proposed too many protocols")


async def propose_protocol(stream: DuplexStream, protocol_id: str) -> None:
    """Ask on our new stream for a protocol; header and proposal go together, to save a round trip.

    Raises:
        RemoteProtocolError: malformed, or the peer does not speak the protocol.
    """
    await stream.write(_message(HEADER) + _message(protocol_id))
    if await _read(stream) != HEADER:
        raise RemoteProtocolError("the peer did not answer with multistream-select")
    if await _read(stream) != protocol_id:
        raise RemoteProtocolError(f"the peer does not speak {protocol_id}")


def _message(text: str) -> bytes:
    octets = text.encode() + b"\n"
    size = len(octets)
    head = [size] if size < 0x80 else [size & 0x7F | 0x80, size >> 7]  # noqa: PLR2004 - seven bits an octet
    return bytes(head) + octets


async def _read(stream: DuplexStream, first: bytes = b"") -> str:
    size = first[0] if first else await _octet(stream)
    if size & 0x80:
        size = size & 0x7F | await _octet(stream) << 7
    if not 0 < size <= MAX_MESSAGE:
        raise RemoteProtocolError("a multistream-select message has a length that none has")
    octets = bytearray()
    while len(octets) < size:
        piece = await stream.read(size - len(octets))
        if not piece:
            raise RemoteProtocolError("a stream ended in a multistream-select message")
        octets += piece
    if octets[-1:] != b"\n" or not octets.isascii():
        raise RemoteProtocolError("a multistream-select message is malformed")
    return octets[:-1].decode("ascii")


async def _octet(stream: DuplexStream) -> int:
    octets = await stream.read(1)
    if not octets:
        raise RemoteProtocolError("a stream ended before multistream-select")
    return octets[0]
