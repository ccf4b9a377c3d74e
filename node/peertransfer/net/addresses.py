"""Multiaddrs and peer IDs as the rest of the node uses them, and who can reach an address."""

from __future__ import annotations

import ipaddress
from enum import Enum, auto
from typing import TYPE_CHECKING

import psutil

from peertransfer.transport.multiaddrs import TcpAddr, peer_id_octets, peer_id_text

if TYPE_CHECKING:
    from peertransfer.disclosure.views import PeerRecord

__all__ = [
    "AddressReach",
    "expand",
    "multiaddrs_of_record",
    "parse_multiaddr",
    "peer_id_octets",
    "peer_id_text",
    "reach_of",
]


class AddressReach(Enum):
    """Who can reach an address, narrowest first."""

    LOOPBACK = auto()
    PRIVATE = auto()
    PUBLIC = auto()


def parse_multiaddr(text: str) -> str:
    """Return the normal form of a TCP multiaddr.

    Raises:
        UsageError: malformed, or of a kind that this node does not use.
    """
    return str(TcpAddr.parse(text))


def multiaddrs_of_record(record: PeerRecord) -> list[str]:
    """Return the addresses of a DHT record that this node can dial, with the peer ID at their end."""
    peer_id = peer_id_text(record.peer_id)
    found = [TcpAddr.from_octets(addr) for addr in record.addrs]
    return [f"{one.bare()}/p2p/{peer_id}" for one in found if one is not None]


def reach_of(addr: str) -> AddressReach:
    """Return who can reach a multiaddr; a DNS name counts as public."""
    parsed = TcpAddr.parse(addr)
    if parsed.is_name:
        return AddressReach.PUBLIC
    ip = ipaddress.ip_address(parsed.host)
    if ip.is_loopback:
        return AddressReach.LOOPBACK
    return AddressReach.PUBLIC if ip.is_global else AddressReach.PRIVATE


def expand(addr: TcpAddr) -> list[TcpAddr]:
    """Return the addresses of this machine that a bound address stands for (``0.0.0.0`` stands for all)."""
    if addr.host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return [addr]
    version = 4 if addr.kind == "ip4" else 6
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            try:
                ip = ipaddress.ip_address(one.address.split("%")[0])
            except ValueError:
                continue
            if ip.version == version and not ip.is_link_local:
                found.append(TcpAddr.of(str(ip), addr.port))
    return sorted(found, key=lambda one: (reach_of(str(one)).value, one.host), reverse=True)
