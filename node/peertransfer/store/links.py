"""Which links does a share have, whose is each, and which still hold?

Secrets are in here: nothing of this module's records is logged (``repr`` hides them). The locator is
computed by who knows the epoch key (``content.locator``). Spec: ARCHITECTURE.md 4; CLI.md, ``link``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.errors import LocalError, NotFoundError
from peertransfer.store.records import Row, change, number, octets, row, rows, text
from peertransfer.store.shares import unknown_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection, Database
    from peertransfer.store.records import Value

_COLUMNS = "name, manifest_cid, network_id, created_at, expires_at, ended_at, secret, locator"


@dataclass(frozen=True, slots=True)
class StoredLink:
    """One link, one recipient."""

    name: str
    """Unique on this node; the policy's ``link:`` audience and the ledger use it."""
    manifest_cid: str
    network_id: str
    created_at: int
    expires_at: int = 0
    """Unix seconds; 0: with the share."""
    ended_at: int = 0
    """Unix seconds; 0: not ended."""
    secret: bytes = field(default=b"", repr=False)
    """16 octets."""
    locator: bytes = field(default=b"", repr=False)
    """32 octets, under the network's present epoch key."""

    def holds(self, now: int) -> bool:
        """Tell whether the link was neither ended nor expired."""
        return not self.ended_at and (not self.expires_at or now < self.expires_at)


class Links:
    """The table of links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_link(self, link: StoredLink) -> None:
        """Keep a new link.

        Raises:
            LocalError: its name is taken.
            NotFoundError: there is no such share.
        """
        await self._database.run(lambda connection: _add(connection, link))

    async def find_link(self, name: str) -> StoredLink:
        """Return the link of this name.

        Raises:
            NotFoundError: there is none.
        """
        found = await self._select("name = ?", (name,))
        if not found:
            raise _unknown(name)
        return found[0]

    async def find_link_by_locator(self, network_id: str, locator: bytes) -> StoredLink | None:
        """Return the link that a want names, whether it still holds or not; None where nothing does."""
        found = await self._select("network_id = ? AND locator = ?", (network_id, locator))
        return found[0] if found else None

    async def list_links(
        self, *, manifest_cid: str | None = None, network_id: str | None = None
    ) -> tuple[StoredLink, ...]:
        """Return the links of a share, of a network, or all, oldest first."""
        where = (
            "(?1 IS NULL OR manifest_cid = ?1) AND (?2 IS NULL OR network_id = ?2) ORDER BY created_at, name"
        )
        return await self._select(where, (manifest_cid, network_id))

    async def end_link(self, name: str, now: int) -> StoredLink:
        """Stop one link for good and erase its secret; others of its share go on.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.run(lambda connection: _end(connection, name, now))

    async def set_locator(self, name: str, locator: bytes) -> None:
        """Keep the locator under a new epoch key.

        Raises:
            NotFoundError: there is no such link.
        """
        statement = "UPDATE links SET locator = ? WHERE name = ?"
        if not await self._database.run(lambda connection: change(connection, statement, (locator, name))):
            raise _unknown(name)

    async def _select(self, where: str, values: Sequence[Value]) -> tuple[StoredLink, ...]:
        statement = f"SELECT {_COLUMNS} FROM links WHERE {where}"  # noqa: S608 - constants
        return await self._database.read(
            lambda connection: tuple(map(_link, rows(connection, statement, values)))
        )


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"There is no link named {name!r}", "See: peertransfer link list")


def _add(connection: Connection, link: StoredLink) -> None:
    if row(connection, "SELECT 1 FROM links WHERE name = ?", (link.name,)):
        raise LocalError(f"There is a link named {link.name!r} already", "Choose another name.")
    if not row(connection, "SELECT 1 FROM shares WHERE manifest_cid = ?", (link.manifest_cid,)):
        raise unknown_share(link.manifest_cid)
    connection.execute(
        f"INSERT INTO links ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            *(link.name, link.manifest_cid, link.network_id, link.created_at, link.expires_at, link.ended_at),
            *(link.secret, link.locator),
        ),
    )


def _end(connection: Connection, name: str, now: int) -> StoredLink:
    connection.execute(
        "UPDATE links SET ended_at = ?, secret = x'' WHERE name = ? AND ended_at = 0", (now, name)
    )
    found = row(connection, f"SELECT {_COLUMNS} FROM links WHERE name = ?", (name,))  # noqa: S608 - constants
    if found is None:
        raise _unknown(name)
    return _link(found)


def _link(found: Row) -> StoredLink:
    name, manifest_cid, network_id, created_at, expires_at, ended_at, secret, locator = found
    return StoredLink(
        name=text(name),
        manifest_cid=text(manifest_cid),
        network_id=text(network_id),
        created_at=number(created_at),
        expires_at=number(expires_at),
        ended_at=number(ended_at),
        secret=octets(secret),
        locator=octets(locator),
    )
