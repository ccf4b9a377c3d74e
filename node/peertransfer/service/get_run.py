"""What one running ``get`` holds, from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import trio

if TYPE_CHECKING:
    from pathlib import Path

    from peertransfer.content.link import Link
    from peertransfer.service.landing import Landing
    from peertransfer.service.loading import RemoteShare
    from peertransfer.service.not_given import NotGiven
    from peertransfer.service.plan import RemoteEntry
    from peertransfer.store.partial_folder import PartialFolder
    from peertransfer.store.placing import DestinationRoot
    from peertransfer.store.transfers import ClashMode, StoredTransfer, TransferState


Claim: TypeAlias = "tuple[str, Path, str]"
"""Manifest CID, root and, of a share of one file, its name."""


@dataclass(slots=True)
class Run:
    """One ``get``; the parts are there once the share was loaded."""

    link: Link
    dest: Path
    """Absolute, as the person named it."""
    selected: tuple[str, ...]
    mode: ClashMode
    transfer: StoredTransfer | None = None
    share: RemoteShare | None = None
    chosen: tuple[RemoteEntry, ...] = ()
    """Of what the person chose, the entries that can be fetched."""
    hidden: tuple[NotGiven, ...] = ()
    """Of what the person chose, the files whose content was not opened for us."""
    claim: Claim | None = None
    """What no other run may do at the same time."""
    is_titled: bool = False
    """The last name of the root is the share's title: no link is followed there."""
    root: DestinationRoot | None = None
    folder: PartialFolder | None = None
    landing: Landing | None = None
    places: tuple[str, ...] = ()
    """Of a share of one file: the name that it gets; empty for a folder."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Paths of the share, and where each was put because something else is in its place."""
    reused_files: int = 0
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    is_given_up: bool = False
    has_changed: bool = False
    """Nobody has a file as it was shared any more: what is there of it is of no use."""

    @property
    def end_state(self) -> TransferState:
        """What a run that did not get everything leaves behind."""
        return "cancelled" if self.is_given_up else "failed" if self.has_changed else "paused"

    @property
    def has_something(self) -> bool:
        """Whether octets of it are here, so that another run has less to fetch."""
        return self.landing is not None and self.landing.octets_received + self.landing.octets_reused > 0

    @property
    def size(self) -> int:
        """Octets of what was chosen, as far as the provider tells."""
        return sum(entry.size or 0 for entry in self.chosen)

    @property
    def file_count(self) -> int:
        """Files that can be fetched."""
        return sum(entry.kind == "file" for entry in self.chosen)
