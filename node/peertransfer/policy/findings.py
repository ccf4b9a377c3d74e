"""What is wrong with a rule of a valid policy, and what would mend it?

The form of a finding; what there is to find is in ``policy.review``. Spec: docs/policy.md, "Warnings".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.describe import ordered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule says in vain."""

    rule: Rule
    what: str
    """Half a sentence: the rule's name stands before it."""
    mend: str
    """A whole sentence."""
    show: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """View to fields that the rule shows in vain: without them, everybody is shown what they are now."""
    hide: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """View to fields that it hides in vain."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"Line {self.rule.line}, rule {self.rule.name}: {self.what}. {self.mend}"


def told_fields(effect: Mapping[str, frozenset[str]]) -> str:
    """Return views and fields in words, as ``openings (name, size), content``."""
    return ", ".join(
        view if len(fields) == len(VIEW_FIELDS[view]) else f"{view} ({', '.join(ordered(view, fields))})"
        for view, fields in effect.items()
    )
