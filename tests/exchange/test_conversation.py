"""Whole conversations: the events do not depend on how the octets were cut on the way."""

import pytest
from exchange_kit import (
    GETTER_NONCE,
    LOCATOR,
    PROVIDER_NONCE,
    SECRET,
    block_of,
    content,
    cut,
    events_of,
    give,
    grant,
    granted_pair,
    hello,
    items,
    leaf,
    new_pair,
    octets_of,
    openings,
    refusal,
    sealed,
    share_opening,
    singly,
    want,
)
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Codec
from peertransfer.content.proof import Role, prove
from peertransfer.disclosure import views as v
from peertransfer.exchange import events as e
from peertransfer.exchange.states import State
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode

MANIFEST = b"manifest octets" * 10
LEAVES = [leaf(bytes([number]) * size) for number, size in enumerate((1000, 0, 700, 300_000))]
NODE = block_of(Codec.DAG_PB, b"inner node")


def whole_stream():
    """Play a stream with every kind of frame; return what each side wrote, and both machines."""
    getter, provider = new_pair(max_requests=16)
    asked, told = [], []

    def ask(frame):
        asked.append(frame)
        return give(frame, provider)

    def tell(frame):
        told.append(frame)
        return give(frame, getter)

    tell(provider.send_hello(hello(PROVIDER_NONCE, 16)))
    ask(getter.send_hello(hello(GETTER_NONCE, 16)))
    under = want(proof=getter.want_proof())
    listing, frame = getter.request_catalogue(under)
    ask(frame)
    ask(getter.send_want(under))
    tell(provider.send_catalogue(sealed(v.CatalogueView((v.CatalogueItem(title="T"),))), listing))
    tell(provider.send_grant(grant(prove(SECRET, Role.PROVIDER, provider.transcript(LOCATOR)), 99)))
    manifest, frame = getter.request_manifest(under, [m.Range(0, 1)])
    ask(frame)
    share, frame = getter.request_openings(under)
    ask(frame)
    entries, frame = getter.request_openings(under, 2, 3)
    ask(frame)
    nodes, frame = getter.request_nodes(under, items((2, 0, 1)))
    ask(frame)
    blocks, frame = getter.request_blocks(under, items((2, 0, 2), (3, 5, 2)))
    ask(frame)
    have, frame = getter.request_have(under, 3)
    ask(frame)
    changed, frame = getter.request_blocks(under, items((4, 0, 1)))
    ask(frame)
    given_up, frame = getter.request_blocks(under, items((2, 0, 4)))
    ask(frame)
    ask(getter.cancel(under, given_up))
    tell(provider.send_blocks(content(), blocks, [(2, 0, LEAVES[0]), (2, 1, LEAVES[1])], last=False))
    tell(provider.send_have(content(), have, 9, b"\xff\x01"))
    tell(provider.send_openings(openings(2, 3), entries, last=False))
    tell(provider.send_blocks(content(), nodes, [(2, 0, NODE)], last=True))
    tell(provider.send_blocks(content(), blocks, [(3, 5, LEAVES[2]), (3, 6, LEAVES[3])], last=True))
    tell(provider.send_openings(openings(4), entries, last=True))
    tell(provider.send_openings(openings(share=True), share, last=True))
    tell(
        provider.send_manifest_blocks(
            sealed(v.ManifestView(MANIFEST)), manifest, [0], [leaf(MANIFEST)], last=True
        )
    )
    tell(provider.send_refusal(refusal(2, changed)))
    tell(provider.send_blocks(content(), given_up, [], last=True))
    ask(getter.delivered(under))
    return asked, told, getter, provider


ASKED, TOLD, _, _ = whole_stream()
ASKED_OCTETS = b"".join(octets_of(frame) for frame in ASKED)
TOLD_OCTETS = b"".join(octets_of(frame) for frame in TOLD)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=30)


def provider_events(pieces):
    """Feed a provider that answers as in ``whole_stream`` what it must to go on."""
    _, provider = new_pair(max_requests=16)
    provider.send_hello(hello(PROVIDER_NONCE, 16))
    found = []
    for piece in pieces:
        provider.receive_data(piece)
        while (event := provider.next_event()) is not None:
            found.append(event)
            if isinstance(event, e.WantReceived):
                provider.send_grant(grant())
    provider.receive_eof()
    return found


