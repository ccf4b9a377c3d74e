"""Telling DHT servers what this host provides: in rounds, and newcomers alone.

When and to whom is ``kademlia.republish``; whether is ``policy``, asked each time.
Spec: docs/protocol.md, "Discovery"; https://github.com/libp2p/specs/tree/master/kad-dht
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Protocol

import trio

from peertransfer.content.locator import locator_multihash
from peertransfer.errors import ReachError, RemoteError
from peertransfer.kademlia.republish import Republisher
from peertransfer.net.addresses import peer_id_text
from peertransfer.policy.facts import Asker
from peertransfer.service.facts import wall_clock
from peertransfer.wire.kad_codec import encode_add_provider

if TYPE_CHECKING:
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import PeerRecord
    from peertransfer.kademlia.routing_table import RoutingTable
    from peertransfer.policy.facts import ItemFacts
    from peertransfer.service.dht_lookups import DhtLookups
    from peertransfer.service.dht_streams import KadStreams
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime

log = logging.getLogger("peertransfer.service")

SETTLE_SECONDS = 0.5
"""At least between two looks at what is due to be provided."""
LOOK_SECONDS = 30.0
"""At most."""
JITTER_SECONDS = 600.0


class ProvidedNow(Protocol):
    """What this node provides, at the time of each call (``ServedShares``)."""

    def provided(self, network_id: str) -> dict[bytes, ItemFacts]:
        """Return the locators to provide in a network, each with the facts of its share."""

    def provided_under(self, network_id: str, locator: bytes) -> ItemFacts | None:
        """Return the facts of the share that a locator leads to in a network; ``None`` without one."""


class DhtProviding:
    """What this host provides in one network, and who was told."""

    def __init__(
        self,
        runtime: HostRuntime,
        door: Door,
        table: RoutingTable,
        streams: KadStreams,
        provided: ProvidedNow,
    ) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._network_id = runtime.network_id
        self._door = door
        self._table = table
        self._streams = streams
        self._provided = provided
        self._republisher = Republisher()
        self._newcomers: dict[bytes, None] = {}
        self._wake = trio.Event()

    def wake(self) -> None:
        """Look at once at what is to be provided."""
        self._wake.set()

    def peer_came(self, peer_id: bytes) -> None:
        """Tell a peer, that is in the table and new or back, of the keys that it is close to."""
        self._republisher.peer_came(trio.current_time())
        self._newcomers[peer_id] = None
        self.wake()

    def peer_went(self, peer_id: bytes) -> None:
        """Note that a peer is gone, and perhaps forgot: records are in memory only."""
        self._newcomers.pop(peer_id, None)
        self._republisher.forget_peer(peer_id)

    async def run(self, lookups: DhtLookups) -> None:
        """Keep what is provided known, until cancelled."""
        while True:
            provided = self._provided.provided(self._network_id)
            wanted = {locator_multihash(name): (name, item) for name, item in provided.items()}
            self._republisher.replace(wanted, trio.current_time())
            await self._provide_due(wanted, lookups)
            await self._tell_newcomers(wanted)
            await trio.sleep(SETTLE_SECONDS)
            with trio.move_on_after(LOOK_SECONDS):
                await self._wake.wait()
            self._wake = trio.Event()

    async def _provide_due(self, wanted: dict[bytes, tuple[bytes, ItemFacts]], lookups: DhtLookups) -> None:
        for key in self._republisher.due(trio.current_time()):
            name, item = wanted[key]
            frame = await self._record(name, item)
            holders = []
            if frame is not None:
                closest = [one for one in await lookups.closest(key) if self._may_learn(one, item)]
                holders = [one.peer_id for one in closest if await self._tell(one, frame)]
            self._republisher.provided(
                key,
                holders,
                trio.current_time(),
                jitter_seconds=random.uniform(0, JITTER_SECONDS),  # noqa: S311 - no secret
            )

    async def _tell_newcomers(self, wanted: dict[bytes, tuple[bytes, ItemFacts]]) -> None:
        newcomers = tuple(filter(None, map(self._table.record, self._newcomers)))
        self._newcomers.clear()
        due: dict[bytes, list[PeerRecord]] = {}
        for one in newcomers:
            for key in self._republisher.due_to(one.peer_id):
                due.setdefault(key, []).append(one)
        deaf: set[bytes] = set()
        for key, peers in due.items():
            name, item = wanted[key]
            frame = await self._record(name, item)
            if frame is None:
                continue
            for one in peers:
                if not self._may_learn(one, item):
                    continue
                if one.peer_id not in deaf and await self._tell(one, frame):
                    self._republisher.told(key, one.peer_id)
                else:
                    deaf.add(one.peer_id)

    async def _record(self, name: bytes, item: ItemFacts) -> SealedFrame | None:
        """Return the provider record of a locator; ``None`` where the policy lets none out."""
        now = wall_clock()
        if not self._host.listen_addrs_bytes:  # a record without addresses is none: nobody refused it
            return None
        decision = self._door.engine.provide(
            self._network_id, item, locator=name, addrs=self._host.listen_addrs_bytes, now=now
        )
        disclosed = await self._door.release(decision, peer_id="", now=now)
        return None if disclosed is None else encode_add_provider(disclosed, self._host.peer_id_bytes)

    def _may_learn(self, one: PeerRecord, item: ItemFacts) -> bool:
        """Tell whether this very server may be told of an item: what is sealed is sealed for all of them."""
        proven = self._runtime.proven_on_connection()
        asker = Asker(self._network_id, peer_id_text(one.peer_id), proven)
        return self._door.engine.may_tell_server(asker, item, wall_clock())

    async def _tell(self, one: PeerRecord, frame: SealedFrame) -> bool:
        try:
            await self._streams.tell(one, frame)
        except (ReachError, RemoteError) as error:
            log.debug("kad_peer_not_told", extra={"reason": error.code})
            self._streams.drop(one.peer_id)
            return False
        return True
