"""How do ledger rows begin, grow and get sealed, and how are they read?

Every function runs inside one transaction of ``store.database``; it is called by ``store.ledger``.
Spec: ARCHITECTURE.md 3.8; docs/ledger.md; docs/adr/0009.

Strategy: the same disclosure within an hour is one row with a count. Such a row is open: its place in the
chain is fixed when it begins, its count grows, and its commitment is written anew with it. Once nothing
can be added to it any more it is sealed, in the order of the places, and from then on only the chain's
hash of it counts. So rows that end the ledger are open, all before them sealed, and ``ledger_head`` says
where one becomes the other.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from peertransfer.store.ledger_chain import SALT_SIZE, LedgerEntry, chain_hash, commitment_of
from peertransfer.store.records import Row, number, octets, pack, row, rows, text, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.disclosure.disclosed import DisclosureRecord
    from peertransfer.store.database import Connection
    from peertransfer.store.records import Value

GRAIN_SECONDS = 3600
"""Repeats of the same disclosure within an hour are one row, so that a DHT server's year fits a disk."""
SKEW_SECONDS = 60
"""Tasks read the clock before they wait for their turn; a row may be that much younger than its repeat."""
CONTENT = (
    "chain_index, at, last_at, peer_id, network_id, audience, view, item, link, fields, rule, octets, count"
)
"""The columns of an entry, in the order of ``LedgerEntry``."""
_INSERT = f"""INSERT INTO disclosures ({CONTENT}, salt, commitment)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - a constant
_OPEN = f"""SELECT {CONTENT}, salt, commitment FROM disclosures
    WHERE chain_hash IS NULL AND peer_id IS ? AND view = ? AND item IS ? AND link IS ? AND fields = ?
    AND rule = ? AND network_id = ? AND audience = ? AND at BETWEEN ? AND ?
    ORDER BY chain_index DESC LIMIT 1"""  # noqa: S608 - a constant


class Head(NamedTuple):
    """Where the ledger ends."""

    last_index: int
    """Of the newest row, open or sealed; 0: there never was one."""
    sealed_index: int
    """Of the newest sealed row."""
    sealed_hash: bytes
    """The chain's hash up to that."""


def head(connection: Connection) -> Head:
    """Return where the ledger ends."""
    found = row(connection, "SELECT last_index, sealed_index, sealed_hash FROM ledger_head")
    assert found is not None
    return Head(number(found[0]), number(found[1]), octets(found[2]))


def count_erased(connection: Connection, index: int) -> int:
    """Return how many rows after ``index`` have no content any more."""
    statement = "SELECT count(*) FROM disclosures WHERE chain_index > ? AND salt IS NULL"
    found = row(connection, statement, (index,))
    assert found is not None
    return number(found[0])


def book(connection: Connection, bookings: Iterable[tuple[DisclosureRecord, int]], now: int) -> None:
    """Write what leaves, or left: each record with the octets that it adds (0: a decision)."""
    for record, size in bookings:
        # Octets go under a decision that was counted when it was booked.
        counted = 0 if size else 1
        if not _grow(connection, record, size, counted, now):
            _add(connection, record, size, counted, now)


def take_room(connection: Connection, size: int) -> None:
    """Have so many octets of the disk, and no more: to see whether they are there, and to give them back."""
    connection.execute("UPDATE ledger_head SET room = zeroblob(?)", (size,))


def seal_due(connection: Connection, now: int, *, at_most: int) -> int:
    """Seal the oldest open rows to which nothing can be added any more; return how many."""
    end = head(connection)
    if end.sealed_index == end.last_index:
        return 0
    statement = "SELECT at FROM disclosures WHERE chain_index > ? ORDER BY chain_index LIMIT ?"
    count = 0
    for (at,) in rows(connection, statement, (end.sealed_index, at_most)):
        if now - GRAIN_SECONDS < number(at) <= now + SKEW_SECONDS:
            break
        count += 1
    return seal(connection, count) if count else 0


