"""How do records get onto the disk and back, whole or not at all?

It knows no table (``store.migrations`` names them, the other modules use them).
Spec: RELIABILITY.md (c) "Storage" 1; ARCHITECTURE.md 7.

Strategy: one thread writes, with one connection; another reads, with its own. Jobs that wait while a
commit is being synced are committed together by the next one, each in a savepoint of its own, so that
a failing job takes nothing of another's with it, and nobody is answered before the commit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

import apsw
import outcome
import trio

from peertransfer.errors import CatalogError, PeertransferError, SpaceError, StoreError
from peertransfer.store.disk import HOME_ROOM_HINT, is_full
from peertransfer.store.opening import check_presence, corrupt, look_through, open_writer
from peertransfer.store.worker import Job, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from peertransfer.store.migrations import Migration

T = TypeVar("T")
Connection: TypeAlias = apsw.Connection

MAX_GROUP_SECONDS = 0.05
"""Work that goes into one commit, so that the first of a group is not kept waiting by the last."""

_WRITING = frozenset(
    {
        *(apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC),
        *(apsw.SQLITE_IOERR_TRUNCATE, apsw.SQLITE_IOERR_SHMOPEN, apsw.SQLITE_IOERR_SHMSIZE),
    }
)
"""What SQLite could not do, where it means that something could not be written."""


class Database:
    """The node's records, on one writing and one reading thread."""

    def __init__(
        self, path: Path, *, migrations: Sequence[Migration] | None = None, is_expected: bool = False
    ) -> None:
        """Open ``path`` (blocking), making or migrating it where needed.

        Args:
            path: the database file; its folder exists.
            is_expected: what is missing was lost, and is not made anew.
            migrations: another list than ``store.migrations``, for tests.

        Raises:
            CatalogError: corrupt, locked, lost, newer than this program, or not ours; nothing was changed.
            SpaceError: the disk is full.
        """
        self.path = path
        if is_expected:
            check_presence(path)
        try:
            writer, self.was_unclean = open_writer(path, migrations)
            reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            reader.set_busy_timeout(5000)
            reader.execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        except apsw.Error as exc:
            raise _ours(exc, path) from exc
        except OSError as exc:
            raise _unreadable(exc, path) from exc
        self._writer_connection = writer
        self._reader_connection = reader
        self._writer = Worker("store-writer", writer, self._write_group)
        self._reader = Worker("store-reader", reader, self._read_group)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Have ``work`` done in a transaction; it is on the disk when this returns.

        ``work`` runs on the writer thread: it calls nothing of trio, and raising undoes what it did.
        A caller that is cancelled while ``work`` runs waits for its end.
        """
        return await self._writer.run(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Have ``work`` read in one consistent state of the database, which it can't change."""
        return await self._reader.run(work)

    def close(self) -> None:
        """Finish what waits and close the files (blocking); again: nothing."""
        self._reader.close()
        self._reader_connection.close()
        self._writer.close()
        try:
            self._writer_connection.close()
        except apsw.Error as exc:
            raise _ours(exc, self.path) from exc

    async def aclose(self) -> None:
        """Finish what waits and close the files."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self.close)

    async def __aenter__(self) -> Self:
        """Use the database within an ``async with`` block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        await self.aclose()

    def _write_group(self, connection: Connection, jobs: Sequence[Job[Connection]]) -> None:
        waiting = list(jobs)
        while waiting:
            begun = outcome.capture(connection.execute, "BEGIN IMMEDIATE")
            if isinstance(begun, outcome.Error):
                for job in waiting:
                    job.answer(self._translated(begun))
                return
            done = self._do_some(connection, waiting)
            waiting = waiting[len(done) :]
            self._commit(connection, done)

    def _do_some(
        self, connection: Connection, jobs: Sequence[Job[Connection]]
    ) -> list[tuple[Job[Connection], outcome.Outcome[object]]]:
        done: list[tuple[Job[Connection], outcome.Outcome[object]]] = []
        deadline = time.monotonic() + MAX_GROUP_SECONDS
        for job in jobs:
            # Alone it needs no savepoint; each statement lets another thread of this program have its turn.
            carry_out = _in_savepoint if len(jobs) > 1 else _alone
            result = outcome.capture(carry_out, connection, job.work)
            if not connection.in_transaction:  # SQLite gave the whole transaction up (disk full, I/O error)
                return [*((each, result) for each, _ in done), (job, result)]
            done.append((job, result))
            if time.monotonic() > deadline:
                break
        return done

    def _commit(
        self, connection: Connection, done: Sequence[tuple[Job[Connection], outcome.Outcome[object]]]
    ) -> None:
        failure: outcome.Error | None = None
        if connection.in_transaction:
            committed = outcome.capture(connection.execute, "COMMIT")
            if isinstance(committed, outcome.Error):
                failure = committed
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        for job, result in done:
            job.answer(self._translated(failure or result))

    def _read_group(self, connection: Connection, jobs: Sequence[Job[Connection]]) -> None:
        for job in jobs:
            job.answer(self._translated(outcome.capture(_in_snapshot, connection, job.work)))

    def _translated(self, result: outcome.Outcome[object]) -> outcome.Outcome[object]:
        if isinstance(result, outcome.Error) and isinstance(result.error, apsw.Error):
            error = _ours(result.error, self.path)
            error.__cause__ = result.error
            return outcome.Error(error)
        return result


def examine_database(path: Path) -> None:
    """Look through the whole of a database (blocking), and change nothing.

    Raises:
        CatalogError: lost, corrupt, locked, newer than this program, or not ours.
        StoreError: it can't be read.
    """
    check_presence(path)
    try:
        look_through(path)
    except apsw.Error as exc:
        raise _ours(exc, path) from exc
    except OSError as exc:
        raise _unreadable(exc, path) from exc


def _alone(connection: Connection, work: Callable[[Connection], T]) -> T:
    result = outcome.capture(work, connection)
    if isinstance(result, outcome.Error) and connection.in_transaction:
        connection.execute("ROLLBACK")
    return result.unwrap()


def _in_savepoint(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.execute("SAVEPOINT job")
    result = outcome.capture(work, connection)
    if connection.in_transaction:  # else SQLite gave it up, savepoints and all
        if isinstance(result, outcome.Error):
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
    return result.unwrap()


def _in_snapshot(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        connection.execute("ROLLBACK")


def _ours(error: apsw.Error, path: Path) -> PeertransferError:
    """Translate SQLite's errors, at the only place that sees them."""
    if isinstance(error, apsw.FullError):
        return SpaceError(f"The disk of {path} is full", HOME_ROOM_HINT)
    if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _WRITING:
        # A quota is told so, and on a full disk whatever is not the file's own octets.
        return SpaceError(f"The disk of {path} is full, or can't be written ({error})", HOME_ROOM_HINT)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return corrupt(path, str(error))
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return CatalogError(f"The database {path} is in use by another program", "Stop it and try again.")
    if isinstance(error, apsw.CantOpenError | apsw.PermissionsError | apsw.ReadOnlyError):
        return CatalogError(f"The database {path} can't be opened: {error}", "Look at its owner and mode.")
    return StoreError(f"The database {path} failed: {error}", "Look at its disk: peertransfer doctor")


def _unreadable(error: OSError, path: Path) -> PeertransferError:
    if is_full(error):
        return SpaceError(f"The disk of {path} is full", HOME_ROOM_HINT)
    return CatalogError(
        f"The database {path} can't be opened: {error.strerror}", "Look at its owner and mode."
    )
