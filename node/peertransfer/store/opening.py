"""Can this database file be used, and what must be done to it first?

It opens, checks and migrates; what happens afterwards is ``store.database``'s. Blocking.
Spec: RELIABILITY.md (c) "Storage" 1, (b) "Upgrade".

Strategy: look at the file's first 100 octets before SQLite does, because opening a database is
already allowed to write (it rolls a journal forward, and checkpoints when closing). A file that is
not for us is left as it is, octet for octet.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import apsw

from peertransfer.errors import CatalogError
from peertransfer.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peertransfer.store.migrations import Migration

APPLICATION_ID = 0x50544652
"""``PTFR``: tells this file from every other program's database."""
MAX_CHECKED_SIZE = 64 << 20
"""Octets up to which a database is examined at every start (some tenths of a second)."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100
_USER_VERSION_AT = 60
_APPLICATION_ID_AT = 68


def open_writer(path: Path, migrations: Sequence[Migration] | None = None) -> tuple[apsw.Connection, bool]:
    """Open the writing connection; tell whether the last node on it ended uncleanly.

    Raises:
        CatalogError: corrupt, newer than this program, or not ours; nothing was changed.
        apsw.Error, OSError: SQLite or the disk failed; ``store.database`` translates it.
    """
    steps = MIGRATIONS if migrations is None else migrations
    _make_file(path)
    _check_header(path, len(steps))
    journal = path.with_name(path.name + "-wal")
    was_unclean = journal.exists() and journal.stat().st_size > 0
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _check_content(connection, path, len(steps), is_suspect=was_unclean)
        _configure(connection)
        _migrate(connection, path, steps)
    except (apsw.Error, CatalogError):
        # Closing must not write a journal that was not understood into the file.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(was_unclean))
        connection.close()
        raise
    return connection, was_unclean


def look_through(path: Path) -> None:
    """Examine all of a database by a connection that can't change it.

    Raises:
        CatalogError: corrupt, newer than this program, or not ours.
        apsw.Error, OSError: as ``open_writer``.
    """
    _check_header(path, len(MIGRATIONS))
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        _check_content(connection, path, len(MIGRATIONS), is_suspect=True)
    finally:
        connection.close()


def check_presence(path: Path) -> None:
    """Refuse to take a database that was lost for an empty one.

    Raises:
        CatalogError: there is none, or nothing in it.
    """
    if not path.exists() or not path.stat().st_size:
        raise CatalogError(
            f"The database {path} is gone, and with it this node's shares, links, networks and ledger",
            f"Put a copy of it ({path.name}.backup-*) in its place, or begin a new one with: "
            "peertransfer init",
        )


def corrupt(path: Path, detail: str) -> CatalogError:
    """Return the error for a database that is damaged."""
    return CatalogError(
        f"The database {path} is damaged ({detail})",
        f"Nothing was changed: move it away, then put a copy ({path.name}.backup-*) in its place or run: "
        "peertransfer init",
    )


def backup_path(path: Path, version: int) -> Path:
    """Return where the copy is kept that was made before leaving ``version``."""
    return path.with_name(f"{path.name}.backup-{version}")


def _make_file(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _check_header(path: Path, version: int) -> None:
    with path.open("rb") as file:
        header = file.read(_HEADER_SIZE)
    if not header:
        return
    if len(header) < _HEADER_SIZE or not header.startswith(_MAGIC):
        raise corrupt(path, "it does not begin like one")
    found_version = int.from_bytes(header[_USER_VERSION_AT : _USER_VERSION_AT + 4])
    found_id = int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4])
    if found_id not in {0, APPLICATION_ID} or (found_id == 0 and found_version):
        raise CatalogError(f"{path} is another program's database", "Move it away.")
    if found_version > version:
        raise _newer(path, found_version, version)


def _newer(path: Path, found: int, known: int) -> CatalogError:
    return CatalogError(
        f"The database {path} was written by a newer peertransfer (version {found}, this one knows {known})",
        "Nothing was changed: use the newer program, or another home.",
    )


def _check_content(connection: apsw.Connection, path: Path, version: int, *, is_suspect: bool) -> None:
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
    found = _pragma(connection, "user_version")  # once more: the newest header may be in the journal
    if found > version:
        raise _newer(path, found, version)
    if is_suspect or path.stat().st_size <= MAX_CHECKED_SIZE:
        answer = next(iter(connection.execute("PRAGMA quick_check(1)")))[0]
        if answer != "ok":
            raise corrupt(path, str(answer).splitlines()[-1])


def _configure(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    # Erasing a key must leave nothing of it in a free page.
    connection.execute("PRAGMA secure_delete = ON")


def _migrate(connection: apsw.Connection, path: Path, steps: Sequence[Migration]) -> None:
    found = _pragma(connection, "user_version")
    if found == len(steps):
        return
    if found:
        _back_up(connection, backup_path(path, found))
    for version, step in enumerate(steps[found:], start=found):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if callable(step):
                step(connection)
            else:
                connection.execute(step)
            connection.execute(
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version + 1}"
            )
            connection.execute("COMMIT")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the header is now in the file itself


def _back_up(connection: apsw.Connection, target: Path) -> None:
    scratch = target.with_name(target.name + ".new")
    scratch.unlink(missing_ok=True)
    os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    copy = apsw.Connection(str(scratch), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with copy.backup("main", connection, "main") as backup:
            backup.step()
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()
    fd = os.open(scratch, os.O_RDONLY | os.O_CLOEXEC)
    os.fsync(fd)
    os.close(fd)
    scratch.replace(target)


def _pragma(connection: apsw.Connection, name: str) -> int:
    value = next(iter(connection.execute(f"PRAGMA {name}")))[0]
    assert isinstance(value, int)
    return value
