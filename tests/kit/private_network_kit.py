"""A plain private network that a real node and stock peers share: a swarm.key, and nothing else of ours."""

import contextlib
from dataclasses import dataclass

from interop_kit import NodeHome, new_swarm_key, start_peer

from peertransfer.content.link import Link
from peertransfer.content.locator import locator, locator_multihash
from peertransfer.membership.epoch import epoch_key_of_psk
from peertransfer.membership.network import kad_protocol_id, network_id_of_psk
from peertransfer.membership.psk import parse_swarm_key


@dataclass
class PrivateNetwork:
    """What everybody in the network knows, and a home that is about to join."""

    swarm_key: str
    home: NodeHome
    folder: object
    language: str

    @property
    def network_id(self):
        return network_id_of_psk(parse_swarm_key(self.swarm_key))

    @property
    def kad(self):
        return kad_protocol_id(self.network_id)

    def start_peer(self, **options):
        return start_peer(self.language, self.swarm_key, self.kad, **options)

    def write_key(self, text):
        file = self.folder / "swarm.key"
        file.write_text(text)
        file.chmod(0o600)
        return file

    @contextlib.asynccontextmanager
    async def run_node(self, *bootstrap):
        """Join by the key and the bootstrap addresses, then run; give the node's host."""
        await self.home.must("init", "--accept-privacy")
        options = [option for addr in bootstrap for option in ("--bootstrap", addr)]
        joined = await self.home.must(
            "network", "join", "--name", "field", "--psk", self.write_key(self.swarm_key), *options
        )
        assert joined["network_id"] == self.network_id
        async with self.home.run(self.network_id) as host:
            yield host

    def key_of(self, link):
        """Return the DHT key of a link, in hexadecimal."""
        parsed = Link.parse(link)
        epoch_key = epoch_key_of_psk(parse_swarm_key(self.swarm_key))
        return locator_multihash(locator(parsed.secret, epoch_key, parsed.manifest_cid)).hex()

    async def share(self):
        """Share a small file; return the DHT key of its link."""
        file = self.folder / "letter.txt"
        file.write_text("Dear peer\n")
        shared = await self.home.must("share", file, "--network", self.network_id)
        return self.key_of(shared["link"])


def private_network(folder, language):
    """Return a network of its own, for one test, whose peers are in ``language``."""
    return PrivateNetwork(new_swarm_key(), NodeHome(folder), folder, language)
