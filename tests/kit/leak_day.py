"""A day in the life of a node, told to a file: what it did, and all that instrumented peers heard of it.

Run as a program, in a network namespace of its own where there is one (``leak_capture``). The node is a real
process; its peers are real hosts in this one. To exercise more, add a step, and what it needs to ``POLICY``.
"""

import os
import secrets
import signal
import sys
import tempfile
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

import leak_canaries as canaries
import trio
from leak_canaries import MTIME, WORDS
from leak_capture import Capture, enter_namespace
from leak_observers import run_host, run_node
from leak_recording import Recording, recording
from process_kit import Person, octets

from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.control.client import NodeClient
from peertransfer.control.homes import Home, socket_path
from peertransfer.errors import ChangedError, EndedError, NetworkKeyError, PeertransferError, RefusedError
from peertransfer.membership.network import OPEN, kad_protocol_id
from peertransfer.membership.psk import format_swarm_key, parse_swarm_key
from peertransfer.net.addresses import peer_id_octets
from peertransfer.net.host import NetworkHost
from peertransfer.policy.preset import CLOSED
from peertransfer.service.home_setup import init_home
from peertransfer.service.networks import network_of_psk, open_network
from peertransfer.transport.multiaddrs import TcpAddr

AT = {
    "alice": "127.10.0.1",
    "router": "127.20.0.1",
    "server": "127.20.0.2",
    "friend": "127.20.0.3",
    "member": "127.20.0.4",
    "keeper": "127.30.0.1",
    "stranger": "127.40.0.1",
}
DEN = f"""
[[rule]]
name = "nobody-sees-the-den"
to = ["anyone"]
items = ["path:{WORDS["den"]}"]
hide.openings = ["*"]
hide.content = ["*"]
"""
MORE = """
[[rule]]
name = "friend-sees-one-label"
to = ["link:{friend_link}"]
items = ["label:{label}"]
show.openings = ["*"]
hide.openings = ["mtime"]

[[rule]]
name = "server-sees-times"
to = ["link:for-server"]
show.openings = ["mtime", "share_expires_at"]

[[rule]]
name = "server-hears-who-this-is"
to = ["peer:{server}"]
show.agent = ["agent_version", "protocol_version"]
show.addresses = ["observed_addr"]

[[rule]]
name = "friend-sees-the-list"
to = ["peer:{friend}"]
show.catalogue = ["*"]

[[rule]]
name = "member-sees-titles"
to = ["peer:{member}"]
show.catalogue = ["title"]
"""
QUIET_SECONDS = 0.4


