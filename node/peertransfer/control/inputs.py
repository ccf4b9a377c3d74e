"""Is what the person pasted what it should be? Asked before a node is started for it.

The node checks everything again. What is wrong in itself should not cost a start, nor a host that listens.
"""

from __future__ import annotations

from peertransfer.content.cid import Cid
from peertransfer.content.link import SCHEME, Link


def check_link(word: str) -> str:
    """Return a link that can be read.

    Raises:
        UsageError: it can't; the message never holds it.
    """
    Link.parse(word)
    return word


def check_if_link(word: str) -> str:
    """Return a reference; a link is checked, names, CIDs and peer IDs are the node's to know."""
    return check_link(word) if word.startswith(SCHEME) else word


def check_invite(word: str, now: int) -> str:
    """Return an invite that holds now.

    Args:
        word: the invite.
        now: Unix seconds.

    Raises:
        UsageError: it is none.
        InviteError: it is expired, or wrongly signed.
    """
    from peertransfer.membership.invite import read_invite

    read_invite(word, now)
    return word


def check_peer(word: str) -> str:
    """Return a peer ID in its usual form.

    Raises:
        UsageError: it is none.
    """
    from peertransfer.service.references import normal_peer_id

    return normal_peer_id(word)


def check_cid(word: str) -> str:
    """Return a CID that can be read.

    Raises:
        UsageError: it can't.
    """
    return str(Cid.parse(word))


def check_psk(text: str) -> str:
    """Return the text of a ``swarm.key`` file that can be read.

    Raises:
        UsageError: it can't.
    """
    from peertransfer.membership.psk import parse_swarm_key

    parse_swarm_key(text)
    return text
