"""What do the rules show this peer of this item, field by field, and by which rule?

It asks the same index as the engine and seals nothing, so that what is explained is what is decided. Whether
a peer gets as far as a field that is shown is told elsewhere (``policy.outlook``).
Spec: CLI.md, ``policy explain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.combined import TO_SERVERS
from peertransfer.policy.facts import ItemFacts
from peertransfer.policy.matching import RuleIndex, Verdict

if TYPE_CHECKING:
    from peertransfer.policy.facts import Asker, EntryFacts
    from peertransfer.policy.rules import Policy

_OF_ENTRY: Final = ("openings", "content")
_OF_ITEM: Final = (*_OF_ENTRY, "want", "catalogue", "manifest", "grant")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether one field is shown, and why."""

    shown: bool
    rule: str
    """Names of the rules that show it, or else of those that hide it, joined by ``,``."""


class Explainer:
    """Explains the decisions of one policy."""

    def __init__(self, policy: Policy) -> None:
        self.index = RuleIndex(policy)
        """The rules as they are asked."""

    def explain(
        self, asker: Asker, item: ItemFacts, entry: EntryFacts | None = None, *, now: int
    ) -> dict[str, Explanation]:
        """Return every field, as ``view.field``, of an item or of one entry of it, at ``now`` (Unix seconds).

        Without an entry, what rules about single entries say is left out: it holds for none of them alike.
        Look-ups and this host's own provider records go to all the DHT's servers at once; they are
        explained for those of the asker's network. No limit is taken to be reached.
        """
        asked = _Asked(self.index, asker, item, entry, now)
        found = {
            f"{view}.{name}": explained(asked.verdict(view, name), name)
            for view, names in VIEW_FIELDS.items()
            for name in names
        }
        if not found["openings.content"].shown:
            # Octets go only where the slot that leads to them is open (``Engine.content``).
            found["content.octets"] = found["openings.content"]
        return found


class _Asked:
    """The verdicts for one asker on one item, each looked up once."""

    def __init__(
        self, index: RuleIndex, asker: Asker, item: ItemFacts, entry: EntryFacts | None, now: int
    ) -> None:
        self._index = index
        self._asker = asker
        self._item = item
        self._entry = entry
        self._now = now
        self._known: dict[tuple[str, str], Verdict] = {}

    def verdict(self, view: str, name: str) -> Verdict:
        """Return the verdict that says whether a field is shown."""
        of = self._of(view, name)
        if (view, of) not in self._known:
            self._known[view, of] = self._look_up(view, of)
        return self._known[view, of]

    def _of(self, view: str, name: str) -> str:
        if name in TO_SERVERS.get(view, ()):
            return "dht"
        if view in _OF_ENTRY and not name.startswith("share_"):
            return "entry"
        return "item" if view in _OF_ITEM else "peer"

    def _look_up(self, view: str, of: str) -> Verdict:
        index, asker, now = self._index, self._asker, self._now
        if of == "dht":
            item = self._item if view == "provide" else None
            return index.verdict(view, index.of_dht(asker.network_id, now, item))
        if of == "peer":
            return index.verdict(view, index.of_peer(asker, now))
        item = ItemFacts(self._item.manifest_cid) if view == "want" else self._item
        question = index.of_peer(asker, now, item)
        if of == "entry":
            verdicts = index.verdicts(view, question)
            return verdicts.common if self._entry is None else verdicts.on(self._entry)
        return index.verdict(view, question)


def explained(verdict: Verdict, name: str) -> Explanation:
    """Return what a verdict says of one field."""
    rules = verdict.hidden.get(name) or verdict.shown.get(name) or frozenset[str]()
    return Explanation(name in verdict, ",".join(sorted(rules)))
