"""What would a peer see of a share of ours, field by field, and by which rule?

It gathers the facts that the engine would be asked with, and sends nothing. Spec: CLI.md, ``policy explain``.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from peertransfer.disclosure.audience import LinkHolders, Members
from peertransfer.errors import NotFoundError
from peertransfer.membership.network import OPEN
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
from peertransfer.policy.outlook import Outlook, Standing
from peertransfer.service.facts import wall_clock
from peertransfer.service.networks import pick_network
from peertransfer.service.own_shares import cid_of
from peertransfer.service.references import normal_peer_id
from peertransfer.service.served_shares import LiveLink
from peertransfer.store.links import Links
from peertransfer.store.networks import Networks
from peertransfer.store.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.disclosure.audience import Audience
    from peertransfer.policy.rules import Policy
    from peertransfer.service.served_shares import ServedShare, ServedShares
    from peertransfer.store.database import Database
    from peertransfer.store.links import StoredLink


async def explain(
    policy: Policy,
    database: Database,
    shares: ServedShares,
    *,
    peer: str,
    item: str,
    path: str | None = None,
    link: str | None = None,
    with_link: bool | None = None,
    network: str | None = None,
) -> dict[str, object]:
    """Tell what ``peer`` would see of a share, or of one entry of it, now.

    Args:
        policy: whose rules are asked.
        database: where shares, links and networks are.
        shares: of the same database.
        peer: a peer ID.
        item: CID, title or link of a share.
        path: of one entry below the share's root; ``None``: the share as a whole.
        link: name of the link that the peer holds.
        with_link: it holds the first link of the share that holds.
        network: in which the peer asks, by ID or name; ``None``: that of the link, or of the share's first.

    Raises:
        UsageError: ``peer`` is no peer ID.
        NotFoundError: there is no such share, entry, link or network.
    """
    peer_id, now = normal_peer_id(peer), wall_clock()
    cid = cid_of(item, await Shares(database).list_shares())
    links = await Links(database).list_links(manifest_cid=cid)
    in_network = None if network is None else await _network_id(database, network)
    held = _held_link(links, link, in_network, now) if link or with_link else None
    network_id = in_network or _network_of(held or next(iter(links), None))
    share = await shares.load(cid)
    facts = ItemFacts(cid, share.labels, "", share.expires_at, share.created_at)
    is_listed = not facts.is_expired(now) and any(
        one.holds(now) for one in links if one.network_id == network_id
    )
    audiences: set[Audience] = set() if network_id == OPEN else {Members(network_id)}
    if held is not None:
        facts = replace(facts, link_id=held.name, expires_at=LiveLink.of(held).until(share))
        audiences.add(LinkHolders(held.name))
    is_served = held is not None and held.holds(now) and held.network_id == network_id
    explain_it = partial(
        _explained,
        policy,
        Asker(network_id, peer_id, frozenset(audiences)),
        facts,
        _entry(share, path),
        standing=Standing(is_served=is_served and not facts.is_expired(now), is_listed=is_listed),
        now=now,
    )
    return {
        "peer_id": peer_id,
        "network_id": network_id,
        "manifest_cid": cid,
        "link": facts.link_id,
        "path": path or "",
        "expired": facts.is_expired(now),
        "fields": await trio.to_thread.run_sync(explain_it),
    }


def _explained(
    policy: Policy, asker: Asker, item: ItemFacts, entry: EntryFacts | None, *, standing: Standing, now: int
) -> dict[str, object]:
    """Ask the rules (blocking): to sort ten thousand of them takes a sixth of a second."""
    found = Outlook(policy).explain(asker, item, entry, standing=standing, now=now)
    return {name: asdict(one) for name, one in found.items()}


def _held_link(links: Sequence[StoredLink], name: str | None, network_id: str | None, now: int) -> StoredLink:
    """Return the link of this name, or the first that holds, in the network that was named if one was."""
    for one in links:
        if one.name == name or (name is None and one.holds(now) and network_id in {None, one.network_id}):
            return one
    what = f"no link named {name!r}" if name else "no link that holds"
    raise NotFoundError(f"This share has {what}", "See: peertransfer link list")


def _network_of(link: StoredLink | None) -> str:
    return OPEN if link is None else link.network_id


async def _network_id(database: Database, network: str) -> str:
    if network == OPEN:
        return OPEN
    return pick_network(await Networks(database).list(), network).network_id


def _entry(share: ServedShare, path: str | None) -> EntryFacts | None:
    if path is None:
        return None
    for one in share.entry_facts:
        if one.path == path:
            return one
    raise NotFoundError(
        f"There is nothing at {path!r} in this share", "See: peertransfer share --json, entries"
    )
