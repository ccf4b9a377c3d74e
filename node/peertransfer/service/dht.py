"""Kademlia over streams: the shell that asks, answers, admits and provides for one network.

It decides nothing about whom to ask (``kademlia``) and nothing about what may be said (``policy``).
Spec: docs/protocol.md, "Discovery"; https://github.com/libp2p/specs/tree/master/kad-dht

Strategy: one stream for each peer, kept and used for one request after the other. A peer enters the table
once it has answered a query of ours by itself; hearsay is dialled within a look-up and forgotten.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import trio

from peertransfer.content.locator import locator_multihash
from peertransfer.disclosure.audience import DhtServers
from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import (
    PeerTimeoutError,
    PeertransferError,
    ReachError,
    RemoteError,
    RemoteProtocolError,
)
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
from peertransfer.kademlia.provider_store import ProviderStore
from peertransfer.kademlia.republish import Republisher
from peertransfer.kademlia.routing_table import RoutingTable
from peertransfer.kademlia.server import answer
from peertransfer.membership.network import kad_protocol_id
from peertransfer.net.addresses import multiaddrs_of_record, peer_id_octets, peer_id_text
from peertransfer.service.facts import asker_of, wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.wire.kad_codec import (
    KadMessage,
    answer_reader,
    decode_kad,
    encode_add_provider,
    encode_find_node,
    encode_get_providers,
    encode_kad_answer,
    request_reader,
)

if TYPE_CHECKING:
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import ItemFacts
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime
    from peertransfer.wire.framing import FrameReader

log = logging.getLogger("peertransfer.service")

CALL_SECONDS = 3.0
"""A peer that takes longer to answer a query is passed over."""
DIAL_SECONDS = 3.0
SERVE_IDLE_SECONDS = 60.0
MAX_SERVED_STREAMS = 16
"""DHT streams of one peer that are served at once; more are reset."""
REFRESH_SECONDS = 600.0
SETTLE_SECONDS = 0.5
"""At least between two looks at what is due to be provided."""
LOOK_SECONDS = 30.0
"""At most."""
JITTER_SECONDS = 600.0

Provided: TypeAlias = "tuple[bytes, ItemFacts]"
"""A locator that this host provides, and the facts of its share."""
ProvidedNow: TypeAlias = Callable[[], "list[Provided]"]


class Dht:
    """The DHT of one network, as this host takes part in it."""

    def __init__(self, runtime: HostRuntime, door: Door, provided: ProvidedNow) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._door = door
        self._provided = provided
        self._protocol = kad_protocol_id(runtime.network_id)
        self._streams: dict[bytes, _KadStream] = {}
        self._served: dict[str, int] = {}
        self._wake = trio.Event()
        self.first_admitted = trio.Event()
        """Set once anybody is in the table."""
        self.table = RoutingTable(self._host.peer_id_bytes)
        self.store = ProviderStore(self._host.peer_id_bytes)
        self._republisher = Republisher()
        self._host.set_handler(self._protocol, self._serve)
        runtime.protocol_ids = (*runtime.protocol_ids, self._protocol)

    # --- what the node asks ------------------------------------------------------------------------

    async def find_providers(self, name: bytes, want: int = 3) -> tuple[PeerRecord, ...]:
        """Return providers of a locator, first heard first; empty where nobody is known."""
        key = locator_multihash(name)
        own = self.store.providers(key, trio.current_time())
        if own:
            return tuple(own)
        return (await self._look_up(key, want_providers=want)).providers

    def provide_now(self) -> None:
        """Look at once at what is to be provided: a share, link or peer came or went."""
        self._wake.set()

    async def peer_came(self, peer_id: str) -> None:
        """Ask a newly connected peer what it speaks; if it serves this DHT and answers, it is admitted."""
        octets = peer_id_octets(peer_id)
        if octets in self.table:
            return
        try:
            said = await self._host.identify(peer_id)
            if self._protocol not in said.protocol_ids:
                return
            found = await self._ask(
                PeerRecord(octets, said.listen_addrs), self._host.peer_id_bytes, providers=False
            )
        except PeertransferError as error:
            log.info("kad_greeting_failed", extra={"peer": peer_id[-8:], "reason": error.code})
            return
        for one in found.closer:
            if one.peer_id not in self.table and one.peer_id != self._host.peer_id_bytes:
                await self._try(one, self._host.peer_id_bytes)

    def peer_went(self, peer_id: str) -> None:
        """Forget the stream to a peer that is no longer connected."""
        self._streams.pop(peer_id_octets(peer_id), None)

    async def run(self) -> None:
        """Keep the table fresh and what is provided known, until cancelled."""
        async with open_nursery() as nursery:
            nursery.start_soon(self._refresh)
            while True:
                await self._provide_due()
                await trio.sleep(SETTLE_SECONDS)
                with trio.move_on_after(LOOK_SECONDS):
                    await self._wake.wait()
                self._wake = trio.Event()

    async def _refresh(self) -> None:
        while True:
            await trio.sleep(REFRESH_SECONDS)
            self.store.expire(trio.current_time())
            await self._look_up(self._host.peer_id_bytes)

    # --- look-ups ----------------------------------------------------------------------------------

    async def _look_up(self, key: bytes, want_providers: int = 0) -> Finished:
        lookup = Lookup(
            key,
            self.table.closest(key, K, trio.current_time()),
            kind=LookupKind.GET_PROVIDERS if want_providers else LookupKind.FIND_NODE,
            own_peer_id=self._host.peer_id_bytes,
            want_providers=want_providers,
            avoid=self.table.demoted(trio.current_time()),
        )
        send, receive = trio.open_memory_channel[PeerAnswered | PeerFailed](200)
        async with open_nursery() as nursery:

            async def ask(one: PeerRecord) -> None:
                found = await self._try(one, key, providers=bool(want_providers))
                await send.send(found or PeerFailed(one.peer_id))

            state: LookupState = lookup.advance(LookupStarted())
            while not isinstance(state, Finished):
                if isinstance(state, Asking):
                    for one in state.peers:
                        nursery.start_soon(ask, one)
                state = lookup.advance(await receive.receive())
            nursery.cancel_scope.cancel()
        return state

    async def _try(self, one: PeerRecord, key: bytes, *, providers: bool = False) -> PeerAnswered | None:
        try:
            return await self._ask(one, key, providers=providers)
        except (ReachError, RemoteError) as error:
            log.debug("kad_peer_failed", extra={"reason": error.code})
            self.table.demote(one.peer_id, trio.current_time())
            return None

    async def _ask(self, one: PeerRecord, key: bytes, *, providers: bool) -> PeerAnswered:
        network_id = self._runtime.network_id
        disclosed = await self._door.release(
            self._door.engine.lookup(network_id, key=key), peer_id="", now=wall_clock()
        )
        if disclosed is None:
            raise RemoteProtocolError("the policy lets no look-up out")
        frame = encode_get_providers(disclosed) if providers else encode_find_node(disclosed)
        try:
            with trio.fail_after(CALL_SECONDS + DIAL_SECONDS):
                reply = await (await self._stream_to(one)).call(frame)
        except trio.TooSlowError:
            self._drop_stream(one.peer_id)
            raise PeerTimeoutError("A DHT server is silent") from None
        is_new = one.peer_id not in self.table
        if self.table.admit(one.peer_id, one.addrs, trio.current_time()) and is_new:
            self._republisher.peer_came(one.peer_id, trio.current_time())
            self._wake.set()
            self.first_admitted.set()
        return PeerAnswered(one.peer_id, reply.closer_peers, reply.provider_peers)

    # --- providing ---------------------------------------------------------------------------------

    async def _provide_due(self) -> None:
        wanted = {locator_multihash(name): (name, item) for name, item in self._provided()}
        self._republisher.replace(wanted, trio.current_time())
        for key in self._republisher.due(trio.current_time()):
            name, item = wanted[key]
            holders = await self._provide(key, name, item)
            self._republisher.provided(
                key,
                holders,
                trio.current_time(),
                jitter_seconds=random.uniform(0, JITTER_SECONDS),  # noqa: S311
            )

    async def _provide(self, key: bytes, name: bytes, item: ItemFacts) -> list[bytes]:
        decision = self._door.engine.provide(
            self._runtime.network_id,
            item,
            locator=name,
            addrs=self._host.listen_addrs_bytes,
            now=wall_clock(),
        )
        disclosed = await self._door.release(decision, peer_id="", now=wall_clock())
        if disclosed is None:
            return []
        frame = encode_add_provider(disclosed, self._host.peer_id_bytes)
        return [one.peer_id for one in (await self._look_up(key)).closest if await self._tell(one, frame)]

    async def _tell(self, one: PeerRecord, frame: SealedFrame) -> bool:
        try:
            with trio.fail_after(CALL_SECONDS):
                await (await self._stream_to(one)).tell(frame)
        except (ReachError, RemoteError, trio.TooSlowError):
            self._drop_stream(one.peer_id)
            return False
        return True

    # --- streams -----------------------------------------------------------------------------------

    async def _stream_to(self, one: PeerRecord) -> _KadStream:
        known = self._streams.get(one.peer_id)
        if known is not None and not known.is_broken:
            return known
        peer_id = peer_id_text(one.peer_id)
        if not self._host.is_connected(peer_id):
            await self._host.connect(multiaddrs_of_record(one), peer_id, timeout_seconds=DIAL_SECONDS)
        stream = await self._host.open_stream(peer_id, self._protocol)
        # Whoever speaks this DHT protocol behind the PSK serves it, unless the policy says otherwise.
        self._runtime.prove_membership(stream)
        if self._door.engine.may_use_as_server(asker_of(stream, self._runtime.network_id)):
            stream.prove(DhtServers(self._runtime.network_id))
        self._streams[one.peer_id] = _KadStream(stream)
        return self._streams[one.peer_id]

    def _drop_stream(self, peer_id: bytes) -> None:
        self._streams.pop(peer_id, None)

    # --- serving -----------------------------------------------------------------------------------

    async def _serve(self, stream: PeerStream) -> None:
        count = self._served.get(stream.peer_id, 0)
        if count >= MAX_SERVED_STREAMS:
            await stream.reset()
            return
        self._served[stream.peer_id] = count + 1
        try:
            self._runtime.prove_membership(stream)
            await self._serve_queries(stream)
        except (RemoteError, ReachError) as error:
            log.debug("kad_stream_dropped", extra={"reason": error.code})
        finally:
            self._served[stream.peer_id] -= 1
            if not self._served[stream.peer_id]:
                del self._served[stream.peer_id]
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await stream.aclose()

    async def _serve_queries(self, stream: PeerStream) -> None:
        reader = request_reader()
        while True:
            query = await _next_message(stream, reader, SERVE_IDLE_SECONDS)
            if query is None:
                return
            frame = await self._answer(query, stream)
            if frame is not None:
                await stream.send(frame)

    async def _answer(self, query: KadMessage, stream: PeerStream) -> SealedFrame | None:
        found = answer(query, stream.peer_id_bytes, self.table, self.store, trio.current_time())
        if found is None:
            return None
        asker, now, engine = asker_of(stream, self._runtime.network_id), wall_clock(), self._door.engine
        addresses = await self._door.release(
            engine.addresses(
                asker,
                listen_addrs=self._host.listen_addrs_bytes if found.names_self else (),
                closer_peers=found.closer_peers,
            ),
            peer_id=stream.peer_id,
            now=now,
        )
        if addresses is None:
            raise RemoteProtocolError("the policy answers no DHT query of this peer")
        providers = None
        if found.provider_records:
            decision = engine.provider_records(asker, provider_records=found.provider_records)
            providers = await self._door.release(decision, peer_id=stream.peer_id, now=now)
        return encode_kad_answer(
            addresses,
            providers,
            found.type,
            found.key,
            own_peer_id=self._host.peer_id_bytes if found.names_self else b"",
        )


class _KadStream:
    """A stream to one DHT server, used by one call at a time."""

    def __init__(self, stream: PeerStream) -> None:
        self._stream = stream
        self._reader = answer_reader()
        self._lock = trio.Lock()
        self.is_broken = False

    async def call(self, frame: SealedFrame) -> KadMessage:
        """Send a query and return the answer."""
        async with self._lock:
            is_whole = False
            try:
                await self._stream.send(frame)
                reply = await _next_message(self._stream, self._reader, CALL_SECONDS)
                if reply is None:
                    raise RemoteProtocolError("a DHT server ended the stream instead of answering")
                is_whole = True
                return reply
            finally:
                # An answer that comes later would be taken for that of the next query.
                self.is_broken = self.is_broken or not is_whole

    async def tell(self, frame: SealedFrame) -> None:
        """Send what has no answer."""
        async with self._lock:
            try:
                await self._stream.send(frame)
            except PeertransferError:
                self.is_broken = True
                raise


async def _next_message(stream: PeerStream, reader: FrameReader, idle_seconds: float) -> KadMessage | None:
    while (frame := reader.next_frame()) is None:
        octets = await stream.receive(65_536, idle_seconds=idle_seconds)
        if not octets:
            return None
        reader.receive_data(octets)
    return decode_kad(bytes(frame))