def getter_events(pieces):
    """Feed a getter that asks as in ``whole_stream`` when it may."""
    getter, _ = new_pair(max_requests=16)
    getter.send_hello(hello(GETTER_NONCE, 16))
    found = []
    waiting = list(pieces)
    hello_size = len(octets_of(TOLD[0]))
    first = b""
    while len(first) < hello_size:
        first += waiting.pop(0)
    found += events_of(getter, first[:hello_size])
    under = want(proof=getter.want_proof())
    getter.request_catalogue(under)
    getter.send_want(under)
    rest = [first[hello_size:], *waiting]
    until_grant = sum(len(octets_of(frame)) for frame in TOLD[1:3])
    early = b""
    while len(early) < until_grant:
        early += rest.pop(0)
    found += events_of(getter, early[:until_grant])
    getter.request_manifest(under, [m.Range(0, 1)])
    getter.request_openings(under)
    getter.request_openings(under, 2, 3)
    getter.request_nodes(under, items((2, 0, 1)))
    getter.request_blocks(under, items((2, 0, 2), (3, 5, 2)))
    getter.request_have(under, 3)
    getter.request_blocks(under, items((4, 0, 1)))
    given_up, _ = getter.request_blocks(under, items((2, 0, 4)))
    getter.cancel(under, given_up)
    for piece in [early[until_grant:], *rest]:
        found += events_of(getter, piece)
    getter.receive_eof()
    found.append(getter.next_event())
    return found


def test_a_stream_with_every_kind_of_frame():
    found = provider_events([ASKED_OCTETS])
    assert [type(event) for event in found] == [
        e.HelloReceived,
        e.CatalogueRequested,
        e.WantReceived,
        e.ManifestRequested,
        e.OpeningsRequested,
        e.OpeningsRequested,
        e.NodesRequested,
        e.BlocksRequested,
        e.HaveRequested,
        e.BlocksRequested,
        e.BlocksRequested,
        e.RequestCancelled,
        e.DeliveredReceived,
    ]
    assert found[7] == e.BlocksRequested(6, items((2, 0, 2), (3, 5, 2)))


def test_a_getter_gets_what_it_asked_for():
    found = getter_events([TOLD_OCTETS])
    assert found == [
        e.HelloReceived(1, 16),
        e.CatalogueReceived(1, (v.CatalogueItem(title="T"),), last=True),
        e.GrantReceived(99),
        e.BlocksReceived(
            6, nodes=False, blocks=((2, 0, LEAVES[0].octets), (2, 1, LEAVES[1].octets)), last=False
        ),
        e.HaveReceived(7, 3, 9, b"\xff\x01"),
        e.OpeningsReceived(4, None, openings(2, 3).view.entries, last=False),
        e.BlocksReceived(5, nodes=True, blocks=((2, 0, NODE.octets),), last=True),
        e.BlocksReceived(
            6, nodes=False, blocks=((3, 5, LEAVES[2].octets), (3, 6, LEAVES[3].octets)), last=True
        ),
        e.OpeningsReceived(4, None, openings(4).view.entries, last=True),
        e.OpeningsReceived(3, share_opening(), (), last=True),
        e.ManifestBlocksReceived(2, nodes=False, blocks=((0, memoryview(MANIFEST)),), last=True),
        e.RefusalReceived(8, RefusalCode.CHANGED),
        e.BlocksReceived(9, nodes=False, blocks=(), last=True),
        e.StreamEnded(clean=True),
    ]


@given(CUTS)
def test_a_provider_sees_the_same_however_the_octets_are_cut(places):
    assert provider_events(cut(ASKED_OCTETS, places)) == provider_events([ASKED_OCTETS])


@given(CUTS)
def test_a_getter_sees_the_same_however_the_octets_are_cut(places):
    assert getter_events(cut(TOLD_OCTETS, places)) == getter_events([TOLD_OCTETS])


def test_one_octet_at_a_time_is_enough():
    assert provider_events(singly(ASKED_OCTETS)) == provider_events([ASKED_OCTETS])
    assert getter_events(singly(TOLD_OCTETS)) == getter_events([TOLD_OCTETS])


def test_both_machines_agree_on_where_they_are():
    _, _, getter, provider = whole_stream()
    assert getter.state is provider.state is State.AWAIT_END
    assert getter.outstanding_count == provider.outstanding_count == 0
    assert getter.request_limit == provider.request_limit == 16
    assert getter.getter_nonce == provider.getter_nonce == GETTER_NONCE
    assert getter.provider_nonce == provider.provider_nonce == PROVIDER_NONCE
    assert getter.transcript(LOCATOR) == provider.transcript(LOCATOR)


@given(st.integers(1, 64), st.integers(1, 64))
def test_the_smaller_number_of_requests_counts(getters, providers):
    getter, provider = granted_pair(getter_requests=getters, max_requests=providers)
    assert getter.request_limit == provider.request_limit == min(getters, providers)


@pytest.mark.parametrize("end", range(len(ASKED)))
def test_every_end_in_the_middle_of_the_getters_words_is_told(end):
    _, provider = new_pair(max_requests=16)
    provider.send_hello(hello(PROVIDER_NONCE, 16))
    for frame in ASKED[:end]:
        if any(isinstance(event, e.WantReceived) for event in give(frame, provider)):
            provider.send_grant(grant())
    events_of(provider, octets_of(ASKED[end])[:-1])
    provider.receive_eof()
    assert provider.next_event() == e.StreamEnded(clean=False)
    assert provider.next_event() is None
    assert provider.state is State.ENDED
