"""Who is connected, as the library's swarm tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from libp2p.abc import INotifee

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Connected:
    """When and by whom a connection was made."""

    direction: str
    connected_at: int
    """Unix seconds."""


class Notices(INotifee):
    """Keeps the peers that are connected, and tells of those that come and go."""

    def __init__(self, swarm: Any, came: Callable[[str], None], went: Callable[[str], None]) -> None:
        self._swarm = swarm
        self._came = came
        self._went = went
        self.peers: dict[str, Connected] = {}
        swarm.register_notifee(self)

    async def connected(self, network: Any, conn: Any) -> None:
        """Note a connection."""
        del network
        peer_id = conn.muxed_conn.peer_id.to_base58()
        if peer_id not in self.peers:
            direction = getattr(conn, "direction", "") or "inbound"
            self.peers[peer_id] = Connected(str(direction), int(time.time()))
            self._came(peer_id)

    async def disconnected(self, network: Any, conn: Any) -> None:
        """Note the end of a peer's last connection."""
        del network
        peer = conn.muxed_conn.peer_id
        if not [one for one in self._swarm.get_connections(peer) if one is not conn]:
            self.peers.pop(peer.to_base58(), None)
            self._went(peer.to_base58())

    async def opened_stream(self, network: Any, stream: Any) -> None:
        """Ignore."""

    async def closed_stream(self, network: Any, stream: Any) -> None:
        """Ignore."""

    async def listen(self, network: Any, multiaddr: Any) -> None:
        """Ignore."""

    async def listen_close(self, network: Any, multiaddr: Any) -> None:
        """Ignore."""
