"""The node: one method for each command of the control room, and the tasks that live as long as it does.

It only hands on: networks to ``hosts`` and ``networks``, shares to ``sharing``, fetching to ``getting``.
Every method returns values ready for JSON. Spec: CLI.md, "Commands".
"""

from __future__ import annotations

import contextlib
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING

import trio

from peertransfer.content.link import SCHEME
from peertransfer.errors import StoreError, UsageError
from peertransfer.policy.describe import describe
from peertransfer.service.doctor import examine
from peertransfer.service.door import PolicyInForce
from peertransfer.service.explaining import explain
from peertransfer.service.facts import wall_clock
from peertransfer.service.getting import Getting
from peertransfer.service.groups import open_nursery
from peertransfer.service.hosts import Hosts
from peertransfer.service.joining import join
from peertransfer.service.ledger_report import checked, condition, told
from peertransfer.service.listing import Listing
from peertransfer.service.networks import (
    check_free_name,
    describe_network,
    invite_to,
    network_of_invite,
    network_of_psk,
    new_network,
    pick_network,
    swarm_key_text,
)
from peertransfer.service.policy_file import read_policy
from peertransfer.service.policy_warnings import check_policy, warnings_of
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.sharing import Sharing
from peertransfer.service.simulating import simulate
from peertransfer.service.spending import Spending
from peertransfer.store.ledger import Ledger
from peertransfer.store.networks import Networks
from peertransfer.store.peers import KnownPeers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_typing import TaskStatus

    from peertransfer.policy.rules import Policy
    from peertransfer.service.config import Config
    from peertransfer.service.hosts import RunningHost
    from peertransfer.store.database import Database
    from peertransfer.store.home import Home
    from peertransfer.store.networks import StoredNetwork

log = logging.getLogger("peertransfer.service")

Answer = dict[str, object]
EXPIRE_SECONDS = 3600.0
"""Between two looks at what is over its retention."""
TEND_SECONDS = 2.0
"""Between two looks at what the ledger can seal, or whether it can be written again; mostly nothing is."""


