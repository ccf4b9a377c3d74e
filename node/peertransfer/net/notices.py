"""Who is connected, as the library's swarm tells it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from libp2p.abc import INotifee

from peertransfer.transport.connection import Connection
from peertransfer.transport.muxer import Muxer

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One connection to a peer."""

    peer_id: str
    direction: str
    """``inbound`` or ``outbound``."""
    connected_at: int
    """Unix seconds."""
    remote_addr: str
    """The multiaddr of its other end, without the peer ID."""
    octets_sent: int
    """On the streams of this node's own protocols."""
    octets_received: int


class Notices(INotifee):
    """Keeps the connections, and tells of peers that come and go."""

    def __init__(
        self, clock: Callable[[], float], came: Callable[[str], None], went: Callable[[str], None]
    ) -> None:
        """Start with nobody.

        Args:
            clock: gives Unix seconds.
            came: called with the peer ID at a peer's first connection.
            went: called with it when its last connection is gone.
        """
        self._clock = clock
        self._came = came
        self._went = went
        self._links: dict[str, dict[Any, int]] = {}

    def is_connected(self, peer_id: str) -> bool:
        """Tell whether there is a connection to a peer."""
        return peer_id in self._links

    def newest(self, peer_id: str) -> Any | None:
        """Return the newest connection to a peer that is still open."""
        usable = [conn for conn in self._links.get(peer_id, {}) if not conn.is_closed]
        return usable[-1] if usable else None

    def oldest_first(self) -> list[Any]:
        """Return every connection that is open, the oldest first."""
        known = [(since, conn) for links in self._links.values() for conn, since in links.items()]
        return [conn for _, conn in sorted(known, key=itemgetter(0)) if not conn.is_closed]

    def count_of(self, peer_id: str) -> int:
        """Return how many open connections there are to a peer."""
        return sum(not conn.is_closed for conn in self._links.get(peer_id, {}))

    def infos(self) -> list[ConnectionInfo]:
        """Return every connection."""
        return [
            _info(peer_id, conn, since)
            for peer_id, links in self._links.items()
            for conn, since in links.items()
        ]

    async def connected(self, network: Any, conn: Any) -> None:
        """Note a connection."""
        del network
        peer_id = conn.muxed_conn.peer_id.to_base58()
        is_new = peer_id not in self._links
        self._links.setdefault(peer_id, {})[conn] = int(self._clock())
        if is_new:
            self._came(peer_id)

    async def disconnected(self, network: Any, conn: Any) -> None:
        """Note the end of a connection."""
        del network
        peer_id = conn.muxed_conn.peer_id.to_base58()
        links = self._links.get(peer_id, {})
        if links.pop(conn, None) is not None and not links:
            del self._links[peer_id]
            self._went(peer_id)

    async def opened_stream(self, network: Any, stream: Any) -> None:
        """Ignore."""

    async def closed_stream(self, network: Any, stream: Any) -> None:
        """Ignore."""

    async def listen(self, network: Any, multiaddr: Any) -> None:
        """Ignore."""

    async def listen_close(self, network: Any, multiaddr: Any) -> None:
        """Ignore."""


def _info(peer_id: str, conn: Any, since: int) -> ConnectionInfo:
    connection = conn.muxed_conn
    assert isinstance(connection, Connection | Muxer)
    direction = "outbound" if connection.is_initiator else "inbound"
    tally = connection.tally
    return ConnectionInfo(peer_id, direction, since, str(connection.remote), tally.sent, tally.received)
