"""Identify: what was let out of addresses, protocols and agent, and what a peer says of itself.

It sends no signed record. The public key rides along where it is given, because js-libp2p
reads no answer without it; it says nothing that the peer ID does not. Spec: https://github.com/libp2p/specs/tree/master/identify
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from peertransfer.disclosure.frame import SealedFrame, seal_frame
from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.wire.framing import encode_varint
from peertransfer.wire.v1 import identify_pb2 as pb

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.views import AddressesView, AgentView, ProtocolsView

MAX_IDENTIFY = 8192
MAX_ADDRS = 16
MAX_ADDR_SIZE = 256
MAX_PROTOCOLS = 64
MAX_PROTOCOL_SIZE = 256


@dataclass(frozen=True, slots=True)
class IdentifyMessage:
    """What a peer says of itself; nothing in it is proven."""

    listen_addrs: tuple[bytes, ...]
    protocol_ids: tuple[str, ...]
    observed_addr: bytes | None
    agent_version: str


def encode_identify(
    addresses: Disclosed[AddressesView, OnePeer] | None,
    protocols: Disclosed[ProtocolsView, OnePeer] | None,
    agent: Disclosed[AgentView, OnePeer] | None = None,
    *,
    public_key: bytes = b"",
) -> SealedFrame | None:
    """Encode what was let out for one peer; ``None`` where nothing was.

    Args:
        addresses: where this host listens.
        protocols: what it speaks.
        agent: what it calls itself.
        public_key: libp2p's PublicKey message of this host, the very octets inside its peer ID.

    Raises:
        LocalProtocolError: the parts are sealed for different peers.
    """
    parts = [part for part in (addresses, protocols, agent) if part is not None]
    if not parts:
        return None
    if len({part.audience for part in parts}) > 1:
        raise LocalProtocolError("the parts of one identify answer are sealed for different peers")
    message = _message(addresses, protocols, agent)
    if public_key:
        message.public_key = public_key
    octets = message.SerializeToString(deterministic=True)
    return seal_frame(parts[0], encode_varint(len(octets)) + octets)


def _message(
    addresses: Disclosed[AddressesView, OnePeer] | None,
    protocols: Disclosed[ProtocolsView, OnePeer] | None,
    agent: Disclosed[AgentView, OnePeer] | None,
) -> pb.Identify:
    message = pb.Identify()
    if addresses is not None:
        message.listen_addrs.extend(addresses.view.listen_addrs or addresses.view.private_addrs)
        if addresses.view.observed_addr is not None:
            message.observed_addr = addresses.view.observed_addr
    if protocols is not None:
        message.protocols.extend(protocols.view.protocol_ids)
    if agent is not None:
        if agent.view.agent_version is not None:
            message.agent_version = agent.view.agent_version
        if agent.view.protocol_version is not None:
            message.protocol_version = agent.view.protocol_version
    return message


def decode_identify(octets: bytes) -> IdentifyMessage:
    """Read a peer's identify message (without its length).

    Raises:
        RemoteProtocolError: malformed, or over a limit.
    """
    if len(octets) > MAX_IDENTIFY:
        raise RemoteProtocolError("an identify message is over its limit")
    try:
        message = pb.Identify.FromString(octets)
    except DecodeError as exc:
        raise RemoteProtocolError("an identify message is malformed") from exc
    addrs = [addr for addr in message.listen_addrs[:MAX_ADDRS] if 0 < len(addr) <= MAX_ADDR_SIZE]
    protocols = [one for one in message.protocols[:MAX_PROTOCOLS] if len(one) <= MAX_PROTOCOL_SIZE]
    observed = message.observed_addr[:MAX_ADDR_SIZE] if message.HasField("observed_addr") else None
    return IdentifyMessage(tuple(addrs), tuple(protocols), observed, message.agent_version[:256])
