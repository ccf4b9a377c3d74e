"""Keep bootstrap peers connected: dial, and dial again with back-off and jitter.

Spec: RELIABILITY.md, limits table ("dial: backoff").
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeertransferError
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.net.host import NetworkHost

log = logging.getLogger("peertransfer.net")

FIRST_SECONDS = 1.0
LAST_SECONDS = 60.0
LOOK_SECONDS = 1.0
"""Between two looks at whether a connected peer still is."""


def back_off(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row: full jitter under a doubling bound.

    Args:
        failures: at least 1.
        chance: random, 0 to 1.
    """
    return chance * min(LAST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 16))


class Reconnector:
    """Keeps a host connected to some peers."""

    def __init__(self, host: NetworkHost, multiaddrs: Sequence[str]) -> None:
        self._host = host
        self._addrs: dict[str, list[str]] = {}
        for addr in multiaddrs:
            self._addrs.setdefault(TcpAddr.parse(addr).peer_id, []).append(addr)

    async def run(self) -> None:
        """Keep all of them connected until cancelled."""
        async with trio.open_nursery() as nursery:
            for peer_id, addrs in self._addrs.items():
                if peer_id and peer_id != self._host.peer_id:
                    nursery.start_soon(self._keep, peer_id, addrs)

    async def _keep(self, peer_id: str, addrs: Sequence[str]) -> None:
        failures = 0
        while True:
            if self._host.is_connected(peer_id):
                failures = 0
                await trio.sleep(LOOK_SECONDS)
                continue
            try:
                await self._host.connect(addrs, peer_id)
                # A peer that hangs up at once must not be dialled without a pause.
                await trio.sleep(LOOK_SECONDS)
            except PeertransferError as error:
                failures += 1
                log.info("bootstrap_unreachable", extra={"peer": peer_id[-8:], "reason": error.code})
                await trio.sleep(back_off(failures, random.random()))  # noqa: S311 - jitter
