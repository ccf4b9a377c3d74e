"""Do records hold what was said, in whatever cut, as the library's Noise has them?"""

import itertools

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from record_kit import opened

from peertransfer.errors import RemoteProtocolError
from peertransfer.transport.records import MAX_PLAINTEXT, TAG_SIZE, RecordOpener, RecordSealer

KEY = bytes(range(32))


def cut(octets, places):
    bounds = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(bounds)]


@given(
    said=st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=4), max_size=5),
    places=st.lists(st.integers(0, 5000), max_size=12),
    named=st.integers(0, 2000),
)
def test_what_is_sealed_in_any_pieces_is_opened_in_any_cut_and_place(said, places, named):
    sealer, opener = RecordSealer(KEY), RecordOpener(KEY)
    wire = b"".join(bytes(sealer.seal(pieces)) for pieces in said)
    records = [record for piece in cut(wire, places) for record in opened(opener, piece, named)]
    assert b"".join(records) == b"".join(piece for pieces in said for piece in pieces)


@settings(max_examples=20)
@given(size=st.integers(0, 3 * MAX_PLAINTEXT), places=st.lists(st.integers(0, 200_000), max_size=6))
def test_more_than_one_record_holds_is_cut_at_its_limit(size, places):
    octets = bytes(size)
    wire = RecordSealer(KEY, 7).seal([octets[:10], octets[10:]])
    opener = RecordOpener(KEY, 7)
    records = [record for piece in cut(wire, places) for record in opened(opener, piece)]
    assert b"".join(records) == octets
    assert max(map(len, records), default=0) <= MAX_PLAINTEXT
    least = -(-size // MAX_PLAINTEXT)
    assert (len(wire) - size) % (2 + TAG_SIZE) == 0
    assert least <= (len(wire) - size) // (2 + TAG_SIZE) <= least + 1


def test_a_record_is_that_of_the_noise_specification():
    wire = RecordSealer(KEY, 258).seal([b"hello"])
    assert wire[:2] == b"\x00\x15"
    nonce = bytes(4) + b"\x02\x01" + bytes(6)
    assert ChaCha20Poly1305(KEY).decrypt(nonce, bytes(wire[2:]), None) == b"hello"


def test_nothing_is_no_record():
    assert RecordSealer(KEY).seal([b""]) == b""


def test_small_pieces_share_a_record_and_large_ones_have_their_own():
    pieces = [b"head", b"x" * MAX_PLAINTEXT, b"a", b"b", b"c"]
    records = opened(RecordOpener(KEY), RecordSealer(KEY).seal(pieces))
    assert records == [b"head", b"x" * MAX_PLAINTEXT, b"abc"]


def test_a_changed_record_is_refused_wherever_it_was_to_go():
    wire = bytearray(RecordSealer(KEY).seal([b"some octets"]))
    wire[5] ^= 1
    with pytest.raises(RemoteProtocolError, match="changed on its way"):
        opened(RecordOpener(KEY), wire, named=100)


def test_an_empty_record_counts_and_says_nothing():
    cipher = ChaCha20Poly1305(KEY)
    wire = b"".join(
        len(sealed).to_bytes(2, "big") + sealed
        for number, said in enumerate([b"", b"x"])
        if (sealed := cipher.encrypt(bytes(4) + number.to_bytes(8, "little"), said, None))
    )
    assert opened(RecordOpener(KEY), wire) == [b"x"]


@pytest.mark.parametrize("place", [2, 10, -1])
def test_a_changed_record_is_refused(place):
    wire = bytearray(RecordSealer(KEY).seal([b"some octets"]))
    wire[place] ^= 1
    with pytest.raises(RemoteProtocolError, match="changed on its way"):
        opened(RecordOpener(KEY), wire)


@pytest.mark.parametrize("size", range(TAG_SIZE))
def test_a_record_shorter_than_its_tag_is_refused(size):
    with pytest.raises(RemoteProtocolError):
        opened(RecordOpener(KEY), size.to_bytes(2, "big") + bytes(size))


def test_a_record_that_comes_again_is_refused():
    wire = bytes(RecordSealer(KEY).seal([b"once"]))
    with pytest.raises(RemoteProtocolError):
        opened(RecordOpener(KEY), wire + wire)
