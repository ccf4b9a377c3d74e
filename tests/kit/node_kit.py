"""Whole nodes on loopback, in the test's own loop: so that a test can make one lie, or watch what another does."""

from contextlib import asynccontextmanager
from dataclasses import replace

from store_kit import make_tree

from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.content.verified import Verified
from peertransfer.membership.network import OPEN
from peertransfer.service.asking import Wanted, ask_peer
from peertransfer.service.config import load_config
from peertransfer.service.groups import open_nursery
from peertransfer.service.home_setup import init_home
from peertransfer.service.node import Node
from peertransfer.store.database import Database
from peertransfer.store.home import open_home
from peertransfer.store.networks import Networks
from peertransfer.transport.limits import Limits


class Peer:
    """A node of the open network, and what is done with it."""

    def __init__(self, path, node, database):
        self.path, self.node, self.database = path, node, database
        self.host = None
        self.reports = []
        """What the last ``get`` reported while it ran."""

    @property
    def address(self):
        """Return where it listens, with its peer ID."""
        return self.host.listen_addrs[0]

    async def share(self, files, title="shared"):
        """Share a folder of these files; return what ``share`` answers."""
        folder = make_tree(self.path.with_name(f"{self.path.name}-files") / title, files)
        return await self.node.share([str(folder)], lambda event: None)

    async def get(self, link, dest, *providers, **options):
        """Fetch from these peers."""
        self.reports.clear()
        addrs = [peer.address for peer in providers]
        return await self.node.get(
            link.split("&a=")[0], str(dest), self.reports.append, from_addrs=addrs, **options
        )

    @asynccontextmanager
    async def asking(self, link, provider):
        """Have a stream on which ``provider`` granted what is behind a link."""
        link = Link.parse(link)
        running = await self.node._hosts.host_for(OPEN)
        name = locator(link.secret, running.network.epoch_key, link.manifest_cid)
        await self.host.connect([provider.address], provider.host.peer_id)
        wanted = Wanted(str(link.manifest_cid), link.secret, name)
        async with ask_peer(running.runtime, provider.host.peer_id, wanted) as asking:
            yield asking

    def lie(self, is_lie=lambda leaf: True):
        """Send other octets than those that were shared, in leaves that ``is_lie`` says."""
        reader = self.node._shares._reader
        read = reader.read_leaves

        async def read_leaves(share, places, _memory):
            found = await read(share, places)
            return [
                _flipped(one) if is_lie(leaf) else one for (_, leaf), one in zip(places, found, strict=True)
            ]

        reader.read_leaves = read_leaves


def _flipped(verified):
    octets = bytearray(verified.octets)
    octets[0] ^= 1
    return Verified._create(verified.cid, memoryview(bytes(octets)))


@asynccontextmanager
async def running(path, *, twin_of=None, ip="127.0.0.1", **limits):
    """Run a node.

    Args:
        path: its home, made here.
        twin_of: a peer whose shares and links this one has too, under a key of its own; it needs another ``ip``.
        ip: where it listens.
        limits: those that differ from the defaults, also beyond what a config may say.
    """
    init_home(path, accept_privacy=True)
    home = open_home(path)
    async with Database(home.database_path) as own, open_nursery() as nursery:
        database = twin_of.database if twin_of else own
        if twin_of:
            await Networks(database).set_peer_id(OPEN, "")  # else the other one's key would be missed
        config = replace(load_config(home.config_path), limits=Limits(**limits))
        node = Node(home, config, database, [f"/ip4/{ip}/tcp/0"])
        await nursery.start(node.run)
        peer = Peer(path, node, database)
        peer.allowance = node._hosts.allowance
        peer.host = (await node._hosts.host_for(OPEN)).runtime.host
        yield peer
        nursery.cancel_scope.cancel()
