"""Which octets say this? Sealed views, and the requests made under a want, to sealed frames.

Each encoder takes a ``Disclosed`` and refuses what its view does not hold or cover; it decides nothing
(``policy``) and keeps no order (``exchange``). Spec: docs/protocol.md, "Messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from peertransfer.content.cid import Codec
from peertransfer.content.dag import CHUNK_SIZE, build_dag
from peertransfer.content.opening import OpenSlot
from peertransfer.disclosure.audience import Audience, OnePeer
from peertransfer.disclosure.frame import SealedFrame, seal_frame
from peertransfer.errors import DisclosureError, LocalProtocolError, RemoteProtocolError
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.exchange_decoder import decode_frame
from peertransfer.wire.framing import MAX_FRAME, encode_varint
from peertransfer.wire.v1 import exchange_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peertransfer.content.opening import SlotOpening
    from peertransfer.content.verified import Verified
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.views import (
        CatalogueItem,
        CatalogueView,
        ContentView,
        GrantView,
        ManifestView,
        OpeningsView,
        ProtocolsView,
        RefusalView,
        WantView,
    )

A = TypeVar("A", bound=Audience)
T = TypeVar("T")

_PAGE_ROOM = MAX_FRAME - 64
"""Octets of elements in a page; the rest is for the page's own fields."""


def _framed(frame: pb.Frame) -> bytes:
    octets = frame.SerializeToString(deterministic=True)
    if len(octets) > MAX_FRAME:
        raise LocalProtocolError("a frame would be over the limit", "ask for less at once")
    return encode_varint(len(octets)) + octets


def _checked(frame: pb.Frame) -> bytes:
    """Frame what a caller's numbers went into: what we would refuse, we do not send."""
    try:
        decode_frame(frame.SerializeToString())
    except RemoteProtocolError as error:
        raise LocalProtocolError("a message would be refused by its receiver", error.message) from error
    return _framed(frame)


def _shown(value: T | None, what: str) -> T:
    if value is None:
        raise DisclosureError(f"no rule showed the {what}")
    return value


# --- both sides ----------------------------------------------------------------------------------


def encode_hello(disclosed: Disclosed[ProtocolsView, A]) -> SealedFrame:
    """Encode the first frame of a stream."""
    hello = _shown(disclosed.view.hello, "hello")
    message = pb.Hello(version=hello.version, max_requests=hello.max_requests, nonce=hello.nonce)
    return seal_frame(disclosed, _checked(pb.Frame(hello=message)))


# --- the provider --------------------------------------------------------------------------------


def encode_grant(disclosed: Disclosed[GrantView, OnePeer]) -> SealedFrame:
    """Encode the provider's yes; a grant without its proof is none."""
    proof = _shown(disclosed.view.proof, "proof")
    message = pb.Grant(proof=proof, until=disclosed.view.until or 0)
    return seal_frame(disclosed, _checked(pb.Frame(grant=message)))


def encode_refusal(disclosed: Disclosed[RefusalView, OnePeer]) -> SealedFrame:
    """Encode the provider's no: a code and the number of what is refused, nothing else."""
    code = RefusalCode(_shown(disclosed.view.code, "code"))
    message = pb.Refusal(request_id=disclosed.view.request_id, code=pb.RefusalCode.ValueType(code.value))
    return seal_frame(disclosed, _checked(pb.Frame(refusal=message)))


def encode_manifest_blocks(
    disclosed: Disclosed[ManifestView, OnePeer],
    request_id: int,
    places: Sequence[int],
    verified: Sequence[Verified],
    last: bool,
) -> SealedFrame:
    """Encode blocks of the manifest's own DAG; ``places`` are their indices.

    Raises:
        DisclosureError: a block is not the block of the disclosed manifest at that place.
    """
    octets = _shown(disclosed.view.octets, "manifest")
    for place, block in zip(places, verified, strict=True):
        if not _is_manifest_block(octets, place, block):
            raise DisclosureError(f"block {place} is not a block of the disclosed manifest")
    blocks = [(0, place, block) for place, block in zip(places, verified, strict=True)]
    return seal_frame(disclosed, *_batch(request_id, blocks, last))


