"""What is a policy: rules, each naming to whom it speaks, of which items, and which fields it shows or hides.

It reads no file (``policy.parse``) and decides nothing (``policy.engine``). Spec: docs/policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.facts import EntryFacts, ItemFacts
    from peertransfer.policy.globs import PathGlob


class AudienceKind(Enum):
    """The kinds of audience that a rule can name, by the word before the colon."""

    ANYONE = "anyone"
    PEER = "peer"
    MEMBERS = "members"
    DHT_SERVERS = "dht-servers"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class AudiencePattern:
    """One word of a rule's ``to``."""

    kind: AudienceKind
    id: str = ""
    """A peer ID, network ID or link name; empty: any private network's, or any link's."""

    def __str__(self) -> str:
        """Return the word as ``policy.toml`` writes it."""
        if self.kind is AudienceKind.LINK and not self.id:
            return "link-holders"
        return f"{self.kind.value}:{self.id}" if self.id else self.kind.value


@dataclass(frozen=True, slots=True)
class ItemPattern:
    """A rule's ``items``: a share or label selects, and a path narrows what was selected.

    With neither share nor label, every share is selected; with no path, every entry of it.
    """

    shares: frozenset[str] = frozenset()
    """Manifest CIDs."""
    labels: frozenset[str] = frozenset()
    paths: tuple[PathGlob, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether the rule speaks of all items, and of what is no item too."""
        return not (self.shares or self.labels or self.paths)

    def selects(self, item: ItemFacts) -> bool:
        """Tell whether the share as a whole is selected; paths say nothing about that."""
        if not self.shares and not self.labels:
            return True
        return item.manifest_cid in self.shares or not self.labels.isdisjoint(item.labels)

    def selects_entry(self, entry: EntryFacts) -> bool:
        """Tell whether a label of its own selects the entry of a share that is not selected as a whole."""
        return not self.labels.isdisjoint(entry.labels)


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``[[rule]]``: it speaks to whoever is in ``to``; where rules differ, hiding wins."""

    name: str
    to: tuple[AudiencePattern, ...]
    items: ItemPattern = field(default_factory=ItemPattern)
    show: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """View to the fields that it shows."""
    hide: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """View to the fields that it hides, whatever other rules show."""
    line: int = 0
    """Where it stands in its file, from 1; 0 where it comes from no file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules; what none of them shows is hidden."""

    rules: tuple[Rule, ...] = ()
    file: str = ""
    """Where the rules were read; empty where they come from no file."""