def seal(connection: Connection, count: int) -> int:
    """Seal the ``count`` oldest open rows, or all where there are fewer; return how many.

    What was committed to is sealed, not what the row says now: where these differ, the row was
    tampered with, and the chain must go on showing it.
    """
    end = head(connection)
    statement = (
        "SELECT chain_index, commitment FROM disclosures WHERE chain_index > ? ORDER BY chain_index LIMIT ?"
    )
    previous, index = end.sealed_hash, end.sealed_index
    sealed: list[tuple[bytes, int]] = []
    for found, commitment in rows(connection, statement, (end.sealed_index, count)):
        index = number(found)
        previous = chain_hash(previous, index, octets(commitment))
        sealed.append((previous, index))
    if not sealed:
        return 0
    connection.executemany("UPDATE disclosures SET chain_hash = ? WHERE chain_index = ?", sealed)
    connection.execute("UPDATE ledger_head SET sealed_index = ?, sealed_hash = ?", (index, previous))
    return len(sealed)


def entry_of(found: Sequence[Value]) -> LedgerEntry:
    """Read the columns of ``CONTENT``."""
    index, at, last_at, peer_id, network_id, audience, view, item, link, fields, rule, size, count = found
    return LedgerEntry(
        index=number(index),
        at=number(at),
        last_at=number(last_at),
        peer_id=text(peer_id or ""),
        network_id=text(network_id),
        audience=text(audience),
        view=text(view),
        item=text(item or ""),
        link=text(link or ""),
        fields=unpack(fields),
        rule=text(rule),
        octets=number(size),
        count=number(count),
    )


def columns_of(entry: LedgerEntry) -> Row:
    """Return the columns of ``CONTENT``; what is not there is NULL, and takes no room in the indexes."""
    return (
        *(entry.index, entry.at, entry.last_at, entry.peer_id or None, entry.network_id, entry.audience),
        *(entry.view, entry.item or None, entry.link or None, pack(entry.fields), entry.rule),
        *(entry.octets, entry.count),
    )


def _grow(connection: Connection, record: DisclosureRecord, size: int, counted: int, now: int) -> bool:
    """Add a repeat to its open row; False where there is none, or none that can be believed."""
    found = row(
        connection,
        _OPEN,
        (
            *(record.peer_id or None, record.view, record.item or None, record.link or None),
            *(pack(record.fields), record.rule, record.network_id, record.audience),
            *(now - GRAIN_SECONDS + 1, now + SKEW_SECONDS),
        ),
    )
    if found is None:
        return False
    *content, salt, commitment = found
    entry = entry_of(content)
    if commitment_of(octets(salt), entry) != commitment:
        return False  # somebody changed it: it stays as it is, for whoever looks at the chain
    grown = replace(
        entry,
        last_at=max(entry.last_at, now),
        octets=entry.octets + size,
        count=entry.count + counted,
    )
    connection.execute(
        "UPDATE disclosures SET last_at = ?, octets = ?, count = ?, commitment = ? WHERE chain_index = ?",
        (grown.last_at, grown.octets, grown.count, commitment_of(octets(salt), grown), grown.index),
    )
    return True


def _add(connection: Connection, record: DisclosureRecord, size: int, counted: int, now: int) -> None:
    next_index = row(connection, "UPDATE ledger_head SET last_index = last_index + 1 RETURNING last_index")
    assert next_index is not None
    entry = LedgerEntry(
        index=number(next_index[0]),
        at=now,
        last_at=now,
        peer_id=record.peer_id,
        network_id=record.network_id,
        audience=record.audience,
        view=record.view,
        item=record.item,
        link=record.link,
        fields=record.fields,
        rule=record.rule,
        octets=size,
        count=counted,
    )
    salt = secrets.token_bytes(SALT_SIZE)
    connection.execute(_INSERT, (*columns_of(entry), salt, commitment_of(salt, entry)))
