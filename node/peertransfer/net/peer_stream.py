"""One stream to one peer: the only place of this node that writes what a view became.

It refuses a frame that was sealed for somebody else, and decides nothing beyond that. Spec:
ARCHITECTURE.md 3.2; deadlines: RELIABILITY.md, limits table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.disclosure.audience import Anyone, Audience, OnePeer
from peertransfer.errors import AudienceMismatchError, DisclosureError, PeerTimeoutError
from peertransfer.net.pace import Pace
from peertransfer.net.translate import stream_errors, teardown_errors
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.multiaddrs import peer_id_octets

if TYPE_CHECKING:
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.transport.answer_memory import Held
    from peertransfer.transport.muxed_stream import MuxedStream
    from peertransfer.transport.swarm_stream import SwarmStream

IDLE_SECONDS = 3600.0
"""Where the caller names no shorter wait."""
CLOSE_SECONDS = 5.0


class PeerStream:
    """A libp2p stream, and what its peer has proven on it."""

    def __init__(
        self,
        stream: SwarmStream | MuxedStream,
        protocol_id: str,
        allowance: Allowance | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._stream = stream
        self.allowance = allowance or Allowance()
        self._pace = pace or Pace(self.allowance)
        self._carries_transfer = False
        self.peer_id = stream.peer_id
        self.peer_id_bytes = peer_id_octets(stream.peer_id)
        self.protocol_id = protocol_id
        self.proven: set[Audience] = {OnePeer(stream.peer_id), Anyone()}
        """All audiences to which the peer has proven to belong."""
        self.tally = stream.tally
        """Octets of all streams of this node's own protocols on this connection."""
        self._sending = trio.Lock()
        self._is_closed = False

    def prove(self, audience: Audience) -> None:
        """Note that the peer has proven to belong to ``audience``.

        Raises:
            DisclosureError: it is another peer's own audience, to which nobody else can belong.
        """
        if isinstance(audience, OnePeer) and audience.peer_id != self.peer_id:
            raise DisclosureError("a peer was about to be taken for another one")
        self.proven.add(audience)

    def carry_transfer(self) -> None:
        """Note that this stream carries a transfer: its connection is closed for no newcomer meanwhile."""
        if not (self._carries_transfer or self._is_closed):
            self._carries_transfer = self.tally.has_transferred = True
            self.tally.transfers += 1

    async def take_request(self) -> None:
        """Wait until the peer may make one more request."""
        await self._pace.take(self.peer_id)

    def may_hold(self, size: int) -> bool:
        """Tell whether ``size`` octets for answers can be had at once."""
        return self._stream.answers.may_have(size)

    async def hold(self, size: int) -> Held:
        """Wait for memory for answers of ``size`` octets; whoever gets it gives it back."""
        return await self._stream.answers.take(size)

    async def send(self, frame: SealedFrame, *, stall_seconds: float | None = None) -> None:
        """Have head and body of a frame sent; whole frames go in the order of the calls.

        It returns while the last MiB may still wait to leave; the body must not change any more.
        ``stall_seconds`` is the time over which the peer must keep the least rate, by default the limit's.

        Raises:
            AudienceMismatchError: it is sealed for somebody to whom this peer has not proven to belong.
            StreamLostError: the stream is over.
            PeerTimeoutError: the peer took less than the least rate.
        """
        if frame.audience not in self.proven:
            raise AudienceMismatchError(f"A frame for {frame.audience} was about to go to {self.peer_id}")
        pieces: list[bytes | memoryview] = [frame.head, *frame.body]
        patience = self.allowance.limits.stall_seconds if stall_seconds is None else stall_seconds
        async with self._sending:
            try:
                with stream_errors(self.peer_id):
                    await self._stream.write_pieces(pieces, patience)
            except trio.TooSlowError as exc:
                raise PeerTimeoutError("The peer takes nothing", peer=self.peer_id) from exc
        self.tally.sent += sum(map(len, pieces))
        self._pace.pay(self.peer_id, sum(map(len, frame.body)))

    async def receive_pieces(
        self, max_octets: int = 65_536, *, idle_seconds: float = IDLE_SECONDS
    ) -> list[memoryview]:
        """Read some octets, in the pieces in which they came; none at the end that the peer made.

        Raises:
            StreamLostError: the stream, or its connection, broke.
            PeerTimeoutError: nothing came for ``idle_seconds``.
        """
        with trio.move_on_after(idle_seconds), stream_errors(self.peer_id):
            pieces = await self._stream.read_pieces(max_octets)
            self.tally.received += sum(map(len, pieces))
            return pieces
        raise PeerTimeoutError("The peer is silent", peer=self.peer_id)

    async def receive_into(self, memory: memoryview, *, idle_seconds: float = IDLE_SECONDS) -> int:
        """Fill ``memory``; return how many octets came: fewer at the end, or where no more did in time.

        Raises:
            StreamLostError: the stream, or its connection, broke.
            PeerTimeoutError: nothing came for ``idle_seconds``.
        """
        begun_at = trio.current_time()
        with stream_errors(self.peer_id):
            count = await self._stream.read_into(memory, idle_seconds)
        if not count and trio.current_time() >= begun_at + idle_seconds:
            raise PeerTimeoutError("The peer is silent", peer=self.peer_id)
        self.tally.received += count
        return count

    async def receive(self, max_octets: int = 65_536, *, idle_seconds: float = IDLE_SECONDS) -> bytes:
        """Read some octets; see ``receive_pieces``."""
        return b"".join(await self.receive_pieces(max_octets, idle_seconds=idle_seconds))

    async def close_write(self) -> None:
        """Say that nothing more comes from us; what the peer sends can still be read."""
        with stream_errors(self.peer_id):
            await self._stream.close_write()

    async def aclose(self) -> None:
        """Close the stream; again: nothing. Whoever is cancelled meanwhile leaves it reset."""
        if self._is_closed:
            return
        self._finish()
        is_clean = False
        try:
            with teardown_errors():
                await self._stream.close()
                is_clean = True
        finally:
            if not is_clean:
                await self._reset()

    async def reset(self) -> None:
        """Break the stream off; after a close: nothing."""
        if not self._is_closed:
            self._finish()
            await self._reset()

    def _finish(self) -> None:
        self._is_closed = True
        self.tally.transfers -= self._carries_transfer

    async def _reset(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS), teardown_errors():
            await self._stream.reset()
