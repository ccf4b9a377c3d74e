"""An invite: one string that holds everything a newcomer needs, signed by the network's key.

Whoever has it can join until it expires; it is a secret. Uses, roles and revocation are not in it yet.
Spec: ARCHITECTURE.md 6.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.errors import InviteError, UsageError
from peertransfer.membership.envelope import open_envelope, seal_envelope
from peertransfer.membership.epoch import EPOCH_KEY_SIZE
from peertransfer.membership.network import network_id_of_public_key
from peertransfer.membership.psk import PSK_SIZE
from peertransfer.wire.membership_codec import InviteMessage, decode_invite, encode_invite

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEME = "ptinvite:"
DOMAIN = b"peertransfer-invite"
PAYLOAD_TYPE = b"/peertransfer/invite/1"
INVITE_ID_SIZE = 16
MAX_INVITE_SIZE = 16_384
"""Characters."""
MAX_BOOTSTRAP = 16
MAX_NAME = 64
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,64}")
_HINT = "An invite begins with ptinvite:; copy it whole."


@dataclass(frozen=True, slots=True)
class Invite:
    """What an invite says, checked."""

    invite_id: bytes
    """16 random octets."""
    network_id: str
    name: str
    psk: bytes = field(repr=False)
    """32 octets; empty where the network has none."""
    epoch_key: bytes = field(repr=False)
    """32 octets."""
    epoch: int
    bootstrap: tuple[str, ...]
    """Multiaddrs with ``/p2p/``, 1 to 16."""
    expires_at: int
    """Unix seconds."""
    contact: str = ""


def is_network_name(name: str) -> bool:
    """Tell whether ``name`` can be a network's: 1 to 64 characters, none of them hidden."""
    return _NAME.fullmatch(name) is not None


def issue_invite(key: Ed25519PrivateKey, invite: Invite) -> str:
    """Sign an invite with the network's key and return the string to hand over."""
    message = InviteMessage(
        invite_id=invite.invite_id,
        network_id=invite.network_id,
        name=invite.name,
        psk=invite.psk,
        epoch_key=invite.epoch_key,
        epoch=invite.epoch,
        bootstrap=invite.bootstrap,
        expires_at=invite.expires_at,
        contact=invite.contact,
    )
    octets = seal_envelope(key, DOMAIN, PAYLOAD_TYPE, encode_invite(message))
    return SCHEME + base64.urlsafe_b64encode(octets).decode().rstrip("=")


def read_invite(text: str, now: int) -> Invite:
    """Read an invite and check it against the network's key and the time.

    Args:
        text: as it was handed over; no error ever holds it.
        now: Unix seconds.

    Raises:
        UsageError: it is not an invite, or damaged.
        InviteError: wrongly signed, or expired.
    """
    text = text.strip()
    if not text.startswith(SCHEME) or len(text) > MAX_INVITE_SIZE:
        raise UsageError("This is not an invite", _HINT)
    body = text.removeprefix(SCHEME)
    try:
        octets = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        envelope = open_envelope(octets, DOMAIN)
        message = decode_invite(envelope.payload)
    except (UsageError, ValueError):
        raise UsageError("This invite is damaged", _HINT) from None
    if envelope.payload_type != PAYLOAD_TYPE or not _is_whole(message):
        raise UsageError("This invite is not one that this program can read", _HINT)
    if message.network_id != network_id_of_public_key(envelope.public_key):
        raise InviteError(
            "This invite is not signed by its network", "Ask the network's operator for a new one."
        )
    if now >= message.expires_at:
        raise InviteError("This invite has expired", "Ask for a new one.")
    return Invite(
        message.invite_id, message.network_id, message.name, message.psk, message.epoch_key,
        message.epoch, message.bootstrap, message.expires_at, message.contact,
    )  # fmt: skip


def _is_whole(message: InviteMessage) -> bool:
    return (
        len(message.invite_id) == INVITE_ID_SIZE
        and len(message.psk) in {0, PSK_SIZE}
        and len(message.epoch_key) == EPOCH_KEY_SIZE
        and 1 <= len(message.bootstrap) <= MAX_BOOTSTRAP
        and is_network_name(message.name)
    )
