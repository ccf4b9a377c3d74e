"""A DHT in memory: real tables, stores, look-ups and messages; no sockets and no clock.

Time is a number that the network moves on: a call to a frozen peer costs the time-out, a call to a dead
one is refused at once, and calls that are in flight together cost together.
"""

import functools
import heapq
import pickle
import random
from dataclasses import dataclass, field

from peertransfer.disclosure import views as v
from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import DhtServers, OnePeer
from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.distance import position
from peertransfer.kademlia.lookup import (
    Asking,
    Finished,
    Lookup,
    LookupKind,
    LookupStarted,
    PeerAnswered,
    PeerFailed,
)
from peertransfer.kademlia.provider_store import ProviderStore
from peertransfer.kademlia.routing_table import K, RoutingTable
from peertransfer.kademlia.server import answer
from peertransfer.wire import kad_codec as codec
from peertransfer.wire.kad_codec import KadType

SERVERS = DhtServers("open")
ASKER = OnePeer("12D3asker")
TIMEOUT_SECONDS = 3.0


def peer_id(number):
    return b"\x00\x24\x08\x01\x12\x20" + number.to_bytes(32, "big")


def addr(number, port=4001):
    """Return a private address, of which any number may be in a table."""
    return b"\x04\x0a" + number.to_bytes(3, "big") + b"\x06" + port.to_bytes(2, "big")


def public_addr(*octets):
    return b"\x04" + bytes(octets) + b"\x06\x0f\xa1"


def record(number):
    return PeerRecord(peer_id(number), (addr(number),))


def key(number):
    return b"\x12\x20" + number.to_bytes(32, "big")


def sealed(view, audience):
    """Seal a view as the engine would."""
    return seal(view, audience, DisclosureRecord("open", str(audience), "", view.name, "", (), "test"))


def lookup_view(name):
    return sealed(v.LookupView(name), SERVERS)


def read(octets):
    """Read the messages of a stream."""
    reader = codec.answer_reader()
    reader.receive_data(octets)
    messages = []
    while (frame := reader.next_frame()) is not None:
        messages.append(codec.decode_kad(frame))
    return messages


@dataclass
class SimNode:
    """A DHT server; subclasses misbehave."""

    number: int
    place: bytes = b""
    """Its multiaddr; a private one of its own where none is given."""
    table: RoutingTable = field(init=False)
    store: ProviderStore = field(init=False)

    seconds = 0.01
    """How long a call to it takes."""
    fails = False

    def __post_init__(self):
        self.place = self.place or addr(self.number)
        self.table = RoutingTable(self.peer_id)
        self.store = ProviderStore(self.peer_id)

    @property
    def peer_id(self):
        return peer_id(self.number)

    @property
    def record(self):
        return PeerRecord(self.peer_id, (self.place,))

    def serve(self, octets, asker, now):
        """Answer the one message in ``octets`` with octets, or ``None`` to ADD_PROVIDER."""
        (query,) = read(octets)
        found = answer(query, asker, self.table, self.store, now)
        if found is None:
            return None
        own = (self.place,) if found.names_self else ()
        return codec.encode_kad_answer(
            sealed(v.AddressesView(own, closer_peers=found.closer_peers), ASKER),
            sealed(v.ProvideView(provider_records=found.provider_records), ASKER)
            if found.type is KadType.GET_PROVIDERS
            else None,
            found.type,
            found.key,
            own_peer_id=self.peer_id if found.names_self else b"",
        ).head


class DeadNode(SimNode):
    """Its process is gone: a dial is refused at once."""

    fails = True


class FrozenNode(SimNode):
    """Its connection is open and it says nothing."""

    fails = True
    seconds = TIMEOUT_SECONDS


class NamingLiar(SimNode):
    """Names forty peers that do not exist, all closer to what is asked than everybody else."""

    def serve(self, octets, asker, now):
        (query,) = read(octets)
        target = position(query.key)
        near = heapq.nsmallest(40, _invented(self.number), key=lambda one: one[0] ^ target)
        return _answered(query, closer=[record(number) for _, number in near])


@functools.cache
def _invented(liar, count=1000):
    """Return peers that do not exist, as (position, number)."""
    first = 1_000_000 + 1000 * liar + (liar < 0) * 9_000_000
    return [(position(peer_id(number)), number) for number in range(first, first + count)]


class ProvidingLiar(SimNode):
    """Says that peers which do not exist provide whatever is asked."""

    def serve(self, octets, asker, now):
        (query,) = read(octets)
        return _answered(query, providers=[record(2_000_000 + self.number)])


class AddressLiar(SimNode):
    """Names true peers under false addresses."""

    def serve(self, octets, asker, now):
        (query,) = read(octets)
        near = self.table.closest(query.key, K, now)
        return _answered(query, closer=[PeerRecord(one.peer_id, (addr(66, 66),)) for one in near])


class Sybil(SimNode):
    """Has an ID near a key, names nobody but its like, and keeps no records."""

    likes: tuple = ()

    def serve(self, octets, asker, now):
        (query,) = read(octets)
        if query.type is KadType.ADD_PROVIDER:
            return None
        return _answered(query, closer=self.likes)


