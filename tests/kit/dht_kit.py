"""Real hosts on loopback with a DHT each: all that ``service.hosts`` puts around it, and nobody else's share."""

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import trio
from kad_kit import sealed

from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.views import AddressesView, ProtocolsView, ProvideView
from peertransfer.membership.network import kad_protocol_id
from peertransfer.net.host import NetworkHost
from peertransfer.policy.facts import ItemFacts
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service.dht import Dht
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.host_runtime import HostRuntime
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.spending import Spending
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.networks import StoredNetwork
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.wire.identify_codec import encode_identify
from peertransfer.wire.kad_codec import KadType, decode_kad, encode_kad_answer, request_reader

NETWORK = StoredNetwork("n", "n", "psk", 0, psk=b"k" * 32)
KAD = kad_protocol_id(NETWORK.network_id)
LOOPBACK = "/ip4/127.0.0.1/tcp/0"


def locator(number):
    return number.to_bytes(32, "big")


class Provided:
    """What a node provides, without shares behind it."""

    def __init__(self):
        self.items = {}

    def provided(self, network_id):
        return dict(self.items) if network_id == NETWORK.network_id else {}

    def provided_under(self, network_id, locator):
        return self.provided(network_id).get(locator)


class DhtNode:
    """A host and its DHT, which greets whoever connects."""

    def __init__(self, host, dht, provided, policy, ledger):
        self.host = host
        self.dht = dht
        self.policy = policy
        self.ledger = ledger
        self._provided = provided

    @property
    def peer_id(self):
        return self.host.peer_id_bytes

    def provide(self, number, cid=""):
        self._provided.items[locator(number)] = ItemFacts(cid or f"share {number}")
        self.dht.provide_now()

    def withdraw(self, number):
        """End a share; nobody is told."""
        del self._provided.items[locator(number)]

    async def meet(self, other):
        """Connect, and wait until both have greeted."""
        await self.host.connect(other.host.listen_addrs)
        await until(lambda: other.peer_id in self.dht.table and self.peer_id in other.dht.table)


@asynccontextmanager
async def run_dht(number, folder, *, seed=None, policy=CLOSED, greets=True, **options):
    """Run one node; its folder is its own, its peer ID follows from ``seed`` or its number."""
    folder = folder / f"{number}"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        database = Database(folder / "node.db")
        stack.push_async_callback(database.aclose)
        host = await stack.enter_async_context(
            NetworkHost(
                seed or bytes([number]) * 32,
                network_id=NETWORK.network_id,
                psk=NETWORK.psk,
                listen_addrs=[LOOPBACK],
                **options,
            )
        )
        in_force = PolicyInForce(parse_policy(policy, "policy.toml"), Spending(database))
        ledger = Ledger(database)
        door = Door(in_force, ledger, NETWORK.network_id)
        runtime = HostRuntime(host, NETWORK, door, ServedShares(database))
        provided = Provided()
        dht = Dht(runtime, door, provided)
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        if greets:
            host.on_connected = lambda peer_id: nursery.start_soon(dht.peer_came, peer_id)
            host.on_disconnected = dht.peer_went
        nursery.start_soon(dht.run)
        yield DhtNode(host, dht, provided, in_force, ledger)


@asynccontextmanager
async def run_dhts(count, folder, **options):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(run_dht(1 + one, folder, **options)) for one in range(count)]


async def until(condition, seconds=5):
    """Wait for what other tasks bring about."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.01)


@asynccontextmanager
async def run_liar(number, *, closer=(), providers=()):
    """Run a peer of the network that answers every query with the same peers, whatever they are."""
    async with NetworkHost(
        bytes([number]) * 32, network_id=NETWORK.network_id, psk=NETWORK.psk, listen_addrs=[LOOPBACK]
    ) as host:

        async def identify(peer_id, _):
            asker = OnePeer(peer_id)
            addresses = sealed(AddressesView(host.listen_addrs_bytes), asker)
            return encode_identify(addresses, sealed(ProtocolsView((KAD,)), asker), public_key=b"")

        async def lie(stream):
            reader = request_reader()
            while octets := await stream.receive():
                reader.receive_data(octets)
                while (frame := reader.next_frame()) is not None:
                    query = decode_kad(bytes(frame))
                    asker = OnePeer(stream.peer_id)
                    is_get = query.type is KadType.GET_PROVIDERS
                    told = sealed(ProvideView(provider_records=providers), asker) if is_get else None
                    peers = sealed(AddressesView(closer_peers=closer), asker)
                    await stream.send(encode_kad_answer(peers, told, query.type, query.key))

        host.identify_answer = identify
        host.set_handler(KAD, lie)
        yield host


@asynccontextmanager
async def run_victim():
    """Run a TCP service that is none of ours; give its multiaddr and a list that grows with each caller."""
    callers = []

    async def count(stream):
        callers.append(stream.socket.getpeername())
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, count, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        yield TcpAddr("ip4", "127.0.0.1", port).to_octets(), callers
        nursery.cancel_scope.cancel()
