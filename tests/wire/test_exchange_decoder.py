"""Frames from liars: each field over its limit is refused, before objects are made of it."""

import contextlib
import tracemalloc

import pytest
from exchange_kit import framed
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.opening import HiddenSlot, OpenSlot
from peertransfer.errors import RemoteProtocolError
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import MAX_FRAME
from peertransfer.wire.v1 import exchange_pb2 as pb

NONCE = b"n" * 32
OPEN = pb.SlotOpening(salt=b"s" * 16, value=b"v")
HIDDEN = pb.SlotOpening(commitment=b"c" * 32)
ENTRY = pb.EntryOpening(index=7, slots=[OPEN] * 13)


def decoded(**kind):
    return decode_frame(pb.Frame(**kind).SerializeToString())


def ranges(*pairs):
    return [pb.Range(first=first, count=count) for first, count in pairs]


def items(*entries):
    return [pb.EntryRanges(entry=entry, ranges=ranges(*pairs)) for entry, pairs in entries]


def headers(*sizes):
    return [pb.BlockHeader(entry=1, index=index, size=size) for index, size in enumerate(sizes)]


LIES = {
    "hello without a version": {"hello": pb.Hello(max_requests=1, nonce=NONCE)},
    "hello without requests": {"hello": pb.Hello(version=1, nonce=NONCE)},
    "hello with too many requests": {"hello": pb.Hello(version=1, max_requests=65, nonce=NONCE)},
    "hello with a short nonce": {"hello": pb.Hello(version=1, max_requests=1, nonce=NONCE[1:])},
    "hello with a long nonce": {"hello": pb.Hello(version=1, max_requests=1, nonce=NONCE + b"n")},
    "hello without a nonce": {"hello": pb.Hello(version=1, max_requests=1)},
    "want with a short locator": {"want": pb.Want(locator=b"l" * 31, proof=b"p" * 32)},
    "want with a long locator": {"want": pb.Want(locator=b"l" * 33, proof=b"p" * 32)},
    "want with a short proof": {"want": pb.Want(locator=b"l" * 32, proof=b"p" * 31)},
    "want without a proof": {"want": pb.Want(locator=b"l" * 32)},
    "grant without a proof": {"grant": pb.Grant(until=5)},
    "grant with a long proof": {"grant": pb.Grant(proof=b"p" * 33)},
    "grant beyond time": {"grant": pb.Grant(proof=b"p" * 32, until=1 << 63)},
    "refusal without a code": {"refusal": pb.Refusal(request_id=1)},
    "refusal of a huge request": {"refusal": pb.Refusal(request_id=1 << 31, code=1)},
    "manifest request without an id": {"manifest_request": pb.ManifestRequest(ranges=ranges((0, 1)))},
    "manifest request for nothing": {"manifest_request": pb.ManifestRequest(request_id=1)},
    "manifest request with an empty range": {
        "manifest_request": pb.ManifestRequest(request_id=1, ranges=ranges((0, 0)))
    },
    "manifest request with too many ranges": {
        "manifest_request": pb.ManifestRequest(request_id=1, ranges=ranges(*[(0, 1)] * 1025))
    },
    "manifest request for too many blocks": {
        "manifest_request": pb.ManifestRequest(request_id=1, ranges=ranges((0, 4096), (5000, 1)))
    },
    "manifest request beyond the last index": {
        "manifest_request": pb.ManifestRequest(request_id=1, ranges=ranges(((1 << 31) - 1, 2)))
    },
    "openings request without an id": {"openings_request": pb.OpeningsRequest(first=1)},
    "openings request beyond the last index": {
        "openings_request": pb.OpeningsRequest(request_id=1, first=(1 << 31) - 1, count=2)
    },
    "openings request from beyond the last index": {
        "openings_request": pb.OpeningsRequest(request_id=1, first=1 << 31)
    },
    "nodes request without an id": {"nodes_request": pb.NodesRequest(items=items((0, [(0, 1)])))},
    "nodes request for nothing": {"nodes_request": pb.NodesRequest(request_id=1)},
    "nodes request for an entry's nothing": {
        "nodes_request": pb.NodesRequest(request_id=1, items=items((0, [])))
    },
    "nodes request for too many entries": {
        "nodes_request": pb.NodesRequest(request_id=1, items=items(*[(0, [(0, 1)])] * 1025))
    },
    "nodes request for a huge entry": {
        "nodes_request": pb.NodesRequest(request_id=1, items=items((1 << 31, [(0, 1)])))
    },
    "blocks request without an id": {"blocks_request": pb.BlocksRequest(items=items((0, [(0, 1)])))},
    "blocks request for too many blocks": {
        "blocks_request": pb.BlocksRequest(request_id=1, items=items((0, [(0, 4000)]), (1, [(0, 97)])))
    },
    "blocks request with a count that wraps": {
        "blocks_request": pb.BlocksRequest(request_id=1, items=items((0, [(1, (1 << 32) - 1)])))
    },
    "blocks request with too many ranges": {
        "blocks_request": pb.BlocksRequest(request_id=1, items=items((0, [(0, 1)] * 4097)))
    },
    "blocks without an id": {"blocks": pb.Blocks(blocks=headers(1))},
    "blocks with too many headers": {"blocks": pb.Blocks(request_id=1, blocks=headers(*[0] * 513))},
    "a block over a leaf": {"blocks": pb.Blocks(request_id=1, blocks=headers((1 << 20) + 1))},
    "blocks over a leaf in all": {"blocks": pb.Blocks(request_id=1, blocks=headers(1 << 20, 1))},
    "a block of four gibibytes": {"blocks": pb.Blocks(request_id=1, blocks=headers((1 << 32) - 1))},
    "a block of a huge entry": {
        "blocks": pb.Blocks(request_id=1, blocks=[pb.BlockHeader(entry=1 << 31, index=0, size=1)])
    },
    "a block with a huge index": {
        "blocks": pb.Blocks(request_id=1, blocks=[pb.BlockHeader(entry=0, index=1 << 31, size=1)])
    },
    "have request without an id": {"have_request": pb.HaveRequest(entry=1)},
    "have request for a huge entry": {"have_request": pb.HaveRequest(request_id=1, entry=1 << 31)},
    "have without an id": {"have": pb.Have(count=1)},
    "have of no leaves": {"have": pb.Have(request_id=1)},
    "have of too many leaves": {"have": pb.Have(request_id=1, count=1 << 31)},
    "have with a short bitmap": {"have": pb.Have(request_id=1, count=9, bitmap=b"\x01")},
    "have with a long bitmap": {"have": pb.Have(request_id=1, count=8, bitmap=b"\x01\x00")},
    "have with a bit too many": {"have": pb.Have(request_id=1, count=9, bitmap=b"\xff\x02")},
    "cancel of nothing": {"cancel": pb.Cancel()},
    "catalogue request without an id": {"catalogue_request": pb.CatalogueRequest()},
    "openings without an id": {"openings": pb.Openings(entries=[ENTRY])},
    "openings with too few slots": {
        "openings": pb.Openings(request_id=1, entries=[pb.EntryOpening(index=1, slots=[OPEN] * 12)])
    },
    "openings with too many slots": {
        "openings": pb.Openings(request_id=1, entries=[pb.EntryOpening(index=1, slots=[OPEN] * 14)])
    },
    "openings of a huge entry": {
        "openings": pb.Openings(request_id=1, entries=[pb.EntryOpening(index=1 << 31, slots=[OPEN] * 13)])
    },
    "openings of too many entries": {
        "openings": pb.Openings(request_id=1, entries=[pb.EntryOpening(index=1)] * 1025)
    },
    "openings of a share with too few slots": {"openings": pb.Openings(request_id=1, share=[OPEN] * 4)},
    "an open slot with a short salt": {
        "openings": pb.Openings(request_id=1, share=[OPEN] * 4 + [pb.SlotOpening(salt=b"s", value=b"v")])
    },
    "a slot that is empty": {"openings": pb.Openings(request_id=1, share=[OPEN] * 4 + [pb.SlotOpening()])},
    "a hidden slot with a short commitment": {
        "openings": pb.Openings(request_id=1, share=[OPEN] * 4 + [pb.SlotOpening(commitment=b"c")])
    },
    "a slot both open and hidden": {
        "openings": pb.Openings(
            request_id=1, share=[OPEN] * 4 + [pb.SlotOpening(salt=b"s" * 16, commitment=b"c" * 32)]
        )
    },
    "a hidden slot with a value": {
        "openings": pb.Openings(
            request_id=1, share=[OPEN] * 4 + [pb.SlotOpening(value=b"v", commitment=b"c" * 32)]
        )
    },
    "catalogue without an id": {"catalogue": pb.Catalogue()},
    "catalogue of too many shares": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem()] * 1025)
    },
    "catalogue with a long CID": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem(manifest_cid="b" * 129)])
    },
    "catalogue with a long title": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem(title="\u00e9" * 513)])
    },
    "catalogue with a long link": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem(link="l" * 8193)])
    },
    "catalogue with a huge size": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem(size=1 << 63)])
    },
    "catalogue with too many entries": {
        "catalogue": pb.Catalogue(request_id=1, items=[pb.CatalogueItem(entries=1 << 31)])
    },
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_in_one_field_is_refused(lie):
    with pytest.raises(RemoteProtocolError):
        decoded(**lie)


