"""Are the IDs in a policy IDs at all, and does this node know whom and what they name?

A rule that names nobody shows nothing, and it hides nothing either: a wrong letter in it would open what
it was meant to close. Spec: CLI.md, ``policy check``; docs/policy.md, "Mistakes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import trio

from peertransfer.content.cid import Cid
from peertransfer.errors import PolicyError, UsageError
from peertransfer.membership.network import OPEN
from peertransfer.policy.describe import DescribedPolicy, describe
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.rules import AudienceKind
from peertransfer.service.references import normal_peer_id
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.store.links import Links
from peertransfer.store.networks import Networks
from peertransfer.store.peers import KnownPeers
from peertransfer.store.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from peertransfer.policy.rules import Policy, Rule
    from peertransfer.store.database import Database

_NETWORK_ID: Final = re.compile(r"[np][a-z2-7]{32}")
_OF_A_NETWORK: Final = (AudienceKind.MEMBERS, AudienceKind.DHT_SERVERS, AudienceKind.ROLE)


async def check_policy(text: str, file: str, database: Database) -> dict[str, object]:
    """Return what ``policy check`` tells.

    Raises:
        PolicyError: with file and line.
    """
    policy, described = await trio.to_thread.run_sync(_read, text, file)
    return {"valid": True, **described, "warnings": await unknown_names(policy, database)}


def _read(text: str, file: str) -> tuple[Policy, DescribedPolicy]:
    policy = parse_policy(text, file)
    check_ids(policy)
    return policy, describe(policy)


def check_ids(policy: Policy) -> None:
    """Refuse a policy with an ID that can't be one.

    Raises:
        PolicyError: with file and the line of its rule.
    """
    for rule in policy.rules:
        for kind, name in _named(rule, policy):
            if not _IS_ID[kind](name):
                raise PolicyError(
                    f'{policy.file}:{rule.line}: "{name}" in the rule {rule.name!r} is no {kind}',
                    f"Copy it whole, as `peertransfer {_SEEN_WITH[kind]}` prints it.",
                    file=policy.file,
                    line=rule.line,
                )


async def unknown_names(policy: Policy, database: Database) -> list[str]:
    """Return a sentence for each peer, network, link or share in the rules that this node does not know."""
    known, ledger = await _known(database), Ledger(database)
    found: dict[str, None] = {}
    for rule in policy.rules:
        for kind, name in _named(rule, policy):
            if name in known[kind]:
                continue
            if kind == "peer ID" and await ledger.page(LedgerFilter(peer=name), limit=1):
                known[kind].add(name)
                continue
            found[f"Line {rule.line}, rule {rule.name}: this node knows no {kind} {name}."] = None
    return list(found)


def _named(rule: Rule, policy: Policy) -> Iterator[tuple[str, str]]:
    for one in rule.to:
        if one.kind is AudienceKind.PEER:
            yield "peer ID", one.id
        elif one.kind is AudienceKind.GROUP:
            for peer in sorted(policy.groups.get(one.id, ())):
                if ":" not in peer:
                    yield "peer ID", peer
        elif one.kind is AudienceKind.LINK and one.id:
            yield "link", one.id
        elif one.kind in _OF_A_NETWORK:
            network = one.id.partition("@")[2] if one.kind is AudienceKind.ROLE else one.id
            if network:
                yield "network ID", network
    for cid in sorted(rule.items.shares):
        yield "share", cid


def _is_peer_id(text: str) -> bool:
    try:
        return normal_peer_id(text) == text
    except UsageError:
        return False


def _is_cid(text: str) -> bool:
    try:
        Cid.parse(text)
    except UsageError:
        return False
    return True


_IS_ID: Final[Mapping[str, Callable[[str], bool]]] = {
    "peer ID": _is_peer_id,
    "network ID": lambda text: text == OPEN or _NETWORK_ID.fullmatch(text) is not None,
    "link": bool,
    "share": _is_cid,
}
_SEEN_WITH: Final = {"peer ID": "peers", "network ID": "network list", "link": "link list", "share": "ls"}


async def _known(database: Database) -> dict[str, set[str]]:
    networks = {one.network_id for one in await Networks(database).list()} | {OPEN}
    peers = KnownPeers(database)
    return {
        "peer ID": {one.peer_id for network in networks for one in await peers.list(network)},
        "network ID": networks,
        "link": {one.name for one in await Links(database).list_links()},
        "share": {one.manifest_cid for one in await Shares(database).list_shares()},
    }
