"""What happened on a stream: one frozen value for each thing, named in the past.

An event is what a peer claims in the right order and within the limits. Blocks in it are not verified,
proofs are not checked (but for the grant's, which the getter checks itself). Spec: docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from peertransfer.content.opening import EntryOpening, ShareOpening
    from peertransfer.disclosure.views import CatalogueItem
    from peertransfer.wire.codes import RefusalCode
    from peertransfer.wire.messages import EntryRanges, Range


# --- both roles ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The peer said hello."""

    version: int
    max_requests: int
    """Requests that the peer accepts outstanding."""


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The peer closed its side; nothing more can be said."""

    clean: bool
    """False: in the middle of a frame, a body, an answer or the opening of the stream."""


# --- at the provider -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantReceived:
    """The getter wants a share: check the proof over ``Provider.transcript(locator)``."""

    locator: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class ManifestRequested:
    """The getter asks for blocks of the manifest's own DAG."""

    request_id: int
    nodes: bool
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class OpeningsRequested:
    """The getter asks for openings: of ``count`` entries, or of the share itself where it is 0."""

    request_id: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class NodesRequested:
    """The getter asks for inner nodes of entries."""

    request_id: int
    items: tuple[EntryRanges, ...]


@dataclass(frozen=True, slots=True)
class BlocksRequested:
    """The getter asks for leaves of entries."""

    request_id: int
    items: tuple[EntryRanges, ...]


@dataclass(frozen=True, slots=True)
class HaveRequested:
    """The getter asks which leaves of an entry are here."""

    request_id: int
    entry: int


@dataclass(frozen=True, slots=True)
class CatalogueRequested:
    """The peer asks which shares it may see; it may not have proven anything."""

    request_id: int


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """The peer asks something of a kind that this version does not know: refuse it as unsupported."""

    request_id: int


@dataclass(frozen=True, slots=True)
class RequestCancelled:
    """The getter gave a request up: end it with a last batch or page, or a refusal."""

    request_id: int


@dataclass(frozen=True, slots=True)
class DeliveredReceived:
    """The getter has all that it wanted, verified."""


# --- at the getter -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GrantReceived:
    """The provider said yes, and proved that it holds the link's secret."""

    until: int
    """Unix seconds; 0 where the share does not expire."""


@dataclass(frozen=True, slots=True)
class RefusalReceived:
    """The provider said no."""

    request_id: int
    """0: to the want, or the whole grant ended; the stream is over."""
    code: RefusalCode


@dataclass(frozen=True, slots=True)
class ManifestBlocksReceived:
    """Blocks of the manifest's own DAG arrived, as asked for; verify each before it is used."""

    request_id: int
    nodes: bool
    blocks: tuple[tuple[int, memoryview], ...]
    """Each (index, octets)."""
    last: bool


@dataclass(frozen=True, slots=True)
class BlocksReceived:
    """Blocks of entries arrived, as asked for; verify each before it is used."""

    request_id: int
    nodes: bool
    """True: inner nodes; false: leaves."""
    blocks: tuple[tuple[int, int, memoryview], ...]
    """Each (entry, index, octets); views of one buffer of at most 1 MiB."""
    last: bool


@dataclass(frozen=True, slots=True)
class OpeningsReceived:
    """Openings arrived, as asked for; check each against the manifest's digests."""

    request_id: int
    share: ShareOpening | None
    entries: tuple[EntryOpening, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class HaveReceived:
    """The provider said which leaves of an entry it has."""

    request_id: int
    entry: int
    count: int
    """Leaves of the entry; compare it with the verified shape of the file."""
    bitmap: bytes
    """Bit i, least significant first, is leaf i; empty: all of them."""


@dataclass(frozen=True, slots=True)
class CatalogueReceived:
    """Some of the shares that we may see."""

    request_id: int
    items: tuple[CatalogueItem, ...]
    last: bool


ProviderEvent: TypeAlias = (
    HelloReceived
    | WantReceived
    | ManifestRequested
    | OpeningsRequested
    | NodesRequested
    | BlocksRequested
    | HaveRequested
    | CatalogueRequested
    | UnknownRequest
    | RequestCancelled
    | DeliveredReceived
    | StreamEnded
)
GetterEvent: TypeAlias = (
    HelloReceived
    | GrantReceived
    | RefusalReceived
    | ManifestBlocksReceived
    | BlocksReceived
    | OpeningsReceived
    | HaveReceived
    | CatalogueReceived
    | StreamEnded
)
