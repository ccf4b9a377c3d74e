"""When must which locator be provided again? Policy is asked each time by the shell.

Time is passed in, in seconds; so is the jitter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.kademlia.distance import kad_id
from peertransfer.kademlia.routing_table import K

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peertransfer.disclosure.views import PeerRecord

INTERVAL_SECONDS = 12 * 3600.0
"""Half the time that a record is held."""


class Republisher:
    """The keys that this host provides, and when each is due."""

    def __init__(self) -> None:
        self._due: dict[bytes, float] = {}
        self._holders: dict[bytes, frozenset[bytes]] = {}

    def replace(self, keys: Iterable[bytes]) -> None:
        """Set which keys are provided: new ones are due at once, those that are gone are forgotten."""
        wanted = set(keys)
        for key in wanted - self._due.keys():
            self._due[key] = 0.0
        for key in self._due.keys() - wanted:
            del self._due[key]
            self._holders.pop(key, None)

    def due(self, now: float) -> list[bytes]:
        """Return the keys to provide now."""
        return [key for key, at in self._due.items() if at <= now]

    def provided(
        self, key: bytes, holders: Iterable[bytes], now: float, *, jitter_seconds: float = 0.0
    ) -> None:
        """Note to whom (peer IDs) a key was provided; with nobody it stays due."""
        told = frozenset(holders)
        if key in self._due and told:
            self._holders[key] = told
            self._due[key] = now + INTERVAL_SECONDS + jitter_seconds

    def peer_came(self, peer_id: bytes, closest: Iterable[PeerRecord]) -> None:
        """Make those keys due for which a new peer is among the k closest of the table.

        Args:
            peer_id: the new peer.
            closest: all peers of the table.
        """
        places = [kad_id(one.peer_id) for one in closest]
        own = kad_id(peer_id)
        for key, holders in self._holders.items():
            place = kad_id(key)
            nearer = sum(one ^ place < own ^ place for one in places)
            if peer_id not in holders and nearer < K:
                self._due[key] = 0.0
