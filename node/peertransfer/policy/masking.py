"""Which slots and fields stay, and what will the ledger say about them?

It hides every slot that a verdict does not show, and keeps which fields were left open and by which
rules. It decides nothing (``policy.matching``) and hashes nothing: making a commitment is handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.content.opening import HiddenSlot, OpenSlot
from peertransfer.disclosure.views import CatalogueItem, ProvideView
from peertransfer.policy.private_addrs import private_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.content.opening import SlotOpening
    from peertransfer.policy.matching import Verdict


class Masking:
    """The masking of one page of openings."""

    def __init__(self, hide: Callable[[OpenSlot], HiddenSlot]) -> None:
        self.fields: set[str] = set()
        """Fields that were left open so far."""
        self.rules: set[str] = set()
        """Names of the rules that showed them."""
        self._hide = hide
        self._counted: set[tuple[int, frozenset[str]]] = set()

    def mask(
        self, slots: tuple[SlotOpening, ...], verdict: Verdict, prefix: str = ""
    ) -> tuple[SlotOpening, ...]:
        """Return the slots, in order, with every open one that ``verdict`` does not show hidden.

        ``prefix`` stands before a slot's name in the name of its field.
        """
        masked = tuple(
            self._hide(slot) if isinstance(slot, OpenSlot) and prefix + slot.slot not in verdict else slot
            for slot in slots
        )
        opened = frozenset(prefix + slot.slot for slot in masked if isinstance(slot, OpenSlot))
        if (id(verdict), opened) not in self._counted:
            self._counted.add((id(verdict), opened))
            self.fields |= opened
            self.rules |= verdict.showing(opened)
        return masked


def only_shown(item: CatalogueItem, verdict: Verdict) -> CatalogueItem:
    """Return a share of a catalogue with the fields that ``verdict`` shows, and no other."""
    return CatalogueItem(
        item.manifest_cid if "manifest_cid" in verdict else None,
        item.title if "title" in verdict else None,
        item.entries if "entries" in verdict else None,
        item.size if "size" in verdict else None,
        item.link if "link" in verdict else None,
    )


def own_record(verdict: Verdict, locator: bytes, addrs: tuple[bytes, ...]) -> ProvideView | None:
    """Return this host's provider record as ``verdict`` shows it; one without locator or address is none."""
    view = ProvideView(
        locator,
        addrs if "addrs" in verdict else (),
        private_addrs=private_only(addrs) if "private_addrs" in verdict else (),
    )
    return view if "locator" in verdict and (view.addrs or view.private_addrs) else None
