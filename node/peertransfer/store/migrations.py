"""Which tables are there, and how does an older database become today's?

Each item of ``MIGRATIONS`` is run once, in one transaction, after a backup (``store.database``); its
position is the ``user_version`` that it leads to. An item that was released is never changed.

Lists of texts are JSON; CIDs that are looked up are text, those that are only kept are octets; paths
of this machine are octets, because a file's name need not be text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from peertransfer.store.ledger_migration import chain_the_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

Migration: TypeAlias = "str | Callable[[apsw.Connection], None]"
"""Statements, or what runs in the transaction where statements are not enough."""

_FIRST = """
CREATE TABLE shares (
  share_id      INTEGER PRIMARY KEY,
  manifest_cid  TEXT NOT NULL UNIQUE,
  hash_function TEXT NOT NULL,
  title         TEXT NOT NULL,
  purpose       TEXT,
  basis         TEXT,
  expires_at    INTEGER NOT NULL,
  labels        TEXT NOT NULL,
  sources       BLOB NOT NULL,
  entry_count   INTEGER NOT NULL,
  file_count    INTEGER NOT NULL,
  size          INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  seed          BLOB NOT NULL,
  manifest      BLOB NOT NULL
) STRICT;

CREATE TABLE entries (
  share_id    INTEGER NOT NULL REFERENCES shares ON DELETE CASCADE,
  entry_index INTEGER NOT NULL,
  ordinal     INTEGER NOT NULL,
  path        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  size        INTEGER NOT NULL,
  executable  INTEGER NOT NULL,
  mtime_at    INTEGER,
  media_type  TEXT,
  labels      TEXT NOT NULL,
  root        BLOB,
  mtime_ns    INTEGER,
  ctime_ns    INTEGER,
  inode       INTEGER,
  status      TEXT NOT NULL CHECK (status IN ('ready', 'stale')),
  UNIQUE (share_id, entry_index)
) STRICT;

-- Apart from entries, so that listing a share does not read 32 octets for each of its mebibytes.
CREATE TABLE entry_leaves (
  share_id    INTEGER NOT NULL REFERENCES shares ON DELETE CASCADE,
  entry_index INTEGER NOT NULL,
  digests     BLOB NOT NULL,
  UNIQUE (share_id, entry_index)
) STRICT;