class Day:
    """The node, its peers, and what is known about both."""

    def __init__(self, folder, into):
        self.folder = folder
        self.into = into
        self.alice = Person(folder / WORDS["above"], "alice")
        self.keys = {name: format_swarm_key(secrets.token_bytes(32)) for name in ("ours", "other", "wrong")}
        self.peers = {}
        """Role to ``Observer``."""
        self.addrs = {}
        """Network ID to where the node listens."""
        self.links, self.titles, self.secrets = {}, {}, []

    async def ask(self, command, **fields):
        """Have the node carry out a command."""
        client = NodeClient(socket_path(Home(self.alice.home)))
        return await trio.to_thread.run_sync(partial(client.call, command, **fields))

    def at(self, role):
        """Return where the node listens in the network of a peer."""
        return self.addrs[self.peers[role].network.network_id]

    async def meet(self, role):
        """Connect a peer to the node; return the node's ID there."""
        return await self.peers[role].connect(self.at(role))

    def keep_link(self, text, network, name=""):
        """Note what is behind a link; ``name``: the node's own name of it."""
        link = Link.parse(text)
        self.links[locator(link.secret, network.epoch_key, link.manifest_cid)] = str(link.manifest_cid), name
        self.secrets.append(link.secret)
        return text.split("&a=")[0]

    async def quiet(self):
        """Wait until nobody says anything any more."""
        before = None
        while before != self.into.marks():
            before = self.into.marks()
            await trio.sleep(QUIET_SECONDS)

    # --- morning: the node comes up, and everybody else ----------------------------------------------

    async def begin(self, nursery):
        """Start the node in all of its networks, and its peers, which end with the nursery."""
        self.alice.folder.mkdir()
        init_home(self.alice.home, accept_privacy=True)
        config = self.alice.home / "config.toml"
        config.write_text(config.read_text().replace("open_always = false", "open_always = true"))
        self.write_policy(CLOSED + DEN)
        async with trio.open_nursery() as starting:
            starting.start_soon(self.start, "debug")
            starting.start_soon(self._start_peers, nursery)
        for role, key, name in (
            ("keeper", "other", "other network name"),
            ("router", "ours", "network name"),
        ):
            bootstrap = self.peers[role].host.listen_addrs
            told = {"name": WORDS[name], "psk_text": self.keys[key], "bootstrap": bootstrap}
            await self.ask("network_join_psk", **told)
        for host in (await self.ask("status"))["hosts"]:
            self.addrs[host["network_id"]] = host["listen_addrs"]
        for role in ("server", "friend", "member", "stranger"):
            await self.meet(role)

    async def _start_peers(self, nursery):
        ours, other = ((name, self.keys[name]) for name in ("ours", "other"))
        await self._run(nursery, "router", run_node, ours)
        await self._run(nursery, "keeper", run_node, other)
        bootstrap = self.peers["router"].host.listen_addrs
        await self._run(nursery, "server", run_node, ours, bootstrap)
        await self._run(nursery, "friend", run_node, ours, bootstrap)
        await self._run(nursery, "member", run_host, network_of_psk(*ours, (), 0))
        await self._run(nursery, "stranger", run_host, open_network((), 0))

    async def _run(self, nursery, role, run, network, *more):
        async def keep(*, task_status):
            async with run(self.folder, role, AT[role], network, *more) as peer:
                self.peers[role] = peer
                task_status.started()
                await trio.sleep_forever()

        await nursery.start(keep)

    async def start(self, log_level):
        """Start the node, the first time or again."""
        listen = f"/ip4/{AT['alice']}/tcp/0"
        await trio.to_thread.run_sync(self.alice.start, listen, "--log-level", log_level)

    def write_policy(self, text):
        """Replace the node's policy; it is in force once it is reloaded."""
        path = self.alice.home / "policy.toml"
        path.write_text(text)
        path.chmod(0o600)

    # --- noon: under the policy that init writes -----------------------------------------------------

    async def share(self):
        """Share two folders."""
        top = self.alice.folder / WORDS["title"]
        second = self.alice.folder / WORDS["second title"]
        files = {
            top / WORDS["file"]: WORDS["content"].encode() + octets(48_611),
            top / WORDS["folder"] / "a": octets(3),
            top / WORDS["den"] / WORDS["hidden file"]: WORDS["hidden content"]
            .encode()
            .ljust(canaries.HIDDEN_SIZE, b"."),
            second / WORDS["changed file"]: octets(100),
            second / "b": octets(200),
        }
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (MTIME, MTIME))
        network = self.peers["router"].network
        told = {
            "labels": [WORDS["label"]],
            "purpose": WORDS["purpose"],
            "basis": WORDS["basis"],
            "expires_at": 4_000_000_000,
        }
        shared = await self.ask("share", paths=[str(top)], network=network.network_id, **told)
        self.first = shared["manifest_cid"]
        self.titles = {WORDS["title"]: self.first}
        self.keep_link(shared["link"], network, shared["link_name"])
        self.friend_link = await self._link(self.first, WORDS["link name"])
        self.server_link = await self._link(self.first, "for-server")
        shared = await self.ask("share", paths=[str(second)], network=network.network_id)
        self.second = shared["manifest_cid"]
        self.titles[WORDS["second title"]] = self.second
        self.second_link = self.keep_link(shared["link"], network, shared["link_name"])
        (second / WORDS["changed file"]).write_bytes(octets(100, seed=1))

    async def _link(self, cid, name):
        made = await self.ask("link_create", share=cid, name=name)
        return self.keep_link(made["link"], self.peers["router"].network, name)

    async def serve(self):
        """Serve who holds a link, and refuse who does not."""
        friend, member, stranger = (self.peers[one] for one in ("friend", "member", "stranger"))
        await self._get("friend", self.friend_link)
        await expect(ChangedError, self._get("friend", self.second_link))
        for peer in (friend, member, stranger):
            alice = await peer.connect(self.addrs[peer.network.network_id])
            assert await peer.catalogue(alice) == []
            with suppress(PeertransferError):
                await peer.host.identify(alice)
            for link in (self.friend_link, self._unknown_link(peer.network.network_id)):
                unproven = peer.wanted(link, secrets.token_bytes(16))
                await expect(RefusedError, self._want(peer, alice, unproven))
            with suppress(PeertransferError):
                await peer.question(alice, peer_id_octets(alice), *self._keys())

    def _unknown_link(self, network_id):
        cid = Link.parse(self.second_link).manifest_cid
        return str(Link(cid, network_id, secrets.token_bytes(16)))

    def _keys(self):
        return [b"\x12\x20" + name for name in self.links]

    async def _want(self, peer, alice, wanted):
        async with peer.asking(alice, wanted):
            pass

    async def _get(self, role, link):
        dest = Path(tempfile.mkdtemp(dir=self.folder))
        await self.meet(role)
        return await self.peers[role].node.get(link, str(dest), lambda _: None)

    async def fetch(self):
        """Have the node list, look up and get what a peer shares; and be refused by it."""
        friend = self.peers["friend"]
        dest = self.alice.folder / WORDS["dest"]
        dest.mkdir()
        link = await self._shared_by_friend("letter")
        await self.ask("get", link=link, dest=str(dest))
        await self.ask("ls", target=friend.host.peer_id)
        ended = await self._shared_by_friend("diary")
        await friend.node.link_end(ended)
        refused = self.ask("get", link=ended, dest=str(dest), from_addrs=friend.host.listen_addrs)
        await expect(RefusedError, refused)

    async def _shared_by_friend(self, name):
        friend = self.peers["friend"]
        folder = self.folder / f"{name} of friend"
        folder.mkdir()
        (folder / name).write_bytes(octets(70_000, seed=len(name)))
        shared = await friend.node.share([str(folder)], lambda _: None, network=friend.network.network_id)
        return self.keep_link(shared["link"], friend.network)

    async def knock(self):
        """Call the node in the private network with another key, and with none."""
        ours = self.peers["router"].network.network_id
        for psk in (parse_swarm_key(self.keys["wrong"]), None):
            async with NetworkHost(b"o" * 32, network_id="?", psk=psk, listen_addrs=[]) as host:
                await expect(NetworkKeyError, host.connect(self.addrs[ours]))

    # --- evening: a policy that shows more, and what ends --------------------------------------------

    async def show_more(self):
        """Take a new policy, and ask again."""
        named = {role: peer.host.peer_id for role, peer in self.peers.items()}
        rules = MORE.format(friend_link=WORDS["link name"], label=WORDS["label"], **named)
        self.write_policy(CLOSED + DEN + rules)
        await self.ask("policy_reload")
        await self._get("friend", self.friend_link)
        await self._get("server", self.server_link)
        for role in ("friend", "server", "member"):
            alice = await self.meet(role)
            await self.peers[role].catalogue(alice)
            await self.peers[role].host.identify(alice)

    async def mistake(self):
        """Have the node look at a policy with a mistake, as an operator does, and keep the one that it has."""
        path = self.alice.home / "policy.toml"
        good = path.read_text()
        self.write_policy("[[rul]]\n")
        self.alice.process.send_signal(signal.SIGHUP)
        while "policy_kept" not in self.alice.log.read_text():
            await trio.sleep(0.05)
        self.write_policy(good)

    async def end_link(self):
        """End a link under which a stream is open, and unshare what another one leads to."""
        friend = self.peers["friend"]
        alice = await self.meet("friend")
        for link, command, ref in (
            (self.friend_link, "link_end", WORDS["link name"]),
            (self.second_link, "unshare", self.second),
        ):
            wanted = friend.wanted(link)
            async with friend.asking(alice, wanted) as asking:
                await self.ask(command, ref=ref)
                with trio.fail_after(3):
                    while not asking.is_over:
                        await trio.sleep(0.05)
                assert isinstance(asking._failure, EndedError)
            await expect(RefusedError, self._want(friend, alice, wanted))

    async def restart(self):
        """Stop the node, start it again, and get once more."""
        await self.quiet()
        self.status = await self.ask("status")
        assert await trio.to_thread.run_sync(self.alice.stop) == 0
        await self.start("info")
        for role in ("server", "member", "stranger"):
            await self.meet(role)
        await self._get("server", self.server_link)

    # --- night: what was said, and what the node says of it ------------------------------------------

    async def tell(self):
        """Keep what the tests compare."""
        await self.quiet()
        ledger = await self._ledger()
        hosts = (await self.ask("status"))["hosts"]
        identities = {one["peer_id"]: one["network_id"] for one in hosts}
        self.into.facts |= {
            "ledger": ledger,
            "status": self.status,
            "identities": identities,
            "kad_protocols": {one: kad_protocol_id(one) for one in identities.values() if one != OPEN},
            "networks": {role: peer.network.network_id for role, peer in self.peers.items()},
            "keys": {peer.network.network_id: peer.network.psk for peer in self.peers.values()},
            "links": self.links,
            "titles": self.titles,
            "roles": {peer.host.peer_id: role for role, peer in self.peers.items()},
            "listeners": self._listeners(hosts),
            "node_addrs": [addr.rsplit("/p2p/", 1)[0] for addrs in self.addrs.values() for addr in addrs],
            "canaries": self._canaries(hosts),
        }

    async def _ledger(self):
        page = await self.ask("ledger")
        entries = page["entries"]
        while "cursor" in page:
            page = await self.ask("ledger", cursor=page["cursor"])
            entries += page["entries"]
        return entries

    def _listeners(self, hosts):
        addrs = [addr for one in hosts for addr in one["listen_addrs"]]
        addrs += [addr for peer in self.peers.values() for addr in peer.host.listen_addrs]
        return {(one.host, one.port) for one in map(TcpAddr.parse, addrs)}

    def _canaries(self, hosts):
        found = canaries.of_words() + canaries.of_numbers() + canaries.of_machine()
        known = [("this node", one["network_id"], one["peer_id"], one["listen_addrs"]) for one in hosts]
        for role, peer in self.peers.items():
            known.append((role, peer.network.network_id, peer.host.peer_id, peer.host.listen_addrs))
        for name, network_id, peer_id, told in known:
            addrs = [TcpAddr.parse(addr).bare() for addr in told]
            forms = [(str(addr), addr.to_octets()) for addr in addrs]
            found += canaries.of_host(name, network_id, peer_id, peer_id_octets(peer_id), forms)
        for network_id in {one["network_id"] for one in hosts} - {OPEN}:
            found.append(canaries.canary("network ID", network_id, at_home_in=network_id))
        for key in self.keys.values():
            found.append(canaries.canary("network key", parse_swarm_key(key)))
        for secret in self.secrets:
            text = str(Link(Link.parse(self.friend_link).manifest_cid, OPEN, secret)).split("&s=")[1]
            found.append(canaries.canary("link secret", secret, text))
        return found


