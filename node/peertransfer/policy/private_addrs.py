"""Which multiaddrs lead nowhere outside of this machine or its local network?

It looks at the octets alone: a name that would have to be resolved, a relay's address and anything that
is malformed count as leading anywhere. Spec: https://github.com/multiformats/multiaddr; RFC 1918,
RFC 3927, RFC 4193, RFC 4291.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TCP: Final = 6
_PORT_SIZE: Final = 2
_IP_SIZES: Final = {4: 4, 41: 16}
"""Multiaddr codes of ``ip4`` and ``ip6``, to the octets of the address."""
_PRIVATE_4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    )
)
_PRIVATE_6: Final = tuple(map(ipaddress.IPv6Network, ("::1/128", "fc00::/7", "fe80::/10")))
"""Named one by one: Python's ``is_private`` holds ranges that carry a public IPv4 address inside."""


def private_only(addrs: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return those of ``addrs`` (multiaddrs, binary form) that are loopback or of a private range."""
    return tuple(addr for addr in addrs if _is_private(addr))


def _is_private(addr: bytes) -> bool:
    size = _IP_SIZES.get(addr[0]) if addr else None
    if size is None or len(addr) != 1 + size + 1 + _PORT_SIZE or addr[1 + size] != _TCP:
        return False
    ip = ipaddress.ip_address(addr[1 : 1 + size])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    networks = _PRIVATE_4 if isinstance(ip, ipaddress.IPv4Address) else _PRIVATE_6
    return any(ip in network for network in networks)
