"""Which hosts run: one for each network, started and ended while the node lives.

It makes no network (``service.networks``) and answers no stream (``service.host_runtime``).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import NotInNetworkError, PeertransferError
from peertransfer.membership.network import OPEN
from peertransfer.net.host import NetworkHost
from peertransfer.net.reconnect import Reconnector
from peertransfer.service.dht import Dht
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.facts import wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.service.host_runtime import HostRuntime
from peertransfer.service.identities import seed_of
from peertransfer.service.networks import open_network
from peertransfer.transport.allowance import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_typing import TaskStatus

    from peertransfer.service.config import Config
    from peertransfer.service.served_shares import ServedShares
    from peertransfer.store.home import Home
    from peertransfer.store.ledger import Ledger
    from peertransfer.store.networks import Networks, StoredNetwork
    from peertransfer.store.peers import KnownPeers

log = logging.getLogger("peertransfer.service")


class RunningHost:
    """A host, its DHT, and the scope that ends them."""

    def __init__(self, runtime: HostRuntime, dht: Dht | None, network: StoredNetwork) -> None:
        self.runtime = runtime
        self.dht = dht
        self.network = network
        self.scope = trio.CancelScope()
        self.ended = trio.Event()


class Hosts:
    """The running hosts, by network ID."""

    def __init__(
        self,
        *,
        home: Home,
        config: Config,
        listen: Sequence[str],
        policy: PolicyInForce,
        ledger: Ledger,
        networks: Networks,
        peers: KnownPeers,
        shares: ServedShares,
    ) -> None:
        self._home = home
        self._config = config
        self._listen = tuple(listen) or config.listen
        self._policy = policy
        self._ledger = ledger
        self._networks = networks
        self._peers = peers
        self._shares = shares
        self._nursery: trio.Nursery | None = None
        self._starting = trio.Lock()
        self.allowance = Allowance(config.limits)
        """What strangers may cost all hosts together, and how often a limit was reached."""
        self.running: dict[str, RunningHost] = {}
        self.on_started: Callable[[RunningHost], None] | None = None
        """Called for each host that starts after the node is ready."""

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the hosts of all networks and keep them until cancelled."""
        async with open_nursery() as nursery:
            self._nursery = nursery
            is_open_used = self._config.open_always
            for network in await self._networks.list():
                if network.kind != "open":
                    await self.start(network)
                elif self._shares.provided(network.network_id):
                    is_open_used = True
            if is_open_used:
                await self.open_host()
            task_status.started()
            await trio.sleep_forever()

    async def start(self, network: StoredNetwork) -> RunningHost:
        """Start the host of a network; return the one that runs already, if there is one.

        Raises:
            ListenError: its port is taken.
            HomeError: its key is lost or damaged.
        """
        assert self._nursery is not None
        async with self._starting:
            known = self.running.get(network.network_id)
            if known is not None:
                return known
            running: RunningHost = await self._nursery.start(self._keep, network)
        if self.on_started is not None:
            self.on_started(running)
        return running

    async def stop(self, network_id: str) -> None:
        """End a host, if it runs."""
        running = self.running.get(network_id)
        if running is not None:
            running.scope.cancel()
            await running.ended.wait()

    async def host_for(self, network_id: str) -> RunningHost:
        """Return the running host of a network; the open network's is started when it is needed.

        Raises:
            NotInNetworkError: this node is not in that network.
        """
        if network_id == OPEN:
            return await self.open_host()
        running = self.running.get(network_id)
        if running is not None:
            return running
        network = await self._networks.find(network_id)
        if network is None:
            raise NotInNetworkError(
                "This link is of a network that this node is not in",
                "Ask whoever sent it for an invite, then: peertransfer network join -",
            )
        return await self.start(network)

    async def open_host(self) -> RunningHost:
        """Return the open network's host, started where it does not run."""
        bootstrap = self._config.open_bootstrap
        network = await self._networks.find(OPEN)
        if network is None:
            network = open_network(bootstrap, wall_clock())
            await self._networks.save(network)
        elif network.bootstrap != bootstrap:
            await self._networks.set_bootstrap(OPEN, bootstrap)
            network = replace(network, bootstrap=bootstrap)
        return await self.start(network)

    async def _keep(
        self, network: StoredNetwork, *, task_status: TaskStatus[RunningHost] = trio.TASK_STATUS_IGNORED
    ) -> None:
        stored = await self._networks.find(network.network_id)
        host = NetworkHost(
            seed_of(self._home, stored or network),
            network_id=network.network_id,
            psk=network.psk,
            listen_addrs=self._listen_addrs(network),
            announce_addrs=self._config.announce,
            allowance=self.allowance,
            on_library=self._config.transport == "library",
        )
        async with host:
            await self._keep_port(network, host)
            if stored is not None and not stored.peer_id:
                await self._networks.set_peer_id(network.network_id, host.peer_id)
            door = Door(self._policy, self._ledger, network.network_id)
            runtime = HostRuntime(host, network, door, self._shares)
            # The open network has no bootstrap peers of its own; with some it is like any other.
            has_dht = network.psk is not None or network.bootstrap
            dht = Dht(runtime, door, self._shares) if has_dht else None
            running = RunningHost(runtime, dht, network)
            self.running[network.network_id] = running
            try:
                with running.scope:
                    async with open_nursery() as nursery:
                        self._watch(running, nursery)
                        task_status.started(running)
                        await trio.sleep_forever()
            finally:
                del self.running[network.network_id]
                running.ended.set()

    def _watch(self, running: RunningHost, nursery: trio.Nursery) -> None:
        host, dht = running.runtime.host, running.dht

        def connected(peer_id: str) -> None:
            nursery.start_soon(self._greet, running, peer_id)

        def disconnected(peer_id: str) -> None:
            if dht is not None:
                dht.peer_went(peer_id)

        host.on_connected = connected
        host.on_disconnected = disconnected
        if dht is not None:
            nursery.start_soon(dht.run)
        nursery.start_soon(Reconnector(host, running.network.bootstrap).run)
        nursery.start_soon(self._meet_known_peers, running)

    async def _greet(self, running: RunningHost, peer_id: str) -> None:
        try:
            if running.dht is not None:
                await running.dht.peer_came(peer_id)
            addrs = running.runtime.host.dialled_addrs(peer_id)
            if addrs:
                await self._peers.remember(running.network.network_id, peer_id, addrs, wall_clock())
        except PeertransferError as error:
            log.info("greeting_failed", extra={"peer": peer_id[-8:], "reason": error.code})

    async def _meet_known_peers(self, running: RunningHost) -> None:
        for peer in await self._peers.list(running.network.network_id):
            if peer.addrs and not running.runtime.host.is_connected(peer.peer_id):
                try:
                    await running.runtime.host.connect(peer.addrs, peer.peer_id)
                except PeertransferError as error:
                    log.info("known_peer_gone", extra={"peer": peer.peer_id[-8:], "reason": error.code})

    def _listen_addrs(self, network: StoredNetwork) -> list[str]:
        port = network.listen_port
        return [
            addr.removesuffix("/tcp/0") + f"/tcp/{port}" if port and addr.endswith("/tcp/0") else addr
            for addr in self._listen
        ]

    async def _keep_port(self, network: StoredNetwork, host: NetworkHost) -> None:
        """Keep the drawn port; of a network that is only being joined, ``joining`` does."""
        is_drawn = not network.listen_port and any(addr.endswith("/tcp/0") for addr in self._listen)
        if is_drawn and await self._networks.find(network.network_id) is not None:
            await self._networks.set_listen_port(network.network_id, host.listen_port)