CREATE TABLE links (
  name         TEXT PRIMARY KEY,
  manifest_cid TEXT NOT NULL REFERENCES shares (manifest_cid) ON DELETE CASCADE,
  network_id   TEXT NOT NULL,
  secret       BLOB NOT NULL,
  locator      BLOB NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX links_by_locator ON links (network_id, locator);
CREATE INDEX links_by_share ON links (manifest_cid);

CREATE TABLE deliveries (
  link_name    TEXT NOT NULL,
  manifest_cid TEXT NOT NULL,
  network_id   TEXT NOT NULL,
  peer_id      TEXT NOT NULL,
  at           INTEGER NOT NULL,
  octets       INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_by_share ON deliveries (manifest_cid, at);

CREATE TABLE disclosures (
  disclosure_id INTEGER PRIMARY KEY,
  at            INTEGER NOT NULL,
  last_at       INTEGER NOT NULL,
  network_id    TEXT NOT NULL,
  audience      TEXT NOT NULL,
  peer_id       TEXT NOT NULL,
  view          TEXT NOT NULL,
  item          TEXT NOT NULL,
  fields        TEXT NOT NULL,
  rule          TEXT NOT NULL,
  octets        INTEGER NOT NULL,
  count         INTEGER NOT NULL
) STRICT;
CREATE INDEX disclosures_by_peer ON disclosures (peer_id, view, item, at);
CREATE INDEX disclosures_by_item ON disclosures (item, at);
CREATE INDEX disclosures_by_time ON disclosures (at);

CREATE TABLE refusals (
  day        INTEGER NOT NULL,
  network_id TEXT NOT NULL,
  peer_id    TEXT NOT NULL,
  view       TEXT NOT NULL,
  item       TEXT NOT NULL,
  last_at    INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  PRIMARY KEY (day, network_id, peer_id, view, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE networks (
  network_id     TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  kind           TEXT NOT NULL CHECK (kind IN ('own', 'member', 'psk', 'open')),
  psk            BLOB,
  epoch_key      BLOB NOT NULL,
  epoch          INTEGER NOT NULL,
  bootstrap      TEXT NOT NULL,
  contact        TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  authority_seed BLOB,
  listen_port    INTEGER NOT NULL
) STRICT;

CREATE TABLE known_peers (
  network_id   TEXT NOT NULL,
  peer_id      TEXT NOT NULL,
  addrs        TEXT NOT NULL,
  last_seen_at INTEGER NOT NULL,
  is_bootstrap INTEGER NOT NULL,
  PRIMARY KEY (network_id, peer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_peers_by_time ON known_peers (network_id, last_seen_at);

CREATE TABLE transfers (
  transfer_id     TEXT PRIMARY KEY,
  manifest_cid    TEXT NOT NULL,
  network_id      TEXT NOT NULL,
  secret          BLOB NOT NULL,
  addrs           TEXT NOT NULL,
  dest            BLOB NOT NULL,
  title           TEXT NOT NULL,
  selected        TEXT NOT NULL,
  clash_mode      TEXT NOT NULL,
  state           TEXT NOT NULL,
  started_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  octets_received INTEGER NOT NULL DEFAULT 0,
  octets_reused   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX transfers_by_manifest ON transfers (manifest_cid, dest);

CREATE TABLE transfer_entries (
  transfer_id TEXT NOT NULL REFERENCES transfers ON DELETE CASCADE,
  entry_index INTEGER NOT NULL,
  root        BLOB NOT NULL,
  is_done     INTEGER NOT NULL,
  bitmap      BLOB NOT NULL,
  UNIQUE (transfer_id, entry_index)
) STRICT;

CREATE TABLE bans (
  network_id   TEXT NOT NULL,
  peer_id      TEXT NOT NULL,
  manifest_cid TEXT NOT NULL,
  until_at     INTEGER NOT NULL,
  PRIMARY KEY (network_id, peer_id, manifest_cid)
) STRICT, WITHOUT ROWID;
"""

_SECOND = """
ALTER TABLE transfers ADD COLUMN name TEXT NOT NULL DEFAULT '';
"""

_THIRD = """
ALTER TABLE transfers ADD COLUMN octets_total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transfers ADD COLUMN octets_done INTEGER NOT NULL DEFAULT 0;
"""

_FOURTH = """
ALTER TABLE disclosures ADD COLUMN link TEXT NOT NULL DEFAULT '';
CREATE INDEX disclosures_by_link ON disclosures (link, at);
"""

_SIXTH = """
CREATE TABLE spent (
  rule       TEXT NOT NULL,
  network_id TEXT NOT NULL,
  peer_id    TEXT NOT NULL,
  minute     INTEGER NOT NULL,
  decisions  INTEGER NOT NULL,
  day        INTEGER NOT NULL,
  octets     INTEGER NOT NULL,
  items      TEXT NOT NULL,
  PRIMARY KEY (rule, network_id, peer_id)
) STRICT, WITHOUT ROWID;
"""

_SEVENTH = """
ALTER TABLE networks ADD COLUMN peer_id TEXT NOT NULL DEFAULT '';
"""

_EIGHTH = """
CREATE TABLE refusals_by_link (
  day        INTEGER NOT NULL,
  network_id TEXT NOT NULL,
  peer_id    TEXT NOT NULL,
  view       TEXT NOT NULL,
  item       TEXT NOT NULL,
  link       TEXT, -- empty: the peer had proven none; NULL: not kept, in rows from before this column
  last_at    INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  UNIQUE (day, network_id, peer_id, view, item, link)
) STRICT;
INSERT INTO refusals_by_link SELECT day, network_id, peer_id, view, item, NULL, last_at, count FROM refusals;
DROP TABLE refusals;
ALTER TABLE refusals_by_link RENAME TO refusals;
"""

MIGRATIONS: tuple[Migration, ...] = (
    *(_FIRST, _SECOND, _THIRD, _FOURTH, chain_the_ledger, _SIXTH, _SEVENTH, _EIGHTH),
)
"""Item ``n`` leads from ``user_version`` n to n + 1."""
