"""The fixed set of slots of a share and of an entry, in the order in which they are hashed."""

from __future__ import annotations

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
