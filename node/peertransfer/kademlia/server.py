"""What is answered to a query of the DHT? From the table and the records that are held.

It asks no policy (the shell does, before anything leaves). Values are refused: this DHT holds provider
records only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.errors import RemoteProtocolError
from peertransfer.wire.kad_codec import KadMessage, KadType

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord
    from peertransfer.kademlia.provider_store import ProviderStore
    from peertransfer.kademlia.routing_table import RoutingTable


@dataclass(frozen=True, slots=True)
class KadAnswer:
    """What may be answered, before the policy is asked."""

    type: KadType
    key: bytes
    closer_peers: tuple[PeerRecord, ...] = ()
    provider_records: tuple[PeerRecord, ...] = ()


def answer(
    query: KadMessage, asker: bytes, *, own: PeerRecord, table: RoutingTable, store: ProviderStore, now: float
) -> KadAnswer | None:
    """Answer a query; ``None`` where the protocol has no answer (ADD_PROVIDER).

    Raises:
        RemoteProtocolError: a kind of query that is not served, or a key that can't be looked up.
    """
    match query.type:
        case KadType.PING:
            return KadAnswer(KadType.PING, query.key)
        case KadType.FIND_NODE | KadType.GET_PROVIDERS if query.key:
            closer = table.closest(query.key, now, but=asker)
            if query.key == own.peer_id:
                closer.insert(0, own)
            records = store.providers(query.key, now) if query.type is KadType.GET_PROVIDERS else []
            return KadAnswer(query.type, query.key, tuple(closer), tuple(records))
        case KadType.ADD_PROVIDER if query.key:
            for record in query.provider_peers:
                store.add(query.key, record, asker, now)
            return None
        case _:
            raise RemoteProtocolError("a kind of kad query that is not served here")
