"""Asking DHT servers: look-ups, and who is admitted to the table by having answered.

Whom to ask next is ``kademlia.lookup``; which addresses may be dialled is ``kademlia.hearsay``.
Spec: docs/protocol.md, "Discovery".

Strategy: a peer enters the table once it has answered a query of ours by itself, under the addresses where
we reached it and those that it gives itself; hearsay is dialled within a look-up and forgotten.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import ReachError, RemoteError
from peertransfer.kademlia.hearsay import DialBudget, dialable
from peertransfer.kademlia.lookup import (
    Asking,
    Finished,
    K,
    Lookup,
    LookupKind,
    LookupStarted,
    LookupState,
    PeerAnswered,
    PeerFailed,
)
from peertransfer.net.addresses import peer_id_text
from peertransfer.service.facts import wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.wire.kad_codec import encode_find_node, encode_get_providers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.kademlia.routing_table import RoutingTable
    from peertransfer.service.dht_streams import KadStreams
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime

log = logging.getLogger("peertransfer.service")

HURRY_SECONDS = 2.0
"""How long a search for providers goes on when one is known: slow peers do not hold it up."""


class DhtLookups:
    """The queries of this host in one network."""

    def __init__(
        self,
        runtime: HostRuntime,
        door: Door,
        table: RoutingTable,
        streams: KadStreams,
        admitted: Callable[[bytes], None],
    ) -> None:
        """Ask nobody yet.

        Args:
            runtime: the host that asks.
            door: decides whether a key may be asked for.
            table: whom it knows; changed by who answers and who does not.
            streams: to the servers.
            admitted: called with the ID of each peer that is new in the table.
        """
        self._host = runtime.host
        self._network_id = runtime.network_id
        self._door = door
        self._table = table
        self._streams = streams
        self._admitted = admitted

    async def closest(self, key: bytes) -> tuple[PeerRecord, ...]:
        """Search for the peers closest to a key; nobody where the policy lets no look-up out."""
        lookup = self._lookup(key, LookupKind.FIND_NODE)
        await self._carry_out(lookup, is_urgent=False)
        self._table.mark_refreshed(key, trio.current_time())
        return lookup.closest

    async def providers(self, key: bytes, *, is_urgent: bool) -> tuple[PeerRecord, ...]:
        """Search for all providers of a key: whoever is named first may be false, and hides nobody.

        Args:
            key: a multihash.
            is_urgent: whether the search ends in a hurry from the start, not only from the first provider.
        """
        lookup = self._lookup(key, LookupKind.GET_PROVIDERS)
        await self._carry_out(lookup, is_urgent=is_urgent)
        return lookup.providers

    def _lookup(self, key: bytes, kind: LookupKind) -> Lookup:
        now = trio.current_time()
        return Lookup(
            key,
            self._table.closest(key, K, now),
            kind=kind,
            own_peer_id=self._host.peer_id_bytes,
            want_providers=0,
            avoid=self._table.demoted(now),
        )

    async def _carry_out(self, lookup: Lookup, *, is_urgent: bool) -> None:
        frame = await self.question(lookup.target_key, lookup.kind)
        if frame is None:
            return
        budget = DialBudget()
        send, receive = trio.open_memory_channel[PeerAnswered | PeerFailed](200)
        async with open_nursery() as nursery:

            async def ask(one: PeerRecord) -> None:
                await send.send(await self.attempt(one, frame, budget) or PeerFailed(one.peer_id))

            state: LookupState = lookup.advance(LookupStarted())
            while not isinstance(state, Finished):
                if is_urgent or lookup.providers:
                    hurry_until = trio.current_time() + HURRY_SECONDS
                    nursery.cancel_scope.deadline = min(nursery.cancel_scope.deadline, hurry_until)
                if isinstance(state, Asking):
                    for one in state.peers:
                        nursery.start_soon(ask, one)
                state = lookup.advance(await receive.receive())
            nursery.cancel_scope.cancel()

    async def question(self, key: bytes, kind: LookupKind = LookupKind.FIND_NODE) -> SealedFrame | None:
        """Return the query for a key, to be put to any DHT server; ``None`` where the policy forbids it."""
        now = wall_clock()
        decision = self._door.engine.lookup(self._network_id, key=key, now=now)
        disclosed = await self._door.release(decision, peer_id="", now=now)
        if disclosed is None:
            return None
        is_get = kind is LookupKind.GET_PROVIDERS
        return encode_get_providers(disclosed) if is_get else encode_find_node(disclosed)

    async def attempt(self, one: PeerRecord, frame: SealedFrame, budget: DialBudget) -> PeerAnswered | None:
        """Ask one peer; ``None`` where that fails, and it is demoted unless the dials are used up."""
        if not self._is_connected(one.peer_id):
            addrs = budget.take(one.addrs)
            if one.addrs and not addrs:
                return None  # no fault of this peer
            one = PeerRecord(one.peer_id, addrs)
        try:
            return await self.ask(one, frame)
        except (ReachError, RemoteError) as error:
            log.debug("kad_peer_failed", extra={"reason": error.code})
            self._table.demote(one.peer_id, trio.current_time())
            return None

    async def ask(self, one: PeerRecord, frame: SealedFrame) -> PeerAnswered:
        """Ask one peer and admit it for having answered.

        Raises:
            ReachError: it can't be reached, or is silent.
            RemoteError: it answers nonsense.
        """
        reply = await self._streams.call(one, frame)
        self.admit(one)
        told_over = self._host.remote_addr_bytes(peer_id_text(one.peer_id))
        return PeerAnswered(
            one.peer_id,
            self.heard(reply.closer_peers, told_over),
            self.heard(reply.provider_peers, told_over),
            told_over,
        )

    def heard(self, records: Iterable[PeerRecord], told_over: bytes | None) -> tuple[PeerRecord, ...]:
        """Return of what a peer told us, over a connection from ``told_over``, whom and what we may dial."""
        return dialable(
            records,
            told_over=told_over,
            own_addrs=self._host.own_addrs_bytes,
            is_connected=self._is_connected,
        )

    def _is_connected(self, peer_id: bytes) -> bool:
        return self._host.is_connected(peer_id_text(peer_id))

    def admit(self, one: PeerRecord) -> None:
        """Take in a peer that just answered: at the addresses that it gives itself, or else those heard."""
        peer_id = peer_id_text(one.peer_id)
        seen_at = self._host.remote_addr_bytes(peer_id)
        itself = PeerRecord(one.peer_id, self._host.addrs_of(peer_id))
        (known,) = self.heard([itself], seen_at) or (one,)
        is_new = one.peer_id not in self._table
        addrs = known.addrs or one.addrs
        if self._table.admit(one.peer_id, addrs, trio.current_time(), seen_at=seen_at) and is_new:
            self._admitted(one.peer_id)
