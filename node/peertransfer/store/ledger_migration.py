"""How does a ledger of rows that could be changed become a chain? The fifth migration.

The old rows become the chain's first part, sealed, in the order in which they were written. Nothing says that
they were not changed before. Once it was released, nothing here changes. Spec: docs/adr/0009.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from peertransfer.store.ledger_chain import NO_HASH, SALT_SIZE, LedgerEntry, chain_hash, commitment_of
from peertransfer.store.records import number, rows, text, unpack

if TYPE_CHECKING:
    import apsw

_TABLES = """
DROP INDEX disclosures_by_peer;
DROP INDEX disclosures_by_item;
DROP INDEX disclosures_by_time;
DROP INDEX disclosures_by_link;
ALTER TABLE disclosures RENAME TO unchained_disclosures;

-- Content is NULL where it was destroyed, all of it with the salt; peer, item and link where there is none.
-- chain_hash is NULL in a row that is open.
CREATE TABLE disclosures (
  chain_index INTEGER PRIMARY KEY,
  at          INTEGER,
  last_at     INTEGER,
  network_id  TEXT,
  audience    TEXT,
  peer_id     TEXT,
  view        TEXT,
  item        TEXT,
  link        TEXT,
  fields      TEXT,
  rule        TEXT,
  octets      INTEGER,
  count       INTEGER,
  salt        BLOB CHECK (length(salt) = 16),
  commitment  BLOB NOT NULL CHECK (length(commitment) = 32),
  chain_hash  BLOB CHECK (length(chain_hash) = 32),
  CHECK (salt IS NULL OR NOT (at IS NULL OR last_at IS NULL OR network_id IS NULL OR audience IS NULL
    OR view IS NULL OR fields IS NULL OR rule IS NULL OR octets IS NULL OR count IS NULL)),
  CHECK (salt IS NOT NULL OR coalesce(at, last_at, network_id, audience, peer_id, view, item, link, fields,
    rule, octets, count) IS NULL)
) STRICT;

CREATE TABLE ledger_head (
  only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
  last_index   INTEGER NOT NULL,
  sealed_index INTEGER NOT NULL,
  sealed_hash  BLOB NOT NULL,
  room         BLOB NOT NULL -- zeros, written to see whether a full disk has room again
) STRICT;

CREATE TABLE ledger_checkpoints (
  chain_index INTEGER PRIMARY KEY,
  chain_hash  BLOB NOT NULL,
  at          INTEGER NOT NULL,
  dropped     INTEGER NOT NULL
) STRICT;
"""

_INDEXES = """
DROP TABLE unchained_disclosures;
CREATE INDEX disclosures_by_time ON disclosures (at);
CREATE INDEX disclosures_by_peer ON disclosures (peer_id, at) WHERE peer_id IS NOT NULL;
CREATE INDEX disclosures_by_item ON disclosures (item, at) WHERE item IS NOT NULL;
CREATE INDEX disclosures_by_link ON disclosures (link, at) WHERE link IS NOT NULL;
CREATE INDEX disclosures_by_peer_item ON disclosures (peer_id, item, at) WHERE item IS NOT NULL;
CREATE INDEX disclosures_by_peer_link ON disclosures (peer_id, link, at) WHERE link IS NOT NULL;
CREATE INDEX disclosures_by_item_link ON disclosures (item, link, at) WHERE link IS NOT NULL;
CREATE INDEX disclosures_open ON disclosures (peer_id, view, item) WHERE chain_hash IS NULL;
"""

_OLD = """SELECT at, last_at, peer_id, network_id, audience, view, item, link, fields, rule, octets, count
    FROM unchained_disclosures ORDER BY disclosure_id"""
_NEW = """INSERT INTO disclosures (chain_index, at, last_at, peer_id, network_id, audience, view, item, link,
    fields, rule, octets, count, salt, commitment, chain_hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def chain_the_ledger(connection: apsw.Connection) -> None:
    """Make the tables of the chain and put the old rows into it, in the open transaction."""
    connection.execute(_TABLES)
    index, hashed = 0, NO_HASH
    for index, found in enumerate(rows(connection, _OLD), start=1):
        at, last_at, peer_id, network_id, audience, view, item, link, fields, rule, octets, count = found
        entry = LedgerEntry(
            index=index,
            at=number(at),
            last_at=number(last_at),
            peer_id=text(peer_id),
            network_id=text(network_id),
            audience=text(audience),
            view=text(view),
            item=text(item),
            link=text(link),
            fields=unpack(fields),
            rule=text(rule),
            octets=number(octets),
            count=number(count),
        )
        salt = secrets.token_bytes(SALT_SIZE)
        commitment = commitment_of(salt, entry)
        hashed = chain_hash(hashed, index, commitment)
        columns = (at, last_at, peer_id or None, network_id, audience, view, item or None, link or None)
        connection.execute(_NEW, (index, *columns, fields, rule, octets, count, salt, commitment, hashed))
    connection.execute("INSERT INTO ledger_head VALUES (1, ?, ?, ?, x'')", (index, index, hashed))
    connection.execute(_INDEXES)
