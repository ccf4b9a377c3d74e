"""How is a row read, and how is a list of texts kept in a column?

Nothing else: each table's module knows its own columns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

Value: TypeAlias = "int | float | bytes | str | None"
Row: TypeAlias = "tuple[Value, ...]"


def rows(connection: apsw.Connection, statement: str, values: Sequence[Value] = ()) -> Iterator[Row]:
    """Run one statement and yield its rows."""
    yield from connection.execute(statement, tuple(values))


def row(connection: apsw.Connection, statement: str, values: Sequence[Value] = ()) -> Row | None:
    """Run one statement and return its first row, if there is one."""
    return next(rows(connection, statement, values), None)


def change(connection: apsw.Connection, statement: str, values: Sequence[Value] = ()) -> int:
    """Run one statement and return how many rows it changed."""
    before = connection.total_changes()
    connection.execute(statement, tuple(values))
    return connection.total_changes() - before


def pack(texts: Sequence[str]) -> str:
    """Write a list of texts."""
    return json.dumps(list(texts), ensure_ascii=False, separators=(",", ":"))


def unpack(column: Value) -> tuple[str, ...]:
    """Read a list of texts."""
    return tuple(json.loads(text(column)))


def text(column: Value) -> str:
    """Read a column declared TEXT NOT NULL."""
    assert isinstance(column, str)
    return column


def number(column: Value) -> int:
    """Read a column declared INTEGER NOT NULL."""
    assert isinstance(column, int)
    return column


def octets(column: Value) -> bytes:
    """Read a column declared BLOB NOT NULL."""
    assert isinstance(column, bytes)
    return column
