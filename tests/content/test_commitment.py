"""Values and commitments: one form for each value, one value for each commitment."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import HashFunction
from peertransfer.content.commitment import (
    MAX_VALUE_SIZE,
    SHARE_SCOPE,
    commit,
    decode_value,
    encode_value,
    entry_digest,
    hide,
    open_entry,
    open_share,
    share_digest,
    slot_salts,
)
from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS, SLOT_TYPES
from peertransfer.errors import IntegrityError, LocalError, UsageError

BLAKE3 = HashFunction.BLAKE3
VALUES = {
    bool: st.booleans(),
    int: st.integers(0, 2**63 - 1),
    str: st.text(),
    bytes: st.binary(),
    tuple: st.lists(st.text()).map(tuple),
}
SLOTS_AND_VALUES = st.sampled_from(sorted(SLOT_TYPES)).flatmap(
    lambda slot: st.tuples(st.just(slot), st.none() | VALUES[SLOT_TYPES[slot]])
)


@given(SLOTS_AND_VALUES)
def test_a_value_is_read_back(case):
    slot, value = case
    read = decode_value(slot, encode_value(slot, value))
    assert read == (tuple(sorted(value, key=str.encode)) if isinstance(value, tuple) else value)


@given(SLOTS_AND_VALUES, SLOTS_AND_VALUES)
def test_two_values_never_have_the_same_octets(one, other):
    slot, value = one
    octets = encode_value(*other)
    if octets == encode_value(slot, value):
        assert decode_value(slot, octets) == decode_value(other[0], octets)


@given(st.sampled_from(ENTRY_SLOTS), st.integers(0, 6).map(lambda tag: bytes((tag,))), st.binary(max_size=40))
def test_octets_that_are_not_canonical_are_refused(slot, tag, body):
    try:
        value = decode_value(slot, tag + body)
    except IntegrityError:
        return
    assert encode_value(slot, value) == tag + body


@pytest.mark.parametrize(
    ("slot", "value"),
    [
        ("name", "a" * MAX_VALUE_SIZE),
        ("labels", ("a" * 5000, "b" * 5000)),
        ("labels", ("a" * 70_000,)),
        ("purpose", "\udcff"),
        ("size", -1),
        ("size", 2**63),
        ("size", 2**64),
    ],
)
def test_what_no_getter_would_take_is_not_shared(slot, value):
    with pytest.raises(UsageError):
        encode_value(slot, value)


def test_the_longest_value_is_taken_by_both_sides():
    longest = "a" * (MAX_VALUE_SIZE - 1)
    assert decode_value("name", encode_value("name", longest)) == longest


@pytest.mark.parametrize(("slot", "value"), [("size", "1"), ("size", True), ("name", 1), ("executable", 1)])
def test_a_value_of_another_type_than_its_slot_is_our_own_mistake(slot, value):
    with pytest.raises(LocalError, match="another type"):
        encode_value(slot, value)


def share(**changes):
    """Return open slots of a share whose only value is its title, and the share's digest."""
    values = {**dict.fromkeys(SHARE_SLOTS, b"\x00"), "title": b"\x03good\x03evil", **changes}
    slots = tuple(OpenSlot(slot, bytes(16), value) for slot, value in values.items())
    return slots, share_digest(BLAKE3, [hide(BLAKE3, slot).commitment for slot in slots])


@pytest.mark.parametrize("moved", [-1, 1, 5])
def test_a_commitment_can_not_be_opened_to_a_second_value_by_moving_octets_into_the_salt(moved):
    slots, digest = share()
    both = slots[0].salt + slots[0].value
    assert open_share(ShareOpening(slots), digest, BLAKE3)["title"] == "good\x03evil"
    other = dataclasses.replace(slots[0], salt=both[: 16 + moved], value=both[16 + moved :])
    with pytest.raises(IntegrityError, match="salt"):
        open_share(ShareOpening((other, *slots[1:])), digest, BLAKE3)


def test_octets_can_not_be_moved_from_one_hidden_commitment_to_the_next():
    slots, digest = share()
    first, second = (hide(BLAKE3, slot).commitment for slot in slots[:2])
    moved = (HiddenSlot("title", first + second[:1]), HiddenSlot("purpose", second[1:]))
    with pytest.raises(IntegrityError, match="commitment"):
        open_share(ShareOpening((*moved, *slots[2:])), digest, BLAKE3)


def test_an_opened_value_of_another_type_is_refused_although_its_commitment_holds():
    slots, digest = share(title=b"\x02" + bytes(8))
    with pytest.raises(IntegrityError, match="another type"):
        open_share(ShareOpening(slots), digest, BLAKE3)


def test_a_commitment_depends_on_hash_slot_salt_and_value():
    assert (
        len(
            {
                commit(BLAKE3, "name", bytes(16), b"\x03a"),
                commit(HashFunction.SHA2_256, "name", bytes(16), b"\x03a"),
                commit(BLAKE3, "folder", bytes(16), b"\x03a"),
                commit(BLAKE3, "name", b"\x01" * 16, b"\x03a"),
                commit(BLAKE3, "name", bytes(16), b"\x03b"),
                commit(BLAKE3, "name", bytes(16), b"\x00"),
            }
        )
        == 6
    )


def test_digests_of_a_share_and_of_an_entry_are_never_the_same():
    assert entry_digest(BLAKE3, [bytes(32)]) != share_digest(BLAKE3, [bytes(32)])


@given(st.binary(min_size=32, max_size=32))
def test_every_slot_of_every_scope_has_a_salt_of_its_own(seed):
    salts = [salt for scope in (0, 1, SHARE_SCOPE) for salt in slot_salts(seed, scope, ENTRY_SLOTS)]
    assert len(set(salts)) == len(salts)
    assert {len(salt) for salt in salts} == {16}


def test_an_entry_of_hidden_slots_alone_verifies_and_tells_nothing():
    hidden = tuple(HiddenSlot(slot, bytes(32)) for slot in ENTRY_SLOTS)
    digest = entry_digest(BLAKE3, [bytes(32)] * len(ENTRY_SLOTS))
    assert open_entry(EntryOpening(0, hidden), digest, BLAKE3) == {}
