"""What the shell knows of one peer and passes to the engine: the asker, and the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from peertransfer.policy.facts import Asker

if TYPE_CHECKING:
    from peertransfer.net.peer_stream import PeerStream


def wall_clock() -> int:
    """Return the time in Unix seconds; deadlines use trio's clock instead."""
    return int(time.time())


def earliest_end(*ends: int) -> int:
    """Return the first of some ends, Unix seconds; 0, among them and as the answer: without end."""
    return min(filter(None, ends), default=0)


def asker_of(stream: PeerStream, network_id: str) -> Asker:
    """Return who is at the other end of ``stream``, with all that it has proven there."""
    return Asker(network_id, stream.peer_id, frozenset(stream.proven))
