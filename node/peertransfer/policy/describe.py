"""How are these rules told to a person, and to a program?

Text for ``policy show`` and values ready for JSON. It decides nothing. Spec: CLI.md, ``policy show``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.quantities import age_text, size_text
from peertransfer.policy.rules import AudienceKind
from peertransfer.policy.words import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peertransfer.policy.budget import Limit
    from peertransfer.policy.items import ItemPattern, Span
    from peertransfer.policy.rules import AudiencePattern, Policy, Rule


class DescribedRule(TypedDict):
    """One rule, ready for JSON; words as ``policy.toml`` writes them."""

    name: str
    line: int
    to: list[str]
    items: list[str]
    show: dict[str, list[str]]
    hide: dict[str, list[str]]
    when: list[str]
    limit: dict[str, int | str]


class DescribedPolicy(TypedDict):
    """All rules, ready for JSON."""

    file: str
    default: str
    groups: dict[str, list[str]]
    """Each group to the peer IDs in it, by itself or through other groups."""
    rules: list[DescribedRule]


_WHO: Final = {
    AudienceKind.ANYONE: "anyone",
    AudienceKind.PEER: "peer {}",
    AudienceKind.GROUP: "the peers of the group {}",
    AudienceKind.MEMBERS: "members of the network {}",
    AudienceKind.ROLE: "members with the role {}",
    AudienceKind.DHT_SERVERS: "servers of the DHT of the network {}",
    AudienceKind.LINK: "whoever proves that it holds the link {}",
}
_WHO_AT_LARGE: Final = {
    AudienceKind.MEMBERS: "members of any private network",
    AudienceKind.DHT_SERVERS: "servers of the DHT of any private network",
    AudienceKind.LINK: "whoever proves that it holds a link, for what is behind it",
}


def describe(policy: Policy) -> DescribedPolicy:
    """Return the rules as values ready for JSON, in the order of the file."""
    return {
        "file": policy.file,
        "default": "hide",
        "groups": {
            name: sorted(one for one in peers if ":" not in one) for name, peers in policy.groups.items()
        },
        "rules": [
            {
                "name": rule.name,
                "line": rule.line,
                "to": [str(pattern) for pattern in rule.to],
                "items": _item_words(rule.items),
                "show": {view: ordered(view, fields) for view, fields in rule.show.items()},
                "hide": {view: ordered(view, fields) for view, fields in rule.hide.items()},
                "when": list(rule.when.words),
                "limit": _limit_words(rule.limit),
            }
            for rule in policy.rules
        ],
    }


def describe_text(policy: Policy) -> str:
    """Return the rules as text for a person; it ends without a line break.

    Names, labels and globs of the file stand in it as they are: who prints it escapes them.
    """
    count = len(policy.rules)
    head = f"{count} {'rule' if count == 1 else 'rules'}. What no rule shows is hidden; hiding wins."
    return "\n\n".join([head, *(_rule_text(rule) for rule in policy.rules)])


def told_rule(rule: Rule) -> str:
    """Return what a rule is called within a sentence."""
    return f"the rule {quoted(rule.name)} (line {rule.line})"


def _rule_text(rule: Rule) -> str:
    lines = [f"{rule.name} (line {rule.line})" if rule.line else rule.name]
    lines.append(f"  to     {', or '.join(_who(pattern) for pattern in rule.to)}")
    lines.append(f"  of     {_which(rule.items)}")
    lines += _effect_lines("shows", rule.show)
    lines += _effect_lines("hides", rule.hide)
    if not rule.when.is_always:
        lines.append(f"  when   {', '.join(rule.when.words)}")
    if not rule.limit.is_none:
        limits = (f"{key} {value}" for key, value in _limit_words(rule.limit).items())
        lines.append(f"  limit  for each peer: {', '.join(limits)}")
    return "\n".join(lines)


def _who(pattern: AudiencePattern) -> str:
    if not pattern.id and pattern.kind in _WHO_AT_LARGE:
        return _WHO_AT_LARGE[pattern.kind]
    return _WHO[pattern.kind].format(pattern.id)


def _which(items: ItemPattern) -> str:
    chosen = [f"the share {cid}" for cid in sorted(items.shares)]
    chosen += [f"what is labelled {label}" for label in sorted(items.labels)]
    text = " and ".join(chosen) or "everything"
    if not items.ages.is_all:
        text += f", only shares {_span_text(items.ages, 'younger than', 'at least', age_text)} old"
    narrowed = []
    if items.paths:
        narrowed.append(f"that match {' or '.join(glob.text for glob in items.paths)}")
    if items.media:
        narrowed.append(f"of the type {' or '.join(glob.text for glob in items.media)}")
    if not items.sizes.is_all:
        narrowed.append(f"of {_span_text(items.sizes, 'less than', 'at least', size_text)}")
    return f"{text}, only entries {' and '.join(narrowed)}" if narrowed else text


def _span_text(span: Span, below: str, least: str, told: Callable[[int], str]) -> str:
    parts = [f"{least} {told(span.least)}"] if span.least else []
    if span.end is not None:
        parts.append(f"{below} {told(span.end)}")
    return " and ".join(parts)


def _effect_lines(verb: str, effect: Mapping[str, frozenset[str]]) -> list[str]:
    lines = []
    for view, fields in effect.items():
        lines.append(f"  {verb:<6} {view}: {', '.join(ordered(view, fields)) or 'nothing'}")
    return lines


def _item_words(items: ItemPattern) -> list[str]:
    words = [f"share:{cid}" for cid in sorted(items.shares)]
    words += [f"label:{label}" for label in sorted(items.labels)]
    words += [f"path:{glob.text}" for glob in items.paths]
    words += [f"media:{glob.text}" for glob in items.media]
    for span, least, end, told in (
        (items.sizes, "larger", "smaller", size_text),
        (items.ages, "older", "newer", age_text),
    ):
        words += [f"{least}:{told(span.least)}"] if span.least else []
        words += [f"{end}:{told(span.end)}"] if span.end is not None else []
    return words


def _limit_words(limit: Limit) -> dict[str, int | str]:
    words: dict[str, int | str] = {}
    if limit.per_minute is not None:
        words["per_minute"] = limit.per_minute
    if limit.octets_per_day is not None:
        words["octets_per_day"] = size_text(limit.octets_per_day)
    if limit.items_per_day is not None:
        words["items_per_day"] = limit.items_per_day
    return words


def ordered(view: str, fields: frozenset[str]) -> list[str]:
    """Return the fields of a view in the order of ``VIEW_FIELDS``."""
    return [name for name in VIEW_FIELDS[view] if name in fields]
