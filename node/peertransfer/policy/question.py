"""Who would receive a view, of which item, and when? In the words by which rules can speak of that.

It knows facts only and no rule (``policy.matching``).

Hiding is read widely and showing narrowly wherever a fact could be read both ways: a link opens only
the item that is asked for under it, but a rule that hides from a link's holder hides everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.disclosure.audience import Anyone, Audience, DhtServers, LinkHolders, Members, OnePeer
from peertransfer.policy.facts import OPEN_NETWORK, Asker, ItemFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peertransfer.policy.budget import Budget


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer depends on, besides the rules."""

    showing: frozenset[str]
    """Words of ``to`` by which a rule may show something to all who would receive the view."""
    hiding: frozenset[str]
    """Words of ``to`` by which a rule hides something from at least one of them."""
    now: int
    """Unix seconds."""
    budget: Budget
    item: ItemFacts | None = None


def question_of_peer(
    asker: Asker, item: ItemFacts | None, now: int, budget: Budget, groups: Iterable[str] = ()
) -> Question:
    """Return the question of one peer, which is in ``groups``; only the link asked by can show an item."""
    own = ["anyone", f"peer:{asker.peer_id}", *(f"group:{name}" for name in groups)]
    for role in asker.roles:
        own += _of_network("role:" + role, f"role:{role}@{asker.network_id}", asker.network_id)
    showing, hiding = set(own), set(own)
    for audience in asker.audiences:
        words = _words_for(audience)
        hiding.update(words)
        if _fits(audience, asker, item):
            showing.update(words)
    return Question(frozenset(showing), frozenset(hiding), now, budget, item)


def question_of_dht(network_id: str, item: ItemFacts | None, now: int, budget: Budget) -> Question:
    """Return the question of all the servers of a network's DHT, who are members too."""
    showing = frozenset(("anyone", *_words_for(DhtServers(network_id))))
    return Question(showing, showing | frozenset(_words_for(Members(network_id))), now, budget, item)


def question_of_dht_asker(
    asker: Asker, item: ItemFacts, now: int, budget: Budget, groups: Iterable[str]
) -> Question:
    """Return the question of a peer that asks for what a DHT's servers hold.

    It could ask one of them, so what is shown to them is shown to it; words that speak of it hide as well.
    """
    servers = question_of_dht(asker.network_id, item, now, budget)
    own = question_of_peer(asker, item, now, budget, groups)
    return Question(servers.showing, servers.hiding | own.hiding, now, budget, item)


def _fits(audience: Audience, asker: Asker, item: ItemFacts | None) -> bool:
    if isinstance(audience, LinkHolders):
        return item is None or audience.link_id == item.link_id
    if isinstance(audience, Members | DhtServers):
        return audience.network_id == asker.network_id
    return True


def _words_for(audience: Audience) -> tuple[str, ...]:
    match audience:
        case Members(network_id):
            return _of_network("members", f"members:{network_id}", network_id)
        case DhtServers(network_id):
            return _of_network("dht-servers", f"dht-servers:{network_id}", network_id)
        case LinkHolders(link_id):
            return ("link-holders", f"link:{link_id}")
        case OnePeer() | Anyone():  # pragma: no branch - these are all audiences, mypy sees to it
            return ()


def _of_network(of_any: str, of_one: str, network_id: str) -> tuple[str, ...]:
    return (of_one,) if network_id == OPEN_NETWORK else (of_one, of_any)
