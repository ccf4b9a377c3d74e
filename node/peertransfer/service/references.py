"""Is what a person wrote the name of a peer? For commands that are answered without a node, too.

It looks nothing up.
"""

from __future__ import annotations

from peertransfer.transport.multiaddrs import peer_id_octets, peer_id_text


def normal_peer_id(word: str) -> str:
    """Return a peer ID in base58, whichever form it was written in.

    Raises:
        UsageError: it is none.
    """
    return peer_id_text(peer_id_octets(word))
