"""Sealed views to frames: what is not shown or not covered does not leave, and what leaves is read back."""

import pytest
from exchange_kit import (
    LOCATOR,
    block_of,
    content,
    entry_opening,
    grant,
    hello,
    leaf,
    octets_of,
    refusal,
    sealed,
    share_opening,
    want,
)
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Codec, HashFunction
from peertransfer.content.dag import CHUNK_SIZE, build_dag
from peertransfer.content.opening import EntryOpening, OpenSlot
from peertransfer.content.slots import ENTRY_SLOTS
from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import Members
from peertransfer.errors import DisclosureError, LocalProtocolError
from peertransfer.wire import exchange_codec as codec
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.framing import MAX_FRAME, FrameReader


def read(frame):
    """Decode all control frames of a sealed frame's head."""
    reader = FrameReader()
    reader.receive_data(frame.head)
    found = []
    while (octets := reader.next_frame()) is not None:
        found.append(codec.decode_frame(octets))
    assert reader.is_between_frames
    return found


SOME_RANGES = st.lists(
    st.builds(m.Range, st.integers(0, 1 << 20), st.integers(1, 32)), min_size=1, max_size=8
).map(tuple)
SOME_ITEMS = st.lists(
    st.builds(m.EntryRanges, st.integers(0, m.MAX_INDEX), SOME_RANGES), min_size=1, max_size=8
).map(tuple)
IDS = st.integers(1, m.MAX_INDEX)
REQUESTS = st.one_of(
    st.builds(m.ManifestRequest, IDS, st.booleans(), SOME_RANGES),
    st.builds(m.OpeningsRequest, IDS, st.integers(0, 1 << 20), st.integers(0, 1 << 20)),
    st.builds(m.NodesRequest, IDS, SOME_ITEMS),
    st.builds(m.BlocksRequest, IDS, SOME_ITEMS),
    st.builds(m.HaveRequest, IDS, st.integers(0, m.MAX_INDEX)),
    st.builds(m.CatalogueRequest, IDS),
    st.builds(m.CancelMessage, IDS),
    st.just(m.DeliveredMessage()),
)


@given(REQUESTS)
def test_a_request_is_read_back_as_it_was_made(request):
    assert read(codec.encode_request(want(), request)) == [request]


def test_the_first_frames_are_read_back():
    assert read(codec.encode_hello(hello(b"n" * 32, 5))) == [m.HelloMessage(1, 5, b"n" * 32)]
    assert read(codec.encode_want(want())) == [m.WantMessage(LOCATOR, b"\x33" * 32)]
    assert read(codec.encode_grant(grant(until=17))) == [m.GrantMessage(b"\x44" * 32, 17)]
    assert read(codec.encode_grant(grant(until=None))) == [m.GrantMessage(b"\x44" * 32, 0)]
    assert read(codec.encode_refusal(refusal(6, 4))) == [m.RefusalMessage(4, RefusalCode.ENDED)]


def test_a_frame_keeps_the_audience_of_its_view():
    frame = codec.encode_hello(sealed(v.ProtocolsView(hello=v.Hello(1, 1, b"n" * 32)), Members("net")))
    assert frame.audience == Members("net")


def test_a_refusal_is_the_same_octets_whatever_the_reason_was():
    assert codec.encode_refusal(refusal(1)).head == b"\x04\x22\x02\x10\x01"


@pytest.mark.parametrize(
    "encode",
    [
        lambda: codec.encode_hello(sealed(v.ProtocolsView(("/x",)))),
        lambda: codec.encode_want(sealed(v.WantView(locator=LOCATOR))),
        lambda: codec.encode_want(sealed(v.WantView(proof=b"p" * 32))),
        lambda: codec.encode_grant(sealed(v.GrantView(until=1))),
        lambda: codec.encode_refusal(sealed(v.RefusalView())),
        lambda: codec.encode_manifest_blocks(sealed(v.ManifestView()), 1, [], [], last=True),
        lambda: codec.encode_request(want(requests=False), m.CatalogueRequest(1)),
        lambda: codec.encode_request(want(requests=False), m.CancelMessage(1)),
        lambda: codec.encode_request(want(delivered=False), m.DeliveredMessage()),
        lambda: codec.encode_blocks(content(frozenset({1})), 1, [(2, 0, leaf(b"a"))], last=True),
        lambda: codec.encode_have(content(frozenset()), 1, 0, 1),
    ],
)
def test_what_the_view_does_not_hold_does_not_leave(encode):
    with pytest.raises(DisclosureError):
        encode()


