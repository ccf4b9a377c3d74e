"""Does another policy say of a question anything else than the one in force?

It looks at rules, not at answers: where no rule that differs could speak of a question, the two answer it
alike, whatever is not known of it. Spec: docs/policy.md, "Trying a policy on the past".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.bounds import widened
from peertransfer.policy.budget import Limit
from peertransfer.policy.explain import Explainer
from peertransfer.policy.matching import with_finer
from peertransfer.policy.past import AFTER_HELLO, IN_DHT_ANSWER, UNDER_GRANT, Kind
from peertransfer.policy.rules import AudienceKind, Policy
from peertransfer.policy.when import When

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.past import PastQuestion
    from peertransfer.policy.rules import Rule

_NO_FIELDS: Final = frozenset[str]()
_LEADING: Final[Mapping[Kind, frozenset[str]]] = {
    **dict.fromkeys(AFTER_HELLO, frozenset({"protocols"})),
    **dict.fromkeys(IN_DHT_ANSWER, frozenset({"addresses"})),
}
"""Views without which it does not come to the question."""
_GRANT_VIEWS: Final = frozenset(kind.view for kind in UNDER_GRANT)


class Differences:
    """The rules in which two policies differ."""

    def __init__(self, one: Policy, other: Policy | None) -> None:
        """Compare; without ``other`` everything differs."""
        self._is_all = other is None
        rules = _differing(one, other) if other is not None else []
        groups = {} if other is None else _joined(one.groups, other.groups)
        self._views = {view for rule in rules for view in (*rule.show, *rule.hide)}
        self._touching = Explainer(Policy(tuple(map(_hiding, rules)), groups=groups))

    def concern(self, asked: PastQuestion, now: int, *, is_asker_known: bool) -> bool:
        """Tell whether a rule that differs could speak of the question, or of what its answer depends on."""
        views = _GRANT_VIEWS if asked.kind in UNDER_GRANT else frozenset({asked.kind.view})
        views |= _LEADING.get(asked.kind, frozenset())
        if self._is_all or self._views.isdisjoint(views):
            return self._is_all
        if not is_asker_known or asked.kind is Kind.RECORD_TO_PEER:
            return True
        told = self._touching.explain(asked.asker, asked.item, now=now)
        return any(told[f"{view}.{name}"].rule for view in views for name in VIEW_FIELDS[view])


def _differing(one: Policy, other: Policy) -> list[Rule]:
    groups = {
        name
        for name in (*one.groups, *other.groups)
        if one.groups.get(name, ()) != other.groups.get(name, ())
    }
    first, second = ({rule.name: replace(rule, line=0) for rule in each.rules} for each in (one, other))
    return [
        rule
        for ours, theirs in ((first, second), (second, first))
        for rule in ours.values()
        if rule != theirs.get(rule.name)
        or any(to.kind is AudienceKind.GROUP and to.id in groups for to in rule.to)
    ]


def _joined(
    ones: Mapping[str, frozenset[str]], others: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    nobody = frozenset[str]()
    return {name: ones.get(name, nobody) | others.get(name, nobody) for name in (*ones, *others)}


def _hiding(rule: Rule) -> Rule:
    """Return a rule that hides all of which this one could speak: nothing is read more widely than that."""
    fields = {
        view: with_finer(view, rule.show.get(view, _NO_FIELDS) | rule.hide.get(view, _NO_FIELDS))
        for view in (*rule.show, *rule.hide)
    }
    return replace(widened(rule), show={}, hide=fields, when=When(), limit=Limit())
