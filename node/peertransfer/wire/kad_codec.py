"""What does this kad-dht message say, and which octets say this?

It decides nothing (``policy``), answers nothing (``kademlia.server``) and holds no stream. Messages are
length-prefixed by a varint, many on one stream; ``request_reader`` and ``answer_reader`` cut them.
Spec: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages

Strategy: what an honest peer of another implementation may exceed (peers, addresses, the length of an
address) is cut to our limit, because go-libp2p gives all the providers and addresses that it knows.
What no honest peer sends (a key over 80 octets, an ID that is no multihash, a number that is no type)
is refused. Elements are cut before a Python object is made of any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError

from peertransfer.content.locator import LOCATOR_SIZE, locator_multihash
from peertransfer.disclosure.frame import SealedFrame, seal_frame
from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import (
    AudienceMismatchError,
    DisclosureError,
    LocalProtocolError,
    RemoteProtocolError,
)
from peertransfer.wire import kad_messages as m
from peertransfer.wire.framing import FrameReader, encode_varint
from peertransfer.wire.kad_messages import KadMessage, KadType
from peertransfer.wire.v1 import kad_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.disclosure.audience import DhtServers, OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.views import AddressesView, LookupView, ProvideView

__all__ = [
    "KadMessage",
    "KadType",
    "answer_reader",
    "decode_kad",
    "encode_add_provider",
    "encode_find_node",
    "encode_get_providers",
    "encode_kad_answer",
    "is_multihash",
    "request_reader",
]

T = TypeVar("T")

_P2P = b"\xa5\x03"
"""Multiaddr code 421, ``/p2p``."""
_ANSWERS = frozenset({KadType.GET_PROVIDERS, KadType.FIND_NODE, KadType.PING})


def request_reader() -> FrameReader:
    """Return a reader for the messages that a peer asks us with."""
    return FrameReader(m.MAX_REQUEST)


def answer_reader() -> FrameReader:
    """Return a reader for the messages that answer us."""
    return FrameReader(m.MAX_ANSWER)


def is_multihash(octets: bytes) -> bool:
    """Tell whether ``octets`` are a one-octet code, a length, and so many octets."""
    return len(octets) > 2 and octets[1] == len(octets) - 2  # noqa: PLR2004 - code and length


# --- decoding ------------------------------------------------------------------------------------


def decode_kad(octets: bytes) -> KadMessage:
    """Decode one message without its length prefix.

    Raises:
        RemoteProtocolError: it is not protobuf, or holds what no honest peer sends.
    """
    if len(octets) > m.MAX_ANSWER:
        raise RemoteProtocolError(f"a DHT message of {len(octets)} octets is over the limit")
    message = pb.KadMessage()
    try:
        message.ParseFromString(octets)
    except DecodeError as error:
        raise RemoteProtocolError("a DHT message is not well-formed protobuf") from error
    if len(message.key) > m.MAX_KEY:
        raise RemoteProtocolError(f"a DHT key of {len(message.key)} octets is over the limit")
    return KadMessage(
        _type(message.type), message.key, _records(message.closer_peers), _records(message.provider_peers)
    )


def _type(number: int) -> KadType:
    try:
        return KadType(number)
    except ValueError as error:
        raise RemoteProtocolError("a DHT message is of an unknown type") from error


def _records(peers: Sequence[pb.KadPeer]) -> tuple[PeerRecord, ...]:
    return tuple(_record(peer) for peer in peers[: m.MAX_PEERS])


def _record(peer: pb.KadPeer) -> PeerRecord:
    peer_id = peer.id
    if len(peer_id) > m.MAX_PEER_ID or not is_multihash(peer_id):
        raise RemoteProtocolError("a DHT message names a peer by what is not a peer ID")
    suffix = _P2P + bytes([len(peer_id)]) + peer_id
    bare = (addr.removesuffix(suffix) for addr in peer.addrs[: m.MAX_ADDRS])
    return PeerRecord(peer_id, tuple(addr for addr in bare if 0 < len(addr) <= m.MAX_ADDR))


# --- asking --------------------------------------------------------------------------------------


def encode_find_node(disclosed: Disclosed[LookupView, DhtServers]) -> SealedFrame:
    """Encode the question which peers are closest to the sealed key."""
    return seal_frame(disclosed, _framed(_question(disclosed, KadType.FIND_NODE)))


def encode_get_providers(disclosed: Disclosed[LookupView, DhtServers]) -> SealedFrame:
    """Encode the question who provides the sealed key, and which peers are closest to it."""
    return seal_frame(disclosed, _framed(_question(disclosed, KadType.GET_PROVIDERS)))


def _question(disclosed: Disclosed[LookupView, DhtServers], kind: KadType) -> pb.KadMessage:
    return _message(kind, _shown(disclosed.view.key, "key"))


def encode_add_provider(
    disclosed: Disclosed[ProvideView, DhtServers], provider_peer_id: bytes
) -> SealedFrame:
    """Encode that this host, by its own peer ID, provides the sealed locator at the sealed addresses.

    Raises:
        DisclosureError: the locator or the addresses are not shown; a record without them is none.
    """
    locator = _shown(disclosed.view.locator, "locator")
    if len(locator) != LOCATOR_SIZE:
        raise LocalProtocolError(f"a locator has {len(locator)} octets", "seal the locator, not its key")
    addrs = _shown(disclosed.view.addrs or disclosed.view.private_addrs or None, "addresses")
    message = _message(KadType.ADD_PROVIDER, locator_multihash(locator))
    message.provider_peers.extend(_peers([PeerRecord(provider_peer_id, addrs)]))
    return seal_frame(disclosed, _framed(message))


# --- answering -----------------------------------------------------------------------------------


def encode_kad_answer(
    addresses: Disclosed[AddressesView, OnePeer] | None,
    providers: Disclosed[ProvideView, OnePeer] | None,
    type: KadType,  # noqa: A002 - the field's name in the spec
    key: bytes,
    *,
    own_peer_id: bytes = b"",
    own_record: Disclosed[ProvideView, OnePeer] | None = None,
) -> SealedFrame:
    """Encode what may be said in answer to a question of ``type`` for ``key``.

    Args:
        addresses: the closer peers that the policy showed; ``None`` where it denied them all.
        providers: the provider records that it showed; ``None`` where it denied them, or for FIND_NODE.
        type: FIND_NODE, GET_PROVIDERS or PING, as asked.
        key: as asked.
        own_peer_id: this host's. With it the sealed addresses go out as the first of the closer
            peers; they are sealed where the question names this host.
        own_record: that this host provides the key: with ``own_peer_id``, the first of the providers.

    Raises:
        AudienceMismatchError: the views are sealed for two peers.
        DisclosureError: ``own_record`` does not show the locator of ``key``.
        LocalProtocolError: nothing is sealed, or the answer would be refused by its receiver.
    """
    sealed = addresses or providers or own_record
    if sealed is None:
        raise LocalProtocolError("an answer without a sealed view was to be made", "refuse the stream")
    if any(part and part.audience != sealed.audience for part in (addresses, providers, own_record)):
        raise AudienceMismatchError("the parts of an answer are sealed for two peers")
    if type not in _ANSWERS or ((providers or own_record) and type is not KadType.GET_PROVIDERS):
        raise LocalProtocolError(f"{type.name} is not answered by this")
    message = _message(type, key)
    if addresses:
        at = addresses.view.listen_addrs or addresses.view.private_addrs
        own = [PeerRecord(own_peer_id, at)] if own_peer_id else []
        message.closer_peers.extend(_peers([*own, *addresses.view.closer_peers]))
    if own_record:
        if locator_multihash(_shown(own_record.view.locator, "locator")) != key:
            raise DisclosureError("the record is of another locator than was asked for")
        at = own_record.view.addrs or own_record.view.private_addrs
        message.provider_peers.extend(_peers([PeerRecord(own_peer_id, at)]))
    if providers:
        message.provider_peers.extend(_peers(providers.view.provider_records))
    return seal_frame(sealed, _framed(message))


# --- the parts of a message ----------------------------------------------------------------------


def _shown(value: T | None, what: str) -> T:
    if value is None:
        raise DisclosureError(f"no rule showed the {what}")
    return value


def _message(kind: KadType, key: bytes) -> pb.KadMessage:
    return pb.KadMessage(type=pb.KadMessageType.ValueType(kind.value), key=key)


def _peers(records: Iterable[PeerRecord]) -> list[pb.KadPeer]:
    """Leave out peers without addresses: nobody could reach them."""
    return [pb.KadPeer(id=record.peer_id, addrs=record.addrs) for record in records if record.addrs]


def _framed(message: pb.KadMessage) -> bytes:
    """Frame a message that its receiver would read in full: what we would cut, we do not send."""
    octets = message.SerializeToString(deterministic=True)
    try:
        read = decode_kad(octets)
    except RemoteProtocolError as error:
        raise LocalProtocolError("a DHT message would be refused", error.message) from error
    if (_peers(read.closer_peers), _peers(read.provider_peers)) != (
        list(message.closer_peers),
        list(message.provider_peers),
    ):
        raise LocalProtocolError("a DHT message would be cut by its receiver", "name fewer at once")
    return encode_varint(len(octets)) + octets
