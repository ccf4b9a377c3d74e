"""Is the ledger's chain unbroken, and is a head that somebody noted still in it?

It reads only. What it can find, and what nobody could find without a head that is noted elsewhere, is told in
docs/ledger.md, "What the chain shows". Spec: docs/adr/0009.

Strategy: sealed rows never change but to go, so the bulk is read in many short reads, up to the head of when
the check began; what came since, and the open rows, are read in one, because they may be sealed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.store.ledger_chain import NO_HASH, chain_hash, commitment_of
from peertransfer.store.ledger_retention import Checkpoint, checkpoints
from peertransfer.store.ledger_rows import CONTENT, Head, columns_of, entry_of, head
from peertransfer.store.records import number, octets, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.database import Connection
    from peertransfer.store.records import Row, Value

CHECK_COUNT = 2000
"""Rows checked in one read: some 20 ms."""
_ROWS = f"""SELECT {CONTENT}, salt, commitment, chain_hash FROM disclosures
    WHERE chain_index > ? AND chain_index <= ? ORDER BY chain_index LIMIT ?"""  # noqa: S608 - a constant
_CHANGED = "its content was changed"
_MISSING = "it is missing"
_NO_LIMIT = -1
_LAST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class NotedHead:
    """What a person noted down of an earlier check."""

    hash: bytes
    index: int | None = None
    """``None``: anywhere in the chain."""

    def is_at(self, index: int, hashed: bytes) -> bool:
        """Tell whether the chain has this hash up to ``index``, and it is the one that was noted."""
        return self.hash == hashed and self.index in {None, index}


class _BrokenError(Exception):
    """The chain is broken at a row; never leaves this module."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


@dataclass(slots=True)
class LedgerCheck:
    """The state of one check, and in the end what it found."""

    noted: NotedHead | None = None
    entries: int = 0
    """Rows that are there, those among them whose content was destroyed included."""
    erased: int = 0
    """Rows whose content was destroyed."""
    opened: int = 0
    """Rows that were not sealed."""
    since: int | None = None
    """Unix seconds of the oldest row whose time is known."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    first_broken: int | None = None
    reason: str = ""
    is_noted_found: bool = False
    index: int = 0
    """Of the last row that was looked at."""
    sealed_index: int = 0
    hash: bytes = NO_HASH
    """The chain's hash up to ``sealed_index``."""

    @property
    def is_unbroken(self) -> bool:
        """Tell whether nothing is wrong: the chain holds, and a noted head is in it."""
        return self.first_broken is None and (self.noted is None or self.is_noted_found)

    def look_at_sealed(self, connection: Connection, until: int) -> bool:
        """Check the next rows up to the one at ``until``; tell whether there are more of them."""
        if self.first_broken is not None:
            return False
        self._begin(connection)
        before = self.index
        return self._look(connection, until, CHECK_COUNT) and before < self.index < until

    def look_at_rest(self, connection: Connection) -> None:
        """Check all rows that are left, and that the ledger ends where it says."""
        if self.first_broken is not None:
            return
        self._begin(connection)
        if not self._look(connection, _LAST, _NO_LIMIT):
            return
        end = head(connection)
        if self.index < end.last_index:
            self._break(_BrokenError(self.index + 1, _MISSING))
        elif not self._ends_at(end):
            self._break(_BrokenError(self.index, "the ledger does not end where it says"))

    def _begin(self, connection: Connection) -> None:
        """Go on behind what was dropped."""
        self.checkpoints = checkpoints(connection)
        for one in self.checkpoints:
            self._meet(one.index, one.hash)
        if self.checkpoints and self.checkpoints[-1].index > self.index:
            newest = self.checkpoints[-1]
            self.index = self.sealed_index = newest.index
            self.hash, self.entries, self.erased, self.since = newest.hash, 0, 0, None

    def _look(self, connection: Connection, until: int, limit: int) -> bool:
        """Check rows; tell whether none of them is broken."""
        try:
            for found in rows(connection, _ROWS, (self.index, until, limit)):
                self._check(found)
        except _BrokenError as broken:
            self._break(broken)
            return False
        except ValueError:  # no text in UTF-8: the row did not get as far as here
            self._break(_BrokenError(self.index + 1, "it can't be read"))
            return False
        return True

    def _check(self, found: Row) -> None:
        *content, salt, commitment, hashed = found
        index = number(content[0])
        if index != self.index + 1:
            raise _BrokenError(self.index + 1, _MISSING)
        if salt is not None:
            self._check_content(content, octets(salt), octets(commitment))
        elif hashed is None:  # only what was sealed is ever destroyed
            raise _BrokenError(index, _CHANGED)
        if hashed is not None:
            self.hash = chain_hash(self.hash, index, octets(commitment))
            if index != self.sealed_index + 1 or self.hash != hashed:
                raise _BrokenError(index, "it does not follow from the entries before it")
            self.sealed_index = index
            self._meet(index, self.hash)
        self.index = index
        self.entries += 1
        self.erased += salt is None
        self.opened += hashed is None

    def _check_content(self, content: Sequence[Value], salt: bytes, commitment: bytes) -> None:
        index = number(content[0])
        try:
            entry = entry_of(content)
            is_ours = columns_of(entry) == tuple(content) and commitment_of(salt, entry) == commitment
        except (AssertionError, AttributeError, TypeError, ValueError) as exc:
            raise _BrokenError(index, _CHANGED) from exc
        if not is_ours:
            raise _BrokenError(index, _CHANGED)
        self.since = entry.at if self.since is None else min(self.since, entry.at)

    def _ends_at(self, end: Head) -> bool:
        return (self.index, self.sealed_index, self.hash) == (
            end.last_index,
            end.sealed_index,
            end.sealed_hash,
        )

    def _meet(self, index: int, hashed: bytes) -> None:
        if self.noted is not None and self.noted.is_at(index, hashed):
            self.is_noted_found = True

    def _break(self, broken: _BrokenError) -> None:
        self.first_broken, self.reason = broken.index, broken.reason
