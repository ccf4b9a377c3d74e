"""Which fields of a view do the rules show to this audience, of this item and of each entry?

It knows rules and facts only: it builds no view and seals nothing (``policy.engine``).

Strategy: rules are sorted once by (view, word of ``to``), so that a decision looks only at rules that
speak to the asker. For a share's entries, the rules that need no look at a path or label are added up
once, and each combination of the others once, so that ten thousand entries cost ten thousand look-ups.

Hiding is read widely and showing narrowly wherever a fact could be read both ways: a link opens only
the item that is asked for under it, but a rule that hides from a link's holder hides everything; a
hidden path hides what lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.disclosure.audience import Anyone, Audience, DhtServers, LinkHolders, Members, OnePeer
from peertransfer.policy.facts import OPEN_NETWORK, Asker, EntryFacts, ItemFacts
from peertransfer.policy.rules import AudienceKind, AudiencePattern, Policy, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Patterns = frozenset[AudiencePattern]


@dataclass(frozen=True, slots=True)
class Reach:
    """The words of ``to`` that speak of whoever would receive a view."""

    showing: Patterns
    """Words by which a rule may show something to all of them."""
    hiding: Patterns
    """Words by which a rule hides something from at least one of them."""


def reach_of_asker(asker: Asker, item: ItemFacts | None = None) -> Reach:
    """Return the words that speak of one peer; for an item, only the link asked by can show it."""
    hiding = _patterns(asker.proven)
    fitting = [one for one in asker.proven if _fits(one, asker, item)]
    return Reach(_patterns(fitting), hiding)


def _fits(audience: Audience, asker: Asker, item: ItemFacts | None) -> bool:
    if isinstance(audience, LinkHolders):
        return item is None or audience.link_id == item.link_id
    if isinstance(audience, Members | DhtServers):
        return audience.network_id == asker.network_id
    return True


def reach_of_dht(network_id: str) -> Reach:
    """Return the words that speak of all the servers of a network's DHT, who are members too."""
    showing = _patterns([DhtServers(network_id), Anyone()])
    return Reach(showing, showing | _patterns([Members(network_id)]))


def reach_of_dht_asker(asker: Asker) -> Reach:
    """Return the words that speak of a peer that asks for what a DHT's servers hold.

    It could ask one of them, so what is shown to them is shown to it; words that speak of it hide as well.
    """
    servers = reach_of_dht(asker.network_id)
    return Reach(servers.showing, servers.hiding | _patterns(asker.proven))


def _patterns(audiences: Iterable[Audience]) -> Patterns:
    return frozenset(pattern for audience in audiences for pattern in _words_for(audience))


def _words_for(audience: Audience) -> tuple[AudiencePattern, ...]:
    match audience:
        case OnePeer(peer_id):
            return (AudiencePattern(AudienceKind.PEER, peer_id),)
        case Members(network_id):
            return _of_network(AudienceKind.MEMBERS, network_id)
        case DhtServers(network_id):
            return _of_network(AudienceKind.DHT_SERVERS, network_id)
        case LinkHolders(link_id):
            return (AudiencePattern(AudienceKind.LINK), AudiencePattern(AudienceKind.LINK, link_id))
        case Anyone():  # pragma: no branch - these are all audiences, mypy sees to it
            return (AudiencePattern(AudienceKind.ANYONE),)


