"""What does this control frame say? Octets to native messages of the exchange protocol.

It checks each field by itself: lengths, counts, indices, sizes. Whether a message may come now, and
answers what was asked, is judged by ``exchange``. Spec: docs/protocol.md, "Messages".

Strategy: the frame limit bounds what protobuf can build (64 KiB of empty elements are some 32 000 small
C structures); elements are then counted before a Python object is made of any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-not-found]

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening, SlotOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.disclosure.views import CatalogueItem
from peertransfer.errors import RemoteProtocolError
from peertransfer.wire import messages as m
from peertransfer.wire.codes import code_of_number
from peertransfer.wire.v1 import exchange_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Sized


_LENGTH_DELIMITED = 2


def decode_frame(octets: bytes) -> m.Message:
    """Decode one frame without its length prefix.

    Raises:
        RemoteProtocolError: it is not protobuf, says nothing, or a field is over its limit.
    """
    frame = pb.Frame()
    try:
        frame.ParseFromString(octets)
    except DecodeError as error:
        raise RemoteProtocolError("a frame is not well-formed protobuf") from error
    kind = frame.WhichOneof("kind")
    return _unknown_kind(frame) if kind is None else _DECODERS[kind](frame)


def _unknown_kind(frame: pb.Frame) -> m.UnknownKindRequest:
    """Find the request id of a kind from a later version: field 1 of every request, by the spec."""
    for field in UnknownFieldSet(frame):
        if field.wire_type == _LENGTH_DELIMITED:
            skeleton = pb.Cancel()
            try:
                skeleton.ParseFromString(field.data)
            except DecodeError as error:
                raise RemoteProtocolError("a frame of an unknown kind is not a request") from error
            return m.UnknownKindRequest(_request_id(skeleton.request_id))
    raise RemoteProtocolError("a frame says nothing")


# --- checks of one field -------------------------------------------------------------------------


def _exactly(octets: bytes, size: int, what: str) -> bytes:
    if len(octets) != size:
        raise RemoteProtocolError(f"a {what} has {len(octets)} octets instead of {size}")
    return octets


def _within(number: int, low: int, high: int, what: str) -> int:
    if not low <= number <= high:
        raise RemoteProtocolError(f"a {what} is out of its range")
    return number


def _index(number: int) -> int:
    return _within(number, 0, m.MAX_INDEX, "index")


def _request_id(number: int) -> int:
    return _within(number, 1, m.MAX_INDEX, "request id")


def _at_most(elements: Sized, limit: int, what: str) -> None:
    if len(elements) > limit:
        raise RemoteProtocolError(f"there are {len(elements)} {what}, over the limit of {limit}")


def _text(text: str, limit: int, what: str) -> str:
    _at_most(text.encode(), limit, f"octets in a {what}")
    return text


# --- ranges --------------------------------------------------------------------------------------


def _ranges(ranges: Sequence[pb.Range], room: int) -> tuple[tuple[m.Range, ...], int]:
    """Return the ranges, and how many more blocks the request may ask for."""
    if not ranges:
        raise RemoteProtocolError("a request asks for no block")
    for one in ranges:
        _within(one.count, 1, room, "count of blocks")
        _index(one.first + one.count - 1)
        room -= one.count
    return tuple(m.Range(one.first, one.count) for one in ranges), room


def _entry_ranges(items: Sequence[pb.EntryRanges]) -> tuple[m.EntryRanges, ...]:
    _at_most(items, m.MAX_ITEMS, "entries in a request")
    if not items:
        raise RemoteProtocolError("a request asks for no entry")
    if sum(len(item.ranges) for item in items) > m.MAX_BLOCKS:
        raise RemoteProtocolError("a request has too many ranges")
    room = m.MAX_BLOCKS
    native = []
    for item in items:
        ranges, room = _ranges(item.ranges, room)
        native.append(m.EntryRanges(_index(item.entry), ranges))
    return tuple(native)


# --- openings ------------------------------------------------------------------------------------


def _slot(name: str, slot: pb.SlotOpening) -> SlotOpening:
    if not slot.commitment:
        return OpenSlot(name, _exactly(slot.salt, m.SALT_SIZE, "salt"), slot.value)
    if slot.salt or slot.value:
        raise RemoteProtocolError("a slot is both open and hidden")
    return HiddenSlot(name, _exactly(slot.commitment, m.COMMITMENT_SIZE, "commitment"))


def _slots(names: tuple[str, ...], slots: Sequence[pb.SlotOpening]) -> tuple[SlotOpening, ...]:
    if len(slots) != len(names):
        raise RemoteProtocolError(f"there are {len(slots)} slots instead of {len(names)}")
    return tuple(_slot(name, slot) for name, slot in zip(names, slots, strict=True))


def _openings(frame: pb.Frame) -> m.OpeningsPage:
    page = frame.openings
    _at_most(page.entries, m.MAX_ITEMS, "entries in a page")
    share = ShareOpening(_slots(SHARE_SLOTS, page.share)) if page.share else None
    entries = tuple(
        EntryOpening(_index(entry.index), _slots(ENTRY_SLOTS, entry.slots)) for entry in page.entries
    )
    return m.OpeningsPage(_request_id(page.request_id), share, entries, page.last)


# --- one decoder for each kind -------------------------------------------------------------------


def _hello(frame: pb.Frame) -> m.HelloMessage:
    hello = frame.hello
    return m.HelloMessage(
        _within(hello.version, 1, m.MAX_INDEX, "version"),
        _within(hello.max_requests, 1, m.MAX_REQUESTS, "number of requests"),
        _exactly(hello.nonce, m.NONCE_SIZE, "nonce"),
    )


def _want(frame: pb.Frame) -> m.WantMessage:
    want = frame.want
    return m.WantMessage(
        _exactly(want.locator, m.LOCATOR_SIZE, "locator"), _exactly(want.proof, m.PROOF_SIZE, "proof")
    )


def _grant(frame: pb.Frame) -> m.GrantMessage:
    grant = frame.grant
    return m.GrantMessage(
        _exactly(grant.proof, m.PROOF_SIZE, "proof"), _within(grant.until, 0, m.MAX_NUMBER, "time")
    )


def _refusal(frame: pb.Frame) -> m.RefusalMessage:
    refusal = frame.refusal
    if not refusal.code:
        raise RemoteProtocolError("a refusal has no code")
    return m.RefusalMessage(_index(refusal.request_id), code_of_number(refusal.code))


def _manifest_request(frame: pb.Frame) -> m.ManifestRequest:
    request = frame.manifest_request
    _at_most(request.ranges, m.MAX_ITEMS, "ranges")
    ranges, _ = _ranges(request.ranges, m.MAX_BLOCKS)
    return m.ManifestRequest(_request_id(request.request_id), request.nodes, ranges)


def _openings_request(frame: pb.Frame) -> m.OpeningsRequest:
    request = frame.openings_request
    _index(request.first + max(request.count, 1) - 1)
    return m.OpeningsRequest(_request_id(request.request_id), request.first, request.count)


def _nodes_request(frame: pb.Frame) -> m.NodesRequest:
    request = frame.nodes_request
    return m.NodesRequest(_request_id(request.request_id), _entry_ranges(request.items))


def _blocks_request(frame: pb.Frame) -> m.BlocksRequest:
    request = frame.blocks_request
    return m.BlocksRequest(_request_id(request.request_id), _entry_ranges(request.items))


def _blocks(frame: pb.Frame) -> m.BlocksHead:
    batch = frame.blocks
    _at_most(batch.blocks, m.MAX_HEADERS, "blocks in a frame")
    if sum(block.size for block in batch.blocks) > m.MAX_BLOCK_SIZE:
        raise RemoteProtocolError("the blocks of a frame are over the limit")
    headers = tuple(m.BlockHeader(_index(one.entry), _index(one.index), one.size) for one in batch.blocks)
    return m.BlocksHead(_request_id(batch.request_id), headers, batch.last)


def _have_request(frame: pb.Frame) -> m.HaveRequest:
    request = frame.have_request
    return m.HaveRequest(_request_id(request.request_id), _index(request.entry))


def _have(frame: pb.Frame) -> m.HaveMessage:
    have = frame.have
    count = _within(have.count, 1, m.MAX_INDEX, "count of leaves")
    if have.bitmap:
        _exactly(have.bitmap, (count + 7) // 8, "bitmap")
        if count % 8 and have.bitmap[-1] >> count % 8:
            raise RemoteProtocolError("a bitmap has bits beyond the last leaf")
    return m.HaveMessage(_request_id(have.request_id), count, have.bitmap)


def _cancel(frame: pb.Frame) -> m.CancelMessage:
    return m.CancelMessage(_request_id(frame.cancel.request_id))


def _delivered(_frame: pb.Frame) -> m.DeliveredMessage:
    return m.DeliveredMessage()


def _catalogue_request(frame: pb.Frame) -> m.CatalogueRequest:
    return m.CatalogueRequest(_request_id(frame.catalogue_request.request_id))


def _catalogue_item(item: pb.CatalogueItem) -> CatalogueItem:
    return CatalogueItem(
        manifest_cid=_text(item.manifest_cid, m.MAX_CID_TEXT, "CID")
        if item.HasField("manifest_cid")
        else None,
        title=_text(item.title, m.MAX_TITLE, "title") if item.HasField("title") else None,
        entries=_index(item.entries) if item.HasField("entries") else None,
        size=_within(item.size, 0, m.MAX_NUMBER, "size") if item.HasField("size") else None,
        link=_text(item.link, m.MAX_LINK, "link") if item.HasField("link") else None,
    )


def _catalogue(frame: pb.Frame) -> m.CataloguePage:
    page = frame.catalogue
    _at_most(page.items, m.MAX_ITEMS, "shares in a page")
    items = tuple(_catalogue_item(item) for item in page.items)
    return m.CataloguePage(_request_id(page.request_id), items, page.last)


_DECODERS: dict[str, Callable[[pb.Frame], m.Message]] = {
    "hello": _hello,
    "want": _want,
    "grant": _grant,
    "refusal": _refusal,
    "manifest_request": _manifest_request,
    "openings_request": _openings_request,
    "openings": _openings,
    "nodes_request": _nodes_request,
    "blocks_request": _blocks_request,
    "blocks": _blocks,
    "have_request": _have_request,
    "have": _have,
    "cancel": _cancel,
    "delivered": _delivered,
    "catalogue_request": _catalogue_request,
    "catalogue": _catalogue,
}
