"""What would have been different in a month, in so few entries that a person can read them.

It adds up what was found, row by row, and keeps the entries that happened last. It finds nothing
(``policy.simulation``). Spec: CLI.md, ``policy simulate``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.policy.simulation import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.reasons import Reason
    from peertransfer.policy.simulation import Finding

MAX_KEPT: Final = 10_000
"""Entries of one list that are kept while the ledger is read: some 10 MB."""
MAX_LISTED: Final = 1000
"""Entries of one list in an answer: some 500 KB."""


@dataclass(frozen=True, slots=True)
class Place:
    """To whom something would have gone, or went, and of what."""

    network_id: str
    peer_id: str
    """Empty where the audience is not one peer."""
    audience: str
    item: str
    """A manifest CID, or empty."""
    link: str


@dataclass(frozen=True, slots=True)
class Times:
    """When something happened, in Unix seconds, and how often."""

    first_at: int
    last_at: int
    count: int


@dataclass(slots=True)
class _Sum:
    first_at: int
    last_at: int
    count: int = 0
    octets: int = 0


_Key = tuple[Place, str, tuple[str, ...], "Reason"]


class Changes:
    """The entries of the three lists."""

    def __init__(self) -> None:
        self._sums: dict[Change, OrderedDict[_Key, _Sum]] = {one: OrderedDict() for one in Change}
        self._dropped: Counter[Change] = Counter()
        self._counts: Counter[Change] = Counter()

    def add(self, place: Place, finding: Finding, when: Times, octets: int = 0) -> None:
        """Count something that was found, and the octets of content that went with it."""
        sums, key = self._sums[finding.change], (place, finding.view, finding.fields, finding.reason)
        found = sums.setdefault(key, _Sum(when.first_at, when.last_at))
        found.first_at, found.last_at = min(found.first_at, when.first_at), max(found.last_at, when.last_at)
        found.count += when.count
        found.octets += octets
        self._counts[finding.change] += when.count
        sums.move_to_end(key)
        if len(sums) > MAX_KEPT:
            sums.popitem(last=False)
            self._dropped[finding.change] += 1

    def described(self, titles: Mapping[str, str], limit: int) -> dict[str, object]:
        """Return the lists, ready for JSON: at most ``limit`` entries of each, those that happened last.

        Args:
            titles: by manifest CID, of the shares that are still there.
            limit: from 1 to ``MAX_LISTED``.
        """
        answer: dict[str, object] = {}
        left_out = {}
        for change, sums in self._sums.items():
            ordered = sorted(sums.items(), key=lambda one: (one[1].last_at, one[1].first_at))
            answer[change.value] = [_described(key, found, titles) for key, found in ordered[-limit:]]
            left_out[change.value] = self._dropped[change] + max(0, len(ordered) - limit)
        answer["left_out"] = left_out
        answer["counts"] = {change.value: self._counts[change] for change in Change}
        return answer


def _described(key: _Key, found: _Sum, titles: Mapping[str, str]) -> dict[str, object]:
    place, view, fields, reason = key
    return {
        "peer_id": place.peer_id,
        "network_id": place.network_id,
        "audience": place.audience,
        "view": view,
        "item": place.item,
        "title": titles.get(place.item, ""),
        "link": place.link,
        "fields": list(fields),
        "rule": reason.rule,
        "because_of": reason.because_of,
        "why": reason.why,
        "files": reason.entries,
        "files_hidden": reason.entries_hidden,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "count": found.count,
        "octets": found.octets,
    }
