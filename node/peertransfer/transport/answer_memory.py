"""Memory for answers that are read from disk and not handed over yet; whoever finds none waits for it.

It reads nothing (``service.read_ahead``). What was handed over counts as waiting to be sent from then on
(``transport.yamux_session``). Spec: docs/transport.md, "Limits", ``buffers``.

Strategy: a connection may always have one answer while the node has any memory left, and more by the rule of
quarters (``transport.allowance``); so no peer waits for its own first answer because of another's third.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.transport.allowance import Allowance, PoolShare


class Held:
    """Memory that was given for one answer, or for a few; what is left of it is given back by ``close``."""

    def __init__(self, share: PoolShare, size: int, close: Callable[[], None]) -> None:
        self._share = share
        self._close = close
        self._is_closed = False
        self.size = size
        """Octets."""
        share.take(size)

    def give(self, size: int) -> None:
        """Give back ``size`` octets, which are handed over now."""
        self.size -= size
        self._share.give(size)

    def close(self) -> None:
        """Give back what is left; again: nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._close()
            self.give(self.size)
            self._share.wake()

    def __enter__(self) -> Self:
        """Hold the memory within a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what is left."""
        self.close()


class AnswerMemory:
    """The answers of one connection."""

    def __init__(self, share: PoolShare, allowance: Allowance) -> None:
        """Start with none.

        Args:
            share: what the connection has of the node's memory for sending.
            allowance: counts how often somebody waited.
        """
        self._share = share
        self._allowance = allowance
        self._held_count = 0

    def may_have(self, size: int) -> bool:
        """Tell whether ``size`` octets can be had at once, beyond what is held."""
        return self._share.may_take(size)

    async def take(self, size: int) -> Held:
        """Wait until ``size`` octets can be had, and take them; whoever gets them closes them."""
        is_told = False
        while not self._share.may_take(size, is_first=not self._held_count):
            if not is_told:
                self._allowance.reach("buffers")
                is_told = True
            is_more = trio.Event()
            self._share.when_given(is_more.set)
            await is_more.wait()
        self._held_count += 1
        return Held(self._share, size, self._note_closed)

    def _note_closed(self) -> None:
        self._held_count -= 1