@pytest.mark.parametrize(
    "octets", [b"", b"\x08\x01", b"\x0a\x05ab", b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f"]
)
def test_what_is_no_frame_is_refused(octets):
    with pytest.raises(RemoteProtocolError):
        decode_frame(octets)


def test_text_that_is_not_utf_8_is_refused():
    item = pb.CatalogueItem(title="abcd").SerializeToString().replace(b"abcd", b"\xff\xfe\xfd\xfc")
    page = b"\x08\x01" + b"\x12" + framed(item)
    with pytest.raises(RemoteProtocolError):
        decode_frame(b"\x82\x01" + framed(page))


def test_a_kind_of_the_future_is_told_with_its_request_id():
    assert decode_frame(b"\xa2\x06\x04\x08\x07\x10\x01") == m.UnknownKindRequest(7)


@pytest.mark.parametrize(
    "octets", [b"\xa2\x06\x00", b"\xa2\x06\x02\x10\x01", b"\xa2\x06\x02\x08\x00", b"\xa2\x06\x02\xff\xff"]
)
def test_a_kind_of_the_future_without_a_request_id_is_refused(octets):
    with pytest.raises(RemoteProtocolError):
        decode_frame(octets)


def test_fields_of_the_future_are_ignored():
    hello = pb.Hello(version=2, max_requests=3, nonce=NONCE).SerializeToString() + b"\x98\x06\x05"
    octets = b"\x0a" + framed(hello) + b"\xa0\x06\x01"
    assert decode_frame(octets) == m.HelloMessage(2, 3, NONCE)


def test_a_code_of_the_future_is_a_plain_refusal():
    assert decode_frame(b"\x22\x04\x08\x03\x10\x63") == m.RefusalMessage(3, RefusalCode.REFUSED)


def test_slots_get_their_names_from_their_places():
    page = decoded(openings=pb.Openings(request_id=1, share=[OPEN, HIDDEN, OPEN, OPEN, OPEN], last=True))
    assert page.share.slots[0] == OpenSlot("title", b"s" * 16, b"v")
    assert page.share.slots[1] == HiddenSlot("purpose", b"c" * 32)
    assert page.last


def test_an_absent_catalogue_field_is_not_an_empty_one():
    page = decoded(catalogue=pb.Catalogue(request_id=1, items=[pb.CatalogueItem(title="", size=0)]))
    item = page.items[0]
    assert (item.title, item.size, item.entries, item.link, item.manifest_cid) == ("", 0, None, None, None)


def test_requests_at_their_limits_are_read():
    most = decoded(
        blocks_request=pb.BlocksRequest(request_id=1, items=items((5, [((1 << 31) - 4096, 4096)])))
    )
    assert most == m.BlocksRequest(1, (m.EntryRanges(5, (m.Range((1 << 31) - 4096, 4096),)),))
    batch = decoded(blocks=pb.Blocks(request_id=1, blocks=headers(*[2048] * 512)))
    assert batch.body_size == 1 << 20
    have = decoded(have=pb.Have(request_id=1, count=9, bitmap=b"\xff\x01"))
    assert have == m.HaveMessage(1, 9, b"\xff\x01")
    assert decoded(have=pb.Have(request_id=1, count=16, bitmap=b"\xff\xff")).count == 16


@pytest.mark.parametrize("kind", [7, 8, 9, 10, 16])
def test_a_bomb_of_empty_elements_costs_little(kind):
    elements = b"\x12\x00" * 32000
    octets = bytes([kind << 3 | 2]) if kind < 16 else b"\x82\x01"
    octets += framed(b"\x08\x01" + elements)
    assert len(octets) <= MAX_FRAME
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError):
        decode_frame(octets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@given(st.binary(max_size=400))
def test_any_octets_are_a_message_or_a_remote_error(octets):
    with contextlib.suppress(RemoteProtocolError):
        decode_frame(octets)