async def expect(kind, awaitable):
    """Await what has to fail as ``kind``."""
    try:
        await awaitable
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


async def live(folder, into):
    """Live the day; it is in ``into`` then."""
    day = Day(folder, into)
    try:
        with recording(into), trio.fail_after(90):
            async with trio.open_nursery() as nursery:
                await day.begin(nursery)
                for step in (day.share, day.fetch, day.serve, day.knock, day.quiet):
                    await step()
                into.facts["by_default"] = into.marks()
                for step in (day.show_more, day.mistake, day.end_link, day.restart, day.tell):
                    await step()
                nursery.cancel_scope.cancel()
    finally:
        day.alice.stop()
        into.facts["log"] = day.alice.log.read_text() if day.alice.log.exists() else ""


def main(out, is_alone):
    """Live a day and save it to ``out``; ``is_alone``: this process is in a namespace of its own."""
    os.umask(0o077)
    into = Recording()
    if is_alone:
        enter_namespace(WORDS["host name"])
    with (
        tempfile.TemporaryDirectory(prefix="pt-") as name,
        Capture() if is_alone else nullcontext() as capture,
    ):
        canaries.name_the_person(Path(name) / WORDS["above"])
        trio.run(live, Path(name), into)
    if capture is not None:
        into.facts |= {"packets": capture.packets, "dropped": capture.dropped}
    into.save(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "alone")
