"""What a peer said on an exchange stream, as frozen native values; every field was checked.

Only the codec makes them from octets, and the machines of ``exchange`` read them. They are claims of a
peer, nothing more: no block in them was verified. Spec: docs/protocol.md, "Messages".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from peertransfer.content.opening import EntryOpening, ShareOpening
    from peertransfer.disclosure.views import CatalogueItem
    from peertransfer.wire.codes import RefusalCode

VERSION = 1
"""The version of the exchange protocol that this code speaks."""
NONCE_SIZE = 32
LOCATOR_SIZE = 32
PROOF_SIZE = 32
SALT_SIZE = 16
COMMITMENT_SIZE = 32
MAX_INDEX = (1 << 31) - 1
"""Indices and request ids fit a signed 32-bit number in any language."""
MAX_NUMBER = (1 << 63) - 1
"""Sizes and times fit a signed 64-bit number in any language, and in SQLite."""
MAX_REQUESTS = 64
"""Outstanding requests that a side can offer to accept."""
MAX_ITEMS = 1024
"""Entries, or ranges of a manifest, in one request; entries and shares in one page."""
MAX_BLOCKS = 4096
"""Blocks that one request can ask for: 4 GiB of leaves."""
MAX_HEADERS = 512
"""Blocks that one frame can announce."""
MAX_BLOCK_SIZE = 1 << 20
"""Octets of one block, and of all the blocks that follow one frame."""
MAX_CID_TEXT = 128
MAX_TITLE = 1024
MAX_LINK = 8192
"""Octets of UTF-8 in a catalogue's text."""


@dataclass(frozen=True, slots=True)
class Range:
    """The indices from ``first`` to ``first + count - 1``."""

    first: int
    count: int
    """At least 1."""


@dataclass(frozen=True, slots=True)
class EntryRanges:
    """Some blocks of one entry."""

    entry: int
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A block that follows raw: which, and how many octets."""

    entry: int
    """0 in an answer to a ``ManifestRequest``."""
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class HelloMessage:
    """Either side's first word."""

    version: int
    max_requests: int
    """Requests that the sender accepts outstanding, 1 to 64."""
    nonce: bytes
    """32 octets."""


@dataclass(frozen=True, slots=True)
class WantMessage:
    """The getter's question."""

    locator: bytes
    """32 octets."""
    proof: bytes
    """32 octets; not checked here."""


@dataclass(frozen=True, slots=True)
class GrantMessage:
    """The provider's yes."""

    proof: bytes
    """32 octets; not checked here."""
    until: int
    """Unix seconds; 0 where the share does not expire."""


@dataclass(frozen=True, slots=True)
class RefusalMessage:
    """The provider's no."""

    request_id: int
    """The refused request; 0: the want or the whole grant, and the stream ends."""
    code: RefusalCode


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """Ask for blocks of the manifest's own DAG."""

    request_id: int
    nodes: bool
    """True: inner nodes, breadth-first; false: leaves, file order."""
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class OpeningsRequest:
    """Ask for the openings of ``count`` entries; of the share itself where ``count`` is 0."""

    request_id: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class NodesRequest:
    """Ask for inner nodes of entries, breadth-first."""

    request_id: int
    items: tuple[EntryRanges, ...]


@dataclass(frozen=True, slots=True)
class BlocksRequest:
    """Ask for leaves of entries, file order."""

    request_id: int
    items: tuple[EntryRanges, ...]


@dataclass(frozen=True, slots=True)
class HaveRequest:
    """Ask which leaves of an entry the provider has."""

    request_id: int
    entry: int


@dataclass(frozen=True, slots=True)
class CatalogueRequest:
    """Ask which shares this peer may see."""

    request_id: int


@dataclass(frozen=True, slots=True)
class UnknownKindRequest:
    """A request of a kind that this code does not know."""

    request_id: int


@dataclass(frozen=True, slots=True)
class CancelMessage:
    """Forget a request."""

    request_id: int


@dataclass(frozen=True, slots=True)
class DeliveredMessage:
    """The getter has all that it wanted, verified, and asks nothing more."""


@dataclass(frozen=True, slots=True)
class OpeningsPage:
    """Some of the openings that were asked for."""

    request_id: int
    share: ShareOpening | None
    entries: tuple[EntryOpening, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class BlocksHead:
    """The head of a batch of blocks; their raw octets follow the frame."""

    request_id: int
    blocks: tuple[BlockHeader, ...]
    last: bool

    @property
    def body_size(self) -> int:
        """Raw octets that follow."""
        return sum(block.size for block in self.blocks)


@dataclass(frozen=True, slots=True)
class HaveMessage:
    """Which leaves the provider has."""

    request_id: int
    count: int
    """Leaves of the entry."""
    bitmap: bytes
    """Bit i, least significant first, is leaf i; empty: all of them."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Some of the shares that this peer may see."""

    request_id: int
    items: tuple[CatalogueItem, ...]
    last: bool


BlockRequest: TypeAlias = ManifestRequest | NodesRequest | BlocksRequest
"""What is answered by ``BlocksHead`` and raw octets."""
GrantedRequest: TypeAlias = BlockRequest | OpeningsRequest | HaveRequest
"""What only a grant permits to ask."""
Request: TypeAlias = GrantedRequest | CatalogueRequest
"""What the other side answers."""
GetterMessage: TypeAlias = WantMessage | Request | UnknownKindRequest | CancelMessage | DeliveredMessage
ProviderMessage: TypeAlias = (
    GrantMessage | RefusalMessage | OpeningsPage | BlocksHead | HaveMessage | CataloguePage
)
Message: TypeAlias = HelloMessage | GetterMessage | ProviderMessage
