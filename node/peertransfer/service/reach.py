"""Who could reach this node as it stands, and what would a finder of a link learn? In sentences.

It probes nothing: it reads the listen addresses and the policy. Spec: CLI.md ``share``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.disclosure.audience import Audience, LinkHolders, Members
from peertransfer.membership.network import OPEN
from peertransfer.net.addresses import AddressReach, reach_of
from peertransfer.policy.facts import Asker, ItemFacts
from peertransfer.policy.outlook import Outlook, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.link import Link
    from peertransfer.policy.rules import Policy

_SENTENCES = {
    AddressReach.LOOPBACK: "Programs on this machine can reach this node.",
    AddressReach.PRIVATE: "People in this building's network can reach this node.",
    AddressReach.PUBLIC: "Anybody on the internet can reach this node, unless a firewall is in between.",
}
_NOBODY = "Nobody: it listens nowhere. The link is of no use until listen in config.toml names an address."


def who_could_reach(listen_addrs: Sequence[str], network_name: str, network_id: str) -> list[str]:
    """Say who could reach this host, widest last."""
    if not listen_addrs:
        return [_NOBODY]
    reaches = {reach_of(addr) for addr in listen_addrs}
    sentences = [_SENTENCES[reach] for reach in AddressReach if reach in reaches]
    if AddressReach.PUBLIC not in reaches:
        sentences.append("Nobody on the internet can reach it: it has no public address.")
    if network_id != OPEN:
        sentences.append(f"Only who holds the key of the network {network_name!r} gets an answer.")
    return sentences


def what_a_finder_learns(link: Link, item: ItemFacts, policy: Policy, now: int) -> list[str]:
    """Say what somebody learns who finds the link at ``now`` (Unix seconds)."""
    # Whoever reaches a host of a private network is a member of it.
    members = frozenset[Audience]() if link.network_id == OPEN else frozenset({Members(link.network_id)})
    asker = Asker(link.network_id, "", members | {LinkHolders(item.link_id)})
    standing = Standing(is_served=True, is_listed=True)
    explained = Outlook(policy).explain(asker, item, standing=standing, now=now)
    fields = [name.removeprefix("openings.") for name in explained if name.startswith("openings.")]
    shown = sorted(name.removeprefix("share_") for name in fields if explained[f"openings.{name}"].shown)
    sentences = [
        f"From the link alone: the network {link.network_id!r}"
        + (f" and {_addresses(len(link.addrs))} of this node." if link.addrs else ", and no address."),
        f"Who can reach this node and has the link learns: {', '.join(shown)}."
        if shown
        else "It opens nothing.",
    ]
    if "content" in shown:
        sentences.append("And it can fetch the files, until the link ends.")
    return sentences


def _addresses(count: int) -> str:
    return "one address" if count == 1 else f"{count} addresses"
