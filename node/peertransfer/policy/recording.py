"""What will the ledger say about a decision? Fields that hold something, and the record or the denial.

It decides nothing and seals nothing (``policy.engine``).
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.audience import Audience, OnePeer
from peertransfer.disclosure.disclosed import Denied, DisclosureRecord
from peertransfer.policy.facts import ItemFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from peertransfer.disclosure.views import CatalogueItem, View
    from peertransfer.policy.matching import Verdict


NO_ITEM: Final = ItemFacts("")
"""What a decision is about that is about no item."""


def filled(view: View | CatalogueItem) -> tuple[str, ...]:
    """Return the fields that hold something; 0 entries or octets are something."""
    values: Mapping[str, object] = {one.name: getattr(view, one.name) for one in fields(view)}
    return tuple(name for name, value in values.items() if value not in (None, ()) and value is not False)


def denial(view: str, verdict: Verdict, item: ItemFacts = NO_ITEM) -> Denied:
    """Return the engine's no, with the names of the rules that hide something."""
    return Denied(view, item.manifest_cid, ",".join(sorted(verdict.hiding())), item.link_id)


def record_of(
    view: str,
    network_id: str,
    audience: Audience,
    item: ItemFacts,
    shown: Iterable[str],
    rules: Iterable[str],
) -> DisclosureRecord:
    """Return the record of the fields ``shown``, and of the ``rules`` that show them."""
    return DisclosureRecord(
        network_id=network_id,
        audience=str(audience),
        peer_id=audience.peer_id if isinstance(audience, OnePeer) else "",
        view=view,
        item=item.manifest_cid,
        fields=tuple(sorted(shown)),
        rule=",".join(sorted(rules)),
        link=item.link_id,
    )
