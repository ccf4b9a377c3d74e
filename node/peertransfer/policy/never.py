"""Which rules, or parts of one, can show and hide nothing, whoever asks and whatever the other rules say?

Rules that others make void are in ``policy.overlaps``. Spec: docs/policy.md, "Warnings".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.findings import Finding, told_fields
from peertransfer.policy.rules import AudienceKind
from peertransfer.policy.windows import has_moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from peertransfer.policy.rules import Rule
    from peertransfer.policy.statements import Statement

NEEDS: Final[Mapping[tuple[str, str], tuple[frozenset[tuple[str, str]], ...]]] = {
    ("content", "octets"): (frozenset((("openings", "content"),)),),
    ("provide", "locator"): (frozenset((("provide", "addrs"), ("provide", "private_addrs"))),),
    ("provide", "addrs"): (frozenset((("provide", "locator"),)),),
    ("provide", "private_addrs"): (frozenset((("provide", "locator"),)),),
    ("want", "locator"): (frozenset((("want", "proof"),)),),
    ("want", "proof"): (frozenset((("want", "locator"),)),),
    ("want", "delivered"): (frozenset((("want", "locator"),)), frozenset((("want", "proof"),))),
    ("grant", "until"): (frozenset((("grant", "proof"),)),),
}
"""What has to be shown too before the engine lets a field go: of each set, one field (``policy.engine``)."""


def whole_rule(rule: Rule, now: int) -> Finding | None:
    """Return why a rule speaks to nobody, or at no time from ``now`` (Unix seconds) on; ``None``: it may."""
    if not any((rule.show, rule.hide)):
        return Finding(
            rule, "it names no view, so that it does nothing", "Remove it, or name what it is for."
        )
    if not has_moment(rule.when):
        return _silent(rule, "its dates and its hours never meet, so that", "Change its when.")
    if not has_moment(rule.when, now):
        return _silent(rule, "its time is over, so that", "Give it other dates, or remove it.")
    if all(one.kind is AudienceKind.ROLE for one in rule.to):
        mend = 'Name peers, a group or "members".'
        return _silent(rule, "nobody has a role in this version, so that", mend)
    return None


def parts_of(
    rule: Rule, statements: Iterable[Statement], shown: Collection[tuple[str, str]]
) -> list[Finding]:
    """Return what in a rule can never show or hide anything.

    Args:
        rule: one that speaks to somebody, and at some time.
        statements: those of the rule.
        shown: view and field of all that any rule of the policy shows.
    """
    found = [*_without_fields(rule)]
    for one in statements:
        reason = _why_never(one, shown)
        if reason:
            found.append(_finding(rule, *reason, one.effect, hides=one.hides))
    return found


def _finding(
    rule: Rule, what: str, mend: str, effect: Mapping[str, frozenset[str]], *, hides: bool
) -> Finding:
    return Finding(rule, what, mend, hide=effect) if hides else Finding(rule, what, mend, show=effect)


def _silent(rule: Rule, why: str, mend: str) -> Finding:
    verbs = [verb for verb, effect in (("shows", rule.show), ("hides", rule.hide)) if effect]
    return Finding(rule, f"{why} it {' and '.join(verbs)} nothing", mend, rule.show, rule.hide)


def _without_fields(rule: Rule) -> Iterator[Finding]:
    for verb, effect in (("show", rule.show), ("hide", rule.hide)):
        for view, fields in effect.items():
            if not fields:
                has_none = not VIEW_FIELDS[view]
                what = f"it {verb}s nothing of {view}" + ", which has no fields in this version" * has_none
                mend = f"Take {verb}.{view} out" + ("." if has_none else ", or name fields.")
                yield _finding(rule, what, mend, {view: fields}, hides=verb == "hide")


def _why_never(one: Statement, shown: Collection[tuple[str, str]]) -> tuple[str, str] | None:
    """Return what is wrong with a statement and what mends it; ``None`` where it may do something."""
    said = one.rule.hide if one.hides else one.rule.show
    is_part_of_all = len(one.fields) < len(said[one.view]) == len(VIEW_FIELDS[one.view])
    if is_part_of_all:  # of a "*", which stands for whatever can be shown
        return None
    told = told_fields(one.effect)
    if one.view == "provide" and not one.is_for_servers and not one.rule.items.is_everything:
        return f"{told} is about no item, and it has items", "Move that into a rule without items."
    if not one.words:
        return _why_nobody(one, told)
    lacking = [_lacking(one.view, name, shown) for name in one.fields]
    if not one.hides and all(lacking):
        with_what = " or ".join(f"{view}.{name}" for view, name in sorted(lacking[0]))
        what = f"{told} leaves only together with {with_what}, which no rule shows"
        return what, "Show that too, or take this out."
    return None


def _why_nobody(one: Statement, told: str) -> tuple[str, str]:
    if one.is_for_servers:
        what = (
            f'{told} goes to all the servers of a DHT at once, and only "anyone" and "dht-servers" show that'
        )
        return what, 'Write "dht-servers" into its to.'
    if any(pattern.kind is AudienceKind.LINK for pattern in one.rule.to):
        what = f"{told} is about a share of somebody else, and links open none but this node's own"
        return what, 'Name the provider, as "peer:...", "members" or "anyone".'
    return "the open network has no members, so that it shows them nothing", 'Write "anyone", or name peers.'


def _lacking(view: str, name: str, shown: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return the fields of which none is shown and one would have to be; empty where nothing is lacking."""
    needed = NEEDS.get((view, name), ())
    return next((some for some in needed if some.isdisjoint(shown)), frozenset())
