"""Of which shares and entries does a rule speak?

A rule's ``items`` in values. It decides nothing by itself (``policy.matching``): where a fact is not known,
or could be read both ways, the caller says whether to read widely, as hiding does, or narrowly, as showing
does. Spec: docs/policy.md, "items".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.policy.facts import EntryFacts, ItemFacts
    from peertransfer.policy.globs import PathGlob


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers from ``least`` on, and below ``end``."""

    least: int = 0
    end: int | None = None
    """``None``: without end."""

    @property
    def is_all(self) -> bool:
        """Whether every number is in it, a number that is not known among them."""
        return self.least == 0 and self.end is None

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return self.end is not None and self.least >= self.end

    def holds(self, number: int | None, *, widely: bool) -> bool:
        """Tell whether ``number`` is in it; what is not known (``None``) is, if read widely."""
        if self.is_all:
            return True
        if number is None:
            return widely
        return self.least <= number and (self.end is None or number < self.end)


@dataclass(frozen=True, slots=True)
class ItemPattern:
    """A rule's ``items``: a share or label selects, and what is of another kind narrows what was selected.

    With neither share nor label, every share is selected.
    """

    shares: frozenset[str] = frozenset()
    """Manifest CIDs."""
    labels: frozenset[str] = frozenset()
    paths: tuple[PathGlob, ...] = ()
    media: tuple[PathGlob, ...] = ()
    """Globs over media types in lower case, ``type/subtype``."""
    sizes: Span = field(default_factory=Span)
    """Octets of an entry."""
    ages: Span = field(default_factory=Span)
    """Seconds since the share was made."""

    @property
    def selects_all(self) -> bool:
        """Whether neither share nor label is named."""
        return not self.shares and not self.labels

    @property
    def is_everything(self) -> bool:
        """Whether the rule speaks of all items, and of what is no item too."""
        return self.selects_all and not self.narrows_entries and self.ages.is_all

    @property
    def narrows_entries(self) -> bool:
        """Whether some entries of a share are meant and others not."""
        return bool(self.paths or self.media) or not self.sizes.is_all

    def is_of_age(self, item: ItemFacts, now: int, *, widely: bool) -> bool:
        """Tell whether the share is of the right age at ``now`` (Unix seconds)."""
        age = max(now - item.created_at, 0) if item.created_at else None
        return self.ages.holds(age, widely=widely)

    def narrows_to(self, entry: EntryFacts, *, widely: bool) -> bool:
        """Tell whether an entry of what is selected is meant: by its path, its media type and its size."""
        return (
            self._meets_path(entry.path, widely=widely)
            and self._meets_media(entry.media_type, widely=widely)
            and self.sizes.holds(entry.size, widely=widely)
        )

    def _meets_path(self, path: str, *, widely: bool) -> bool:
        if not self.paths:
            return True
        # What is hidden hides all that lies below it.
        return any(glob.covers(path) if widely else glob.matches(path) for glob in self.paths)

    def _meets_media(self, media_type: str, *, widely: bool) -> bool:
        if not self.media:
            return True
        if not media_type:
            return widely
        return any(glob.matches(media_type.lower()) for glob in self.media)
