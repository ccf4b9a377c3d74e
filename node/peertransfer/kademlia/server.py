"""What do we answer to a question of the DHT?

It decides nothing about disclosure: what it returns goes through the policy (``AddressesView``,
``ProvideView``) before it is encoded. It keeps no values: PUT_VALUE and GET_VALUE are refused.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.errors import RemoteProtocolError, UnsupportedError
from peertransfer.kademlia.routing_table import K
from peertransfer.wire.kad_codec import is_multihash
from peertransfer.wire.kad_messages import KadMessage, KadType

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord
    from peertransfer.kademlia.provider_store import ProviderStore
    from peertransfer.kademlia.routing_table import RoutingTable


@dataclass(frozen=True, slots=True)
class KadAnswer:
    """What we know in answer to a question; the policy says which of it may leave."""

    type: KadType
    key: bytes
    closer_peers: tuple[PeerRecord, ...] = ()
    """At most k peers with addresses, closest first; never the asker."""
    provider_records: tuple[PeerRecord, ...] = ()
    """At most k others; the asker too, which checks by it that it was heard."""
    names_self: bool = False
    """Whether this host itself was asked for: its own listen addresses belong into the answer, first."""


def answer(
    query: KadMessage,
    asker: bytes,
    table: RoutingTable,
    store: ProviderStore,
    now: float,
    *,
    seen_at: bytes | None = None,
) -> KadAnswer | None:
    """Answer a question, or keep a provider record, which has no answer.

    Args:
        query: as decoded.
        asker: peer ID of who asks, proven by its connection.
        table: whom we know.
        store: who provides what; ADD_PROVIDER changes it.
        now: seconds of the clock that table and store were told.
        seen_at: binary multiaddr of its connection, if known.

    Raises:
        UnsupportedError: a type that this node does not serve, no breach: reset the stream.
        RemoteProtocolError: a key that is none, or a record under another's name: reset the stream.
    """
    if query.type is KadType.PING:
        return KadAnswer(query.type, query.key)
    if query.type not in {KadType.FIND_NODE, KadType.GET_PROVIDERS, KadType.ADD_PROVIDER}:
        raise UnsupportedError("a DHT message is of a type that this node does not serve")
    if not query.key:
        raise RemoteProtocolError("a DHT message has no key")
    if query.type is KadType.ADD_PROVIDER:
        _keep(query, asker, store, now, seen_at)
        return None
    names_self = query.type is KadType.FIND_NODE and query.key == table.own_peer_id
    return KadAnswer(
        query.type,
        query.key,
        _closer(query.key, asker, table, now, K - names_self),
        store.providers(query.key, now) if query.type is KadType.GET_PROVIDERS else (),
        names_self,
    )


def _keep(query: KadMessage, asker: bytes, store: ProviderStore, now: float, seen_at: bytes | None) -> None:
    if not is_multihash(query.key):
        raise RemoteProtocolError("a provider record's key is not a multihash")
    if any(provider.peer_id != asker for provider in query.provider_peers):
        raise RemoteProtocolError("a provider record speaks for another peer")
    for provider in query.provider_peers[:1]:
        store.add(query.key, provider, asker, now, seen_at=seen_at)


def _closer(key: bytes, asker: bytes, table: RoutingTable, now: float, count: int) -> tuple[PeerRecord, ...]:
    near = table.closest(key, table.size, now)
    named = (record for record in near if record.addrs and record.peer_id != asker)
    return tuple(record for record, _ in zip(named, range(count), strict=False))
