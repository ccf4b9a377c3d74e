"""A view that the policy engine let out, and what the ledger keeps of that decision.

``Disclosed`` has no public constructor: ``disclosure._seal`` makes it, and only ``policy.engine``
may import that module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, final

from peertransfer.content.unforgeable import Unforgeable
from peertransfer.disclosure.audience import Audience
from peertransfer.disclosure.views import View

V_co = TypeVar("V_co", bound=View, covariant=True)
A_co = TypeVar("A_co", bound=Audience, covariant=True)


@dataclass(frozen=True, slots=True)
class DisclosureRecord:
    """What the ledger keeps of one decision to let something out."""

    network_id: str
    audience: str
    peer_id: str
    """The peer that receives it; empty where the audience is not one peer."""
    view: str
    item: str
    """The manifest CID where there is one, else empty."""
    fields: tuple[str, ...]
    """The fields shown, sorted."""
    rule: str
    """Names of the rules that showed them, sorted and joined by ``,``."""
    link: str = ""
    """Local name of the link of ours under which the item was asked for or provided, else empty."""


@final
@dataclass(frozen=True, slots=True)
class Disclosed(Generic[V_co, A_co], metaclass=Unforgeable):
    """A view sealed for an audience; the only thing that an encoder accepts."""

    view: V_co
    audience: A_co
    records: tuple[DisclosureRecord, ...]
    """At least one; of a catalogue, one for each share in it; of a want, one for each part of it."""

    @property
    def record(self) -> DisclosureRecord:
        """The record of a view that has but one."""
        return self.records[0]


@dataclass(frozen=True, slots=True)
class Denied:
    """The engine's no: nothing may leave. Kept in the ledger as a refusal of this view."""

    view: str
    item: str
    rule: str
    """Name of the deny rule, or empty where simply nothing allowed it."""
    link: str = ""
    """Local name of the link of ours under which the item was asked for or would be provided, else empty."""


Decision: TypeAlias = Disclosed[V_co, A_co] | Denied