class Node:
    """A running node."""

    def __init__(self, home: Home, config: Config, database: Database, listen: Sequence[str]) -> None:
        self._home = home
        self._database = database
        self._spending = Spending(database)
        self._policy = PolicyInForce(read_policy(home.policy_path), self._spending)
        self._ledger = Ledger(database, config.retention)
        self._networks = Networks(database)
        self._peers = KnownPeers(database)
        self._shares = ServedShares(database)
        self._hosts = Hosts(
            home=home,
            config=config,
            listen=listen,
            policy=self._policy,
            ledger=self._ledger,
            networks=self._networks,
            peers=self._peers,
            shares=self._shares,
        )
        self._sharing = Sharing(database, self._shares, self._hosts, self._networks)
        self._getting = Getting(database, self._hosts, config.free_disk_floor)
        self._listing = Listing(self._hosts, self._peers)
        self._reading_policy = trio.Lock()
        self.stopping = trio.Event()

    # --- life --------------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the hosts and keep house until cancelled."""
        async with open_nursery() as nursery:
            await self._spending.load(wall_clock())
            await self._getting.note_interrupted()
            await self._shares.load_links()
            await nursery.start(self._hosts.run)
            nursery.start_soon(self._keep_house)
            nursery.start_soon(self._tend_ledger)
            task_status.started()

    async def stop(self) -> Answer:
        """End the node; transfers pause."""
        self._getting.pause_all()
        self.stopping.set()
        return {"stopping": True}

    def describe_hosts(self) -> list[Answer]:
        """Return the running hosts, as ``ready`` and ``status`` tell them."""
        return [one.runtime.describe() for one in self._hosts.running.values()]

    def announce_hosts(self, on_host: Callable[[Answer], None]) -> None:
        """Have hosts that start from now on told to ``on_host``."""

        def started(running: RunningHost) -> None:
            on_host(running.runtime.describe())

        self._hosts.on_started = started

    async def _keep_house(self) -> None:
        while True:
            now = wall_clock()
            try:
                await self._ledger.expire(now)
                await self._spending.expire(now)
                await self._peers.expire(now)
                await self._getting.expire_bans(now)
            except StoreError as error:  # a full disk, say: it is tried again
                log.warning("nothing_expired", extra={"reason": error.code})
            await trio.sleep(EXPIRE_SECONDS)

    async def _tend_ledger(self) -> None:
        while True:
            with contextlib.suppress(StoreError):  # ``status`` tells it
                await self._ledger.tend(wall_clock())
            await trio.sleep(TEND_SECONDS)

    # --- what is going on --------------------------------------------------------------------------

    async def status(self) -> Answer:
        """Tell how the node is."""
        connections = sum(len(one.runtime.host.connections()) for one in self._hosts.running.values())
        return {
            "state": "stopping" if self.stopping.is_set() else "running",
            "hosts": self.describe_hosts(),
            "connections": connections,
            "shares": await self._sharing.count(),
            "transfers": self._getting.running_count,
            "octets_sent": self._shares.octets_sent,
            "octets_received": self._getting.octets_received,
            "limits": self._hosts.allowance.describe(),
            "buffers": self._hosts.allowance.describe_buffers(),
            "connection_ends": self._hosts.allowance.describe_ends(),
            "version": version("peertransfer"),
            "ledger": condition(self._ledger),
        }

    async def identities(self) -> Answer:
        """Tell which peer ID this node has in each network."""
        return {
            "identities": [
                {"network_id": one["network_id"], "name": one["name"], "peer_id": one["peer_id"]}
                for one in self.describe_hosts()
            ]
        }

    async def peers(self) -> Answer:
        """Tell who is connected."""
        return {
            "peers": [
                {
                    "peer_id": one.peer_id,
                    "network_id": running.network.network_id,
                    "network": running.network.name,
                    "direction": one.direction,
                    "connected_at": one.connected_at,
                    "octets_sent": one.octets_sent,
                    "octets_received": one.octets_received,
                }
                for running in self._hosts.running.values()
                for one in running.runtime.host.connections()
            ]
        }

    async def doctor(self) -> Answer:
        """Examine home, ports, peers, disk and clock."""
        return {"checks": await examine(self._home, self._hosts)}

    # --- shares and links --------------------------------------------------------------------------

    async def share(
        self, paths: Sequence[str], progress: Callable[[Answer], None], **options: object
    ) -> Answer:
        """Import and serve; see ``service.sharing``."""
        return await self._sharing.share(paths, progress, **options)  # type: ignore[arg-type]

    async def unshare(self, ref: str) -> Answer:
        """Stop serving a share, in the middle of a transfer too."""
        return await self._sharing.unshare(ref)

    async def deliveries_follow(self, manifest_cid: str, progress: Callable[[Answer], None]) -> Answer:
        """Report each getter that has everything, for as long as somebody listens."""
        return await self._sharing.follow_deliveries(manifest_cid, progress)

    async def link_create(self, share: str, name: str | None = None, expires_at: int | None = None) -> Answer:
        """Make a further link of a share."""
        return await self._sharing.create_link(share, name, expires_at or 0)

    async def link_list(self) -> Answer:
        """List all links."""
        return {"links": await self._sharing.links()}

    async def link_show(self, link: str) -> Answer:
        """Tell what a finder of the link would learn."""
        return await self._sharing.show_link(link)

    async def link_end(self, ref: str) -> Answer:
        """End one link, in the middle of a transfer too."""
        return await self._sharing.end_link(ref)

    # --- fetching ----------------------------------------------------------------------------------

    async def get(
        self, link: str, dest: str, progress: Callable[[Answer], None], **options: object
    ) -> Answer:
        """Fetch what is behind a link; see ``service.getting``."""
        return await self._getting.get(link, dest, progress, **options)  # type: ignore[arg-type]

    async def ls(self, target: str | None = None) -> Answer:
        """List own shares, or what is behind a link, or what a peer lets us see."""
        if target is None:
            return {"shares": await self._sharing.own_shares()}
        is_link = target.startswith(SCHEME)
        return {"shares": await (self._getting.look(target) if is_link else self._listing.list(target))}

    async def transfers(self) -> Answer:
        """List what is being fetched and what is paused."""
        return {"transfers": await self._getting.transfers()}

    async def pause(self, transfer_id: str) -> Answer:
        """Pause a transfer."""
        return await self._getting.pause(transfer_id)

    async def resume(self, transfer_id: str, progress: Callable[[Answer], None]) -> Answer:
        """Go on with a paused transfer."""
        return await self._getting.resume(transfer_id, progress)

    async def cancel(self, transfer_id: str) -> Answer:
        """Give a transfer up and remove its partial files."""
        return await self._getting.cancel(transfer_id)

    # --- policy and ledger -------------------------------------------------------------------------

    async def policy_show(self) -> Answer:
        """Tell the rules in force."""
        return dict(await trio.to_thread.run_sync(describe, self._policy.engine.policy))

    async def policy_check(self, text: str, file: str) -> Answer:
        """Tell whether a policy is valid."""
        return await check_policy(text, file, self._database)

    async def policy_explain(self, **asked: str) -> Answer:
        """Tell what a peer would see of a share; see ``service.explaining``."""
        return await explain(self._policy.engine.policy, self._database, self._shares, **asked)  # type: ignore[arg-type]

    async def policy_simulate(self, text: str, file: str, limit: int | None = None) -> Answer:
        """Tell what another policy would have changed; see ``service.simulating``."""
        in_force = self._policy.engine.policy
        return await simulate(text, file, in_force, self._database, now=wall_clock(), limit=limit)

    async def policy_reload(self) -> Answer:
        """Read ``policy.toml`` anew, and tell what is strange in it."""
        policy = await self.take_policy()
        warnings = await warnings_of(policy, self._database)
        return {"reloaded": True, "rules": len(policy.rules), "warnings": warnings}

    async def take_policy(self) -> Policy:
        """Read ``policy.toml`` anew; a mistake in it keeps the policy in force."""
        async with self._reading_policy:  # so that what was read last is in force last
            policy = await trio.to_thread.run_sync(read_policy, self._home.policy_path)
            self._policy.replace(await trio.to_thread.run_sync(self._policy.engine_of, policy))
        return policy

    async def ledger(self, **asked: object) -> Answer:
        """Tell who learned what, or what was asked in vain; see ``service.ledger_report``."""
        return await told(self._ledger, **asked)  # type: ignore[arg-type]

    async def ledger_check(self, head: str | None = None) -> Answer:
        """Check the ledger's chain."""
        return await checked(self._ledger, head, wall_clock())

    # --- networks ----------------------------------------------------------------------------------

    async def network_create(self, name: str, contact: str | None = None, use_psk: bool = True) -> Answer:
        """Make a network and start its host."""
        if not use_psk:
            raise UsageError(
                "A network without a PSK needs membership certificates, which are not built yet",
                "Leave out --no-psk.",
            )
        network = new_network(name, contact or "", wall_clock())
        check_free_name(await self._networks.list(), network, "Choose another name.")
        return await self._enter(network)

    async def network_list(self) -> Answer:
        """List the networks that this node is in."""
        return {"networks": [describe_network(one) for one in await self._networks.list()]}

    async def network_show(self, network: str) -> Answer:
        """Tell about one network, and its host."""
        found = await self._network(network)
        running = self._hosts.running.get(found.network_id)
        return {**describe_network(found), **(running.runtime.describe() if running is not None else {})}

    async def network_invite(self, network: str, expires_seconds: int | None = None) -> Answer:
        """Issue an invite into a network of which this node is the authority."""
        found = await self._network(network)
        running = await self._hosts.host_for(found.network_id)
        return invite_to(found, running.runtime.host.listen_addrs, expires_seconds, wall_clock())

    async def network_join_invite(
        self, invite: str, progress: Callable[[Answer], None], name: str | None = None
    ) -> Answer:
        """Join by an invite: verified, tried, and only then kept."""
        known = await self._networks.list()
        network = network_of_invite(invite, wall_clock(), name=name or "", known=known)
        check_free_name(known, network, "Say what to call this one here, with --name.")
        return await join(self._hosts, self._networks, network, progress)

    async def network_join_psk(self, name: str, psk_text: str, bootstrap: Sequence[str] = ()) -> Answer:
        """Join a plain libp2p private network."""
        network = network_of_psk(name, psk_text, bootstrap, wall_clock())
        check_free_name(await self._networks.list(), network, "Choose another --name.")
        return await join(self._hosts, self._networks, network, lambda _: None)

    async def network_leave(self, network: str) -> Answer:
        """Leave a network: its host ends, its secrets, links and the identity key there are forgotten."""
        found = await self._network(network)
        await self._hosts.stop(found.network_id)
        await self._networks.leave(found.network_id)
        self._home.key_path(found.network_id).unlink(missing_ok=True)
        await self._shares.load_links()
        return {"network_id": found.network_id, "name": found.name}

    async def network_export_psk(self, network: str) -> Answer:
        """Return the standard ``swarm.key`` text."""
        return {"psk": swarm_key_text(await self._network(network))}

    async def _enter(self, network: StoredNetwork) -> Answer:
        await self._networks.save(network)
        await self._hosts.start(network)
        return {"network_id": network.network_id, "name": network.name}

    async def _network(self, ref: str) -> StoredNetwork:
        return pick_network(await self._networks.list(), ref)
