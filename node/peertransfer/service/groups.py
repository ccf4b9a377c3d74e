"""One error out of many: nurseries raise groups, and a person is told one sentence.

A group that holds anything but errors of ours goes through as it is: it is a fault, or a cancellation.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeertransferError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@contextmanager
def first_of_ours() -> Iterator[None]:
    """Raise the first error of ours instead of a group that holds only such errors."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours, others = group.split(PeertransferError)
        if ours is None or others is not None:
            raise
        error = _leaf(ours)
        raise error from error.__cause__


@asynccontextmanager
async def open_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose errors of ours come out one at a time."""
    with first_of_ours():
        async with trio.open_nursery() as nursery:
            yield nursery


def _leaf(group: BaseExceptionGroup[PeertransferError]) -> PeertransferError:
    first = group.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first
