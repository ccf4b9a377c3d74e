"""Why would a field have left, or stayed? The rule, for what ``policy.simulation`` found.

It decides nothing: it asks ``policy.explain`` for the rules behind an answer of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.policy.explain import Explainer
from peertransfer.policy.past import AFTER_HELLO, IN_DHT_ANSWER, UNDER_GRANT, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peertransfer.policy.explain import Explanation
    from peertransfer.policy.facts import EntryFacts
    from peertransfer.policy.past import PastQuestion, Shown
    from peertransfer.policy.rules import Policy

_HELLO: Final = "protocols.hello"
_GRANT: Final = (_HELLO, "grant.proof", "manifest.octets")
_NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    **dict.fromkeys(AFTER_HELLO, (_HELLO,)),
    **dict.fromkeys(UNDER_GRANT, _GRANT),
    **dict.fromkeys(IN_DHT_ANSWER, ("addresses.closer_peers",)),
    Kind.CONTENT: (*_GRANT, "openings.content"),
    Kind.RECORD_TO_SERVERS: ("provide.locator", "provide.addrs"),
    Kind.RECORD_TO_PEER: ("addresses.closer_peers", "provide.locator", "provide.addrs"),
    Kind.WANT: (_HELLO, "want.locator", "want.proof"),
}
"""Fields without which nothing of an answer leaves."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a field leaves, or stays."""

    rule: str = ""
    """The rules that show it, or that hide it; joined by ``,``. Empty: no rule shows it."""
    because_of: str = ""
    """Another field, as ``view.field``, that is hidden, and without which this one does not leave."""
    why: str = ""
    """What is not known, where nobody can tell whether it leaves."""
    entries_hidden: int = 0
    """Of how many entries it stays, where it leaves of others."""
    entries: int = 0
    """Entries of the share, where that differs from one to the other."""


class Reasons:
    """The reasons of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._explainer = Explainer(policy)

    def of_leaving(
        self, name: str, asked: PastQuestion, shown: Shown, entries: Sequence[EntryFacts], now: int
    ) -> Reason:
        """Return why the field ``name`` leaves, at ``now`` (Unix seconds)."""
        among = shown.among.get(name)
        told = self._explained(asked, _entry(entries, among.first_shown if among else 0), now)
        one = told[f"{asked.kind.view}.{name}"]
        return Reason(one.rule if one.shown else shown.rule)

    def of_staying(
        self, name: str, asked: PastQuestion, shown: Shown, entries: Sequence[EntryFacts], now: int
    ) -> Reason:
        """Return why the field ``name`` stays; of some entries, where it leaves of others."""
        among = shown.among.get(name)
        told = self._explained(asked, _entry(entries, among.first_hidden if among else 0), now)
        one = told.get(f"{asked.kind.view}.{name}")
        if one is None:
            return Reason()  # there is no such field in this version
        if not one.shown:
            return Reason(one.rule)
        for needed in _NEEDED.get(asked.kind, ()):
            if not told[needed].shown:
                return Reason(told[needed].rule, needed)
        return Reason("" if shown.ever else shown.rule)

    def _explained(
        self, asked: PastQuestion, entry: EntryFacts | None, now: int
    ) -> Mapping[str, Explanation]:
        return self._explainer.explain(asked.asker, asked.item, entry, now=now)


def _entry(entries: Sequence[EntryFacts], index: int) -> EntryFacts | None:
    return entries[index] if 0 <= index < len(entries) else None
