"""Who leaves when a host has all the connections that it may have? One that is idle, never a transfer.

It closes nothing (``net.host``) and counts no sockets of unknown peers (``net.gate``). Spec:
docs/transport.md, "Limits".

Strategy: those that never carried a transfer go first, which is what a peer of the DHT only is, and what a
stranger is who connects and waits. Among equals the address that holds most of them gives one up, its oldest,
so that a crowd from one address makes room for itself and not at the cost of others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from peertransfer.net.gate import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable


def one_to_close(connections: Iterable[Any]) -> Any | None:
    """Return the connection to close for a newcomer; ``None`` where all carry transfers.

    Args:
        connections: the library's, oldest first.
    """
    idle = [one for one in connections if not one.muxed_conn.tally.transfers]
    unused = [one for one in idle if not one.muxed_conn.tally.has_transferred]
    candidates = unused or idle
    if not candidates:
        return None
    sources = [source_of(one.muxed_conn.remote.host) for one in candidates]
    ((fullest, _),) = Counter(sources).most_common(1)
    return candidates[sources.index(fullest)]