def _of_network(kind: AudienceKind, network_id: str) -> tuple[AudiencePattern, ...]:
    by_id = AudiencePattern(kind, network_id)
    return (by_id,) if network_id == OPEN_NETWORK else (by_id, AudiencePattern(kind))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of one view may be seen, and why."""

    shown: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Each field that may be seen, to the names of the rules that show it."""
    hidden: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Each field that a rule hides, to the names of the rules that hide it."""

    def __contains__(self, name: str) -> bool:
        """Tell whether the field may be seen."""
        return name in self.shown

    def showing(self, fields: Iterable[str]) -> frozenset[str]:
        """Return the names of the rules that show any of ``fields``."""
        return frozenset[str]().union(*(self.shown.get(name, ()) for name in fields))

    def hiding(self) -> frozenset[str]:
        """Return the names of the rules that hide any field."""
        return frozenset[str]().union(*self.hidden.values())


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule says about one view."""

    rule: Rule
    fields: frozenset[str]
    hides: bool

    def speaks_of_all(self, item: ItemFacts | None) -> bool:
        """Tell whether it speaks of the item as a whole, or, without ``items``, of what is no item."""
        if item is None:
            return self.rule.items.is_everything
        return self.rule.items.selects(item)

    def speaks_of_entry(self, item: ItemFacts, entry: EntryFacts) -> bool:
        """Tell whether it speaks of the entry."""
        items = self.rule.items
        if not items.selects(item) and not items.selects_entry(entry):
            return False
        if not items.paths:
            return True
        if self.hides:
            return any(glob.covers(entry.path) for glob in items.paths)
        return any(glob.matches(entry.path) for glob in items.paths)


def _add_up(effects: Iterable[Effect]) -> Verdict:
    shown: dict[str, set[str]] = {}
    hidden: dict[str, set[str]] = {}
    for effect in effects:
        side = hidden if effect.hides else shown
        for name in effect.fields:
            side.setdefault(name, set()).add(effect.rule.name)
    return Verdict(
        {name: frozenset(rules) for name, rules in shown.items() if name not in hidden},
        {name: frozenset(rules) for name, rules in hidden.items()},
    )


class EntryVerdicts:
    """The verdicts on the entries of one item for one reach."""

    def __init__(self, effects: Sequence[Effect], item: ItemFacts) -> None:
        self._item = item
        self._always = [one for one in effects if one.speaks_of_all(item) and not one.rule.items.paths]
        steady = {id(one) for one in self._always}
        self._sometimes = [one for one in effects if id(one) not in steady]
        self._known: dict[tuple[int, ...], Verdict] = {(): _add_up(self._always)}
        self.could_show = bool(self.common.shown) or any(
            not one.hides and not one.fields <= self.common.hidden.keys() for one in self._sometimes
        )
        """Whether some entry might be shown something; no entry is looked at to tell."""

    @property
    def is_uniform(self) -> bool:
        """Whether the verdict is the same on every entry."""
        return not self._sometimes

    @property
    def common(self) -> Verdict:
        """The verdict of the rules that speak of every entry."""
        return self._known[()]

    def on(self, entry: EntryFacts) -> Verdict:
        """Return the verdict on one entry."""
        key = tuple(
            place for place, one in enumerate(self._sometimes) if one.speaks_of_entry(self._item, entry)
        )
        verdict = self._known.get(key)
        if verdict is None:
            verdict = _add_up([*self._always, *(self._sometimes[place] for place in key)])
            self._known[key] = verdict
        return verdict


class RuleIndex:
    """A policy's rules, sorted so that a decision meets only those that could speak to its audience."""

    def __init__(self, policy: Policy) -> None:
        self._effects: dict[tuple[str, bool, AudiencePattern], list[tuple[int, Effect]]] = {}
        for place, rule in enumerate(policy.rules):
            for fields_of, hides in ((rule.show, False), (rule.hide, True)):
                for view, fields in fields_of.items():
                    effect = Effect(rule, fields, hides)
                    for pattern in set(rule.to):
                        self._effects.setdefault((view, hides, pattern), []).append((place, effect))

    def verdict(self, view: str, reach: Reach, item: ItemFacts | None = None) -> Verdict:
        """Return what of ``view`` may be seen, for the item as a whole or for what is no item."""
        return _add_up(effect for effect in self._speaking(view, reach) if effect.speaks_of_all(item))

    def verdicts(self, view: str, reach: Reach, item: ItemFacts) -> EntryVerdicts:
        """Return what of ``view`` may be seen entry by entry."""
        return EntryVerdicts(self._speaking(view, reach), item)

    def _speaking(self, view: str, reach: Reach) -> list[Effect]:
        found: dict[tuple[int, bool], Effect] = {}
        for hides, patterns in ((False, reach.showing), (True, reach.hiding)):
            for pattern in patterns:
                for place, effect in self._effects.get((view, hides, pattern), ()):
                    found[place, hides] = effect
        return list(found.values())
