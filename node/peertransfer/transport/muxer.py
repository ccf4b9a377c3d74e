"""The library's yamux with what a long-lived node needs of it: for ``transport = "library"`` in the config.

It reads and writes no stream (``transport.muxed_stream``). It is slower than our own connection and there to
place a fault. What ``Muxer`` changes:

- frames are written by one task, so that a cancelled writer never leaves half of an encrypted message
  behind, which would end the whole connection;
- windows grow within a bound, and a peer that sends past them loses the connection (fact 1);
- a peer has at most ``streams_per_connection`` streams open (fact 6);
- what had arrived when a connection ended can still be read, and a clean end is told from a lost one.

Spec: https://github.com/hashicorp/yamux/blob/master/spec.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from libp2p.io.exceptions import IncompleteReadError
from libp2p.network.connection.exceptions import RawConnError
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux

from peertransfer.transport.allowance import PoolShare
from peertransfer.transport.answer_memory import AnswerMemory
from peertransfer.transport.barrier import CrashBarrier
from peertransfer.transport.ending import Ending, EndReason
from peertransfer.transport.tally import Tally

if TYPE_CHECKING:
    from libp2p.abc import IMuxedStream, ISecureConn
    from libp2p.peer.id import ID

    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.multiaddrs import TcpAddr
    from peertransfer.transport.raw import RawConn

__all__ = ["YAMUX", "Muxer"]


QUEUED_FRAMES = 16
"""Frames that wait for the socket: about 1 MiB."""
BODY_SECONDS = 30.0
"""A frame whose next octets do not come for so long ends the connection."""
CLOSE_SECONDS = 1.0
"""What is queued gets so long to leave when we hang up."""
_NO_GROWTH_SECONDS = 1e-9
_SLACK = 1 << 16
"""Per stream, over twice its window: what the library's credit may run ahead."""


class Muxer(Yamux):
    """A multiplexed connection to one peer."""

    def __init__(self, secured: ISecureConn, peer_id: ID, raw: RawConn, allowance: Allowance) -> None:
        super().__init__(secured, peer_id, is_initiator=secured.is_initiator, on_close=_nothing)
        self.raw = raw
        """The TCP connection below."""
        self._frames_in, self._frames_out = trio.open_memory_channel[bytes | trio.Event](QUEUED_FRAMES)
        self.tally = Tally()
        self.ending = Ending()
        """What the library's own yamux ends a connection for is told as that the peer hung up."""
        self.allowance = allowance
        self._to_send = PoolShare(allowance.to_send)
        self.answers = AnswerMemory(self._to_send, allowance)
        self._leftovers: dict[int, bytearray] = {}
        self._finished: set[int] = set()

    async def start(self) -> None:
        """Run until the connection ends."""
        barrier = CrashBarrier("connection_crashed", str(self.peer_id))
        with barrier:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_frames)
                await super().start()
                nursery.cancel_scope.cancel()
        self._frames_out.close()
        if not self.is_closed:
            await self._cleanup_on_error()
        self._be_over(EndReason.CRASHED if barrier.is_crashed else EndReason.PEER_HUNG_UP)

    async def close(self, error_code: int = 0) -> None:
        """Hang up after what was written left; without GO_AWAY, which says no more than the end does."""
        self.ending.note(EndReason.PEER_HUNG_UP if self.event_shutting_down.is_set() else EndReason.HUNG_UP)
        self._keep_unread()
        with trio.move_on_after(CLOSE_SECONDS):
            await self._flush()
        await self.raw.close()
        self._frames_in.close()
        await super().close(error_code)
        self._be_over(EndReason.HUNG_UP)

    async def abandon(self) -> None:
        """Close what was never started."""
        await self.raw.close()
        self._be_over(EndReason.TURNED_AWAY)

    def _be_over(self, reason: EndReason) -> None:
        self._to_send.give_all()
        self.ending.be_over(reason)

    @property
    def remote(self) -> TcpAddr:
        """The address of the other end."""
        return self.raw.remote

    @property
    def round_trip_seconds(self) -> float:
        """The round trip as pings measure it; 0 where none was measured yet."""
        return float(self._rtt)

    @property
    def may_grow(self) -> bool:
        """Whether a stream's window may double."""
        grown = 2 * sum(one.target_recv_window for one in self.streams.values())
        return grown <= self.allowance.limits.windows_per_connection

    def rtt(self) -> float:
        """Tell the library's own streams so short a round trip that their windows never grow."""
        return _NO_GROWTH_SECONDS

    def rest_of(self, inner: Any) -> bytes | None:
        """Return what is left of a stream that can't be read any more.

        The library tells a reset, and the end of the connection, as if the peer had finished.

        Returns:
            Octets that had arrived before the connection ended; ``b""`` at the end that the peer made;
            ``None`` where the stream was lost.
        """
        unread = self._leftovers.pop(inner.stream_id, None)
        if unread:
            return bytes(unread)
        if self.event_shutting_down.is_set():
            return b"" if inner.stream_id in self._finished else None
        return b"" if inner.recv_closed and not inner.reset_received else None

    async def accept_stream(self) -> IMuxedStream:
        """Return the next stream that the peer opens; one too many is reset."""
        while True:
            stream = await super().accept_stream()
            open_now = sum(not one.is_initiator and not one.closed for one in self.streams.values())
            if open_now <= self.allowance.limits.streams_per_connection:
                return stream
            self.allowance.reach("streams_per_connection")
            await stream.reset()

    # --- inside the library ------------------------------------------------------------------------

    async def _write_frame(self, data: bytes) -> None:
        try:
            await self._frames_in.send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise RawConnError("connection closed") from None

    async def _write_frames(self) -> None:
        async for frame in self._frames_out:
            if isinstance(frame, trio.Event):
                frame.set()
            else:
                await self.secured_conn.write(frame)

    async def _flush(self) -> None:
        is_written = trio.Event()
        try:
            await self._frames_in.send(is_written)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        await is_written.wait()

    async def _read_data_body(self, length: int) -> bytes:
        if length > self._room():
            self.allowance.reach("window")
            self.ending.note(EndReason.BREACH, "a peer sends past a stream's window")
            await self._cleanup_on_error()
            raise trio.TooSlowError  # the one exception at which the library ends the connection
        body = bytearray()
        while len(body) < length:
            with trio.fail_after(BODY_SECONDS):
                piece = await self.secured_conn.read(min(length - len(body), _SLACK))
            if not piece:
                raise IncompleteReadError("the connection ended in a frame", length, len(body))
            body += piece
        return bytes(body)

    def _room(self) -> int:
        """Octets that may still come before somebody reads; for a new stream, one window more."""
        granted = sum(2 * one.target_recv_window + _SLACK for one in self.streams.values())
        buffered = sum(len(buffer) for buffer in self.stream_buffers.values())
        return granted - buffered + 4 * _SLACK

    def _keep_unread(self) -> None:
        for number, stream in self.streams.items():
            buffer = self.stream_buffers.get(number)
            if buffer:
                self._leftovers[number] = bytearray(buffer)
            if stream.recv_closed and not stream.reset_received:
                self._finished.add(number)

    async def _cleanup_on_error(self) -> None:
        self._keep_unread()
        await super()._cleanup_on_error()


async def _nothing() -> None:
    """Stand for a hook that the swarm replaces."""
