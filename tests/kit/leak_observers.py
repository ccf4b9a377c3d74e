"""Instrumented peers of a node: real hosts with real codecs, which ask and are asked; ``leak_recording`` listens."""

from contextlib import AsyncExitStack, asynccontextmanager

import trio
from kad_kit import sealed

from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.disclosure.audience import DhtServers
from peertransfer.disclosure.frame import seal_frame
from peertransfer.disclosure.views import LookupView, ProvideView
from peertransfer.membership.network import kad_protocol_id
from peertransfer.net.host import NetworkHost
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service.asking import Wanted, ask_peer
from peertransfer.service.config import load_config
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.home_setup import init_home
from peertransfer.service.host_runtime import HostRuntime
from peertransfer.service.node import Node
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.spending import Spending
from peertransfer.store.database import Database
from peertransfer.store.home import open_home
from peertransfer.store.ledger import Ledger
from peertransfer.wire.framing import encode_varint
from peertransfer.wire.kad_codec import encode_add_provider, encode_find_node, encode_get_providers
from peertransfer.wire.v1 import kad_pb2

ANSWER_SECONDS = 0.2
"""How long an answer is waited for that may never come."""


class Observer:
    """A host in one network, and what it can ask a node there."""

    def __init__(self, runtime, node=None):
        self.runtime = runtime
        self.host = runtime.host
        self.network = runtime.network
        self.node = node
        """The whole node around it, where there is one."""

    async def connect(self, addrs):
        """Connect to a node; return its peer ID."""
        return await self.host.connect(addrs)

    @asynccontextmanager
    async def asking(self, peer_id, wanted=None):
        """Have an exchange stream: under a grant, or, without ``wanted``, for a catalogue."""
        async with ask_peer(self.runtime, peer_id, wanted) as asking:
            yield asking

    def wanted(self, link, secret=None):
        """Return what this peer wants by a link; with another ``secret`` it proves nothing."""
        parsed = Link.parse(link)
        name = locator(parsed.secret, self.network.epoch_key, parsed.manifest_cid)
        return Wanted(str(parsed.manifest_cid), secret or parsed.secret, name)

    async def catalogue(self, peer_id):
        """Ask for the catalogue; return its items."""
        found = []
        async with (
            self.asking(peer_id) as asking,
            asking.request(lambda machine, want: machine.request_catalogue(want)) as parts,
        ):
            async for part in parts:
                found += part.items
        return found

    async def question(self, peer_id, *keys):
        """Put every kind of question to a DHT server: for ``keys``, for nothing, and such as have no answer."""
        servers = DhtServers(self.network.network_id)
        stream = await self.host.open_stream(peer_id, kad_protocol_id(self.network.network_id))
        stream.prove(servers)
        ping = kad_pb2.KadMessage(type=kad_pb2.KAD_MESSAGE_TYPE_PING).SerializeToString()
        frames = [seal_frame(sealed(LookupView(b"ping"), servers), encode_varint(len(ping)) + ping)]
        for key in keys:
            view = sealed(LookupView(key), servers)
            frames += [encode_find_node(view), encode_get_providers(view)]
        own = ProvideView(b"?" * 32, self.host.listen_addrs_bytes)
        frames.append(encode_add_provider(sealed(own, servers), self.host.peer_id_bytes))
        for frame in frames:
            await stream.send(frame)
            with trio.move_on_after(ANSWER_SECONDS):
                await stream.receive()
        await stream.aclose()


@asynccontextmanager
async def run_node(folder, name, ip, network, bootstrap=()):
    """Run a whole node that is in one private network.

    Args:
        folder: where its home is made.
        name: its own.
        ip: where it listens.
        network: (name, text of the swarm.key).
        bootstrap: multiaddrs.
    """
    init_home(folder / name, accept_privacy=True)
    home = open_home(folder / name)
    async with Database(home.database_path) as database, trio.open_nursery() as nursery:
        node = Node(home, load_config(home.config_path), database, [f"/ip4/{ip}/tcp/0"])
        await nursery.start(node.run)
        joined = await node.network_join_psk(*network, bootstrap)
        running = await node._hosts.host_for(joined["network_id"])
        yield Observer(running.runtime, node)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def run_host(folder, name, ip, network):
    """Run a bare host in a network: it asks, and neither serves the DHT nor shares."""
    async with AsyncExitStack() as stack:
        database = Database(folder / f"{name}.db")
        stack.push_async_callback(database.aclose)
        host = await stack.enter_async_context(
            NetworkHost(
                name.encode().ljust(32, b"."),
                network_id=network.network_id,
                psk=network.psk,
                listen_addrs=[f"/ip4/{ip}/tcp/0"],
            )
        )
        policy = PolicyInForce(parse_policy(CLOSED, "policy.toml"), Spending(database))
        door = Door(policy, Ledger(database), network.network_id)
        yield Observer(HostRuntime(host, network, door, ServedShares(database)))
