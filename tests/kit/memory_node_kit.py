"""A node in two networks, answered for by the real services: whoever plays a peer gets real answers.

Engine, store, ledger, machines, codecs, ``HostRuntime`` and ``Dht`` are those of the product; only the host, and
the muxer below its streams, is memory.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import trio
from answering_kit import PROVIDER, Wire
from store_kit import import_tree, make_tree

from peertransfer.content.cid import Cid
from peertransfer.content.locator import locator, locator_multihash
from peertransfer.content.shared import build_manifest
from peertransfer.disclosure.views import PeerRecord
from peertransfer.membership.network import EXCHANGE_PROTOCOL, OPEN
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service.answering import Answering
from peertransfer.service.asking import Wanted
from peertransfer.service.dht import Dht
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.host_runtime import HostRuntime
from peertransfer.service.policy_names import check_ids
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.spending import Spending
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.links import Links, StoredLink
from peertransfer.store.networks import Networks, StoredNetwork
from peertransfer.store.shares import Shares
from peertransfer.transport.multiaddrs import peer_id_octets

PRIVATE = StoredNetwork("n" + "a" * 32, "private", "psk", 1, psk=b"k" * 32, epoch_key=b"e" * 32)
PUBLIC = StoredNetwork(OPEN, OPEN, "open", 1, bootstrap=("/ip4/8.8.4.4/tcp/1",))
NETWORKS = (PRIVATE, PUBLIC)
DAY = 86_400

PUBLIC_ADDR = bytes.fromhex("0408080808060fa1")
PRIVATE_ADDR = bytes.fromhex("040a000001060fa1")
SEEN_AT = bytes.fromhex("0409090909060fa1")
NEAR = PeerRecord(b"\x00\x24\x08\x01\x12\x20" + b"n" * 32, (bytes.fromhex("0401010101060fa1"),))
OTHER_PROVIDER = PeerRecord(b"\x00\x24\x08\x01\x12\x20" + b"o" * 32, (bytes.fromhex("0401010201060fa1"),))


class MemoryHost:
    """Stands for ``net.host.NetworkHost``: every peer is connected, and streams are memory."""

    def __init__(self, nursery, answer, listen_addrs):
        self.peer_id, self.peer_id_bytes = PROVIDER, peer_id_octets(PROVIDER)
        self.listen_addrs_bytes = listen_addrs
        self.handlers = {}
        self.identify_answer = None
        self.opened = []
        """The streams that this host opened itself."""
        self.answered = []
        """The streams that peers opened to it."""
        self._nursery = nursery
        self._answer = answer

    def set_handler(self, protocol, handler):
        self.handlers[protocol] = handler

    def remote_addr_bytes(self, peer_id):
        return SEEN_AT

    def is_connected(self, peer_id):
        return True

    async def open_stream(self, peer_id, protocol):
        await trio.lowlevel.checkpoint()
        wire = Wire(getter=PROVIDER, provider=peer_id)
        wire.protocol = protocol
        self.opened.append(wire)
        if protocol == EXCHANGE_PROTOCOL:
            self._nursery.start_soon(self._answer, wire)
        return wire.getter_end

    @asynccontextmanager
    async def called(self, peer_id, protocol):
        """Open a stream to this host as a peer; it is over when the body is."""
        wire, ended = Wire(getter=peer_id), trio.Event()
        wire.protocol = protocol
        self.answered.append(wire)

        async def serve():
            await self.handlers[protocol](wire.provider_end)
            ended.set()

        self._nursery.start_soon(serve)
        yield wire.getter_end
        await wire.getter_end.aclose()
        with trio.fail_after(5):
            await ended.wait()


@dataclass(frozen=True)
class Around:
    """Where a node is, and whom it knows: the same in both networks."""

    listen_addrs: tuple[bytes, ...] = (PUBLIC_ADDR, PRIVATE_ADDR)
    near: PeerRecord = NEAR
    """The one peer of its routing table."""
    other_provider: PeerRecord = OTHER_PROVIDER
    """The peer that told it to provide whatever it has a link to."""


@dataclass
class Shared:
    """A share of the node."""

    cid: str
    title: str
    size: int
    paths: tuple[str, ...]
    """By index in the manifest."""
    theirs: Wanted
    """What the node wants when it asks another one for the same share."""
    links: dict[str, Wanted] = field(default_factory=dict)
    """By name: what a peer wants by it."""


class Node:
    """A node that is in a private network and in the open one, each with its DHT."""

    def __init__(self, database, theirs, nursery, around):
        self.database = database
        self._around = around
        self.in_force = PolicyInForce(parse_policy(CLOSED, "policy.toml"), Spending(database))
        self.ledger = Ledger(database)
        self.served = ServedShares(database)
        self._shares, self._links = Shares(database), Links(database)
        self._theirs = theirs
        self.kept = []
        """All that is shared: the private record, and the share."""
        self.runtimes, self.dhts = {}, {}
        for network in NETWORKS:
            door = Door(self.in_force, self.ledger, network.network_id)
            host = MemoryHost(nursery, theirs.answer, around.listen_addrs)
            runtime = HostRuntime(host, network, door, self.served)
            dht, near = Dht(runtime, door, self.served), around.near
            dht.table.admit(near.peer_id, near.addrs, trio.current_time(), seen_at=near.addrs[0])
            self.runtimes[network.network_id], self.dhts[network.network_id] = runtime, dht

    @property
    def policy(self):
        return self.in_force.engine.policy

    def set_policy(self, text):
        policy = parse_policy(text, "policy.toml")
        check_ids(policy)
        self.in_force.replace(self.in_force.engine_of(policy))

    async def share(self, folder, files, *, entry_labels=(), created_at, **options):
        """Share files, of which those below ``a/`` carry labels of their own."""
        imported = await import_tree(make_tree(folder, files), **options)
        entries = tuple(
            replace(one, labels=tuple(entry_labels) if one.path.startswith("a/") else ())
            for one in imported.item.entries
        )
        return await self.keep(replace(imported.item, entries=entries), imported.sources, created_at)

    async def keep(self, item, sources, created_at):
        """Share what was imported."""
        manifest, order = build_manifest(item)
        cid = await self._shares.save_share(item, manifest, order, sources=sources, now=created_at)
        theirs = await self._theirs.have(item, manifest, order, sources)
        paths = tuple(item.entries[ordinal].path for ordinal in order)
        shared = Shared(cid, item.title, sum(one.size for one in item.entries), paths, theirs)
        self.kept.append((item, shared))
        return shared

    async def link(self, shared, name, network, *, expires_at=0, ended_at=0):
        kept = _link(name, shared.cid, network, expires_at)
        await self._links.add_link(kept)
        if ended_at:
            await self._links.end_link(name, ended_at)
        await self.served.load_links()
        shared.links[name] = Wanted(shared.cid, kept.secret, kept.locator)
        for dht in self.dhts.values():
            key, now = locator_multihash(kept.locator), trio.current_time()
            other = self._around.other_provider
            dht.store.add(key, other, other.peer_id, now)


class Theirs:
    """The same shares, held by whoever is asked for one: nothing of them is kept from anybody."""

    def __init__(self, database):
        self._shares, self._links = Shares(database), Links(database)
        self._served = ServedShares(database)
        policy = PolicyInForce(parse_policy(CLOSED, "policy.toml"), Spending(database))
        self._door = Door(policy, Ledger(database), PRIVATE.network_id)

    async def have(self, item, manifest, order, sources):
        item = replace(item, expires_at=0)
        cid = await self._shares.save_share(item, manifest, order, sources=sources, now=1)
        kept = _link(cid[-16:], cid, PRIVATE)
        await self._links.add_link(kept)
        await self._served.load_links()
        return Wanted(cid, kept.secret, kept.locator)

    async def answer(self, wire):
        own = peer_id_octets(wire.getter_end.peer_id)
        await Answering(wire.provider_end, PRIVATE.network_id, own, self._door, self._served).run()


def _link(name, cid, network, expires_at=0):
    secret = name.encode().ljust(16, b".")
    blind = locator(secret, network.epoch_key, Cid.parse(cid))
    return StoredLink(name, cid, network.network_id, 1, expires_at, secret=secret, locator=blind)


@asynccontextmanager
async def run_node(folder, around=None):
    async with (
        Database(folder / "node.db") as database,
        Database(folder / "theirs.db") as theirs,
        trio.open_nursery() as nursery,
    ):
        for network in NETWORKS:
            await Networks(database).save(network)
        yield Node(database, Theirs(theirs), nursery, around or Around())
        nursery.cancel_scope.cancel()