@pytest.mark.parametrize(
    "encode",
    [
        lambda: codec.encode_hello(hello(b"short")),
        lambda: codec.encode_want(want(proof=b"short")),
        lambda: codec.encode_grant(grant(b"short")),
        lambda: codec.encode_request(want(), m.CatalogueRequest(0)),
        lambda: codec.encode_request(want(), m.CatalogueRequest(-1)),
        lambda: codec.encode_request(want(), m.BlocksRequest(1, ())),
        lambda: codec.encode_request(want(), m.BlocksRequest(1, (m.EntryRanges(0, (m.Range(0, 4097),)),))),
        lambda: codec.encode_have(content(None), 1, 0, 0),
        lambda: codec.encode_have(content(None), 1, 0, 9, b"\xff"),
        lambda: codec.encode_blocks(
            content(None), 1, [(0, index, leaf(b"")) for index in range(513)], last=True
        ),
        lambda: codec.encode_blocks(
            content(None), 1, [(0, i, leaf(b"a" * 600_000)) for i in range(2)], last=True
        ),
        lambda: codec.encode_catalogue(sealed(v.CatalogueView((v.CatalogueItem(title="t" * 1025),))), 1),
    ],
)
def test_what_its_receiver_would_refuse_is_not_sent(encode):
    with pytest.raises(LocalProtocolError):
        encode()


def test_the_largest_request_fits_a_frame():
    ranges = tuple(m.Range((1 << 31) - 1 - 2 * place, 1) for place in range(4096))
    items = tuple(m.EntryRanges((1 << 31) - 1, ranges[start : start + 4]) for start in range(0, 4096, 4))
    request = m.BlocksRequest(m.MAX_INDEX, items)
    assert read(codec.encode_request(want(), request)) == [request]


def test_blocks_follow_their_head_without_being_copied():
    first, second = leaf(b"abc"), leaf(b"")
    frame = codec.encode_blocks(content(frozenset({4})), 9, [(4, 0, first), (4, 1, second)], last=False)
    assert read(frame) == [m.BlocksHead(9, (m.BlockHeader(4, 0, 3), m.BlockHeader(4, 1, 0)), last=False)]
    assert frame.body[0] is first.octets
    assert frame.size == len(octets_of(frame))


def test_what_leaves_are_here_is_read_back():
    assert read(codec.encode_have(content(None), 3, 1, 9, b"\xff\x01")) == [m.HaveMessage(3, 9, b"\xff\x01")]


def test_manifest_blocks_are_those_of_the_disclosed_manifest():
    octets = bytes(range(256)) * 5000
    view = sealed(v.ManifestView(octets))
    leaves = [leaf(octets[:CHUNK_SIZE]), leaf(octets[CHUNK_SIZE:])]
    frame = codec.encode_manifest_blocks(view, 1, [1], leaves[1:], last=True)
    assert read(frame) == [m.BlocksHead(1, (m.BlockHeader(0, 1, len(octets) - CHUNK_SIZE),), last=True)]
    dag = build_dag(HashFunction.BLAKE3, len(octets), b"".join(block.cid.digest for block in leaves))
    node = block_of(Codec.DAG_PB, dag.nodes[0])
    assert codec.encode_manifest_blocks(view, 1, [0], [node], last=True).body[0] == dag.nodes[0]


