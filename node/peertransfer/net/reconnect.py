"""Keep bootstrap peers connected: dial, and dial again with back-off and jitter.

It chooses no peers and dials nobody else. Spec: RELIABILITY.md, limits table ("dial: backoff") and the
network faults of its matrix (1 s to 60 s, full jitter, at most one dial a second to a peer).
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeertransferError
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peertransfer.net.host import NetworkHost

log = logging.getLogger("peertransfer.net")

FIRST_SECONDS = 1.0
LAST_SECONDS = 60.0


def back_off(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row: full jitter under a doubling bound.

    Args:
        failures: at least 1.
        chance: random, 0 to 1.

    Returns:
        Seconds, never less than one: nobody is dialled more often.
    """
    bound = min(LAST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 16))
    return FIRST_SECONDS + chance * (bound - FIRST_SECONDS)


class Reconnector:
    """Keeps a host connected to some peers."""

    def __init__(
        self,
        host: NetworkHost,
        multiaddrs: Sequence[str],
        *,
        chance: Callable[[], float] = random.random,  # noqa: S311 - jitter
    ) -> None:
        """Group the addresses by peer; those without a peer ID, and the host's own, are left out."""
        self._host = host
        self._chance = chance
        self._addrs: dict[str, list[str]] = {}
        for addr in multiaddrs:
            peer_id = TcpAddr.parse(addr).peer_id
            if peer_id and peer_id != host.peer_id:
                self._addrs.setdefault(peer_id, []).append(addr)

    async def run(self) -> None:
        """Keep all of them connected until cancelled."""
        async with trio.open_nursery() as nursery:
            for peer_id, addrs in self._addrs.items():
                nursery.start_soon(self._keep, peer_id, addrs)

    async def _keep(self, peer_id: str, addrs: Sequence[str]) -> None:
        failures = 0
        while True:
            began = trio.current_time()
            try:
                await self._host.connect(addrs, peer_id)
            except PeertransferError as error:
                log.info("bootstrap_unreachable", extra={"peer": peer_id[-8:], "reason": error.code})
            else:
                await self._host.wait_disconnected(peer_id)
                if trio.current_time() - began > LAST_SECONDS:
                    failures = 0
            failures += 1
            await trio.sleep(back_off(failures, self._chance()))
