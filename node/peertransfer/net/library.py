"""The library's host and swarm, with everything switched off that acts by itself.

It opens no socket and decides nothing. Off are: the automatic dialling and pruning of the swarm, the
identify push to everybody (fact 18), the identify request to everybody, the resource manager and its
exporter (fact 11), observed addresses, mDNS and UPnP, and answers to ``ls`` (``transport.negotiation``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from libp2p.host.basic_host import BasicHost
from libp2p.network.config import ConnectionConfig
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.transport.upgrader import TransportUpgrader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from libp2p.abc import INetStream
    from libp2p.crypto.keys import KeyPair

    from peertransfer.transport.limits import Limits

_NEVER_REACHED = 1 << 20


class QuietSwarm(Swarm):
    """Holds connections that others made."""

    async def run(self) -> None:
        """Run until stopped: no dialler, no pruner, no recovery task."""
        self.event_background_nursery_created.set()
        await self.manager.wait_finished()

    def _schedule_auto_connect(self) -> None:
        """Dial nobody."""

    def _schedule_prune(self) -> None:
        """Prune nobody: the caps hold when a connection is added."""


class QuietHost(BasicHost):
    """Speaks when spoken to; new streams go to ``on_stream``."""

    def __init__(self, swarm: Swarm, on_stream: Callable[[INetStream], Awaitable[None]]) -> None:
        self._on_stream = on_stream
        super().__init__(swarm, disable_identify_address_discovery=True)

    async def _push_identify_to_all_peers(self) -> None:
        """Tell nobody unasked."""

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Ask nobody by itself."""

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        await self._on_stream(net_stream)


def make_swarm(key_pair: KeyPair, limits: Limits) -> QuietSwarm:
    """Return a swarm for an identity; it upgrades nothing itself.

    Of more connections to one peer than it may have, the least used is closed. The cap for all is the host's
    (``net.crowd``); the library would refuse newcomers.
    """
    quiet_logging()
    peer_id = ID.from_pubkey(key_pair.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(peer_id, key_pair)
    config = ConnectionConfig(
        max_connections=_NEVER_REACHED,
        high_watermark=_NEVER_REACHED,
        max_connections_per_peer=limits.connections_per_peer,
        grace_period=0,
        min_connections=0,
        low_watermark=0,
    )
    upgrader = TransportUpgrader({}, {})
    return QuietSwarm(peer_id, peerstore, upgrader, [], connection_config=config)


def library_peer_id(text: str) -> Any:
    """Return the library's form of a peer ID."""
    return ID.from_base58(text)


def quiet_logging() -> None:
    """Keep the library from the terminal: its lines hold full addresses and peer IDs.

    Some of its modules log on the root logger by ``logging.debug``, which would install a handler that
    writes to standard error; a handler that drops everything keeps that from happening.
    """
    library = logging.getLogger("libp2p")
    if not library.isEnabledFor(logging.DEBUG):  # LIBP2P_DEBUG is a developer's own choice
        library.setLevel(logging.CRITICAL + 1)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
