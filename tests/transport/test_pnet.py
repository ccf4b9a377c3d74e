"""The private network's cipher and the look at the first octets, without any socket."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.errors import NetworkKeyError
from peertransfer.transport.pnet import GREETING, Greeting, PnetCipher
from peertransfer.transport.salsa import NONCE_SIZE, xsalsa20

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NONCE, OTHER_NONCE = bytes(range(24)), bytes(range(100, 124))


def view(octets):
    return memoryview(bytearray(octets))


def cut(octets, places):
    bounds = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(bounds)]


@given(said=st.binary(max_size=300), places=st.lists(st.integers(0, 1000), max_size=12))
def test_whatever_the_cut_the_other_side_reads_what_was_said(said, places):
    near, far = PnetCipher(KEY, NONCE), PnetCipher(KEY, OTHER_NONCE)
    sent = near.encrypt(view(GREETING)).tobytes() + near.encrypt(view(said)).tobytes()
    assert b"".join(far.decrypt(view(piece)) for piece in cut(sent, places)) == GREETING + said


def test_a_nonce_split_octet_by_octet_is_put_together():
    near, far = PnetCipher(KEY, NONCE), PnetCipher(KEY, OTHER_NONCE)
    sent = near.encrypt(view(GREETING + b"more"))
    assert b"".join(far.decrypt(view([octet])) for octet in sent) == GREETING + b"more"


def test_the_nonce_goes_once_and_the_rest_is_encrypted_under_it():
    near = PnetCipher(KEY, NONCE)
    sent = near.encrypt(view(b"one")).tobytes() + near.encrypt(view(b"two"))
    assert sent[:NONCE_SIZE] == NONCE
    said = view(sent[NONCE_SIZE:])
    xsalsa20(KEY, NONCE).xor(said)
    assert said == b"onetwo"


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32"):
        PnetCipher(b"short", NONCE)


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_peer_without_a_key_is_told_by_its_greeting_in_clear(is_whole):
    cipher = PnetCipher(KEY, NONCE)
    with pytest.raises(NetworkKeyError, match="no network key"):  # noqa: PT012 - at the last piece
        for piece in [GREETING] if is_whole else [GREETING[:7], GREETING[7:]]:
            cipher.decrypt(view(piece))


def test_the_first_wrong_octet_tells_another_key():
    near, far = PnetCipher(OTHER_KEY, NONCE), PnetCipher(KEY, OTHER_NONCE)
    sent = near.encrypt(view(GREETING))
    greeting = Greeting(is_private=True)
    with pytest.raises(NetworkKeyError, match="another network key"):  # noqa: PT012 - at one of these
        for octet in sent[: NONCE_SIZE + 4]:
            greeting.see(far.decrypt(view([octet])))


def test_a_right_greeting_is_complete_and_what_follows_is_not_judged():
    greeting = Greeting(is_private=True)
    for octet in GREETING:
        assert not greeting.is_complete
        greeting.see(bytes([octet]))
    assert greeting.is_complete
    greeting.see(b"anything")
    greeting.give_up()


def test_an_end_before_the_greeting_means_another_key_in_a_private_network_only():
    with pytest.raises(NetworkKeyError, match="hangs up or is silent"):
        Greeting(is_private=True).give_up()
    Greeting(is_private=False).give_up()


def test_random_octets_in_the_open_network_are_a_private_peer():
    greeting = Greeting(is_private=False)
    with pytest.raises(NetworkKeyError, match="private network"):
        greeting.see(b"\x13/multisTREAM")
