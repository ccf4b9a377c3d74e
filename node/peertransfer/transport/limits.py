"""What may strangers cost this node? One table of limits, each with its unit, its range and its reason.

It counts nothing (``transport.allowance``) and reads no file (``service.config`` does, from ``[limits]`` of
``config.toml``). None can be switched off. Spec: docs/transport.md, "Limits".
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

KIB = 1 << 10
MIB = 1 << 20


def _limit(default: int, allowed: tuple[int, int], text: str) -> Any:
    """Describe a limit: its default, the least and the most that it may be, its unit, and more."""
    unit, why = text.split(" ", 1)
    least, most = allowed
    return field(default=default, metadata={"least": least, "most": most, "unit": unit, "why": why})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a node; each host, one for a network, has them for itself, and all share ``buffers``."""

    handshake_octets: int = _limit(
        64 * KIB,
        (4 * KIB, MIB),
        "octets from a connection before its peer is known; a handshake takes under a thousand",
    )
    handshake_seconds: int = _limit(
        5, (1, 60), "seconds from an open socket to a known peer; enough for a slow link"
    )
    waiting: int = _limit(
        32,
        (8, 4096),
        "connections inbound, peer not known yet; a handshake takes ms, so one more pushes out the oldest",
    )
    waiting_per_ipv4: int = _limit(8, (1, 4096), "connections such from one IPv4 address")
    waiting_per_ipv6: int = _limit(
        8, (1, 4096), "connections such from one IPv6 /64, which is what one customer has"
    )
    connections: int = _limit(
        512,
        (8, 16_384),
        "connections with known peers; for one more an idle one is closed, DHT-only ones first",
    )
    connections_per_peer: int = _limit(
        2, (2, 16), "connections with one peer; two, because peers may dial each other at the same moment"
    )
    streams_per_connection: int = _limit(
        32, (16, 1024), "streams that a peer has open on a connection; one more is reset"
    )
    streams_per_protocol: int = _limit(
        8, (1, 1024), "streams that a peer has open of one protocol; one more is reset"
    )
    streams: int = _limit(
        1024,
        (128, 65_536),
        "streams that all peers have open; a peer has one, and more up to 1/4 of what is left",
    )
    window: int = _limit(
        256 * KIB,
        (256 * KIB, 16 * MIB),
        "octets that may come on a new stream unread; yamux gives every peer at least this",
    )
    windows_per_connection: int = _limit(
        8 * MIB, (MIB, 256 * MIB), "octets to which all windows of a connection grow, on use"
    )
    buffers: int = _limit(
        256 * MIB,
        (64 * MIB, 64 * KIB * MIB),
        "octets that windows promise (3/4) or that wait to be sent; a connection has 1/4 of what is left",
    )
    requests_per_second: int = _limit(
        50, (1, 100_000), "requests of one peer, and one for each 256 KiB of content it takes; the rest waits"
    )
    requests_at_once: int = _limit(100, (1, 100_000), "requests of one peer before any waits")
    least_octets_per_second: int = _limit(
        KIB, (1, 16 * MIB), "octets that a peer takes of what waits for it, on average"
    )
    stall_seconds: int = _limit(
        60,
        (5, 3600),
        "seconds over which a peer takes nothing, or too little on average: then its stream is reset",
    )
    idle_seconds: int = _limit(
        30, (1, 3600), "seconds without a word on an inbound stream that is owed no answer"
    )
    idle_grant_seconds: int = _limit(
        120,
        (30, 3600),
        "seconds the same under a grant; a getter that reads back its disk asks for nothing meanwhile",
    )
    request_seconds: int = _limit(
        60,
        (5, 3600),
        "seconds from the first octet of a request to its last, and for the answer to one of ours",
    )
    protocol_errors: int = _limit(
        3, (1, 1000), "breaches of the protocol by one peer in a minute; one more shuts it out for a minute"
    )


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """What is to be known of one limit."""

    name: str
    default: int
    least: int
    most: int
    unit: str
    why: str
    """Goes on after the unit."""


def facts() -> tuple[LimitFacts, ...]:
    """Return the facts of each limit, in the order of the table."""
    return tuple(map(_facts_of, fields(Limits)))


def _facts_of(one: Field[Any]) -> LimitFacts:
    default: Any = one.default
    return LimitFacts(one.name, default, **one.metadata)
