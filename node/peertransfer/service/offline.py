"""What can be answered from the home alone, while no node runs.

Each function is a command of ``service.node`` by name. It opens the database for reading what is there.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import trio

from peertransfer.errors import HomeError, NotFoundError, PeertransferError, PolicyError
from peertransfer.policy.describe import describe
from peertransfer.service.doctor import (
    check,
    examine_absence,
    examine_home,
    examine_identities,
    examine_ports,
    list_bootstrap,
)
from peertransfer.service.explaining import explain
from peertransfer.service.facts import wall_clock
from peertransfer.service.get_report import described_transfer, listed_transfers
from peertransfer.service.identities import load_seed, peer_id_of_seed
from peertransfer.service.ledger_report import checked, told
from peertransfer.service.networks import describe_network, pick_network, swarm_key_text
from peertransfer.service.own_shares import described_links, described_own_shares
from peertransfer.service.policy_file import read_policy
from peertransfer.service.policy_warnings import check_policy
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.simulating import simulate
from peertransfer.store.database import Database
from peertransfer.store.home import Home, open_home
from peertransfer.store.ledger import Ledger
from peertransfer.store.links import Links
from peertransfer.store.networks import Networks
from peertransfer.store.shares import Shares
from peertransfer.store.transfers import Transfers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from peertransfer.policy.rules import Policy
    from peertransfer.store.networks import StoredNetwork

Answer = dict[str, object]
T = TypeVar("T")


def _with_database(home_path: Path, work: Callable[[Database], Awaitable[T]]) -> T:
    return _with_database_of(open_home(home_path), work)


def _with_database_of(home: Home, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Database(home.database_path, is_expected=True) as database:
            return await work(database)

    return trio.run(run)


def ledger(
    home_path: Path,
    *,
    peer: str | None = None,
    item: str | None = None,
    link: str | None = None,
    since: int | None = None,
    refusals: bool | None = None,
    limit: int | None = None,
    newest: bool | None = None,
    cursor: str | None = None,
) -> Answer:
    """Tell who learned what, or what was asked in vain."""
    return _with_database(
        home_path,
        lambda database: told(
            Ledger(database),
            peer=peer,
            item=item,
            link=link,
            since=since,
            refusals=refusals,
            limit=limit,
            newest=newest,
            cursor=cursor,
        ),
    )


def ledger_check(home_path: Path, head: str | None = None) -> Answer:
    """Check the ledger's chain."""
    return _with_database(home_path, lambda database: checked(Ledger(database), head, wall_clock()))


def policy_show(home_path: Path) -> Answer:
    """Tell the rules of the home's policy."""
    return dict(describe(read_policy(open_home(home_path).policy_path)))


def policy_check(home_path: Path, text: str, file: str) -> Answer:
    """Tell whether a policy is valid, and what is strange in it."""
    return _with_database(home_path, lambda database: check_policy(text, file, database))


def policy_explain(
    home_path: Path,
    *,
    peer: str,
    item: str,
    path: str | None = None,
    link: str | None = None,
    with_link: bool | None = None,
    network: str | None = None,
) -> Answer:
    """Tell what a peer would see of a share; see ``service.explaining``."""
    policy = read_policy(open_home(home_path).policy_path)

    async def ask(database: Database) -> Answer:
        return await explain(
            policy,
            database,
            ServedShares(database),
            peer=peer,
            item=item,
            path=path,
            link=link,
            with_link=with_link,
            network=network,
        )

    return _with_database(home_path, ask)


def policy_simulate(home_path: Path, text: str, file: str, limit: int | None = None) -> Answer:
    """Tell what another policy would have changed; see ``service.simulating``."""
    in_force: Policy | None = None
    with contextlib.suppress(HomeError, PolicyError):  # the one that is tried need not be broken too
        in_force = read_policy(open_home(home_path).policy_path)
    return _with_database(
        home_path,
        lambda database: simulate(text, file, in_force, database, now=wall_clock(), limit=limit),
    )


def link_list(home_path: Path) -> Answer:
    """List all links."""
    return _with_database(home_path, _link_list)


async def _link_list(database: Database) -> Answer:
    links, shares = await Links(database).list_links(), await Shares(database).list_shares()
    return {"links": described_links(links, shares, wall_clock())}


def ls(home_path: Path, target: str | None = None) -> Answer:
    """List own shares."""
    if target is not None:
        raise NotFoundError("Only a running node can look behind a link", "Start one with: peertransfer run")
    return _with_database(home_path, _ls)


async def _ls(database: Database) -> Answer:
    shares, links = await Shares(database).list_shares(), await Links(database).list_links()
    return {"shares": described_own_shares(shares, links, wall_clock())}


def identities(home_path: Path) -> Answer:
    """Tell which peer ID this node has in each network."""
    return {"identities": _identities(home_path)}


def _identities(home_path: Path) -> list[Answer]:
    home = open_home(home_path)
    found: list[Answer] = []
    for path in sorted(home.keys_path.glob("*.key")):
        peer_id = peer_id_of_seed(load_seed(path))
        found.append({"network_id": path.stem, "name": path.stem, "peer_id": peer_id})
    return found


def network_list(home_path: Path) -> Answer:
    """List the networks that this node is in."""
    return _with_database(home_path, _network_list)


async def _network_list(database: Database) -> Answer:
    return {"networks": [describe_network(one) for one in await Networks(database).list()]}


def network_show(home_path: Path, network: str) -> Answer:
    """Tell about one network."""
    found = _with_database(home_path, lambda database: _network(database, network))
    own = next((one for one in _identities(home_path) if one["network_id"] == found.network_id), {})
    return {**own, **describe_network(found)}


async def _network(database: Database, ref: str) -> StoredNetwork:
    return pick_network(await Networks(database).list(), ref)


def network_export_psk(home_path: Path, network: str) -> Answer:
    """Return the standard ``swarm.key`` text."""
    return _with_database(home_path, lambda database: _export_psk(database, network))


async def _export_psk(database: Database, ref: str) -> Answer:
    return {"psk": swarm_key_text(pick_network(await Networks(database).list(), ref))}


def doctor(home_path: Path) -> Answer:
    """Examine the home, and the ports that its hosts would have."""
    home = Home(home_path)
    found = [*examine_home(home_path), examine_absence(home)]
    if any(one["ok"] for one in found if one["name"] == "database"):
        try:
            networks = _with_database_of(home, lambda database: Networks(database).list())
        except PeertransferError as error:
            found.append(check("database", ok=False, detail=error.message, mend=error.hint))
        else:
            found += examine_identities(home, networks)
            found += [*examine_ports(home, networks), *list_bootstrap(networks)]
    return {"checks": found}


def transfers(home_path: Path) -> Answer:
    """List what was being fetched."""
    return _with_database(home_path, _transfers)


async def _transfers(database: Database) -> Answer:
    return {
        "transfers": [described_transfer(one) for one in listed_transfers(await Transfers(database).list())]
    }
