"""A network of DHT servers in memory: real tables, stores and look-ups, no sockets and no clock."""

import random

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.lookup import Asking, Finished, Lookup, LookupStarted, PeerAnswered, PeerFailed
from peertransfer.kademlia.provider_store import ProviderStore
from peertransfer.kademlia.routing_table import RoutingTable
from peertransfer.kademlia.server import answer
from peertransfer.wire.kad_codec import KadMessage, KadType


def peer_id(number):
    return b"\x00\x24" + number.to_bytes(36)


def record(number):
    return PeerRecord(peer_id(number), (bytes((4, 10, 0, number >> 8, number & 255, 6, 15, 161)),))


def key(number):
    return b"\x12\x20" + number.to_bytes(32)


class SimNode:
    def __init__(self, number):
        self.record = record(number)
        self.table = RoutingTable(self.record.peer_id)
        self.store = ProviderStore()
        self.is_frozen = False
        self.lies = ()

    def query(self, message, asker):
        if self.lies:
            return PeerAnswered(self.record.peer_id, self.lies, ())
        found = answer(message, asker, own=self.record, table=self.table, store=self.store, now=0)
        return found and PeerAnswered(self.record.peer_id, found.closer_peers, found.provider_records)


class SimNetwork:
    def __init__(self, count, seed=1):
        self.random = random.Random(seed)
        self.nodes = {peer_id(number): SimNode(number) for number in range(1, count + 1)}
        self.asked = 0

    def join_all(self):
        first = next(iter(self.nodes.values()))
        for node in self.nodes.values():
            if node is not first:
                node.table.admit(first.record.peer_id, first.record.addrs, 0)
                first.table.admit(node.record.peer_id, node.record.addrs, 0)
        for node in self.nodes.values():
            for one in self.find(node, node.record.peer_id).closest:
                node.table.admit(one.peer_id, one.addrs, 0)
                self.nodes[one.peer_id].table.admit(node.record.peer_id, node.record.addrs, 0)

    def find(self, node, target, want_providers=0):
        kind = KadType.GET_PROVIDERS if want_providers else KadType.FIND_NODE
        own = node.record.peer_id
        lookup = Lookup(target, node.table.closest(target, 0), own_peer_id=own, want_providers=want_providers)
        state = lookup.advance(LookupStarted())
        outstanding = []
        while not isinstance(state, Finished):
            if isinstance(state, Asking):
                outstanding += state.peers
            one = outstanding.pop(self.random.randrange(len(outstanding)))
            state = lookup.advance(self._ask(one, KadMessage(kind, target), own))
        return state

    def _ask(self, one, message, asker):
        self.asked += 1
        node = self.nodes.get(one.peer_id)
        if node is None or node.is_frozen:
            return PeerFailed(one.peer_id)
        return node.query(message, asker)

    def provide(self, node, target):
        holders = self.find(node, target).closest
        message = KadMessage(KadType.ADD_PROVIDER, target, (), (node.record,))
        for one in holders:
            self.nodes[one.peer_id].query(message, node.record.peer_id)
        return holders
