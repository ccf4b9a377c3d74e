"""Which rules of a valid policy do not do what whoever wrote them seems to mean?

Pure: the time is handed in. It changes no decision, and a policy with findings is as valid as any other.
Spec: docs/policy.md, "Warnings"; CLI.md, ``policy check``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.policy.describe import told_rule
from peertransfer.policy.findings import Finding, told_fields
from peertransfer.policy.never import parts_of, whole_rule
from peertransfer.policy.overlaps import Overlaps
from peertransfer.policy.statements import Audiences, Statement, statements_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from peertransfer.policy.rules import Policy, Rule

    Held = Mapping[Statement, Sequence[Statement]]
    """Statements to those that hold them."""

MAX_NAMED: Final = 3
"""Rules, and words of their ``to``, that one finding names."""


@dataclass(frozen=True, slots=True)
class Review:
    """What was found in one policy."""

    findings: tuple[Finding, ...]
    """In the order of the file."""
    is_complete: bool
    """Whether all rules were compared; not so where very many are alike (``overlaps.MAX_STEPS``)."""


def review(policy: Policy, now: int) -> Review:
    """Return what rules of ``policy`` say in vain at ``now`` (Unix seconds) and after it.

    What the findings name can be taken out of the policy, of one of them or of all, and everybody is shown
    the same.
    """
    found: dict[int, list[Finding]] = {}
    statements: list[Statement] = []
    shown = {(view, name) for rule in policy.rules for view, names in rule.show.items() for name in names}
    for place, rule in enumerate(policy.rules):
        whole = whole_rule(rule, now)
        said = [] if whole else list(statements_of(rule, place))
        found[place] = [whole] if whole else parts_of(rule, said, shown)
        statements += [one for one in said if one.words and not _is_named(one, found[place])]
    audiences = Audiences(policy)
    hiding = Overlaps([one for one in statements if one.hides], audiences)
    hidden = _held([one for one in statements if not one.hides], hiding)
    lively = [one for one in statements if one not in hidden]
    showing = Overlaps([one for one in lively if not one.hides and one.rule.limit.is_none], audiences)
    held = _held([one for one in lively if not one.hides], showing)
    for one, others in hidden.items():
        found[one.place].append(_hidden(one, others))
    for place, some in _by_rule(lively).items():
        found[place] += _shown(some, held, showing)
    findings = tuple(one for some in found.values() for one in some)
    return Review(findings, hiding.is_complete and showing.is_complete)


def _is_named(statement: Statement, findings: Iterable[Finding]) -> bool:
    return any(
        statement.fields <= (one.hide if statement.hides else one.show).get(statement.view, frozenset())
        for one in findings
    )


def _held(statements: Iterable[Statement], overlaps: Overlaps) -> Held:
    return {one: others for one in statements if (others := overlaps.holding(one))}


def _by_rule(statements: Iterable[Statement]) -> dict[int, list[Statement]]:
    found: dict[int, list[Statement]] = {}
    for one in statements:
        found.setdefault(one.place, []).append(one)
    return found


def _hidden(one: Statement, others: Iterable[Statement]) -> Finding:
    rules = _rules(others)
    is_own = rules == [one.rule]
    who = "it hides itself" if is_own else f"{_joined([*map(told_rule, rules)])} {_verb('hide', rules)} again"
    mend = (
        "Take it out of show or of hide."
        if is_own
        else "Remove one of the two, or let the hiding one say less."
    )
    return Finding(one.rule, f"what it shows of {told_fields(one.effect)}, {who}", mend, one.effect)


def _shown(said: Sequence[Statement], held: Held, overlaps: Overlaps) -> list[Finding]:
    """Return what one rule shows in vain, because others show it too: all that it says, or to fewer."""
    vain = [one for one in said if one in held]
    is_whole = len(vain) == len(said)
    if not is_whole:
        vain = [one for one in vain if not all(_are_alike(one, other, overlaps) for other in held[one])]
    if not vain:
        return []
    rules = _rules(other for one in vain for other in held[one])
    rule = vain[0].rule
    effect: dict[str, frozenset[str]] = {}
    for one in vain:
        effect[one.view] = effect.get(one.view, frozenset()) | one.fields
    to = _joined([str(one) for one in dict.fromkeys(word for each in rules for word in each.to)])
    is_limited = not rule.limit.is_none
    what = "all that it shows" if is_whole else f"what it shows of {told_fields(effect)}"
    others = (
        f"{_joined([*map(told_rule, rules)])} {_verb('show', rules)} too, to {to}"
        f"{', without its limit' * is_limited}"
    )
    mend = "Narrow that one, or give it the limit." if is_limited else "Narrow that one, or take this out."
    return [Finding(rule, f"{what}, {others}", mend, effect)]


def _are_alike(one: Statement, other: Statement, overlaps: Overlaps) -> bool:
    return one.rule.limit.is_none and overlaps.holds(one, other)


def _rules(statements: Iterable[Statement]) -> list[Rule]:
    return list({one.place: one.rule for one in statements}.values())


def _joined(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return " and ".join(names[:MAX_NAMED]) + more


def _verb(verb: str, rules: Sequence[Rule]) -> str:
    return verb if len(rules) > 1 else f"{verb}s"
