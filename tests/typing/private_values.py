"""What must not type-check: private facts in a shape that leaves, and words that do not exist.

Each marked line must give exactly the marked error; a line without a mark must give none.
"""

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot
from peertransfer.content.shared import SharedEntry, SharedItem
from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import (
    CatalogueItem,
    CatalogueView,
    ManifestView,
    OpeningsView,
    RefusalView,
)
from peertransfer.policy.engine import Engine
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts


def a_view_has_no_field_for_what_is_private() -> None:
    ManifestView(octets=b"", path="/home/me")  # E: call-arg
    CatalogueItem(title="t", path="/home/me")  # E: call-arg
    RefusalView(code=1, reason="you are not my friend")  # E: call-arg


def a_private_record_is_no_view(entry: SharedEntry, item: SharedItem) -> None:
    OpeningsView(entries=(entry,))  # E: arg-type
    CatalogueView(items=(item,))  # E: arg-type


def the_engine_takes_facts_and_not_records(engine: Engine, asker: Asker, item: SharedItem) -> None:
    engine.manifest(asker, item, octets=b"", now=1)  # E: arg-type


def time_is_handed_to_the_engine(engine: Engine, asker: Asker, item: ItemFacts) -> None:
    engine.manifest(asker, item, octets=b"")  # E: call-arg


def hiding_makes_a_commitment(
    engine: Engine, asker: Asker, item: ItemFacts, facts: EntryFacts, opening: EntryOpening
) -> None:
    def same(slot: OpenSlot) -> OpenSlot:
        return slot

    engine.openings(asker, item, [facts], share=None, openings=[opening], hide=same, now=1)  # E: arg-type

    def commitment(slot: OpenSlot) -> HiddenSlot:
        return HiddenSlot(slot.slot, b"")

    engine.openings(asker, item, [facts], share=None, openings=[opening], hide=commitment, now=1)


def what_nothing_makes_yet_is_denied(engine: Engine, asker: Asker) -> Denied:
    return engine.membership(asker, now=1)


def a_view_without_a_method_can_not_be_asked_for(engine: Engine, asker: Asker) -> None:
    engine.location(asker)  # E: attr-defined
