"""What does a policy show at least, and at most, where a fact is not known?

The engine needs every fact. Where one was lost, two policies are made of one: in the least, rules that look
at the fact show nothing and hide of all shares; in the most, they hide nothing and show of all. What the
first shows is shown whatever the fact was, and what the second hides is hidden. It decides nothing
(``policy.engine``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from peertransfer.policy.engine import Engine
from peertransfer.policy.items import ItemPattern
from peertransfer.policy.when import When

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peertransfer.policy.budget import SpentBy
    from peertransfer.policy.rules import Policy, Rule

_NOTHING: Final[Mapping[str, frozenset[str]]] = {}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Engines between which the answer lies."""

    least: Engine | None
    """What leaves at least; ``None``: that nothing does can't be excluded."""
    most: Engine
    why: str
    """What is not known, where the two differ."""
    beside: Engine | None = None
    """What leaves at least of fields that did not leave then; ``None``: as ``least`` says."""


class BoundsOf:
    """The bounds of one policy; engines are made when they are needed.

    Nobody knows what was used of a limit when something was refused, at some time of a day, or when a field
    did not leave with others. Of what left, the books tell it.
    """

    def __init__(self, policy: Policy, least_spent: SpentBy, most_spent: SpentBy) -> None:
        """Take the policy, and what was used of its limits at least and at most."""
        self._whole = policy
        self._rateless = _without_rates(policy)
        self._least_spent, self._most_spent = least_spent, most_spent
        self._has_limits = any(not rule.limit.is_none for rule in policy.rules)

    @cached_property
    def of_disclosure(self) -> Bounds:
        """For what left."""
        most = Engine(self._rateless, self._least_spent)
        if not self._has_limits:
            return Bounds(most, most, "limit")
        least = Engine(self._rateless, self._most_spent)
        return Bounds(least, most, "limit", Engine(_unlimited(self._whole)))

    @cached_property
    def of_refusal(self) -> Bounds:
        """For what was refused."""
        most = Engine(self._whole)
        return Bounds(Engine(_unlimited(self._whole)) if self._has_limits else most, most, "limit")

    @cached_property
    def of_lost_disclosure(self) -> Bounds:
        """For what left of a share of which the CID alone is known."""
        least = Engine(_lost_least(self._rateless), self._most_spent)
        most = Engine(_lost_most(self._rateless), self._least_spent)
        beside = Engine(_lost_least(_unlimited(self._whole))) if self._has_limits else None
        return Bounds(least, most, "share", beside)

    @cached_property
    def of_lost_refusal(self) -> Bounds:
        """The same for what was refused: that share may have expired."""
        return Bounds(None, Engine(_lost_most(self._whole)), "share")

    @cached_property
    def of_hello(self) -> Bounds:
        """For the hello before something else, which was said earlier, at an unknown time."""
        timed = [rule.name for rule in self._rateless.rules if not rule.when.is_always]
        least = Engine(self._rateless)
        most = _changed(
            self._rateless,
            lambda rule: rule.name in timed,
            lambda rule: replace(rule, hide=_NOTHING, when=When()),
        )
        return Bounds(least, Engine(most) if timed else least, "time")


def looks_at_share(rule: Rule) -> bool:
    """Tell whether a rule depends on what only the share itself can tell: labels, age, and its entries."""
    return bool(rule.items.labels) or not rule.items.ages.is_all or rule.items.narrows_entries


def looks_at_entries(policy: Policy) -> bool:
    """Tell whether two entries of one share can be treated differently."""
    return any(rule.items.labels or rule.items.narrows_entries for rule in policy.rules)


def widened(rule: Rule) -> Rule:
    """Return a rule that speaks of all of which this one might speak, as far as a share's CID tells."""
    shares = rule.items.shares if not rule.items.labels else frozenset[str]()
    return replace(rule, items=ItemPattern(shares))


def _without_rates(policy: Policy) -> Policy:
    """Leave out ``limit.per_minute``: the ledger counts repeats by the hour."""
    return _changed(
        policy,
        lambda rule: rule.limit.per_minute is not None,
        lambda rule: replace(rule, limit=replace(rule.limit, per_minute=None)),
    )


def _unlimited(policy: Policy) -> Policy:
    """Leave out what is shown by rules that have a limit."""
    return _changed(policy, lambda rule: not rule.limit.is_none, _showing_nothing)


def _lost_least(policy: Policy) -> Policy:
    return _changed(policy, looks_at_share, lambda rule: _showing_nothing(widened(rule)))


def _lost_most(policy: Policy) -> Policy:
    return _changed(policy, looks_at_share, lambda rule: replace(widened(rule), hide=_NOTHING))


def _showing_nothing(rule: Rule) -> Rule:
    return replace(rule, show=_NOTHING)


def _changed(policy: Policy, which: Callable[[Rule], bool], change: Callable[[Rule], Rule]) -> Policy:
    return replace(policy, rules=tuple(change(one) if which(one) else one for one in policy.rules))
