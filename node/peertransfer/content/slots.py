"""The fixed set of slots of a share and of an entry, in the order in which they are hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY_SLOTS: tuple[str, ...] = (
    "kind",
    "content",
    "name",
    "folder",
    "size",
    "executable",
    "mtime",
    "media_type",
    "labels",
    "extension",
    "size_class",
    "mtime_day",
    "mtime_month",
)
"""Slots of one entry (a file or an empty folder)."""

SHARE_SLOTS: tuple[str, ...] = ("title", "purpose", "basis", "expires_at", "labels")
"""Slots of the share itself."""

SLOT_TYPES: Mapping[str, type] = {
    "kind": str,
    "content": bytes,
    "name": str,
    "folder": str,
    "size": int,
    "executable": bool,
    "mtime": int,
    "media_type": str,
    "labels": tuple,
    "extension": str,
    "size_class": int,
    "mtime_day": int,
    "mtime_month": int,
    "title": str,
    "purpose": str,
    "basis": str,
    "expires_at": int,
}
"""The type of each slot's value where it is not absent. ``content`` is a binary CID, sizes are octets,
``mtime`` and ``expires_at`` Unix seconds, ``mtime_day`` days and ``mtime_month`` months since 1970-01."""