def _is_manifest_block(octets: bytes, place: int, block: Verified) -> bool:
    if block.cid.codec is Codec.RAW:
        start = place * CHUNK_SIZE
        within = place == 0 or start < len(octets)
        return within and block.octets == memoryview(octets)[start : start + CHUNK_SIZE]
    digest = block.cid.hash_function.digest
    starts = range(0, len(octets), CHUNK_SIZE)
    digests = b"".join(digest(memoryview(octets)[start : start + CHUNK_SIZE]) for start in starts)
    nodes = build_dag(block.cid.hash_function, len(octets), digests).nodes
    return place < len(nodes) and block.octets == nodes[place]


def encode_openings(disclosed: Disclosed[OpeningsView, OnePeer], request_id: int, last: bool) -> SealedFrame:
    """Encode the openings of one view, cut into as many frames as they need, one after the other."""
    share = disclosed.view.share
    entries = [
        pb.EntryOpening(index=entry.index, slots=[_slot(slot) for slot in entry.slots])
        for entry in disclosed.view.entries
    ]
    own = [_slot(slot) for slot in share.slots] if share else []
    pages = _pages(entries, room=_PAGE_ROOM - sum(_weight(slot) for slot in own))
    heads = [
        _framed(
            pb.Frame(
                openings=pb.Openings(
                    request_id=request_id,
                    share=() if number else own,
                    entries=page,
                    last=last and number == len(pages) - 1,
                )
            )
        )
        for number, page in enumerate(pages)
    ]
    return seal_frame(disclosed, b"".join(heads))


def _slot(slot: SlotOpening) -> pb.SlotOpening:
    if isinstance(slot, OpenSlot):
        return pb.SlotOpening(salt=slot.salt, value=slot.value)
    return pb.SlotOpening(commitment=slot.commitment)


def encode_catalogue(
    disclosed: Disclosed[CatalogueView, A], request_id: int, last: bool = True
) -> SealedFrame:
    """Encode the shares of one view, cut into as many frames as they need, one after the other."""
    pages = _pages([_catalogue_item(item) for item in disclosed.view.items], room=_PAGE_ROOM)
    heads = [
        _checked(
            pb.Frame(
                catalogue=pb.Catalogue(
                    request_id=request_id, items=page, last=last and number == len(pages) - 1
                )
            )
        )
        for number, page in enumerate(pages)
    ]
    return seal_frame(disclosed, b"".join(heads))


def _catalogue_item(item: CatalogueItem) -> pb.CatalogueItem:
    return pb.CatalogueItem(
        manifest_cid=item.manifest_cid, title=item.title, entries=item.entries, size=item.size, link=item.link
    )


def _weight(element: pb.EntryOpening | pb.CatalogueItem | pb.SlotOpening) -> int:
    return element.ByteSize() + 4


E = TypeVar("E", pb.EntryOpening, pb.CatalogueItem)


def _pages(elements: Iterable[E], room: int) -> list[list[E]]:
    """Fill pages in order; there is always one, so that a request always gets its end."""
    pages: list[list[E]] = [[]]
    left = room
    for element in elements:
        weight = _weight(element)
        if pages[-1] and (weight > left or len(pages[-1]) == m.MAX_ITEMS):
            pages.append([])
            left = _PAGE_ROOM
        pages[-1].append(element)
        left -= weight
    return pages


def encode_blocks(
    grant: Disclosed[ContentView, OnePeer],
    request_id: int,
    blocks: Sequence[tuple[int, int, Verified]],
    last: bool,
) -> SealedFrame:
    """Encode a batch of blocks, each as (entry, index, block); their octets are not copied.

    Raises:
        DisclosureError: the sealed view does not cover one of the entries.
        LocalProtocolError: too many blocks or octets for one frame.
    """
    for entry in {entry for entry, _, _ in blocks}:
        _covered(grant, entry)
    return seal_frame(grant, *_batch(request_id, blocks, last))


