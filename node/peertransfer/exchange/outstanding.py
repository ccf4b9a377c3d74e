"""Which requests await their answer, and what may come next in it?

Both machines keep one: the getter to believe no answer that it did not ask for, the provider to give
none. It sees indices and ``last`` marks, never octets. Spec: docs/protocol.md, "Requests and answers".

All breaches are raised as ``LocalProtocolError``; ``machine`` turns those of a peer into
``RemoteProtocolError``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.errors import LocalProtocolError
from peertransfer.wire.messages import (
    BlocksRequest,
    CatalogueRequest,
    EntryRanges,
    HaveRequest,
    ManifestRequest,
    NodesRequest,
    OpeningsRequest,
    Range,
    UnknownKindRequest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peertransfer.wire.messages import BlockRequest, Request

MAX_CATALOGUE = 10_000
"""Shares in one catalogue; a peer that lists more is filling our memory."""


@dataclass(slots=True)
class _Awaited:
    """One request, and how far its answer is."""

    request: Request | UnknownKindRequest
    is_cancelled: bool = False
    places: Iterator[tuple[int, int]] = field(default_factory=lambda: iter(()))
    """Blocks that are still to come, in order."""
    left: int = 0
    """Blocks or openings that are still to come; in a catalogue, shares that still may."""

    def spend(self, count: int, *, last: bool) -> None:
        self.left -= count
        if self.left < 0:
            raise LocalProtocolError("an answer holds more than was asked for")
        if not count and not last:
            raise LocalProtocolError("a part of an answer is empty and not the last")

    def check_end(self, *, last: bool) -> None:
        if last != (self.left == 0) and not (last and self.is_cancelled):
            raise LocalProtocolError("an answer ends too early, or not with its last part")


class Outstanding:
    """The outstanding requests of one stream."""

    __slots__ = ("_awaited", "limit")

    def __init__(self) -> None:
        self._awaited: dict[int, _Awaited] = {}
        self.limit = 0
        """Requests that may be outstanding at once: what both hellos accept."""

    def __len__(self) -> int:
        """Count the requests without their last answer."""
        return len(self._awaited)

    def add(self, request: Request | UnknownKindRequest) -> None:
        """Begin to await the answer of ``request``."""
        if request.request_id in self._awaited:
            raise LocalProtocolError("a request id is used twice at the same time")
        if len(self._awaited) >= self.limit:
            raise LocalProtocolError(f"more than {self.limit} requests are outstanding")
        self._awaited[request.request_id] = _awaited(request)

    def cancel(self, request_id: int) -> bool:
        """Mark a request as given up; false where it is over already, or was given up before."""
        awaited = self._awaited.get(request_id)
        if awaited is None or awaited.is_cancelled:
            return False
        awaited.is_cancelled = True
        return True

    def refuse(self, request_id: int) -> None:
        """End a request by its refusal."""
        self._find(request_id)
        del self._awaited[request_id]

    def clear(self) -> None:
        """Forget all requests: the stream is over."""
        self._awaited.clear()

    def blocks(self, request_id: int, blocks: Sequence[tuple[int, int]], *, last: bool) -> BlockRequest:
        """Take a batch of blocks, each as (entry, index); return the request that it answers.

        For a ``ManifestRequest`` the entry is ignored.
        """
        awaited = self._find(request_id)
        request = awaited.request
        if not isinstance(request, ManifestRequest | NodesRequest | BlocksRequest):
            raise LocalProtocolError("blocks answer a request that asked for none")
        awaited.spend(len(blocks), last=last)
        manifest = isinstance(request, ManifestRequest)
        for entry, index in blocks:
            if next(awaited.places) != (0 if manifest else entry, index):
                raise LocalProtocolError("a block was not asked for, or is out of order")
        self._finish(awaited, last=last)
        return request

    def openings(self, request_id: int, indices: Sequence[int], *, share: bool, last: bool) -> None:
        """Take a page of openings: of the share itself, or of the entries ``indices``."""
        awaited = self._find(request_id)
        request = awaited.request
        if not isinstance(request, OpeningsRequest):
            raise LocalProtocolError("openings answer a request that asked for none")
        if share if request.count else indices:
            raise LocalProtocolError("a page holds openings that were not asked for")
        first = request.first + request.count - awaited.left
        awaited.spend(len(indices) + share, last=last)
        if any(index != first + place for place, index in enumerate(indices)):
            raise LocalProtocolError("an opening was not asked for, or is out of order")
        self._finish(awaited, last=last)

    def have(self, request_id: int) -> HaveRequest:
        """Take the answer of a ``HaveRequest``; return that request."""
        awaited = self._find(request_id)
        if not isinstance(awaited.request, HaveRequest):
            raise LocalProtocolError("leaves are told to a request that did not ask for them")
        del self._awaited[request_id]
        return awaited.request

    def catalogue(self, request_id: int, count: int, *, last: bool) -> None:
        """Take a page of ``count`` shares."""
        awaited = self._find(request_id)
        if not isinstance(awaited.request, CatalogueRequest):
            raise LocalProtocolError("a catalogue answers a request that did not ask for one")
        awaited.spend(count, last=last)
        if last:
            del self._awaited[request_id]

    def _find(self, request_id: int) -> _Awaited:
        awaited = self._awaited.get(request_id)
        if awaited is None:
            raise LocalProtocolError("an answer belongs to no outstanding request")
        return awaited

    def _finish(self, awaited: _Awaited, *, last: bool) -> None:
        awaited.check_end(last=last)
        if last:
            del self._awaited[awaited.request.request_id]


def _awaited(request: Request | UnknownKindRequest) -> _Awaited:
    match request:
        case ManifestRequest():
            items: tuple[EntryRanges, ...] = (EntryRanges(0, request.ranges),)
            return _Awaited(request, places=_places(items), left=_count(items))
        case NodesRequest() | BlocksRequest():
            return _Awaited(request, places=_places(request.items), left=_count(request.items))
        case OpeningsRequest():
            return _Awaited(request, left=max(request.count, 1))
        case CatalogueRequest():
            return _Awaited(request, left=MAX_CATALOGUE)
        case _:
            return _Awaited(request)


def _places(items: tuple[EntryRanges, ...]) -> Iterator[tuple[int, int]]:
    return ((item.entry, index) for item in items for one in item.ranges for index in _indices(one))


def _indices(one: Range) -> range:
    return range(one.first, one.first + one.count)


def _count(items: tuple[EntryRanges, ...]) -> int:
    return sum(one.count for item in items for one in item.ranges)
