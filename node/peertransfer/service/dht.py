"""Kademlia over streams: the DHT of one network, as this host takes part in it.

Its parts: ``dht_streams`` (to servers), ``dht_lookups`` (asking), ``dht_providing``, ``dht_serving``
(answering) and ``dht_upkeep``. It decides nothing about whom to ask (``kademlia``) and nothing about what
may be said (``policy``). Spec: docs/protocol.md, "Discovery".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from peertransfer.content.locator import locator_multihash
from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import PeertransferError
from peertransfer.kademlia.hearsay import DialBudget
from peertransfer.kademlia.provider_store import ProviderStore
from peertransfer.kademlia.routing_table import RoutingTable
from peertransfer.membership.network import kad_protocol_id
from peertransfer.net.addresses import peer_id_octets
from peertransfer.service.dht_lookups import DhtLookups
from peertransfer.service.dht_providing import DhtProviding, ProvidedNow
from peertransfer.service.dht_serving import DhtServing
from peertransfer.service.dht_streams import KadStreams
from peertransfer.service.dht_upkeep import DhtUpkeep
from peertransfer.service.groups import open_nursery

if TYPE_CHECKING:
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime

log = logging.getLogger("peertransfer.service")

GOING_SECONDS = 1.0
"""A peer whose stream is lost and that is gone so soon after has left: that is no failure."""


class Dht:
    """The DHT of one network, as this host takes part in it."""

    def __init__(self, runtime: HostRuntime, door: Door, provided: ProvidedNow) -> None:
        self._host = runtime.host
        self._protocol = kad_protocol_id(runtime.network_id)
        self.first_admitted = trio.Event()
        """Set once anybody is in the table."""
        self.table = RoutingTable(self._host.peer_id_bytes)
        self.store = ProviderStore(self._host.peer_id_bytes)
        self._streams = KadStreams(runtime, door, self._protocol)
        self._providing = DhtProviding(runtime, door, self.table, self._streams, provided)
        self._lookups = DhtLookups(runtime, door, self.table, self._streams, self._admitted)
        self._upkeep = DhtUpkeep(self.table, self.store, self._lookups)
        self._host.set_handler(
            self._protocol, DhtServing(runtime, door, self.table, self.store, provided).serve
        )
        runtime.protocol_ids = (*runtime.protocol_ids, self._protocol)

    async def run(self) -> None:
        """Keep the table fresh and what is provided known, until cancelled."""
        async with open_nursery() as nursery:
            nursery.start_soon(self._upkeep.run)
            nursery.start_soon(self._providing.run, self._lookups)

    async def find_providers(self, name: bytes) -> tuple[PeerRecord, ...]:
        """Return the providers of a locator that may be dialled, those first that told this host itself.

        Any of them may be false, so others are asked for more where some are known.
        """
        key = locator_multihash(name)
        told = self._told_us(key)
        found = await self._lookups.providers(key, is_urgent=bool(told))
        known = {one.peer_id for one in told}
        budget = DialBudget()
        return tuple(
            PeerRecord(one.peer_id, budget.take(one.addrs))
            for one in (*told, *(one for one in found if one.peer_id not in known))
        )

    def _told_us(self, key: bytes) -> tuple[PeerRecord, ...]:
        """Return the providers that told this host itself."""
        return tuple(
            usable
            for one in self.store.providers(key, trio.current_time())
            for usable in self._lookups.heard([one], self.store.seen_at(one.peer_id))
        )

    def provide_now(self) -> None:
        """Look at once at what is to be provided: a share, link or peer came or went."""
        self._providing.wake()

    def _admitted(self, peer_id: bytes) -> None:
        self.first_admitted.set()
        self._providing.peer_came(peer_id)

    # --- peers that come and go --------------------------------------------------------------------

    async def peer_came(self, peer_id: str) -> None:
        """Ask a newly connected peer what it speaks; if it serves this DHT and answers, it is admitted."""
        try:
            await self._greet(peer_id)
        except PeertransferError as error:
            facts = {"peer": peer_id[-8:], "reason": error.code}
            with trio.move_on_after(GOING_SECONDS):
                await self._host.wait_disconnected(peer_id)
            if self._host.is_connected(peer_id):
                log.info("kad_greeting_failed", extra=facts)
            else:
                log.debug("kad_peer_left_before_greeting", extra=facts)

    async def _greet(self, peer_id: str) -> None:
        octets = peer_id_octets(peer_id)
        said = await self._host.identify(peer_id)
        if self._protocol not in said.protocol_ids:
            self.table.remove(octets)  # it serves no more
            return
        one = PeerRecord(octets, ())
        if octets in self.table:
            # It is back, perhaps at another address and without what it was told.
            self._lookups.admit(one)
            self._providing.peer_came(octets)
        if octets in self._streams:
            return
        frame = await self._lookups.question(self._host.peer_id_bytes)
        if frame is None:
            return
        budget = DialBudget()
        for other in (await self._lookups.ask(one, frame)).closer:
            if other.peer_id not in self.table and other.peer_id != self._host.peer_id_bytes:
                await self._lookups.attempt(other, frame, budget)

    def peer_went(self, peer_id: str) -> None:
        """Forget the stream to a peer that is no longer connected, and what it was told."""
        octets = peer_id_octets(peer_id)
        self._streams.drop(octets)
        self._providing.peer_went(octets)

    def forget(self, peer_id: str, name: bytes) -> None:
        """Forget a peer that was banned as a provider of a locator, and name it to nobody as one."""
        octets = peer_id_octets(peer_id)
        self.table.remove(octets)
        self.table.demote(octets, trio.current_time())
        self.store.withdraw(locator_multihash(name), octets)
        self.peer_went(peer_id)
