"""What would have left, or stayed, if another policy had been asked?

Each past answer is compared with what the engine says under the policy that is tried. Where a fact is not
known any more, every answer that it leaves possible is looked at: a field that leaves in all of them would
have left, one that leaves in none would have stayed, and of the rest it is said why nobody can tell. It finds
no facts out (``service.past_facts``) and adds nothing up (``service.simulating``).
Spec: CLI.md, ``policy simulate``; docs/policy.md, "Trying a policy on the past".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from peertransfer.policy.bounds import BoundsOf, looks_at_entries
from peertransfer.policy.budget import Budget, nothing_spent
from peertransfer.policy.differences import Differences
from peertransfer.policy.facts import EntryFacts
from peertransfer.policy.past import (
    AFTER_HELLO,
    NONE,
    OF_ENTRIES,
    PastQuestion,
    Shown,
    answered,
    greets,
)
from peertransfer.policy.reasons import Reason, Reasons
from peertransfer.policy.rules import AudienceKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from peertransfer.policy.bounds import Bounds
    from peertransfer.policy.budget import SpentBy
    from peertransfer.policy.rules import Policy

MAX_KNOWN: Final = 10_000
"""Findings that are kept, because a month asks the same again and again."""
MAX_CONDITIONS: Final = 64
"""Rules that hold at some times only; of more, whether they hold takes longer than to ask anew."""
SOME_LINK: Final = "\0"
"""A link's name that no link has."""
_MINUTE: Final = 60
_ANY_ENTRY: Final = (EntryFacts(0, ""),)


