"""Identify, both sides: what a peer says of itself, and our answer as somebody else decided it.

It decides nothing: the answer is a sealed frame or none, and without one the stream is reset at once (fact
17 and G3: the library fails open, and silence delays go's other streams by seconds). Nothing is pushed.
Spec: https://github.com/libp2p/specs/tree/master/identify
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeerTimeoutError, ReachError, RemoteError, RemoteProtocolError
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.identify_codec import MAX_IDENTIFY, IdentifyMessage, decode_identify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.net.peer_stream import PeerStream

IDENTIFY = "/ipfs/id/1.0.0"
IDENTIFY_PUSH = "/ipfs/id/push/1.0.0"
IDENTIFY_SECONDS = 5.0
FAREWELL_SECONDS = 0.1
"""js-libp2p (3.3) drops an answer whose end is there before it has read the agreement on the protocol, and
never asks again; go reads to the end and waits for it."""


async def answer(
    stream: PeerStream,
    supplier: Callable[[str, bytes | None], Awaitable[SealedFrame | None]] | None,
    observed_addr: bytes | None,
) -> None:
    """Answer a peer that asks who we are, with what was let out for it, or not at all."""
    await stream.take_request()
    frame = await supplier(stream.peer_id, observed_addr) if supplier is not None else None
    if frame is None:
        await stream.reset()
        return
    await stream.send(frame, stall_seconds=IDENTIFY_SECONDS)
    with trio.move_on_after(FAREWELL_SECONDS), contextlib.suppress(ReachError, RemoteError):
        await stream.receive()
    await stream.aclose()


async def read_identify(stream: PeerStream) -> IdentifyMessage:
    """Read what a peer says of itself: its first message; go sends signed records in later ones.

    Raises:
        RemoteProtocolError: malformed, over a limit, or nothing at all.
        PeerTimeoutError: it takes longer than ``IDENTIFY_SECONDS`` over it.
    """
    with trio.move_on_after(IDENTIFY_SECONDS):
        return await _read(stream)
    raise PeerTimeoutError("The peer says too slowly who it is", peer=stream.peer_id)


async def _read(stream: PeerStream) -> IdentifyMessage:
    reader = FrameReader(MAX_IDENTIFY)
    while True:
        octets = await stream.receive(MAX_IDENTIFY)
        if not octets:
            raise RemoteProtocolError("The peer says nothing of itself", peer=stream.peer_id)
        reader.receive_data(octets)
        frame = reader.next_frame()
        if frame is not None:
            return decode_identify(frame)
