"""Openings: the salt and value, or the bare commitment, of each slot.

They are checked against the digests of a manifest by ``content.commitment``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot that is shown: hashing it again gives its commitment."""

    slot: str
    salt: bytes
    """16 octets."""
    value: bytes
    """The canonical octets of the value (``content.commitment``)."""


@dataclass(frozen=True, slots=True)
class HiddenSlot:
    """A slot that is hidden: only its commitment, 32 octets."""

    slot: str
    commitment: bytes


SlotOpening: TypeAlias = OpenSlot | HiddenSlot


@dataclass(frozen=True, slots=True)
class ShareOpening:
    """The share's own slots, one item for each of ``SHARE_SLOTS``, in that order."""

    slots: tuple[SlotOpening, ...]


@dataclass(frozen=True, slots=True)
class EntryOpening:
    """One entry's slots, one item for each of ``ENTRY_SLOTS``, in that order."""

    index: int
    """Position of the entry in the manifest."""
    slots: tuple[SlotOpening, ...]
