"""The shapes that may leave, one class for each view.

Views, rule keywords and the ledger's ``view`` are one list (``VIEWS``). The field names of
``VIEW_FIELDS`` are what a rule can show; ``docs/disclosure.md`` lists the same, and a test compares
the two. A field that a rule does not show is ``None`` or empty in the view, never a stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.content.opening import EntryOpening, ShareOpening


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """A peer and its multiaddrs (binary form, without ``/p2p``), as the DHT carries them."""

    peer_id: bytes
    """The multihash octets of the peer ID."""
    addrs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Base of all views."""

    name: ClassVar[str]


@dataclass(frozen=True, slots=True)
class AddressesView(View):
    """Where this host, or other peers that it knows, can be reached (identify, DHT answers)."""

    name: ClassVar[str] = "addresses"
    listen_addrs: tuple[bytes, ...] = ()
    """This host's own multiaddrs, binary form."""
    observed_addr: bytes | None = None
    """The multiaddr under which we see the asking peer."""
    closer_peers: tuple[PeerRecord, ...] = ()
    """Other peers of the routing table, in a DHT answer."""
    private_addrs: tuple[bytes, ...] = ()
    """Those of ``listen_addrs`` that lead nowhere outside of this machine or its local network."""


@dataclass(frozen=True, slots=True)
class ProtocolsView(View):
    """Which protocols this host speaks (identify), and the hello of the exchange protocol."""

    name: ClassVar[str] = "protocols"
    protocol_ids: tuple[str, ...] = ()
    hello: Hello | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame on an exchange stream, in both directions."""

    version: int
    max_requests: int
    """Requests that the sender is willing to have outstanding on this stream."""
    nonce: bytes
    """32 random octets, fresh for this stream."""


@dataclass(frozen=True, slots=True)
class AgentView(View):
    """What this program calls itself (identify's agent and protocol version)."""

    name: ClassVar[str] = "agent"
    agent_version: str | None = None
    protocol_version: str | None = None


@dataclass(frozen=True, slots=True)
class ProvideView(View):
    """A provider record: that this host provides a locator; or records of others that it keeps."""

    name: ClassVar[str] = "provide"
    locator: bytes | None = None
    """The blind locator, 32 octets."""
    addrs: tuple[bytes, ...] = ()
    """This host's multiaddrs in the record."""
    provider_records: tuple[PeerRecord, ...] = ()
    """Providers of the asked key, in a DHT answer; ``closer_peers`` ride in ``AddressesView``."""
    private_addrs: tuple[bytes, ...] = ()
    """Those of ``addrs`` that lead nowhere outside of this machine or its local network."""


@dataclass(frozen=True, slots=True)
class LookupView(View):
    """A question to the DHT: which peers are close to ``key``, or provide it."""

    name: ClassVar[str] = "lookup"
    key: bytes | None = None
    """A locator's or a peer ID's multihash; what we ask tells what we want."""


@dataclass(frozen=True, slots=True)
class WantView(View):
    """What a getter says: the locator, the proof, which parts it asks for, that it is done."""

    name: ClassVar[str] = "want"
    locator: bytes | None = None
    proof: bytes | None = None
    requests: bool = False
    """Whether requests for manifest, openings, nodes and blocks may follow under this want."""
    delivered: bool = False
    """Whether the provider may be told that everything arrived and verified."""


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One share in a catalogue: only the fields that the rules show."""

    manifest_cid: str | None = None
    title: str | None = None
    entries: int | None = None
    size: int | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogueView(View):
    """Which shares there are, for this peer."""

    name: ClassVar[str] = "catalogue"
    items: tuple[CatalogueItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestView(View):
    """The manifest of commitments: how many entries there are, and their digests."""

    name: ClassVar[str] = "manifest"
    octets: bytes | None = None
    """The canonical manifest octets (``content.manifest``)."""


@dataclass(frozen=True, slots=True)
class OpeningsView(View):
    """The openings of one share: a slot is open (salt and value) or a bare commitment."""

    name: ClassVar[str] = "openings"
    share: ShareOpening | None = None
    entries: tuple[EntryOpening, ...] = ()
    """One page, in entry order; the encoder cuts pages to the frame limit."""


@dataclass(frozen=True, slots=True)
class ContentView(View):
    """Permission to send the blocks of some entries; sealed once, it is the grant's hot path."""

    name: ClassVar[str] = "content"
    entries: frozenset[int] | None = frozenset()
    """Indices of the entries whose octets may go; ``None``: all of them."""

    def covers(self, entry: int) -> bool:
        """Tell whether the blocks of ``entry`` may go."""
        return self.entries is None or entry in self.entries


@dataclass(frozen=True, slots=True)
class GrantView(View):
    """The provider's yes: its own proof, and until when it holds."""

    name: ClassVar[str] = "grant"
    proof: bytes | None = None
    until: int | None = None
    """Unix seconds; 0 where the share does not expire."""


@dataclass(frozen=True, slots=True)
class RefusalView(View):
    """The provider's no: one coarse code, the same for unknown, unproven, denied and expired."""

    name: ClassVar[str] = "refusal"
    code: int | None = None
    """A code of ``wire.codes``."""
    request_id: int = 0
    """The refused request; 0 where the want itself is refused."""


@dataclass(frozen=True, slots=True)
class MembershipView(View):
    """Certificates and revocations; nothing makes one yet."""

    name: ClassVar[str] = "membership"


@dataclass(frozen=True, slots=True)
class StatisticsView(View):
    """Aggregates for a collector; nothing makes one yet."""

    name: ClassVar[str] = "statistics"


@dataclass(frozen=True, slots=True)
class UpdateView(View):
    """A question for signed releases; nothing makes one yet."""

    name: ClassVar[str] = "update"


VIEW_FIELDS: Mapping[str, tuple[str, ...]] = {
    "addresses": ("listen_addrs", "observed_addr", "closer_peers", "private_addrs"),
    "protocols": ("protocol_ids", "hello"),
    "agent": ("agent_version", "protocol_version"),
    "provide": ("locator", "addrs", "provider_records", "private_addrs"),
    "lookup": ("key",),
    "want": ("locator", "proof", "requests", "delivered"),
    "catalogue": ("manifest_cid", "title", "entries", "size", "link"),
    "manifest": ("octets",),
    "openings": (*(f"share_{slot}" for slot in SHARE_SLOTS), *ENTRY_SLOTS),
    "content": ("octets",),
    "grant": ("proof", "until"),
    "refusal": ("code",),
    "membership": (),
    "statistics": (),
    "update": (),
}
"""What a rule can show, view by view. In ``openings`` the share's own slots carry ``share_``."""

VIEWS: tuple[str, ...] = tuple(VIEW_FIELDS)

COARSER: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "addresses": {"listen_addrs": ("private_addrs",)},
    "provide": {"addrs": ("private_addrs",)},
    "openings": {
        "name": ("extension",),
        "size": ("size_class",),
        "mtime": ("mtime_day", "mtime_month"),
        "mtime_day": ("mtime_month",),
    },
}
"""View to its fine fields, each to the coarse ones that whoever sees it can work out."""
