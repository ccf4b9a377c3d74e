"""Frames cut out of octets that come in any pieces; lengths refused before memory is taken."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.wire.framing import MAX_BODY, MAX_FRAME, MAX_KEPT, FrameReader, encode_varint


def framed(frame):
    return encode_varint(len(frame)) + frame


def cut(octets, places):
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


def read_all(pieces):
    reader = FrameReader()
    frames = []
    for piece in pieces:
        reader.receive_data(piece)
        while (frame := reader.next_frame()) is not None:
            frames.append(frame)
    return frames, reader


@pytest.mark.parametrize(
    ("number", "octets"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (65536, b"\x80\x80\x04")]
)
def test_a_varint_has_its_shortest_form(number, octets):
    assert encode_varint(number) == octets


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 5000), max_size=20))
def test_frames_do_not_depend_on_how_the_octets_are_cut(frames, places):
    octets = b"".join(framed(frame) for frame in frames)
    whole, _ = read_all([octets])
    assert whole == frames
    assert read_all(cut(octets, places))[0] == frames
    single, reader = read_all([octets[place : place + 1] for place in range(len(octets))])
    assert single == frames
    assert reader.is_between_frames


def test_a_frame_of_exactly_the_limit_is_read():
    frame = b"a" * MAX_FRAME
    assert read_all([framed(frame)])[0] == [frame]


@pytest.mark.parametrize(
    "prefix",
    [
        encode_varint(MAX_FRAME + 1),
        encode_varint(2**31),
        encode_varint(2**63),
        b"\xff" * 11,
        b"\x80" * 11,
        b"\x80\x80\x80",
        b"\x81\x00",
        b"\x80\x00",
    ],
    ids=["max+1", "2^31", "2^63", "eleven-octets", "eleven-empty", "three-empty", "padded", "padded-zero"],
)
def test_a_bad_length_is_refused_before_memory_is_taken(prefix):
    reader = FrameReader()
    tracemalloc.start()
    reader.receive_data(prefix)
    with pytest.raises(RemoteProtocolError):
        reader.next_frame()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16384


def test_a_smaller_limit_is_kept():
    reader = FrameReader(max_frame=100)
    reader.receive_data(framed(b"a" * 101))
    with pytest.raises(RemoteProtocolError):
        reader.next_frame()


@given(st.binary(max_size=3000), st.lists(st.integers(0, 5000), max_size=20))
def test_a_raw_body_is_read_between_two_frames(body, places):
    reader = FrameReader()
    seen = []
    for piece in cut(framed(b"head") + body + framed(b"tail"), places):
        reader.receive_data(piece)
        while True:
            item = reader.next_body(len(body)) if len(seen) == 1 else reader.next_frame()
            if item is None:
                break
            seen.append(bytes(item))
    assert seen == [b"head", body, b"tail"]
    assert reader.is_between_frames


def test_a_body_is_handed_out_read_only():
    reader = FrameReader()
    reader.receive_data(b"abc")
    assert reader.next_body(3).readonly


def test_a_body_over_the_limit_is_our_own_mistake():
    with pytest.raises(LocalProtocolError):
        FrameReader().next_body(MAX_BODY + 1)


def test_a_partial_frame_is_not_the_end_of_one():
    for octets in (b"\x80", b"\x05ab", b"\x05"):
        reader = FrameReader()
        reader.receive_data(octets)
        assert reader.next_frame() is None
        assert not reader.is_between_frames


def test_a_piece_that_the_caller_changes_later_does_no_harm():
    reader = FrameReader()
    piece = bytearray(framed(b"abc"))
    reader.receive_data(piece)
    piece[:] = b"\xff" * len(piece)
    assert reader.next_frame() == b"abc"


def test_giving_without_ever_taking_is_refused():
    reader = FrameReader()
    piece = b"a" * MAX_BODY
    reader.receive_data(piece)
    reader.receive_data(piece)
    with pytest.raises(LocalProtocolError):
        reader.receive_data(piece)


def test_no_more_than_a_frame_and_a_body_is_held_when_pieces_are_taken_as_they_come():
    reader = FrameReader()
    body = b"a" * MAX_BODY
    for start in range(0, MAX_BODY - 4096, 4096):
        reader.receive_data(body[start : start + 4096])
        assert reader.next_body(MAX_BODY) is None
        assert reader.buffered_size <= MAX_FRAME + MAX_BODY


def test_the_memory_of_a_leaf_is_used_again_and_never_while_somebody_looks_at_it():
    reader = FrameReader()

    def leaf(octet):
        reader.receive_data(bytes([octet]) * MAX_BODY)
        return reader.next_body(MAX_BODY)

    parts = [leaf(octet)[MAX_BODY - 5 :] for octet in range(2 * MAX_KEPT)]
    assert [bytes(part) for part in parts] == [bytes([octet]) * 5 for octet in range(2 * MAX_KEPT)]
    memory = parts.pop(1).obj
    again = leaf(0xFF)
    assert again.obj is memory
    assert bytes(again) == b"\xff" * MAX_BODY
    assert [bytes(part)[:1] for part in parts] == [
        bytes([octet]) for octet in range(2 * MAX_KEPT) if octet != 1
    ]
