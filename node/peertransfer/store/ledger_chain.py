"""What of a ledger row is hashed, and how does one row hang on the row before?

Pure: rows come from and go to ``store.ledger_rows``. Spec: docs/ledger.md, "Canonical octets"; docs/adr/0009.

Strategy: the chain is hashed over commitments, not over contents, so that salt and content of a row can be
destroyed and the chain still be checked. The salt keeps what was destroyed from being guessed: whoever
knows the peers and the hour could otherwise try them all against the commitment that stays.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

ENTRY_DOMAIN = b"peertransfer/ledger/entry/1"
CHAIN_DOMAIN = b"peertransfer/ledger/chain/1"
SALT_SIZE = 16
HASH_SIZE = 32
NO_HASH = bytes(HASH_SIZE)
"""What the first entry hangs on."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row: the columns of ``privacy ledger``."""

    index: int
    """Place in the chain, from 1 on, in the order in which the rows began; never used twice."""
    at: int
    """Unix seconds of the first disclosure that the row counts."""
    last_at: int
    """Unix seconds of the last one; less than an hour after ``at``."""
    peer_id: str
    """Empty where the audience is not one peer."""
    network_id: str
    audience: str
    view: str
    item: str
    """The manifest CID where there is one, else empty."""
    link: str
    """Local name of the link through which it went; empty where it went through none of ours."""
    fields: tuple[str, ...]
    rule: str
    octets: int
    """Payload octets of content; 0 in all other views."""
    count: int
    """How often the same left within an hour of ``at``; 0: only octets that an earlier row counts."""


def canonical_octets(entry: LedgerEntry) -> bytes:
    """Return the one form in which an entry is hashed: numbers of 8 octets, texts behind their length."""
    parts = [struct.pack(">qqq", entry.index, entry.at, entry.last_at)]
    parts += map(_text, (entry.network_id, entry.audience, entry.peer_id, entry.view, entry.item, entry.link))
    parts.append(struct.pack(">I", len(entry.fields)))
    parts += map(_text, (*entry.fields, entry.rule))
    parts.append(struct.pack(">qq", entry.octets, entry.count))
    return b"".join(parts)


def commitment_of(salt: bytes, entry: LedgerEntry) -> bytes:
    """Return what the chain holds in place of the entry: 32 octets; ``salt`` has 16."""
    return hashlib.sha256(ENTRY_DOMAIN + salt + canonical_octets(entry)).digest()


def chain_hash(previous: bytes, index: int, commitment: bytes) -> bytes:
    """Return the hash of the chain up to and with the entry at ``index``: 32 octets.

    Args:
        previous: the hash up to the entry before; ``NO_HASH`` before the first.
        index: the entry's place.
        commitment: the entry's.
    """
    return hashlib.sha256(CHAIN_DOMAIN + previous + struct.pack(">q", index) + commitment).digest()


def _text(value: str) -> bytes:
    octets = value.encode()
    return struct.pack(">I", len(octets)) + octets
