"""Make a network, invite into it, join one: what becomes a ``StoredNetwork``.

It starts no host (``service.node``). Certificates, uses and revocation are not built; nothing here pretends
that they are. Spec: ARCHITECTURE.md 6; CLI.md ``network``.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peertransfer.content.names import display
from peertransfer.errors import NotFoundError, UsageError
from peertransfer.membership.epoch import EPOCH_KEY_SIZE, OPEN_EPOCH_KEY, epoch_key_of_psk
from peertransfer.membership.identity import SEED_SIZE, public_key_of_seed
from peertransfer.membership.invite import (
    INVITE_ID_SIZE,
    MAX_BOOTSTRAP,
    Invite,
    is_network_name,
    issue_invite,
    read_invite,
)
from peertransfer.membership.network import OPEN, network_id_of_psk, network_id_of_public_key
from peertransfer.membership.psk import PSK_SIZE, format_swarm_key, parse_swarm_key
from peertransfer.net.addresses import parse_multiaddr
from peertransfer.store.networks import StoredNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_INVITE_SECONDS = 7 * 86_400
MAX_INVITE_SECONDS = 366 * 86_400


def new_network(name: str, contact: str, now: int) -> StoredNetwork:
    """Make a network of which this node is the authority."""
    _check_name(name)
    seed = secrets.token_bytes(SEED_SIZE)
    return StoredNetwork(
        network_id=network_id_of_public_key(public_key_of_seed(seed)),
        name=name,
        kind="own",
        created_at=now,
        psk=secrets.token_bytes(PSK_SIZE),
        epoch_key=secrets.token_bytes(EPOCH_KEY_SIZE),
        contact=contact,
        authority_seed=seed,
    )


def open_network(bootstrap: Sequence[str], now: int) -> StoredNetwork:
    """Return the built-in network without a key."""
    return StoredNetwork(OPEN, OPEN, "open", now, epoch_key=OPEN_EPOCH_KEY, bootstrap=tuple(bootstrap))


def network_of_invite(
    text: str, now: int, *, name: str = "", known: Iterable[StoredNetwork] = ()
) -> StoredNetwork:
    """Read an invite into the network that it admits to.

    Args:
        text: the invite.
        now: Unix seconds.
        name: what to call the network here; empty: as it is called already, or as the invite says.
        known: the networks of this node.

    Raises:
        UsageError: it is not an invite, or the name is none.
        InviteError: expired, or wrongly signed.
    """
    invite = read_invite(text, now)
    if name:
        _check_name(name)
    own = next((one.name for one in known if one.network_id == invite.network_id), invite.name)
    return StoredNetwork(
        network_id=invite.network_id,
        name=name or own,
        kind="member",
        created_at=now,
        psk=invite.psk or None,
        epoch_key=invite.epoch_key,
        epoch=invite.epoch,
        bootstrap=tuple(parse_multiaddr(addr) for addr in invite.bootstrap),
        contact=invite.contact,
    )


def network_of_psk(name: str, psk_text: str, bootstrap: Sequence[str], now: int) -> StoredNetwork:
    """Read a ``swarm.key`` into the plain private network that it stands for."""
    _check_name(name)
    psk = parse_swarm_key(psk_text)
    addrs = tuple(parse_multiaddr(addr) for addr in bootstrap)
    return StoredNetwork(
        network_id_of_psk(psk), name, "psk", now, psk=psk, epoch_key=epoch_key_of_psk(psk), bootstrap=addrs
    )


def invite_to(
    network: StoredNetwork, listen_addrs: Sequence[str], expires_seconds: int | None, now: int
) -> dict[str, object]:
    """Issue an invite, signed by the network's key, with this host as the first bootstrap peer.

    Raises:
        NotFoundError: this node is not the network's authority.
        UsageError: no address, or a time that makes no sense.
    """
    if network.authority_seed is None:
        raise NotFoundError(
            f"Only the node that made network {network.name!r} can invite into it",
            "Ask its operator for an invite.",
        )
    seconds = DEFAULT_INVITE_SECONDS if expires_seconds is None else expires_seconds
    if not 0 < seconds <= MAX_INVITE_SECONDS:
        raise UsageError("An invite can last from a second to a year", "Give another --expires.")
    bootstrap = tuple([*listen_addrs, *network.bootstrap][:MAX_BOOTSTRAP])
    if not bootstrap:
        raise UsageError(
            "This host listens nowhere that a newcomer could dial", "Look at listen in config.toml."
        )
    invite = Invite(
        invite_id=secrets.token_bytes(INVITE_ID_SIZE),
        network_id=network.network_id,
        name=network.name,
        psk=network.psk or b"",
        epoch_key=network.epoch_key,
        epoch=network.epoch,
        bootstrap=bootstrap,
        expires_at=now + seconds,
        contact=network.contact,
    )
    key = Ed25519PrivateKey.from_private_bytes(network.authority_seed)
    return {
        "invite": issue_invite(key, invite),
        "invite_id": base64.b32encode(invite.invite_id).decode().rstrip("=").lower(),
        "expires_at": invite.expires_at,
    }


def swarm_key_text(network: StoredNetwork) -> str:
    """Return the standard ``swarm.key`` text of a network.

    Raises:
        NotFoundError: it has no PSK.
    """
    if network.psk is None:
        raise NotFoundError(f"The network {network.name!r} has no PSK")
    return format_swarm_key(network.psk)


def describe_network(network: StoredNetwork) -> dict[str, object]:
    """Return what ``network list`` and ``network show`` tell; no secret is in it."""
    return {
        "network_id": network.network_id,
        "name": network.name,
        "kind": network.kind,
        "has_psk": network.psk is not None,
        "is_authority": network.authority_seed is not None,
        "bootstrap": list(network.bootstrap),
        "contact": network.contact,
        "created_at": network.created_at,
        "listen_port": network.listen_port or None,
    }


def pick_network(known: Iterable[StoredNetwork], ref: str) -> StoredNetwork:
    """Return the one private network that ``ref`` names, by ID or name.

    Raises:
        NotFoundError: none.
        UsageError: several, which are listed.
    """
    found = [one for one in known if ref in {one.network_id, one.name} and one.kind != "open"]
    if not found:
        raise NotFoundError(f"{ref!r} is none of this node's networks", "See: peertransfer network list")
    if len(found) > 1:
        listed = ", ".join(one.network_id for one in found)
        raise UsageError(f"{ref!r} is the name of several networks: {listed}", "Name one by its ID.")
    return found[0]


def check_free_name(known: Iterable[StoredNetwork], network: StoredNetwork, hint: str) -> None:
    """Refuse a name by which another network of this node is known, so that a name stays enough.

    Args:
        known: the networks of this node.
        network: the one that is to come, or is there already.
        hint: how to choose another name.

    Raises:
        UsageError: the name is taken.
    """
    if network.name == OPEN:
        raise UsageError(f"{OPEN!r} is the name of the built-in network", hint)
    for one in known:
        if one.name == network.name and one.network_id != network.network_id:
            raise UsageError(
                f"This node is in a network {display(one.name)!r} already, which is another one"
                f" ({one.network_id})",
                hint,
            )


def _check_name(name: str) -> None:
    if not is_network_name(name):
        raise UsageError("A network's name has 1 to 64 visible characters", "Choose another name.")
