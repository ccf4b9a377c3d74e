"""Answering the queries of other peers: from the table, the store and what is provided, through the policy.

What is known of others is ``kademlia.server``; what may be said is ``policy``. It asks nobody.
Spec: docs/protocol.md, "Discovery"; https://github.com/libp2p/specs/tree/master/kad-dht
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from peertransfer.content.locator import locator_of_multihash
from peertransfer.disclosure.disclosed import Denied
from peertransfer.errors import (
    PeerTimeoutError,
    ReachError,
    RemoteError,
    RemoteProtocolError,
    StreamLostError,
)
from peertransfer.kademlia.routing_table import K
from peertransfer.kademlia.server import answer
from peertransfer.net.patience import Patience
from peertransfer.service.facts import asker_of, wall_clock
from peertransfer.wire.kad_codec import KadMessage, KadType, decode_kad, encode_kad_answer, request_reader

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import ProvideView
    from peertransfer.kademlia.provider_store import ProviderStore
    from peertransfer.kademlia.routing_table import RoutingTable
    from peertransfer.kademlia.server import KadAnswer
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import Asker
    from peertransfer.service.dht_providing import ProvidedNow
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime

log = logging.getLogger("peertransfer.service")


class DhtServing:
    """This host as a DHT server of one network."""

    def __init__(
        self,
        runtime: HostRuntime,
        door: Door,
        table: RoutingTable,
        store: ProviderStore,
        provided: ProvidedNow,
    ) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._door = door
        self._table = table
        self._store = store
        self._provided = provided

    async def serve(self, stream: PeerStream) -> None:
        """Answer the queries on one stream until it ends, is idle or says nonsense."""
        is_clean = False
        try:
            self._runtime.prove_membership(stream)
            await self._serve_queries(stream)
            is_clean = True
        except RemoteProtocolError:
            raise  # the host counts it
        except (RemoteError, ReachError) as error:
            is_clean = isinstance(error, PeerTimeoutError)  # it is only idle
            log.debug("kad_stream_dropped", extra={"reason": error.code})
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await (stream.aclose() if is_clean else stream.reset())

    async def _serve_queries(self, stream: PeerStream) -> None:
        reader, patience = request_reader(), Patience(stream)
        while True:
            frame = reader.next_frame()
            if frame is not None:
                await self._serve_query(decode_kad(bytes(frame)), stream)
                continue
            octets = await patience.receive(in_request=not reader.is_between_frames)
            if not octets:
                return
            reader.receive_data(octets)

    async def _serve_query(self, query: KadMessage, stream: PeerStream) -> None:
        # A record has no answer and is bounded by the store; whoever has many to tell must not wait for it.
        if query.type is KadType.ADD_PROVIDER:
            await trio.lowlevel.checkpoint()
        else:
            await stream.take_request()
        frame = await self._answer(query, stream)
        if frame is not None:
            await stream.send(frame)

    async def _answer(self, query: KadMessage, stream: PeerStream) -> SealedFrame | None:
        seen_at = self._host.remote_addr_bytes(stream.peer_id)
        clock = trio.current_time()
        found = answer(query, stream.peer_id_bytes, self._table, self._store, clock, seen_at=seen_at)
        if found is None:
            return None
        asker, now, engine = asker_of(stream, self._runtime.network_id), wall_clock(), self._door.engine
        addresses = await self._door.release(
            engine.addresses(
                asker,
                listen_addrs=self._host.listen_addrs_bytes if found.names_self else (),
                closer_peers=found.closer_peers,
                now=now,
            ),
            peer_id=stream.peer_id,
            now=now,
        )
        if addresses is None:
            raise StreamLostError("the policy answers no DHT query of this peer")
        own_record = await self._own_record(found, asker, now)
        others = found.provider_records[: K - 1] if own_record else found.provider_records
        providers = None
        if others:
            decision = engine.provider_records(asker, provider_records=others, now=now)
            providers = await self._door.release(decision, peer_id=stream.peer_id, now=now)
        return encode_kad_answer(
            addresses,
            providers,
            found.type,
            found.key,
            own_peer_id=self._host.peer_id_bytes,
            own_record=own_record,
        )

    async def _own_record(
        self, found: KadAnswer, asker: Asker, now: int
    ) -> Disclosed[ProvideView, OnePeer] | None:
        """Return that this host provides the asked key, if it does and this peer may know."""
        locator = locator_of_multihash(found.key) if found.type is KadType.GET_PROVIDERS else None
        addrs = self._host.listen_addrs_bytes
        item = self._provided.provided_under(asker.network_id, locator) if locator and addrs else None
        if locator is None or item is None:
            return None
        decision = self._door.engine.provide_to(asker, item, locator=locator, addrs=addrs, now=now)
        if isinstance(decision, Denied):
            # No row of a refusal: writing it takes time, which would tell this peer that there is something.
            return None
        return await self._door.release(decision, peer_id=asker.peer_id, now=now)
