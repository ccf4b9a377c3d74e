"""One network's host while it runs: streams answered, connections tracked, content found.

It makes no network (``service.networks``) and moves no file (``service.getting``).
"""

from __future__ import annotations

import contextlib
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING

import trio

from peertransfer.disclosure.audience import Members
from peertransfer.membership.network import EXCHANGE_PROTOCOL, OPEN
from peertransfer.policy.facts import Asker
from peertransfer.service.answering import Answering
from peertransfer.service.facts import wall_clock
from peertransfer.wire.identify_codec import encode_identify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peertransfer.disclosure.audience import Audience
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.net.host import NetworkHost
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.service.door import Door
    from peertransfer.service.served_shares import ServedShares
    from peertransfer.store.networks import StoredNetwork

log = logging.getLogger("peertransfer.service")

AGENT_VERSION = f"peertransfer/{version('peertransfer')}"
PROTOCOL_VERSION = "peertransfer/1.0.0"
"""What identify calls this program and its family of protocols, to whom the policy shows it."""
IDENTIFY_PROTOCOLS = ("/ipfs/id/1.0.0", "/ipfs/ping/1.0.0")


class HostRuntime:
    """A running host of one network."""

    def __init__(self, host: NetworkHost, network: StoredNetwork, door: Door, shares: ServedShares) -> None:
        self.host = host
        self.network = network
        self.door = door
        self._shares = shares
        self.protocol_ids: tuple[str, ...] = (*IDENTIFY_PROTOCOLS, EXCHANGE_PROTOCOL)
        """What identify says that this host speaks, to whom the policy shows it."""
        host.set_handler(EXCHANGE_PROTOCOL, self._answer)
        host.identify_answer = self._identify

    @property
    def network_id(self) -> str:
        """The network's ID."""
        return self.network.network_id

    def prove_membership(self, stream: PeerStream) -> None:
        """Note on a stream what its peer has proven by being connected."""
        for audience in self.proven_on_connection():
            stream.prove(audience)

    def proven_on_connection(self) -> frozenset[Audience]:
        """Return what a connected peer has proven by the connection alone: in a PSK network, membership."""
        return frozenset() if self.network.psk is None else frozenset({Members(self.network_id)})

    def describe(self) -> dict[str, object]:
        """Return the fields of ``ready`` and ``status``."""
        return {
            "network_id": self.network_id,
            "name": self.network.name,
            "peer_id": self.host.peer_id,
            "listen_addrs": list(self.host.listen_addrs),
            "members_seen": 0
            if self.network_id == OPEN
            else len({one.peer_id for one in self.host.connections()}),
        }

    @contextlib.asynccontextmanager
    async def open_exchange(self, peer_id: str) -> AsyncIterator[PeerStream]:
        """Open an exchange stream to a connected peer."""
        stream = await self.host.open_stream(peer_id, EXCHANGE_PROTOCOL)
        self.prove_membership(stream)
        stream.carry_transfer()
        try:
            yield stream
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await stream.aclose()

    async def _answer(self, stream: PeerStream) -> None:
        self.prove_membership(stream)
        answering = Answering(stream, self.network_id, self.host.peer_id_bytes, self.door, self._shares)
        await answering.run()

    async def _identify(self, peer_id: str, observed_addr: bytes | None) -> SealedFrame | None:
        now = wall_clock()
        asker = Asker(self.network_id, peer_id, self.proven_on_connection())
        engine = self.door.engine
        addresses = await self.door.release(
            engine.addresses(
                asker, listen_addrs=self.host.listen_addrs_bytes, observed_addr=observed_addr, now=now
            ),
            peer_id=peer_id,
            now=now,
        )
        protocols = await self.door.release(
            engine.protocols(asker, protocol_ids=self.protocol_ids, now=now),
            peer_id=peer_id,
            now=now,
        )
        agent = await self.door.release(
            engine.agent(asker, agent_version=AGENT_VERSION, protocol_version=PROTOCOL_VERSION, now=now),
            peer_id=peer_id,
            now=now,
        )
        # An Ed25519 peer ID is an identity multihash: behind its two octets is the public key.
        return encode_identify(addresses, protocols, agent, public_key=self.host.peer_id_bytes[2:])
