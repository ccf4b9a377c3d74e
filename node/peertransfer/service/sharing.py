"""Share, unshare, and the links of a share: what the person may do with their own.

It answers no stream (``service.answering``). Spec: CLI.md ``share``, ``unshare``, ``link``, ``ls``.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from peertransfer.content.cid import Cid, HashFunction
from peertransfer.content.commitment import SEED_SIZE
from peertransfer.content.link import SCHEME, SECRET_SIZE, Link
from peertransfer.content.locator import locator
from peertransfer.content.shared import build_manifest
from peertransfer.errors import NotFoundError, UsageError
from peertransfer.membership.network import OPEN
from peertransfer.policy.facts import ItemFacts
from peertransfer.service.facts import wall_clock
from peertransfer.service.networks import pick_network
from peertransfer.service.own_shares import cid_of, described_link, described_links, described_own_shares
from peertransfer.service.reach import what_a_finder_learns, who_could_reach
from peertransfer.store.deliveries import Deliveries
from peertransfer.store.importing import import_paths
from peertransfer.store.links import Links, StoredLink
from peertransfer.store.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peertransfer.content.shared import SharedItem
    from peertransfer.service.hosts import Hosts, RunningHost
    from peertransfer.service.served_shares import ServedShares
    from peertransfer.store.database import Database
    from peertransfer.store.importing import ImportProgress
    from peertransfer.store.networks import Networks, StoredNetwork

LOOK_SECONDS = 0.2
"""Between two looks for deliveries to tell of."""


class Sharing:
    """The person's own shares."""

    def __init__(self, database: Database, served: ServedShares, hosts: Hosts, networks: Networks) -> None:
        self._served = served
        self._hosts = hosts
        self._networks = networks
        self._shares = Shares(database)
        self._links = Links(database)
        self._deliveries = Deliveries(database)

    async def count(self) -> int:
        """Return how many shares there are."""
        return len(await self._shares.list_shares())

    async def share(
        self,
        paths: Sequence[str],
        progress: Callable[[dict[str, object]], None],
        *,
        network: str | None = None,
        labels: Sequence[str] = (),
        hash: str = HashFunction.BLAKE3.value,  # noqa: A002 - the field's name
        purpose: str | None = None,
        basis: str | None = None,
        expires_at: int | None = None,
        with_addresses: bool = False,
    ) -> dict[str, object]:
        """Import files and folders, serve them, and return the link.

        Raises:
            SourceError: something can't be read or changed meanwhile, by name.
            UsageError: which network is not clear.
        """
        running = await self._host(network)
        imported = await import_paths(
            [Path(path) for path in paths],
            hash_function=_hash_function(hash),
            labels=tuple(labels),
            purpose=purpose,
            basis=basis,
            expires_at=expires_at or 0,
            seed=secrets.token_bytes(SEED_SIZE),
            progress=lambda state: progress(_imported(state)),
        )
        item = imported.item
        manifest, order = await trio.to_thread.run_sync(build_manifest, item)
        cid = await self._shares.save_share(item, manifest, order, sources=imported.sources, now=wall_clock())
        link, stored = await self._new_link(running, cid, "", expires_at or 0, with_addresses=with_addresses)
        return {
            "link": str(link),
            "link_name": stored.name,
            "manifest_cid": cid,
            "title": item.title,
            "network_id": running.network.network_id,
            **await trio.to_thread.run_sync(_described, item),
            "skipped": [{"path": str(path), "reason": reason} for path, reason in imported.skipped],
            "twins": list(imported.twins or ()),
            "reach": self._reach(running),
            "finder_learns": await self._finder_learns(running, link, stored, item.labels),
        }

    async def unshare(self, ref: str) -> dict[str, object]:
        """Stop serving a share, in mid-transfer too, and withdraw its records."""
        cid = cid_of(ref, await self._shares.list_shares())
        self._served.withdraw(cid)
        try:
            await self._shares.remove_share(cid)
        finally:
            await self._served.load_links()
        for running in self._hosts.running.values():
            if running.dht is not None:
                running.dht.provide_now()
        return {"manifest_cid": cid}

    async def follow_deliveries(
        self, manifest_cid: str, progress: Callable[[dict[str, object]], None]
    ) -> dict[str, object]:
        """Tell of each delivery, and each file found changed, from now on, until cancelled."""
        told = len(await self._deliveries.list(manifest_cid))
        changed: set[str] = set()
        while True:
            for path in self._served.changed(manifest_cid):
                if path not in changed:
                    changed.add(path)
                    progress({"event": "changed", "path": path})
            for one in (await self._deliveries.list(manifest_cid))[told:]:
                told += 1
                progress(
                    {
                        "event": "delivered",
                        "peer_id": one.peer_id,
                        "link_name": one.link_name,
                        "octets": one.octets,
                        "at": one.at,
                    }
                )
            await trio.sleep(LOOK_SECONDS)

    # --- links -------------------------------------------------------------------------------------

    async def create_link(self, share: str, name: str | None, expires_at: int) -> dict[str, object]:
        """Make a further link of a share, in the network of its first one."""
        cid = cid_of(share, await self._shares.list_shares())
        known = await self._links.list_links(manifest_cid=cid)
        network_id = known[0].network_id if known else OPEN
        running = await self._hosts.host_for(network_id)
        link, stored = await self._new_link(
            running, cid, name or "", expires_at, with_addresses=network_id == OPEN
        )
        return {"link": str(link), "name": stored.name, "manifest_cid": cid}

    async def links(self) -> list[dict[str, object]]:
        """List all links."""
        return described_links(await self._links.list_links(), await self._shares.list_shares(), wall_clock())

    async def show_link(self, text: str) -> dict[str, object]:
        """Tell what a finder of a link would learn."""
        link = Link.parse(text)
        running = await self._hosts.host_for(link.network_id)
        stored = await self._stored(link)
        share = await self._served.load(stored.manifest_cid)
        return {
            **described_link(stored, wall_clock(), share.expires_at),
            "network_id": link.network_id,
            "addrs": list(link.addrs),
            "finder_learns": await self._finder_learns(running, link, stored, share.labels),
        }

    async def end_link(self, ref: str) -> dict[str, object]:
        """End one link, in mid-transfer too; the others of its share go on."""
        name = (await self._stored(Link.parse(ref))).name if ref.startswith(SCHEME) else ref
        ended = await self._links.end_link(name, wall_clock())
        await self._served.load_links()
        running = self._hosts.running.get(ended.network_id)
        if running is not None and running.dht is not None:
            running.dht.provide_now()
        return {"name": name, "manifest_cid": ended.manifest_cid, "ended": True}

    async def own_shares(self) -> list[dict[str, object]]:
        """List own shares, each with its links."""
        return described_own_shares(
            await self._shares.list_shares(), await self._links.list_links(), wall_clock()
        )

    # --- parts -------------------------------------------------------------------------------------

    async def _new_link(
        self, running: RunningHost, cid: str, name: str, expires_at: int, *, with_addresses: bool
    ) -> tuple[Link, StoredLink]:
        network = running.network
        secret = secrets.token_bytes(SECRET_SIZE)
        manifest_cid = Cid.parse(cid)
        addrs = running.runtime.host.listen_addrs if with_addresses or network.network_id == OPEN else []
        link = Link(manifest_cid, network.network_id, secret, tuple(addrs[:8]))
        stored = StoredLink(
            name=name or f"link-{secrets.token_hex(3)}",
            manifest_cid=cid,
            network_id=network.network_id,
            created_at=wall_clock(),
            expires_at=expires_at,
            secret=secret,
            locator=locator(secret, network.epoch_key, manifest_cid),
        )
        await self._links.add_link(stored)
        await self._served.load_links()
        if running.dht is not None:
            running.dht.provide_now()
        return link, stored

    async def _host(self, network: str | None) -> RunningHost:
        """Return the host to share in: the one named, the only one, or the open network's."""
        if network == OPEN:
            return await self._hosts.open_host()
        private = [one for one in await self._networks.list() if one.kind != "open"]
        if network is not None:
            private = [pick_network(private, network)]
        if len(private) > 1:
            raise UsageError(
                f"This node is in several networks: {_names(private)}", "Choose one with --network."
            )
        return await self._hosts.start(private[0]) if private else await self._hosts.open_host()

    async def _stored(self, link: Link) -> StoredLink:
        for one in await self._links.list_links(manifest_cid=str(link.manifest_cid)):
            if one.secret == link.secret:
                return one
        raise NotFoundError("This link is none of this node's, or it ended", "See: peertransfer link list")

    def _reach(self, running: RunningHost) -> list[str]:
        network = running.network
        return who_could_reach(running.runtime.host.listen_addrs, network.name, network.network_id)

    async def _finder_learns(
        self, running: RunningHost, link: Link, stored: StoredLink, labels: Sequence[str]
    ) -> list[str]:
        now = wall_clock()
        item = ItemFacts(stored.manifest_cid, tuple(labels), stored.name, 0, now)
        policy = running.runtime.door.engine.policy
        return await trio.to_thread.run_sync(what_a_finder_learns, link, item, policy, now)


def _described(item: SharedItem) -> dict[str, object]:
    """Return what ``share`` tells of the content; of thousands of files that takes a while."""
    files = [entry for entry in item.entries if entry.kind == "file"]
    return {
        "files": len(files),
        "size": sum(entry.size for entry in files),
        "entries": [
            {"path": entry.path, "cid": str(entry.root) if entry.root else None, "size": entry.size}
            for entry in item.entries
        ],
    }


def _imported(state: ImportProgress) -> dict[str, object]:
    return {
        "event": "progress",
        "name": "reading",
        "octets_total": state.octets_total,
        "octets_done": state.octets,
        "files_total": state.files_total,
        "files_done": state.files,
    }


def _names(networks: Sequence[StoredNetwork]) -> str:
    return ", ".join(f"{one.name} ({one.network_id})" for one in networks)


def _hash_function(name: str) -> HashFunction:
    try:
        return HashFunction(name)
    except ValueError as exc:
        raise UsageError(f"{name!r} is no hash function", "Use blake3 or sha2-256.") from exc