class Change(Enum):
    """What another policy would have changed."""

    NEWLY_SHOWN = "newly_shown"
    NEWLY_HIDDEN = "newly_hidden"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """What was asked and what left, as far as it is known."""

    questions: tuple[tuple[str, PastQuestion], ...]
    """All that may have been asked, the likeliest first; each with what is not known if it was that one."""
    moments: tuple[int, ...]
    """When: Unix seconds, ascending."""
    fields: frozenset[str] = NONE
    """What left; nothing where it was refused."""
    is_refusal: bool = False
    is_share_lost: bool = False
    """Whether the CID of the share alone is known."""
    is_whole: bool = True
    """Whether fields that did not leave could have left with these."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would have been different, or of which nobody can tell."""

    change: Change
    view: str
    fields: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is found of one past answer."""

    found: tuple[Finding, ...] = ()
    as_in_force: int = 0
    """Fields of which nobody can tell, and of which the policy in force says the same."""
    shown: frozenset[str] = NONE
    """What surely leaves under the policy that is tried."""
    rule: str = ""
    """The rules that show it, joined by ``,``."""


@dataclass(frozen=True, slots=True)
class _Range:
    always: frozenset[str]
    ever: frozenset[str]
    why: dict[str, str]
    first: Shown


class Simulator:
    """Asks one policy what was asked before; it remembers what it found."""

    def __init__(
        self,
        policy: Policy,
        in_force: Policy | None = None,
        *,
        least_spent: SpentBy = nothing_spent,
        most_spent: SpentBy | None = None,
    ) -> None:
        """Take the policy that is tried.

        Args:
            policy: the one that is tried.
            in_force: the one that holds now; ``None``: not known.
            least_spent: what was used of a rule's limit in the replay so far, at least.
            most_spent: the same at most; ``None``: the same.
        """
        self.limits = {rule.name: rule.limit for rule in policy.rules if not rule.limit.is_none}
        self._spent = (least_spent, most_spent or least_spent)
        self._bounds = BoundsOf(policy, *self._spent)
        self._differences = Differences(policy, in_force)
        self._reasons = Reasons(policy)
        self._looks_at_entries = looks_at_entries(policy)
        self._timed = [rule for rule in policy.rules if not rule.when.is_always]
        self._aged = [rule for rule in policy.rules if not rule.items.ages.is_all]
        self._limited = [rule for rule in policy.rules if not rule.limit.is_none]
        self._links_named = _links_by_view(policy)
        self._named = _named_peers(policy)
        self._known: dict[Hashable, Findings] = {}
        self._turns = lru_cache(maxsize=1 << 16)(self._turns_between)

    def moments(self, first: int, last: int, count: int) -> tuple[int, ...]:
        """Return the times to look at, where something happened ``count`` times between two of them.

        What is the same for every rule's ``when`` is one time.
        """
        if first == last or not (self._timed or self._aged):
            return (first,)
        if count <= 2:  # noqa: PLR2004 - the first and the last
            return (first, last)
        inner = self._turns(first // _MINUTE + 1, last // _MINUTE) if self._timed else ()
        return (first, *(minute * _MINUTE for minute in inner), last)

    def links_named(self, view: str) -> tuple[str, ...]:
        """Return the links of which a rule speaks that shows or hides something of ``view``.

        ``SOME_LINK`` stands among them where one speaks of all of them.
        """
        return self._links_named.get(view, ())

    def needs_entries(self, past: PastAnswer) -> bool:
        """Tell whether the entries of the share must be known to judge ``past``."""
        asked = past.questions[0][1]
        return self._looks_at_entries and asked.kind in OF_ENTRIES and not past.is_share_lost

    def recall(self, past: PastAnswer) -> Findings | None:
        """Return what was found of an answer like this one; ``None`` where there was none yet."""
        key = self._key(past)
        return None if key is None else self._known.get(key)

    def judge(self, past: PastAnswer, entries: Sequence[EntryFacts] = _ANY_ENTRY) -> Findings:
        """Compare ``past`` with what the policy says.

        Args:
            past: the answer.
            entries: all entries of its share, where ``needs_entries``.
        """
        findings = self._compare(past, entries, self._range(past, entries))
        key = self._key(past)
        if key is not None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = findings
        return findings

    # --- what may have been ------------------------------------------------------------------------

    def _range(self, past: PastAnswer, entries: Sequence[EntryFacts]) -> _Range:
        bounds = self._bounds_of(past)
        by_moment = [
            _joined(
                [
                    (why, self._after_hello(asked, now, _between(bounds, past, asked, entries, now)))
                    for why, asked in past.questions
                ]
            )
            for now in past.moments
        ]
        return _joined([("time", one) for one in by_moment])

    def _after_hello(self, asked: PastQuestion, now: int, found: _Range) -> _Range:
        bounds = self._bounds.of_hello
        if asked.kind not in AFTER_HELLO or (bounds.least and greets(bounds.least, asked, now)):
            return found
        if not greets(bounds.most, asked, now):
            return _Range(NONE, NONE, {}, Shown())
        return replace(found, always=NONE, why=dict.fromkeys(found.ever, bounds.why) | found.why)

    def _bounds_of(self, past: PastAnswer) -> Bounds:
        bounds = self._bounds
        if past.is_share_lost:
            return bounds.of_lost_refusal if past.is_refusal else bounds.of_lost_disclosure
        return bounds.of_refusal if past.is_refusal else bounds.of_disclosure

    # --- what is different -------------------------------------------------------------------------

    def _compare(self, past: PastAnswer, entries: Sequence[EntryFacts], found: _Range) -> Findings:
        unsure = found.ever - found.always
        newly_shown = found.always - past.fields
        if not past.is_whole:
            unsure, newly_shown = unsure & past.fields, NONE
        as_in_force = NONE if not unsure or self._is_other(past) else unsure
        changes = (
            (Change.NEWLY_SHOWN, newly_shown),
            (Change.NEWLY_HIDDEN, past.fields - found.ever),
            (Change.UNDECIDED, unsure - as_in_force),
        )
        asked, grouped = past.questions[0][1], dict[tuple[Change, Reason], list[str]]()
        for change, names in changes:
            for name in sorted(names):
                reason = self._reason(past, entries, found, name)
                grouped.setdefault((change, reason), []).append(name)
        return Findings(
            tuple(
                Finding(change, asked.kind.view, tuple(names), reason)
                for (change, reason), names in grouped.items()
            ),
            len(as_in_force),
            found.always,
            found.first.rule,
        )

    def _is_other(self, past: PastAnswer) -> bool:
        """Tell whether the policy in force might answer anything else."""
        asked, now = past.questions[0][1], past.moments[0]
        is_asker_known = "link" not in {why for why, _ in past.questions}
        return self._differences.concern(asked, now, is_asker_known=is_asker_known)

    def _reason(self, past: PastAnswer, entries: Sequence[EntryFacts], found: _Range, name: str) -> Reason:
        asked, now, first = past.questions[0][1], past.moments[0], found.first
        of = self._reasons.of_staying if name in past.fields else self._reasons.of_leaving
        reason = of(name, asked, first, entries, now)
        why, among = found.why.get(name, ""), first.among.get(name)
        if why != "entries" or among is None:
            return replace(reason, why=why)
        return replace(reason, why=why, entries_hidden=len(entries) - among.count, entries=len(entries))

    # --- what is the same question -----------------------------------------------------------------

    def _key(self, past: PastAnswer) -> Hashable | None:
        """Return what the findings depend on; ``None``: they are not kept."""
        if len(self._timed) + len(self._aged) + len(self._limited) > MAX_CONDITIONS:
            return None
        return (
            tuple((why, self._unnamed(asked)) for why, asked in past.questions),
            *(past.fields, past.is_refusal, past.is_share_lost, past.is_whole),
            tuple(self._conditions(past.questions[0][1], now) for now in past.moments),
        )

    def _unnamed(self, asked: PastQuestion) -> PastQuestion:
        """Leave out who it was, where no rule speaks of that peer by its ID."""
        asker = asked.asker
        return asked if asker.peer_id in self._named else replace(asked, asker=replace(asker, peer_id="?"))

    def _conditions(self, asked: PastQuestion, now: int) -> tuple[bool, ...]:
        """Return which rules hold then, of those that do not always."""
        asker, item = asked.asker, asked.item
        budgets = [
            Budget(spent, asker.network_id, asker.peer_id, now, is_under_way=is_under_way)
            for spent in self._spent
            for is_under_way in (False, True)
        ]
        return (
            item.is_expired(now),
            *(rule.when.holds(now) for rule in self._timed),
            *(rule.items.is_of_age(item, now, widely=False) for rule in self._aged),
            *(one.allows(rule, item.manifest_cid) for rule in self._limited for one in budgets),
        )

    def _turns_between(self, first: int, last: int) -> tuple[int, ...]:
        """Return the minutes in which a rule's ``when`` begins or ends, from ``first`` to ``last``."""
        found: list[int] = []
        before: list[bool] | None = None
        for minute in range(first, last + 1):
            holding = [rule.when.holds(minute * _MINUTE) for rule in self._timed]
            if holding != before:
                found.append(minute)
            before = holding
        return tuple(found)


