"""What the person shares: private records, with paths and labels in them. They never leave.

``build_manifest`` commits to them; ``entry_opening`` and ``share_opening`` open every slot, and the policy
engine hides what may not be shown. Spec: ARCHITECTURE.md 3.1, 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.content.commitment import (
    MAX_INTEGER,
    SHARE_SCOPE,
    commit,
    encode_value,
    entry_digest,
    share_digest,
    slot_salts,
)
from peertransfer.content.manifest import Manifest
from peertransfer.content.opening import EntryOpening, OpenSlot, ShareOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.content.cid import Cid, HashFunction
    from peertransfer.content.commitment import SlotValue

MAX_EXTENSION = 12
"""Characters; what is longer is a part of a name."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """By what a file is recognised as unchanged."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """A file or an empty folder of a share."""

    ordinal: int
    """Position in the order of import; the scope of its salts."""
    path: str
    """Below the share's root, ``/`` between names."""
    kind: str
    """``file`` or ``folder``."""
    size: int = 0
    executable: bool = False
    mtime_at: int | None = None
    """Unix seconds."""
    media_type: str | None = None
    labels: tuple[str, ...] = ()
    root: Cid | None = None
    """Root of the file's DAG; ``None`` for a folder."""
    leaf_digests: bytes = field(default=b"", repr=False)
    """32 octets for each leaf."""
    identity: SourceIdentity | None = None


@dataclass(frozen=True, slots=True)
class SharedItem:
    """A whole share."""

    title: str
    hash_function: HashFunction
    seed: bytes = field(repr=False)
    """32 random octets, from which all salts come."""
    entries: tuple[SharedEntry, ...]
    labels: tuple[str, ...] = ()
    purpose: str | None = None
    basis: str | None = None
    expires_at: int = 0
    """Unix seconds; 0: never."""


def size_class(size: int) -> int:
    """Return the smallest power of two that is at least ``size``; 0 for 0."""
    return 0 if size == 0 else 1 << (size - 1).bit_length()


def extension_of(name: str) -> str | None:
    """Return what follows the last dot, in lower case, where it looks like an extension.

    It may be shown where the name is hidden, so ``Dr. Jane Doe`` must not have one.
    """
    _, dot, extension = name.lstrip(".").rpartition(".")
    return extension.lower() if dot and extension.isalnum() and len(extension) <= MAX_EXTENSION else None


def month_of(at: int) -> int:
    """Return the months from January 1970 to the moment ``at`` (Unix seconds), UTC.

    Arithmetic on the calendar that repeats every 400 years, because ``datetime`` ends in the year 9999 and
    files do not. Spec: https://howardhinnant.github.io/date_algorithms.html (civil_from_days).
    """
    era, day_of_era = divmod(at // _DAY_SECONDS + 719_468, 146_097)  # from 0000-03-01; days of 400 years
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    months_since_march = (5 * day_of_year + 2) // 153
    return (era * 400 + year_of_era - 1970) * 12 + months_since_march + 2


def entry_values(entry: SharedEntry) -> Mapping[str, SlotValue]:
    """Return the value of each of ``ENTRY_SLOTS``; a time before 1970 can't be told and is left out."""
    folder, _, name = entry.path.rpartition("/")
    is_file = entry.kind == "file"
    mtime_at = entry.mtime_at if entry.mtime_at is not None and 0 <= entry.mtime_at <= MAX_INTEGER else None
    return {
        "kind": entry.kind,
        "content": entry.root.to_bytes() if entry.root else None,
        "name": name,
        "folder": folder,
        "size": entry.size if is_file else None,
        "executable": entry.executable if is_file else None,
        "mtime": mtime_at,
        "media_type": entry.media_type,
        "labels": entry.labels,
        "extension": extension_of(name) if is_file else None,
        "size_class": size_class(entry.size) if is_file else None,
        "mtime_day": None if mtime_at is None else mtime_at // _DAY_SECONDS,
        "mtime_month": None if mtime_at is None else month_of(mtime_at),
    }


def share_values(item: SharedItem) -> Mapping[str, SlotValue]:
    """Return the value of each of ``SHARE_SLOTS``."""
    return {
        "title": item.title,
        "purpose": item.purpose,
        "basis": item.basis,
        "expires_at": item.expires_at or None,
        "labels": item.labels,
    }


def share_opening(item: SharedItem) -> ShareOpening:
    """Open every slot of the share itself."""
    return ShareOpening(_open_share(item))


def entry_opening(item: SharedItem, entry: SharedEntry, index: int) -> EntryOpening:
    """Open every slot of ``entry``, which stands at ``index`` of the manifest."""
    return EntryOpening(index, _open_entry(item, entry))


def build_manifest(item: SharedItem) -> tuple[Manifest, tuple[int, ...]]:
    """Commit to a share.

    Returns:
        The manifest, and for each of its indices the ordinal of the entry that stands there.
    """
    function = item.hash_function
    digests = sorted(
        (entry_digest(function, _commitments(function, _open_entry(item, entry))), entry.ordinal)
        for entry in item.entries
    )
    own = share_digest(function, _commitments(function, _open_share(item)))
    manifest = Manifest(function, own, tuple(digest for digest, _ in digests))
    return manifest, tuple(ordinal for _, ordinal in digests)


def _open_share(item: SharedItem) -> tuple[OpenSlot, ...]:
    return _open(item.seed, SHARE_SCOPE, SHARE_SLOTS, share_values(item))


def _open_entry(item: SharedItem, entry: SharedEntry) -> tuple[OpenSlot, ...]:
    return _open(item.seed, entry.ordinal, ENTRY_SLOTS, entry_values(entry))


def _open(
    seed: bytes, scope: int, slots: tuple[str, ...], values: Mapping[str, SlotValue]
) -> tuple[OpenSlot, ...]:
    salts = slot_salts(seed, scope, slots)
    return tuple(
        OpenSlot(slot, salt, encode_value(slot, values[slot]))
        for slot, salt in zip(slots, salts, strict=True)
    )


def _commitments(function: HashFunction, slots: tuple[OpenSlot, ...]) -> list[bytes]:
    return [commit(function, slot.slot, slot.salt, slot.value) for slot in slots]
