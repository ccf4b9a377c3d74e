"""Does this policy do what it claims of itself? The ``[[expect]]`` of a file against its rules.

It reads no table (``policy.expect_parser``). Spec: docs/policy.md, "Tests inside a policy".

Strategy: a claim with a time is looked at then. One without a time must hold at every time: what it says is
shown must be so by rules that always speak, and what it says is hidden must be so even where every rule
that shows at some times speaks, and no rule that hides at some times does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import COARSER
from peertransfer.policy.describe import told_rule
from peertransfer.policy.explain import Explainer, Explanation
from peertransfer.policy.when import When, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peertransfer.policy.expect_parser import Expectation
    from peertransfer.policy.rules import Policy, Rule

MAX_WORK: Final = 500_000
"""Rules times claims: each claim asks all of them."""
_NONE: Final[Mapping[str, frozenset[str]]] = {}


def check_expectations(policy: Policy, expectations: Sequence[Expectation]) -> None:
    """Refuse the policy for the first claim that does not hold.

    Raises:
        PolicyError: a claim is wrong; it names the rule that makes it so.
    """
    if not expectations:
        return
    if len(expectations) * len(policy.rules) > MAX_WORK:
        count = MAX_WORK // len(policy.rules)
        what = f"there are {len(expectations)} claims on {len(policy.rules)} rules"
        expectations[count].reader.fail((), None, what, f"at most {count} are read; leave some out")
    _Checker(policy).check(expectations)


class _Checker:
    def __init__(self, policy: Policy) -> None:
        self._rules = {rule.name: rule for rule in policy.rules}
        self._exactly = Explainer(policy)
        self._least = self._most = self._exactly
        if not all(rule.when.is_always for rule in policy.rules):
            self._least = Explainer(_with(policy, lambda rule: replace(rule, show=_NONE, when=When())))
            self._most = Explainer(_with(policy, lambda rule: replace(rule, hide=_NONE, when=When())))

    def check(self, expectations: Sequence[Expectation]) -> None:
        for one in expectations:
            least, most = (self._exactly,) * 2 if one.at is not None else (self._least, self._most)
            if one.shown:
                told = least.explain(one.asker, one.item, one.entry, now=one.now)
                for name in one.shown:
                    if not told[name].shown:
                        self._fail_hidden(one, name, told[name])
            if one.hidden:
                told = most.explain(one.asker, one.item, one.entry, now=one.now)
                for name in one.hidden:
                    self._check_hidden(one, name, told)

    def _check_hidden(self, one: Expectation, name: str, told: Mapping[str, Explanation]) -> None:
        for found in (name, *finer_of(name)):
            if told[found].shown:
                rule = self._first(told[found].rule)
                what = "it" if found == name else f"{found}, from which it follows"
                sometimes = "" if one.at is not None or rule.when.is_always else " at some time"
                by = f"{told_rule(rule)} shows {what}{sometimes}"
                one.reader.fail(("hidden",), name, f"{name} should be hidden, and {by}", _mend(one))

    def _fail_hidden(self, one: Expectation, name: str, why: Explanation) -> None:
        always = "" if one.at is not None or self._least is self._exactly else " at every time"
        because = f"{told_rule(self._first(why.rule))} hides it" if why.rule else f"no rule shows it{always}"
        one.reader.fail(("shown",), name, f"{name} should be shown, and {because}", _mend(one))

    def _first(self, names: str) -> Rule:
        return self._rules[names.split(",", maxsplit=1)[0]]


def finer_of(name: str) -> tuple[str, ...]:
    """Return the fields, as ``view.field``, from which the field ``name`` can be worked out."""
    view, _, field = name.partition(".")
    return tuple(f"{view}.{fine}" for fine, coarse in COARSER.get(view, {}).items() if field in coarse)


def _with(policy: Policy, change: Callable[[Rule], Rule]) -> Policy:
    """Return the policy with those rules changed that do not speak at every time."""
    return replace(policy, rules=tuple(one if one.when.is_always else change(one) for one in policy.rules))


def _mend(one: Expectation) -> str:
    when = f" at {moment_text(one.at)}" if one.at is not None else ""
    more = "" if one.at is not None else '; or add at = "..." to look at one time'
    return f"change the rule, or what is expected{when}{more}"
