"""How long may the peer of an inbound stream take over its next request?

Silence between requests is one thing, a request that comes octet by octet another: each has a limit of its
own. It reads no frame. Spec: RELIABILITY.md B9; docs/transport.md, "Limits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.net.peer_stream import PeerStream

READ_SIZE = 65_536


def _never() -> bool:
    return False


class Patience:
    """The waits on one inbound stream."""

    def __init__(self, stream: PeerStream) -> None:
        self._stream = stream
        self._allowance = stream.allowance
        self._asked_at: float | None = None
        """Since when we wait for the rest of a request."""
        self._answered_at = float("-inf")
        self.is_granted = False
        """Whether the peer has proven that it may be here."""

    def note_answer(self) -> None:
        """Note that the peer got an answer: it may think about it as long as after any word of its own."""
        self._answered_at = trio.current_time()

    async def receive(self, *, in_request: bool, is_owed: Callable[[], bool] = _never) -> bytes:
        """Read some octets; none at the end.

        Args:
            in_request: whether a request began to come and is not whole yet.
            is_owed: tells whether the peer waits for an answer of ours, and so has no reason to speak.

        Raises:
            StreamLostError: the stream, or its connection, broke.
            PeerTimeoutError: the next request, or the rest of this one, did not come in time.
        """
        begun_at = trio.current_time()
        if not in_request or self._asked_at is None:
            self._asked_at = begun_at if in_request else None
        while True:
            name = self._limit()
            seconds = getattr(self._allowance.limits, name)
            since = max(begun_at, self._answered_at) if self._asked_at is None else self._asked_at
            with trio.move_on_at(since + seconds) as wait:
                octets = await self._stream.receive(READ_SIZE)
            if not wait.cancelled_caught:
                return octets
            if self._asked_at is None and is_owed():
                self.note_answer()
            elif name == self._limit() and (self._asked_at is not None or self._answered_at <= since):
                self._allowance.reach(name)
                raise PeerTimeoutError("The peer is silent", peer=self._stream.peer_id)

    def _limit(self) -> str:
        if self._asked_at is not None:
            return "request_seconds"
        return "idle_grant_seconds" if self.is_granted else "idle_seconds"
