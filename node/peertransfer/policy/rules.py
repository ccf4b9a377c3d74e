"""What is a policy: rules, each naming to whom it speaks, of which items, and which fields it shows or hides.

It reads no file (``policy.parse``) and decides nothing (``policy.engine``). Spec: docs/policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from peertransfer.policy.budget import Limit
from peertransfer.policy.items import ItemPattern
from peertransfer.policy.when import When

if TYPE_CHECKING:
    from collections.abc import Mapping


class AudienceKind(Enum):
    """The kinds of audience that a rule can name, by the word before the colon."""

    ANYONE = "anyone"
    PEER = "peer"
    GROUP = "group"
    MEMBERS = "members"
    ROLE = "role"
    DHT_SERVERS = "dht-servers"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class AudiencePattern:
    """One word of a rule's ``to``."""

    kind: AudienceKind
    id: str = ""
    """A peer ID, group, network ID, link name, or role with or without ``@`` and its network's ID; empty:
    any private network's, or any link's."""

    def __str__(self) -> str:
        """Return the word as ``policy.toml`` writes it."""
        if self.kind is AudienceKind.LINK and not self.id:
            return "link-holders"
        return f"{self.kind.value}:{self.id}" if self.id else self.kind.value


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
    when: When = field(default_factory=When)
    """The times at which it speaks."""
    limit: Limit = field(default_factory=Limit)
    """How much it shows to each peer."""
    line: int = 0
    """Where it stands in its file, from 1; 0 where it comes from no file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules; what none of them shows is hidden."""

    rules: tuple[Rule, ...] = ()
    file: str = ""
    """Where the rules were read; empty where they come from no file."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Each group to the peer IDs in it, by itself or through other groups. ``group:NAME`` stands among them
    for whoever is in that group and named nowhere else."""
