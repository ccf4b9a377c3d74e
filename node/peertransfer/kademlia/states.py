"""What a look-up wants now: the states that ``Lookup.advance`` returns.

Spec: ARCHITECTURE.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord


@dataclass(frozen=True, slots=True)
class Asking:
    """Ask these peers now, and report each of them by an event."""

    peers: tuple[PeerRecord, ...]
    """Never empty; the closest first."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Ask nobody new: an answer of those already asked is awaited."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The look-up is over; what was asked and did not answer yet can be dropped."""

    closest: tuple[PeerRecord, ...]
    """The peers that answered, at most k, closest first."""
    providers: tuple[PeerRecord, ...]
    """The providers that were named, in the order in which they were heard of."""


LookupState: TypeAlias = Asking | Waiting | Finished
