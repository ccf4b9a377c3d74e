"""XSalsa20 as a running stream: NaCl's vectors, and the same octets however the pieces are cut."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox

from peertransfer.transport.salsa import (
    CryptodomeXSalsa20,
    SodiumXSalsa20,
    hsalsa20,
    sodium_function,
    xsalsa20,
)

KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
FIRST_BLOCK = "eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880"
"""First 32 octets of the key stream, out of the NaCl paper ("Cryptography in NaCl", section 10)."""
FOUR_MIB_SHA256 = "662b9d0e3463029156069b12f918691a98f7dfb2ca0393c96bbfc6b1fbd630a2"
"""Of 4,194,304 octets of key stream: NaCl's test ``stream.c``."""


def sodium(key=KEY, nonce=NONCE):
    return SodiumXSalsa20(key, nonce, sodium_function())


def xored(stream, octets):
    piece = memoryview(bytearray(octets))
    stream.xor(piece)
    return bytes(piece)


IMPLEMENTATIONS = pytest.mark.parametrize("start", [sodium, CryptodomeXSalsa20], ids=["sodium", "cryptodome"])


@IMPLEMENTATIONS
def test_the_key_stream_starts_as_in_the_nacl_paper(start):
    assert xored(start(KEY, NONCE), bytes(32)).hex() == FIRST_BLOCK


@IMPLEMENTATIONS
def test_four_mebibytes_of_key_stream_hash_as_in_nacls_test(start):
    assert hashlib.sha256(xored(start(KEY, NONCE), bytes(4 << 20))).hexdigest() == FOUR_MIB_SHA256


def test_the_derived_key_is_that_of_the_nacl_paper():
    shared = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    first = hsalsa20(shared, bytes(16))
    assert first == KEY
    assert (
        hsalsa20(first, NONCE[:16]).hex()
        == "dc908dda0b9344a953629b733820778880f3ceb421bb61b91cbd4c3e66256ce4"
    )


def test_nacls_secret_box_uses_the_same_key_stream():
    sealed = SecretBox(KEY).encrypt(b"some octets", NONCE).ciphertext
    stream = xsalsa20(KEY, NONCE)
    xored(stream, bytes(32))
    assert xored(stream, sealed[16:]) == b"some octets"


@given(
    key=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=24, max_size=24),
    pieces=st.lists(st.binary(max_size=200), max_size=12),
)
def test_both_ciphers_give_the_same_in_any_cut(key, nonce, pieces):
    whole = xored(CryptodomeXSalsa20(key, nonce), b"".join(pieces))
    for stream in (sodium(key, nonce), CryptodomeXSalsa20(key, nonce)):
        assert b"".join(xored(stream, piece) for piece in pieces) == whole


@given(octets=st.binary(max_size=300), cut=st.integers(0, 300))
def test_what_one_side_encrypts_the_other_decrypts_in_another_cut(octets, cut):
    sealed = xored(xsalsa20(KEY, NONCE), octets)
    reader = xsalsa20(KEY, NONCE)
    assert xored(reader, sealed[:cut]) + xored(reader, sealed[cut:]) == octets


@pytest.mark.parametrize(("key_size", "nonce_size"), [(31, 24), (33, 24), (0, 24), (32, 23), (32, 8)])
def test_a_key_or_nonce_of_another_length_is_refused(key_size, nonce_size):
    with pytest.raises(ValueError, match="32 octets and a nonce of 24"):
        xsalsa20(bytes(key_size), bytes(nonce_size))
