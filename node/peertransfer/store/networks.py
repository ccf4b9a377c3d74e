"""Which networks is this node in, and by what secrets?

Keys of the hosts are files (``store.home``); the peers that were met are in ``store.peers``.
Spec: ARCHITECTURE.md 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from peertransfer.errors import NotFoundError
from peertransfer.store.records import Row, change, number, octets, pack, row, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection, Database

NetworkKind: TypeAlias = Literal["own", "member", "psk", "open"]
"""Made here; joined by an invite; a plain libp2p private network; the built-in one."""

_COLUMNS = """network_id, name, kind, psk, epoch_key, epoch, bootstrap, contact, created_at,
  authority_seed, listen_port, peer_id"""


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """One network that this node is in."""

    network_id: str
    name: str
    kind: NetworkKind
    created_at: int
    psk: bytes | None = field(default=None, repr=False)
    """The pnet key, 32 octets."""
    epoch_key: bytes = field(default=b"", repr=False)
    epoch: int = 0
    bootstrap: tuple[str, ...] = ()
    """Multiaddrs with the peer ID at their end."""
    contact: str = ""
    authority_seed: bytes | None = field(default=None, repr=False)
    """Private key of the network, 32 octets, where this node is its authority."""
    listen_port: int = 0
    """The TCP port that was drawn; 0 until then."""
    peer_id: str = ""
    """This node's own there; empty until its host has run."""


class Networks:
    """The table of networks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, network: StoredNetwork) -> None:
        """Keep a network; one with the same ID is replaced, but for its port and own peer ID."""
        await self._database.run(lambda connection: _save(connection, network))

    async def list(self) -> tuple[StoredNetwork, ...]:
        """Return all networks, oldest first."""
        statement = f"SELECT {_COLUMNS} FROM networks ORDER BY created_at, network_id"  # noqa: S608 - a constant
        return await self._database.read(lambda connection: tuple(map(_network, rows(connection, statement))))

    async def find(self, network_id: str) -> StoredNetwork | None:
        """Return the network with this ID, if this node is in it."""
        statement = f"SELECT {_COLUMNS} FROM networks WHERE network_id = ?"  # noqa: S608 - a constant
        found = await self._database.read(lambda connection: row(connection, statement, (network_id,)))
        return None if found is None else _network(found)

    async def set_listen_port(self, network_id: str, port: int) -> None:
        """Keep the port that was drawn, so that links and bootstrap entries outlive a restart."""
        await self._change("UPDATE networks SET listen_port = ? WHERE network_id = ?", port, network_id)

    async def set_peer_id(self, network_id: str, peer_id: str) -> None:
        """Keep by which peer ID this node is known there, so that a lost key is missed; empty: by none."""
        await self._change("UPDATE networks SET peer_id = ? WHERE network_id = ?", peer_id, network_id)

    async def set_bootstrap(self, network_id: str, bootstrap: Sequence[str]) -> None:
        """Keep other bootstrap multiaddrs."""
        await self._change(
            "UPDATE networks SET bootstrap = ? WHERE network_id = ?", pack(bootstrap), network_id
        )

    async def set_epoch(self, network_id: str, epoch: int, epoch_key: bytes) -> None:
        """Keep the key of a new epoch; the caller computes the links' locators anew."""
        statement = "UPDATE networks SET epoch = ?, epoch_key = ? WHERE network_id = ?"
        await self._change(statement, epoch, epoch_key, network_id)

    async def leave(self, network_id: str) -> None:
        """Forget a network: its secrets, its links and the peers met there."""
        await self._database.run(lambda connection: _leave(connection, network_id))

    async def _change(self, statement: str, *values: str | int | bytes) -> None:
        if not await self._database.run(lambda connection: change(connection, statement, values)):
            raise _unknown(str(values[-1]))


def _unknown(network_id: str) -> NotFoundError:
    return NotFoundError(f"This node is not in a network {network_id}", "See: peertransfer network list")


def _save(connection: Connection, network: StoredNetwork) -> None:
    connection.execute(
        f"""INSERT INTO networks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET name = excluded.name, kind = excluded.kind, psk = excluded.psk,
        epoch_key = excluded.epoch_key, epoch = excluded.epoch, bootstrap = excluded.bootstrap,
        contact = excluded.contact, authority_seed = excluded.authority_seed,
        listen_port = iif(excluded.listen_port, excluded.listen_port, listen_port),
        peer_id = iif(excluded.peer_id = '', peer_id, excluded.peer_id)""",  # noqa: S608 - a constant
        (
            *(network.network_id, network.name, network.kind, network.psk, network.epoch_key, network.epoch),
            *(pack(network.bootstrap), network.contact, network.created_at, network.authority_seed),
            *(network.listen_port, network.peer_id),
        ),
    )


def _leave(connection: Connection, network_id: str) -> None:
    if not change(connection, "DELETE FROM networks WHERE network_id = ?", (network_id,)):
        raise _unknown(network_id)
    for table in ("known_peers", "links", "bans"):
        connection.execute(f"DELETE FROM {table} WHERE network_id = ?", (network_id,))  # noqa: S608 - constants


def _network(found: Row) -> StoredNetwork:
    network_id, name, kind, psk, epoch_key, epoch, bootstrap, contact, created_at, seed, port, peer_id = found
    return StoredNetwork(
        network_id=text(network_id),
        name=text(name),
        kind=cast("NetworkKind", text(kind)),
        psk=None if psk is None else octets(psk),
        epoch_key=octets(epoch_key),
        epoch=number(epoch),
        bootstrap=unpack(bootstrap),
        contact=text(contact),
        created_at=number(created_at),
        authority_seed=None if seed is None else octets(seed),
        listen_port=number(port),
        peer_id=text(peer_id),
    )
