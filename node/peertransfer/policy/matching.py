"""Which fields of a view do the rules show to this audience, of this item and of each entry?

It knows rules and facts only: it builds no view and seals nothing (``policy.engine``).

Strategy: rules are sorted once by view, word of ``to``, share and label, so that a decision looks only at
rules that speak to the asker and of the item. What a combination of rules adds up to is worked out once and
kept. For a share's entries, the rules that need no look at an entry are added up once, and each combination
of the others once, so that ten thousand entries cost ten thousand look-ups.

Hiding is read widely and showing narrowly wherever a fact could be read both ways: a hidden path hides what
lies below it, and a field is hidden with every coarser form of it that a rule hides, because whoever sees
the fine one can work out the coarse one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import COARSER
from peertransfer.policy.budget import Budget, nothing_spent
from peertransfer.policy.question import (
    Question,
    question_of_dht,
    question_of_dht_asker,
    question_of_peer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from peertransfer.policy.budget import SpentBy
    from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
    from peertransfer.policy.rules import Policy, Rule

MAX_VERDICTS: Final = 4096
"""Combinations of rules whose sum is kept; a policy in use meets a few dozen."""


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


_NOTHING: Final = Verdict()


class Effect:
    """What one rule says about one view."""

    __slots__ = ("fields", "hides", "is_conditional", "narrows", "number", "rule")

    def __init__(self, number: int, rule: Rule, view: str, fields: frozenset[str], *, hides: bool) -> None:
        self.number = number
        """Its own in one index."""
        self.rule = rule
        self.fields = with_finer(view, fields) if hides else fields
        self.hides = hides
        self.narrows = rule.items.narrows_entries
        """Whether it speaks of some entries of what it selects, and not of others."""
        is_limited = not hides and not rule.limit.is_none
        self.is_conditional = is_limited or not (rule.when.is_always and rule.items.ages.is_all)
        """Whether it speaks depends on the time or the budget too."""

    def holds(self, question: Question) -> bool:
        """Tell whether it speaks now, as far as time and budget go."""
        if not self.is_conditional:
            return True
        rule, item = self.rule, question.item
        if not rule.when.holds(question.now):
            return False
        if item is not None and not rule.items.is_of_age(item, question.now, widely=self.hides):
            return False
        return self.hides or question.budget.allows(rule, "" if item is None else item.manifest_cid)


def with_finer(view: str, fields: frozenset[str]) -> frozenset[str]:
    """Return ``fields`` and all of which one of them is a coarser form."""
    finer = {fine for fine, coarse in COARSER.get(view, {}).items() if not fields.isdisjoint(coarse)}
    return fields | finer


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


class _Shelf:
    """The effects on one view, of one kind (showing or hiding), to one word of ``to``."""

    __slots__ = ("by_label", "by_share", "hides", "labelled", "of_all", "of_no_item", "steady", "timed")

    def __init__(self, *, hides: bool) -> None:
        self.hides = hides
        self.of_no_item: list[Effect] = []
        self.of_all: list[Effect] = []
        """Those that name neither share nor label."""
        self.by_share: dict[str, list[Effect]] = {}
        self.by_label: dict[str, list[Effect]] = {}
        self.labelled: set[int] = set()
        """The numbers of those that name a label."""
        self.steady: frozenset[str] = frozenset()
        """What those that name a label and always hold say together."""
        self.timed: list[Effect] = []
        """Those that name a label and do not always hold."""

    def add(self, effect: Effect) -> None:
        items = effect.rule.items
        if items.is_everything:
            self.of_no_item.append(effect)
        if items.selects_all:
            self.of_all.append(effect)
        for share in items.shares:
            self.by_share.setdefault(share, []).append(effect)
        if items.labels:
            self._add_labelled(effect)

    def _add_labelled(self, effect: Effect) -> None:
        for label in effect.rule.items.labels:
            self.by_label.setdefault(label, []).append(effect)
        self.labelled.add(effect.number)
        if effect.is_conditional:
            self.timed.append(effect)
        else:
            self.steady |= effect.fields

    def selected(self, item: ItemFacts | None) -> Sequence[Effect]:
        """Return those that speak of the item as a whole, or of what is no item; some perhaps twice."""
        if item is None:
            return self.of_no_item
        if not self.by_share and not self.by_label:
            return self.of_all
        found = [*self.of_all, *self.by_share.get(item.manifest_cid, ())]
        for label in item.labels:
            found += self.by_label.get(label, ())
        return found


class EntryVerdicts:
    """The verdicts on the entries of one item for one question."""

    def __init__(
        self,
        shelves: Sequence[_Shelf],
        selected: Mapping[int, Effect],
        question: Question,
        add_up: Callable[[Mapping[int, Effect]], Verdict],
    ) -> None:
        self._question = question
        self._always = {number: one for number, one in selected.items() if not one.narrows}
        self._narrowed = [one for one in selected.values() if one.narrows]
        self._labelled = [
            one for one in shelves if len(one.labelled) > sum(number in one.labelled for number in selected)
        ]
        """Where a label of its own could select an entry of a share that is not selected as a whole."""
        self._known: dict[frozenset[int], Verdict] = {frozenset(): add_up(self._always)}

    @property
    def could_show(self) -> bool:
        """Whether some entry might be shown something; no entry is looked at to tell."""
        if self.common.shown:
            return True
        hidden = self.common.hidden.keys()
        return (
            any(not one.hides and not one.fields <= hidden for one in self._narrowed)
            or any(not one.hides and not one.steady <= hidden for one in self._labelled)
            or any(
                not shelf.hides and not one.fields <= hidden and one.holds(self._question)
                for shelf in self._labelled
                for one in shelf.timed
            )
        )

    @property
    def is_uniform(self) -> bool:
        """Whether the verdict is the same on every entry."""
        return not self._narrowed and not self._labelled

    @property
    def common(self) -> Verdict:
        """The verdict of the rules that speak of every entry."""
        return self._known[frozenset()]

    def on(self, entry: EntryFacts) -> Verdict:
        """Return the verdict on one entry."""
        found = {one.number: one for one in self._narrowed if self._speaks_of(one, entry)}
        for label in entry.labels:
            for shelf in self._labelled:
                for one in shelf.by_label.get(label, ()):
                    if one.number not in self._always and self._speaks_of(one, entry):
                        found[one.number] = one
        key = frozenset(found)
        verdict = self._known.get(key)
        if verdict is None:
            verdict = _add_up([*self._always.values(), *found.values()])
            self._known[key] = verdict
        return verdict

    def _speaks_of(self, effect: Effect, entry: EntryFacts) -> bool:
        if effect.narrows and not effect.rule.items.narrows_to(entry, widely=effect.hides):
            return False
        return effect.holds(self._question)


class RuleIndex:
    """A policy's rules, sorted so that a decision meets only those that could speak to its audience."""

    def __init__(self, policy: Policy, spent_by: SpentBy = nothing_spent) -> None:
        self._spent_by = spent_by
        self._shows: dict[str, dict[str, _Shelf]] = {}
        self._hides: dict[str, dict[str, _Shelf]] = {}
        self._verdicts: dict[frozenset[int], Verdict] = {frozenset(): _NOTHING}
        self._groups_of: dict[str, list[str]] = {}
        number = 0
        for rule in policy.rules:
            words = {str(pattern) for pattern in rule.to}
            for fields_of, side in ((rule.show, self._shows), (rule.hide, self._hides)):
                for view, fields in fields_of.items():
                    effect = Effect(number, rule, view, fields, hides=side is self._hides)
                    number += 1
                    for word in words:
                        side.setdefault(view, {}).setdefault(word, _Shelf(hides=effect.hides)).add(effect)
        for name, peers in policy.groups.items():
            for peer_id in peers:
                self._groups_of.setdefault(peer_id, []).append(name)

    # --- questions ---------------------------------------------------------------------------------

    def budget(self, network_id: str, peer_id: str, now: int, *, is_under_way: bool = False) -> Budget:
        """Return what a peer has left; an empty ``peer_id`` is all the servers of the network's DHT."""
        return Budget(self._spent_by, network_id, peer_id, now, is_under_way=is_under_way)

    def of_peer(
        self, asker: Asker, now: int, item: ItemFacts | None = None, budget: Budget | None = None
    ) -> Question:
        """Return the question of one peer at ``now`` (Unix seconds)."""
        budget = budget or self.budget(asker.network_id, asker.peer_id, now)
        return question_of_peer(asker, item, now, budget, self._groups_of.get(asker.peer_id, ()))

    def of_dht(self, network_id: str, now: int, item: ItemFacts | None = None) -> Question:
        """Return the question of all the servers of a network's DHT at ``now`` (Unix seconds)."""
        return question_of_dht(network_id, item, now, self.budget(network_id, "", now))

    def of_dht_asker(self, asker: Asker, now: int, item: ItemFacts) -> Question:
        """Return the question of a peer that asks for what a DHT's servers hold."""
        budget = self.budget(asker.network_id, asker.peer_id, now)
        return question_of_dht_asker(asker, item, now, budget, self._groups_of.get(asker.peer_id, ()))

    # --- answers -----------------------------------------------------------------------------------

    def verdict(self, view: str, question: Question) -> Verdict:
        """Return what of ``view`` may be seen, for the item as a whole or for what is no item."""
        return self._sum(_selected(self._shelves(view, question), question))

    def verdicts(self, view: str, question: Question) -> EntryVerdicts:
        """Return what of ``view`` may be seen entry by entry; the question must be of an item."""
        shelves = self._shelves(view, question)
        return EntryVerdicts(shelves, _selected(shelves, question), question, self._sum)

    def holding(self, view: str, question: Question) -> frozenset[str]:
        """Return the names of the rules that speak of the item or its entries now, and not always."""
        shelves = self._shelves(view, question)
        effects = [one for shelf in shelves for one in (*shelf.selected(question.item), *shelf.timed)]
        return frozenset(one.rule.name for one in effects if one.is_conditional and one.holds(question))

    def _sum(self, effects: Mapping[int, Effect]) -> Verdict:
        key = frozenset(effects)
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts = {frozenset(): _NOTHING}
            verdict = self._verdicts[key] = _add_up(effects.values())
        return verdict

    def _shelves(self, view: str, question: Question) -> list[_Shelf]:
        found = []
        for side, words in ((self._shows, question.showing), (self._hides, question.hiding)):
            shelves = side.get(view)
            if shelves is not None:
                found += [shelves[word] for word in words if word in shelves]
        return found


def _selected(shelves: Iterable[_Shelf], question: Question) -> dict[int, Effect]:
    return {
        one.number: one for shelf in shelves for one in shelf.selected(question.item) if one.holds(question)
    }