def sybils_near(name, count, places):
    """Make Sybils whose IDs are closer to a key than those of an honest network of hundreds."""
    target = position(name)
    near = heapq.nsmallest(count, _invented(-1, 60_000), key=lambda one: one[0] ^ target)
    made = [Sybil(number, places[at % len(places)]) for at, (_, number) in enumerate(near)]
    for at, one in enumerate(made):
        one.likes = tuple(other.record for other in (*made[at + 1 :], *made[:at])[:40])
    return made


def _answered(query, closer=(), providers=()):
    is_get = query.type is KadType.GET_PROVIDERS
    return codec.encode_kad_answer(
        sealed(v.AddressesView(closer_peers=tuple(closer)), ASKER),
        sealed(v.ProvideView(provider_records=tuple(providers)), ASKER) if is_get else None,
        query.type,
        query.key,
    ).head


@functools.cache
def _pickled(count, seed, place_of):
    return pickle.dumps(SimNetwork(count, seed, place_of))


def network_of(count, seed=1, place_of=addr):
    """Return a network of its own for one test; making one takes a second, so it is made once."""
    return pickle.loads(_pickled(count, seed, place_of))


class SimNetwork:
    """Some nodes, and the shell's part: it dials, waits, demotes and admits."""

    def __init__(self, count, seed=1, place_of=addr):
        self.random = random.Random(seed)
        self.now = 1000.0
        self.call_count = 0
        self.lookup = None
        self.nodes = {}
        for number in range(1, count + 1):
            self.join(SimNode(number, place_of(number)))

    def join(self, node, bootstrap=None):
        """Bring a node in: it knows one other, looks for itself, and both sides admit whom they met."""
        others = list(self.nodes.values())
        self.nodes[node.peer_id] = node
        if others:
            self._meet(node, bootstrap or self.random.choice(others))
            self.find(node, node.peer_id)
            for bucket in node.table.stale_buckets(self.now):
                target = node.table.refresh_key(bucket, self.random.randbytes(16))
                self.find(node, target)
                node.table.mark_refreshed(target, self.now)

    def besiege(self, node, sybils):
        """Let every Sybil meet a node, as whoever connects and answers does."""
        for one in sybils:
            self.nodes[one.peer_id] = one
            self._meet(node, one)

    def turn(self, node, kind):
        """Let a node go on as another kind, with what it knows."""
        other = kind(node.number, node.place)
        other.table, other.store = node.table, node.store
        self.nodes[node.peer_id] = other
        return other

    def _meet(self, one, other):
        one.table.admit(other.peer_id, other.record.addrs, self.now, seen_at=other.place)
        other.table.admit(one.peer_id, one.record.addrs, self.now, seen_at=one.place)

    def find(self, node, target, kind=LookupKind.FIND_NODE, want_providers=1):
        """Run a look-up of ``node`` to its end."""
        lookup = Lookup(
            target,
            node.table.closest(target, K, self.now),
            kind=kind,
            own_peer_id=node.peer_id,
            want_providers=want_providers,
            avoid=node.table.demoted(self.now),
        )
        self.lookup = lookup
        calls = []
        state = lookup.advance(LookupStarted())
        while not isinstance(state, Finished):
            for one in state.peers if isinstance(state, Asking) else ():
                ends_at, event = self._call(node, one, target, kind)
                heapq.heappush(calls, (ends_at, self.random.random(), event))
            self.now, _, event = heapq.heappop(calls)
            if isinstance(event, PeerFailed):
                node.table.demote(event.peer, self.now)
            else:
                self._meet(node, self.nodes[event.peer])
            state = lookup.advance(event)
        return state

    def _call(self, node, one, target, kind):
        self.call_count += 1
        other = self.nodes.get(one.peer_id)
        if other is None or other.record.addrs[0] not in one.addrs:
            return self.now + SimNode.seconds, PeerFailed(one.peer_id)
        if other.fails:
            return self.now + other.seconds, PeerFailed(one.peer_id)
        encode = codec.encode_get_providers if kind is LookupKind.GET_PROVIDERS else codec.encode_find_node
        (said,) = read(other.serve(encode(lookup_view(target)).head, node.peer_id, self.now))
        event = PeerAnswered(one.peer_id, said.closer_peers, said.provider_peers, other.place)
        return self.now + other.seconds, event

    def provide(self, node, number):
        """Let ``node`` provide a key: look up the closest and tell them; return how many were told."""
        found = self.find(node, key(number))
        view = sealed(v.ProvideView(locator=key(number)[2:], addrs=node.record.addrs), SERVERS)
        for one in found.closest:
            octets = codec.encode_add_provider(view, node.peer_id).head
            assert self.nodes[one.peer_id].serve(octets, node.peer_id, self.now) is None
        return len(found.closest)

    def get_providers(self, node, number, want_providers=1):
        """Return the peer IDs of the providers that ``node`` finds."""
        found = self.find(node, key(number), LookupKind.GET_PROVIDERS, want_providers)
        return [one.peer_id for one in found.providers]
