"""Positions, distances and the groups of addresses."""

import hashlib

import pytest
from kad_kit import key, peer_id, public_addr

from peertransfer.kademlia.address_groups import group_of, ip_of
from peertransfer.kademlia.distance import distance, position, shared_bits


def test_a_position_is_the_sha256_of_the_octets():
    assert position(b"abc").to_bytes(32, "big") == hashlib.sha256(b"abc").digest()


def test_a_distance_is_the_same_both_ways_and_zero_to_itself():
    assert distance(peer_id(1), key(2)) == distance(key(2), peer_id(1)) > 0
    assert distance(key(2), key(2)) == 0


@pytest.mark.parametrize(("one", "other", "bits"), [(0, 0, 256), (0, 1, 255), (0, 1 << 255, 0), (5, 4, 255)])
def test_shared_bits_are_the_leading_ones(one, other, bits):
    assert shared_bits(one, other) == bits


def ip6(text):
    return b"\x29" + bytes.fromhex(text.ljust(32, "0")) + b"\x06\x0f\xa1"


@pytest.mark.parametrize(
    ("addr", "group"),
    [
        (public_addr(8, 8, 4, 1), b"\x08\x08\x04"),
        (public_addr(8, 8, 4, 254), b"\x08\x08\x04"),
        (ip6("26064700000000010000000000000001"), bytes.fromhex("2606470000000001")),
        (ip6("00000000000000000000ffff08080401"), b"\x08\x08\x04"),
        (public_addr(127, 0, 0, 1), None),
        (public_addr(10, 1, 2, 3), None),
        (public_addr(192, 168, 1, 1), None),
        (public_addr(100, 64, 0, 1), None),
        (public_addr(169, 254, 0, 1), None),
        (ip6("00000000000000000000000000000001"), None),
        (ip6("fe80"), None),
        (ip6("fc00"), None),
        (ip6("00000000000000000000ffff7f000001"), None),
        (b"\x35\x0bexample.org\x06\x0f\xa1", None),
        (b"\x04\x08\x08\x04", None),
        (b"\x29\x26\x06", None),
        (b"\x04", None),
        (b"", None),
    ],
)
def test_only_global_addresses_have_a_group(addr, group):
    assert group_of(addr) == group


def test_the_ip_of_an_address_is_what_it_begins_with():
    assert str(ip_of(public_addr(8, 8, 4, 1))) == "8.8.4.1"
    assert ip_of(b"\x35\x01a") is None
