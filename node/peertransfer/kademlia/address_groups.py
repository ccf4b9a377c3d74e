"""Which part of the internet is this address from? One group for each IPv4 /24 and IPv6 /64.

It does not resolve, dial or validate addresses (``transport.multiaddrs``). Spec:
https://github.com/multiformats/multiaddr: a binary multiaddr begins with a code and, for IP, the address.

Strategy: renting many addresses next to each other is cheap, renting them all over the internet is not;
so a table that takes few peers from one group can't be filled from one rack. Loopback, private and other
addresses that are not global have no group: there, all peers are neighbours by nature.
"""

from __future__ import annotations

import ipaddress

_IP4 = 0x04
_IP6 = 0x29
_IP4_SIZE = 4
_IP6_SIZE = 16


def ip_of(multiaddr: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP that a binary multiaddr begins with; IPv4 inside IPv6 comes out as IPv4."""
    rest = multiaddr[1:]
    if multiaddr[:1] == bytes([_IP4]) and len(rest) >= _IP4_SIZE:
        return ipaddress.IPv4Address(rest[:_IP4_SIZE])
    if multiaddr[:1] == bytes([_IP6]) and len(rest) >= _IP6_SIZE:
        ip = ipaddress.IPv6Address(rest[:_IP6_SIZE])
        return ip.ipv4_mapped or ip
    return None


def group_of(multiaddr: bytes) -> bytes | None:
    """Return the group of a binary multiaddr, or ``None`` where it has none."""
    ip = ip_of(multiaddr)
    if ip is None or not ip.is_global:
        return None
    return ip.packed[:3] if isinstance(ip, ipaddress.IPv4Address) else ip.packed[:8]
