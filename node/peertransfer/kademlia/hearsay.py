"""Which of the addresses that a peer told us, of itself or of others, may be dialled?

It dials nothing, resolves nothing and keeps nothing beyond one look-up. Spec: docs/protocol.md, "Discovery".

Strategy: whoever names an address has us send packets there, from inside our network. So an address that
means another machine to everybody (loopback, link-local, private) is believed only from a peer that is
connected from a place where it means the same as here, or where this host has an address in the same private
network itself (two machines in one office that only know a server outside). What is no TCP port of an IP is
believed from nobody (to resolve a name would tell its owner that we look), and one host is not dialled for
ever.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING

from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import UsageError
from peertransfer.kademlia.address_groups import ip_of
from peertransfer.transport.multiaddrs import TcpAddr, peer_id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

MAX_ADDRS = 8
"""Addresses of one peer that are believed from one teller."""
MAX_DIALS_PER_HOST = 8
"""Addresses at one IPv4 address or IPv6 /64 that are dialled in one look-up."""

_IPv6 = ipaddress.IPv6Address
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
"""Linux takes some of it for this machine."""


class Reach(Enum):
    """From where an IP means the same machine."""

    NOWHERE = auto()
    """It is no single machine's, or hides another IP: unspecified, multicast, reserved, a tunnel's."""
    LOOPBACK = auto()
    LINK_LOCAL = auto()
    PRIVATE = auto()
    """What is not global: private, unique local, shared, for documentation."""
    PUBLIC = auto()


_TELLERS = {
    Reach.NOWHERE: frozenset[Reach](),
    Reach.LOOPBACK: frozenset({Reach.LOOPBACK}),
    Reach.LINK_LOCAL: frozenset({Reach.LINK_LOCAL}),
    Reach.PRIVATE: frozenset({Reach.LOOPBACK, Reach.PRIVATE}),
    Reach.PUBLIC: frozenset(Reach),
}
"""Over what a peer must be connected to be believed about an address of each reach."""


def reach_of(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Reach:
    """Return from where an IP, not one of IPv4 inside IPv6, means the same machine."""
    is_hidden = isinstance(ip, _IPv6) and (ip.sixtofour or ip.teredo)
    if ip.is_loopback:
        return Reach.LOOPBACK
    if is_hidden or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip in _THIS_NETWORK:
        return Reach.NOWHERE
    if ip.is_link_local:
        return Reach.LINK_LOCAL
    is_private = not ip.is_global or (isinstance(ip, _IPv6) and ip.is_site_local)
    return Reach.PRIVATE if is_private else Reach.PUBLIC


def dialable(
    records: Iterable[PeerRecord],
    *,
    told_over: bytes | None,
    own_addrs: Collection[bytes],
    is_connected: Callable[[bytes], bool] = lambda _: False,
) -> tuple[PeerRecord, ...]:
    """Return the peers that were told of, each with those of its addresses that may be dialled.

    Args:
        records: as they were told.
        told_over: binary multiaddr of the connection of the peer that told them; ``None``: not known, so
            that it counts as being anywhere on the internet.
        own_addrs: binary multiaddrs that lead to this host.
        is_connected: tells by peer ID who needs no dialling, and stays without an address too.
    """
    teller = _reach(told_over) if told_over else Reach.PUBLIC
    own_networks = {network for addr in own_addrs if (network := _network_of(addr))}
    found = []
    for record in records:
        if not _is_usable(record.peer_id):
            continue
        good = (
            addr
            for addr in _plain(record.addrs)
            if teller in _TELLERS[_reach(addr)] or _network_of(addr) in own_networks
        )
        addrs = tuple(dict.fromkeys(addr for addr in good if addr not in own_addrs))[:MAX_ADDRS]
        if addrs or is_connected(record.peer_id):
            found.append(PeerRecord(record.peer_id, addrs))
    return tuple(found)


def _is_usable(peer_id: bytes) -> bool:
    """Tell whether these octets are a peer ID of the kind that a connection of ours can have."""
    try:
        peer_id_text(peer_id)
    except UsageError:
        return False
    return True


def _plain(addrs: Iterable[bytes]) -> Iterator[bytes]:
    """Give the TCP ports of IPs in their one normal form, so that no spelling gets around a limit."""
    for addr in addrs:
        parsed = TcpAddr.from_octets(addr)
        if parsed is not None and not parsed.is_name and not parsed.peer_id and parsed.port:
            yield TcpAddr.of(parsed.host, parsed.port).to_octets()


def _network_of(addr: bytes) -> bytes:
    """Return the network that a private address is in, IPv4 /16 or IPv6 /48; nothing for any other."""
    ip = ip_of(addr)
    return ip.packed[: 2 if ip.version == 4 else 6] if ip and reach_of(ip) is Reach.PRIVATE else b""  # noqa: PLR2004 - IP version


def _reach(addr: bytes) -> Reach:
    ip = ip_of(addr)
    return reach_of(ip) if ip else Reach.NOWHERE


class DialBudget:
    """The dials of one look-up, counted by host: a liar can't have us knock at one door for ever.

    Loopback is not counted: only programs of this machine are believed about it.
    """

    __slots__ = ("_spent",)

    def __init__(self) -> None:
        self._spent: Counter[bytes] = Counter()

    def take(self, addrs: Iterable[bytes]) -> tuple[bytes, ...]:
        """Return those of ``addrs`` that may still be dialled, and count them as dialled."""
        taken = []
        for addr in addrs:
            ip = ip_of(addr)
            if ip is None:
                continue
            host = ip.packed[:8]  # an IPv4 address whole, of IPv6 the /64
            if self._spent[host] < MAX_DIALS_PER_HOST:
                self._spent[host] += not ip.is_loopback
                taken.append(addr)
        return tuple(taken)
