"""Are the IDs in a policy IDs at all, and does this node know whom and what they name?

A rule that names nobody shows nothing, and it hides nothing either: a wrong letter in it would open what
it was meant to close. Spec: CLI.md, ``policy check``; docs/policy.md, "Mistakes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from peertransfer.content.cid import Cid
from peertransfer.errors import PolicyError, UsageError
from peertransfer.membership.network import OPEN
from peertransfer.policy.rules import AudienceKind
from peertransfer.service.references import normal_peer_id
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.store.links import Links
from peertransfer.store.networks import Networks
from peertransfer.store.peers import KnownPeers
from peertransfer.store.shares import Shares
from peertransfer.store.transfers import Transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from peertransfer.policy.rules import Policy, Rule
    from peertransfer.store.database import Database

_NETWORK_ID: Final = re.compile(r"[np][a-z2-7]{32}")
_OF_A_NETWORK: Final = (AudienceKind.MEMBERS, AudienceKind.DHT_SERVERS, AudienceKind.ROLE)


def check_ids(policy: Policy) -> None:
    """Refuse a policy with an ID that can't be one.

    Raises:
        PolicyError: with file and the line of its rule.
    """
    for rule, kind, name in _named(policy):
        if not _IS_ID[kind](name):
            raise PolicyError(
                f'{policy.file}:{rule.line}: "{name}" in the rule {rule.name!r} is no {kind}',
                f"Copy it whole, as `peertransfer {_SEEN_WITH[kind]}` prints it.",
                file=policy.file,
                line=rule.line,
            )


async def unknown_names(policy: Policy, database: Database, now: int, most: int) -> list[tuple[int, str]]:
    """Return a sentence for each name in the rules that says nothing to this node, with its line.

    Peers, networks, links, shares and labels that it does not know, and links that ended; each once, where it
    comes first. No more than ``most`` are looked for: each peer costs a question to the ledger.
    """
    links = await Links(database).list_links()
    ended = {one.name for one in links if not one.holds(now)}
    known, ledger = await _known(database, {one.name for one in links}), Ledger(database)
    found: list[tuple[int, str]] = []
    for rule, kind, name in _named(policy):
        if len(found) >= most:
            break
        where = f"Line {rule.line}, rule {rule.name}: "
        if kind == "link" and name in ended:
            found.append((rule.line, f"{where}the link {name} has ended. Name another, or take it out."))
        elif name not in known[kind] and not (kind == "peer ID" and await _is_in(ledger, name)):
            mend = f"Compare it with `peertransfer {_SEEN_WITH[kind]}`."
            found.append((rule.line, f"{where}this node knows no {kind} {name}. {mend}"))
    return found


def _named(policy: Policy) -> Iterator[tuple[Rule, str, str]]:
    """Yield every name once, with its kind and the first rule that holds it."""
    seen = set[tuple[str, str]]()
    for rule in policy.rules:
        for kind, name in _names_in(rule, policy, seen):
            if (kind, name) not in seen:
                seen.add((kind, name))
                yield rule, kind, name


def _names_in(rule: Rule, policy: Policy, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for one in rule.to:
        if one.kind is AudienceKind.PEER:
            yield "peer ID", one.id
        elif one.kind is AudienceKind.GROUP and ("group", one.id) not in seen:
            seen.add(("group", one.id))
            peers = sorted(peer for peer in policy.groups.get(one.id, ()) if ":" not in peer)
            yield from (("peer ID", peer) for peer in peers)
        elif one.kind is AudienceKind.LINK and one.id:
            yield "link", one.id
        elif one.kind in _OF_A_NETWORK:
            network = one.id.partition("@")[2] if one.kind is AudienceKind.ROLE else one.id
            if network:
                yield "network ID", network
    for cid in sorted(rule.items.shares):
        yield "share", cid
    for label in sorted(rule.items.labels):
        yield "label", label


async def _is_in(ledger: Ledger, peer_id: str) -> bool:
    return bool(await ledger.page(LedgerFilter(peer=peer_id), limit=1))


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
    "label": bool,
}
_SEEN_WITH: Final = {
    "peer ID": "peers",
    "network ID": "network list",
    "link": "link list",
    "share": "ls",
    "label": "ls",
}


async def _known(database: Database, links: set[str]) -> dict[str, set[str]]:
    networks = {one.network_id for one in await Networks(database).list()} | {OPEN}
    peers, shares = KnownPeers(database), await Shares(database).list_shares()
    fetched = {one.manifest_cid for one in await Transfers(database).list()}
    return {
        "peer ID": {one.peer_id for network in networks for one in await peers.list(network)},
        "network ID": networks,
        "link": links,
        "share": {one.manifest_cid for one in shares} | fetched,
        "label": {label for one in shares for label in one.labels},
    }