def _between(
    bounds: Bounds, past: PastAnswer, asked: PastQuestion, entries: Sequence[EntryFacts], now: int
) -> _Range:
    most = answered(bounds.most, asked, entries, now)
    if bounds.least is bounds.most:
        always = most.always
    else:
        always = NONE if bounds.least is None else answered(bounds.least, asked, entries, now).always
    if bounds.beside is not None:
        beside = answered(bounds.beside, asked, entries, now).always
        always = (always & past.fields) | (beside - past.fields)
    why = {name: "entries" if name not in most.always else bounds.why for name in most.ever - always}
    return _Range(always, most.ever, why, most)


def _joined(ranges: Sequence[tuple[str, _Range]]) -> _Range:
    """Return what is sure in all of them; of what is not, why: the first reason that there is."""
    always, ever = ranges[0][1].always, ranges[0][1].ever
    why = dict(ranges[0][1].why)
    for reason, one in ranges[1:]:
        always, ever = always & one.always, ever | one.ever
        for name in ever - always:
            why.setdefault(name, one.why.get(name, reason))
    return _Range(always, ever, why, ranges[0][1].first)


def _links_by_view(policy: Policy) -> dict[str, tuple[str, ...]]:
    named: dict[str, set[str]] = {}
    for rule in policy.rules:
        links = {to.id or SOME_LINK for to in rule.to if to.kind is AudienceKind.LINK}
        for view in (*rule.show, *rule.hide):
            named.setdefault(view, set()).update(links)
    return {view: tuple(sorted(links)) for view, links in named.items()}


def _named_peers(policy: Policy) -> frozenset[str]:
    named = {to.id for rule in policy.rules for to in rule.to if to.kind is AudienceKind.PEER}
    return frozenset(named.union(*policy.groups.values())) | {""}
