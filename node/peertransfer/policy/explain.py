"""What would this peer see of this item, field by field, and by which rule?

It asks the same index as the engine and seals nothing, so that what is explained is what is decided.
Spec: CLI.md, ``policy explain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.facts import ItemFacts
from peertransfer.policy.matching import RuleIndex, Verdict, reach_of_asker, reach_of_dht

if TYPE_CHECKING:
    from peertransfer.policy.facts import Asker, EntryFacts
    from peertransfer.policy.rules import Policy

_OF_ENTRY: Final = ("openings", "content")
_OF_ITEM: Final = (*_OF_ENTRY, "want", "catalogue", "manifest", "grant")
_FOR_DHT: Final = {"provide": ("locator", "addrs"), "lookup": ("key",)}
"""Fields that are decided for all the DHT's servers at once."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether one field is shown, and why."""

    shown: bool
    rule: str
    """Names of the rules that show it, or else of those that hide it, joined by ``,``."""


class Explainer:
    """Explains the decisions of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._index = RuleIndex(policy)

    def explain(
        self, asker: Asker, item: ItemFacts, entry: EntryFacts | None = None
    ) -> dict[str, Explanation]:
        """Return every field, as ``view.field``, of an item, or of one entry of it.

        Look-ups and this host's own provider records go to all the DHT's servers at once; they are
        explained for those of the asker's network.
        """
        found = {
            f"{view}.{name}": _explained(self._verdict(view, name, asker, item, entry), name)
            for view, names in VIEW_FIELDS.items()
            for name in names
        }
        if not found["openings.content"].shown:
            # Octets go only where the slot that leads to them is open (``Engine.content``).
            found["content.octets"] = found["openings.content"]
        return found

    def _verdict(
        self, view: str, name: str, asker: Asker, item: ItemFacts, entry: EntryFacts | None
    ) -> Verdict:
        if name in _FOR_DHT.get(view, ()):
            of = item if view == "provide" else None
            return self._index.verdict(view, reach_of_dht(asker.network_id), of)
        if view == "want":
            item = ItemFacts(item.manifest_cid)
        reach = reach_of_asker(asker, item)
        if view in _OF_ENTRY and entry is not None and not name.startswith("share_"):
            return self._index.verdicts(view, reach, item).on(entry)
        if view in _OF_ITEM:
            return self._index.verdict(view, reach, item)
        return self._index.verdict(view, reach_of_asker(asker))


def _explained(verdict: Verdict, name: str) -> Explanation:
    rules = verdict.hidden.get(name) or verdict.shown.get(name) or frozenset[str]()
    return Explanation(name in verdict, ",".join(sorted(rules)))
