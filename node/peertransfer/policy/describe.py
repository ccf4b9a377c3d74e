"""How are these rules told to a person, and to a program?

Text for ``policy show`` and values ready for JSON. It decides nothing. Spec: CLI.md, ``policy show``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.rules import AudienceKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.rules import AudiencePattern, ItemPattern, Policy, Rule


class DescribedRule(TypedDict):
    """One rule, ready for JSON; words as ``policy.toml`` writes them."""

    name: str
    line: int
    to: list[str]
    items: list[str]
    show: dict[str, list[str]]
    hide: dict[str, list[str]]


class DescribedPolicy(TypedDict):
    """All rules, ready for JSON."""

    file: str
    default: str
    rules: list[DescribedRule]


_WHO: Final = {
    AudienceKind.ANYONE: "anyone",
    AudienceKind.PEER: "peer {}",
    AudienceKind.MEMBERS: "members of the network {}",
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
        "rules": [
            {
                "name": rule.name,
                "line": rule.line,
                "to": [str(pattern) for pattern in rule.to],
                "items": _item_words(rule.items),
                "show": {view: _ordered(view, fields) for view, fields in rule.show.items()},
                "hide": {view: _ordered(view, fields) for view, fields in rule.hide.items()},
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


def _rule_text(rule: Rule) -> str:
    lines = [f"{rule.name} (line {rule.line})" if rule.line else rule.name]
    lines.append(f"  to     {', or '.join(_who(pattern) for pattern in rule.to)}")
    lines.append(f"  of     {_which(rule.items)}")
    lines += _effect_lines("shows", rule.show)
    lines += _effect_lines("hides", rule.hide)
    return "\n".join(lines)


def _who(pattern: AudiencePattern) -> str:
    if not pattern.id and pattern.kind in _WHO_AT_LARGE:
        return _WHO_AT_LARGE[pattern.kind]
    return _WHO[pattern.kind].format(pattern.id)


def _which(items: ItemPattern) -> str:
    chosen = [f"the share {cid}" for cid in sorted(items.shares)]
    chosen += [f"what is labelled {label}" for label in sorted(items.labels)]
    text = " and ".join(chosen) or "everything"
    if items.paths:
        text += f", only entries that match {' or '.join(glob.text for glob in items.paths)}"
    return text


def _effect_lines(verb: str, effect: Mapping[str, frozenset[str]]) -> list[str]:
    lines = []
    for view, fields in effect.items():
        lines.append(f"  {verb:<6} {view}: {', '.join(_ordered(view, fields)) or 'nothing'}")
    return lines


def _item_words(items: ItemPattern) -> list[str]:
    words = [f"share:{cid}" for cid in sorted(items.shares)]
    words += [f"label:{label}" for label in sorted(items.labels)]
    return words + [f"path:{glob.text}" for glob in items.paths]


def _ordered(view: str, fields: frozenset[str]) -> list[str]:
    return [name for name in VIEW_FIELDS[view] if name in fields]
