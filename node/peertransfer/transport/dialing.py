"""Several addresses of one peer: which one is used? The first that leads to a muxed connection.

It opens and upgrades nothing itself. The library waits 250 ms after each dial, even one that succeeded at
once; here the next address is tried after 250 ms, or as soon as one failed.
Spec: https://www.rfc-editor.org/rfc/rfc8305 (in spirit: what counts is the peer, not the TCP connection)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from peertransfer.errors import PeertransferError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from peertransfer.transport.multiaddrs import TcpAddr

T = TypeVar("T")

STAGGER_SECONDS = 0.25
"""Between the starts of two attempts (RFC 8305, "Connection Attempt Delay")."""
MAX_ADDRS = 16
"""Addresses tried of one peer; whoever claims more is only making us dial."""


async def first_to_answer(
    addrs: Sequence[TcpAddr],
    attempt: Callable[[TcpAddr], Awaitable[T]],
    discard: Callable[[T], Awaitable[None]],
) -> tuple[list[T], list[PeertransferError]]:
    """Try the addresses, staggered; return the first success, if there is one, and why others failed.

    ``attempt`` must end by itself. ``discard`` gets what succeeded too late.
    """
    winners: list[T] = []
    failures: list[PeertransferError] = []
    async with trio.open_nursery() as nursery:

        async def run(addr: TcpAddr, has_ended: trio.Event) -> None:
            try:
                found = await attempt(addr)
            except PeertransferError as error:
                failures.append(error)
                has_ended.set()
                return
            if winners:
                await discard(found)
                return
            winners.append(found)
            nursery.cancel_scope.cancel()

        for addr in addrs[:MAX_ADDRS]:
            has_ended = trio.Event()
            nursery.start_soon(run, addr, has_ended)
            with trio.move_on_after(STAGGER_SECONDS):
                await has_ended.wait()
    return winners, failures