def encode_have(
    grant: Disclosed[ContentView, OnePeer], request_id: int, entry: int, count: int, bitmap: bytes = b""
) -> SealedFrame:
    """Encode which of the ``count`` leaves of ``entry`` are here; an empty bitmap says all."""
    _covered(grant, entry)
    return seal_frame(
        grant, _checked(pb.Frame(have=pb.Have(request_id=request_id, count=count, bitmap=bitmap)))
    )


def _covered(grant: Disclosed[ContentView, OnePeer], entry: int) -> None:
    if not grant.view.covers(entry):
        raise DisclosureError(f"entry {entry} is not covered by what was sealed")


def _batch(
    request_id: int, blocks: Sequence[tuple[int, int, Verified]], last: bool
) -> tuple[bytes, tuple[memoryview, ...]]:
    body = tuple(block.octets for _, _, block in blocks)
    if len(blocks) > m.MAX_HEADERS or sum(len(part) for part in body) > m.MAX_BLOCK_SIZE:
        raise LocalProtocolError("the blocks of a frame would be over the limit", "send fewer at once")
    headers = [
        pb.BlockHeader(entry=entry, index=index, size=len(block.octets)) for entry, index, block in blocks
    ]
    return _framed(pb.Frame(blocks=pb.Blocks(request_id=request_id, blocks=headers, last=last))), body


# --- the getter ----------------------------------------------------------------------------------


def encode_want(disclosed: Disclosed[WantView, OnePeer]) -> SealedFrame:
    """Encode which share is wanted, and the proof; neither goes without the other."""
    locator = _shown(disclosed.view.locator, "locator")
    proof = _shown(disclosed.view.proof, "proof")
    return seal_frame(disclosed, _checked(pb.Frame(want=pb.Want(locator=locator, proof=proof))))


def encode_request(
    want: Disclosed[WantView, OnePeer], request: m.Request | m.CancelMessage | m.DeliveredMessage
) -> SealedFrame:
    """Encode what is asked or said under a want.

    Raises:
        DisclosureError: the sealed want does not let requests, or the word that all arrived, out.
        LocalProtocolError: the request is one that its receiver would refuse as malformed.
    """
    if not (want.view.delivered if isinstance(request, m.DeliveredMessage) else want.view.requests):
        raise DisclosureError("no rule let this request out")
    try:
        frame = _request(request)
    except ValueError as error:
        raise LocalProtocolError("a request holds a number that no field can carry") from error
    return seal_frame(want, _checked(frame))


def _request(request: m.Request | m.CancelMessage | m.DeliveredMessage) -> pb.Frame:
    frame = pb.Frame()
    match request:
        case m.ManifestRequest(request_id, nodes, ranges):
            manifest = pb.ManifestRequest(request_id=request_id, nodes=nodes, ranges=_ranges(ranges))
            frame.manifest_request.CopyFrom(manifest)
        case m.OpeningsRequest(request_id, first, count):
            openings = pb.OpeningsRequest(request_id=request_id, first=first, count=count)
            frame.openings_request.CopyFrom(openings)
        case m.NodesRequest(request_id, items):
            frame.nodes_request.CopyFrom(pb.NodesRequest(request_id=request_id, items=_items(items)))
        case m.BlocksRequest(request_id, items):
            frame.blocks_request.CopyFrom(pb.BlocksRequest(request_id=request_id, items=_items(items)))
        case m.HaveRequest(request_id, entry):
            frame.have_request.CopyFrom(pb.HaveRequest(request_id=request_id, entry=entry))
        case m.CatalogueRequest(request_id):
            frame.catalogue_request.request_id = request_id
        case m.CancelMessage(request_id):
            frame.cancel.request_id = request_id
        case _:
            frame.delivered.SetInParent()
    return frame


def _ranges(ranges: Sequence[m.Range]) -> list[pb.Range]:
    return [pb.Range(first=one.first, count=one.count) for one in ranges]


def _items(items: Sequence[m.EntryRanges]) -> list[pb.EntryRanges]:
    return [pb.EntryRanges(entry=item.entry, ranges=_ranges(item.ranges)) for item in items]