@pytest.mark.parametrize(
    ("place", "block"),
    [
        (0, (Codec.RAW, b"another file's octets")),
        (1, (Codec.RAW, b"")),
        (1, (Codec.RAW, b"manifest")),
        (0, (Codec.DAG_PB, b"another file's node")),
    ],
)
def test_another_block_does_not_leave_as_the_manifest(place, block):
    view = sealed(v.ManifestView(b"manifest"))
    with pytest.raises(DisclosureError):
        codec.encode_manifest_blocks(view, 1, [place], [block_of(*block)], last=True)


def test_another_node_does_not_leave_as_the_manifest():
    view = sealed(v.ManifestView(bytes(2 * CHUNK_SIZE)))
    with pytest.raises(DisclosureError):
        codec.encode_manifest_blocks(view, 1, [0], [block_of(Codec.DAG_PB, b"another node")], last=True)


def test_openings_are_read_back():
    share = sealed(v.OpeningsView(share_opening(), ()))
    assert read(codec.encode_openings(share, 1, last=True)) == [
        m.OpeningsPage(1, share_opening(), (), last=True)
    ]
    entries = (entry_opening(5), entry_opening(6, hidden=True))
    page = codec.encode_openings(sealed(v.OpeningsView(None, entries)), 2, last=False)
    assert read(page) == [m.OpeningsPage(2, None, entries, last=False)]


def test_many_openings_are_cut_into_frames_and_only_the_last_ends_the_request():
    entries = tuple(entry_opening(index) for index in range(3000))
    frame = codec.encode_openings(sealed(v.OpeningsView(None, entries)), 1, last=True)
    pages = read(frame)
    assert len(pages) > 10
    assert tuple(entry for page in pages for entry in page.entries) == entries
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert not any(
        page.last
        for page in read(codec.encode_openings(sealed(v.OpeningsView(None, entries)), 1, last=False))
    )


def test_a_page_holds_no_more_entries_than_its_receiver_takes():
    items = tuple(v.CatalogueItem() for _ in range(2500))
    pages = read(codec.encode_catalogue(sealed(v.CatalogueView(items)), 1))
    assert [len(page.items) for page in pages] == [1024, 1024, 452]


def test_an_opening_that_fits_no_frame_is_not_sent():
    slots = tuple(OpenSlot(name, b"s" * 16, b"v" * 6000) for name in ENTRY_SLOTS)
    view = sealed(v.OpeningsView(None, (EntryOpening(0, slots),)))
    with pytest.raises(LocalProtocolError):
        codec.encode_openings(view, 1, last=True)


@given(st.lists(st.integers(0, 4800), min_size=1, max_size=40))
def test_pages_never_pass_the_frame_limit(sizes):
    entries = tuple(
        EntryOpening(index, tuple(OpenSlot(name, b"s" * 16, b"v" * size) for name in ENTRY_SLOTS))
        for index, size in enumerate(sizes)
    )
    frame = codec.encode_openings(sealed(v.OpeningsView(share_opening(), entries)), m.MAX_INDEX, last=True)
    reader = FrameReader()
    reader.receive_data(frame.head)
    found = []
    while (octets := reader.next_frame()) is not None:
        assert len(octets) <= MAX_FRAME
        found.extend(codec.decode_frame(octets).entries)
    assert tuple(found) == entries


def test_an_empty_view_still_ends_its_request():
    assert read(codec.encode_openings(sealed(v.OpeningsView()), 1, last=True)) == [
        m.OpeningsPage(1, None, (), last=True)
    ]
    assert read(codec.encode_catalogue(sealed(v.CatalogueView()), 1)) == [m.CataloguePage(1, (), last=True)]


def test_a_catalogue_tells_only_the_fields_that_are_shown():
    items = (v.CatalogueItem(title="T"), v.CatalogueItem("bafy", "", 0, 3, "peertransfer:x"))
    pages = read(codec.encode_catalogue(sealed(v.CatalogueView(items)), 1, last=False))
    assert pages == [m.CataloguePage(1, items, last=False)]
