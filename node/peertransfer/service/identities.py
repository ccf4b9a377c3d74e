"""By which key is this node known in a network? Made once, missed where it is gone.

A new key is a new peer ID, and links, invites and bootstrap entries name the old one: so none is made in the
place of one that was there. Blocking. Spec: RELIABILITY.md D4.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from peertransfer.errors import HomeError
from peertransfer.membership.identity import SEED_SIZE, peer_id_of_public_key, public_key_of_seed
from peertransfer.store.home import unreadable, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from peertransfer.store.home import Home
    from peertransfer.store.networks import StoredNetwork

RENEW_HINT = "take a new identity there with: peertransfer init"


def seed_of(home: Home, network: StoredNetwork) -> bytes:
    """Return the seed of a host's key, 32 octets; it is made where this node was never in the network.

    Raises:
        HomeError: the key is gone, damaged, or that of another peer ID.
    """
    path = home.key_path(network.network_id)
    if not network.peer_id and not path.exists():
        write_private(path, secrets.token_bytes(SEED_SIZE), replace=False)
    return load_seed(path, network.peer_id)


def load_seed(path: Path, peer_id: str = "") -> bytes:
    """Read the seed of a key.

    Args:
        path: its file.
        peer_id: whose key it must be; empty: anybody's.

    Raises:
        HomeError: as ``seed_of``.
    """
    try:
        seed = path.read_bytes()
    except FileNotFoundError as exc:
        raise HomeError(
            f"The identity key {path} is gone, and with it the peer ID …{peer_id[-8:]}, which links,"
            " invites and bootstrap entries name",
            f"Put a copy of it back there, or {RENEW_HINT}",
        ) from exc
    except OSError as exc:
        raise unreadable(path, exc, "Put a readable file in its place.") from exc
    if len(seed) != SEED_SIZE:
        raise _damaged(path, f"it has {len(seed)} octets, not {SEED_SIZE}")
    if peer_id and peer_id_of_seed(seed) != peer_id:
        raise _damaged(path, f"it is not the one of the peer ID …{peer_id[-8:]}")
    return seed


def peer_id_of_seed(seed: bytes) -> str:
    """Return the peer ID of a key's seed."""
    return peer_id_of_public_key(public_key_of_seed(seed))


def _damaged(path: Path, why: str) -> HomeError:
    return HomeError(
        f"The identity key {path} is damaged: {why}",
        f"Put a copy of it back there, or move it away and {RENEW_HINT}",
    )
