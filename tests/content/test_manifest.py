"""Manifest, commitments and openings: every slot shows or hides by itself, and nothing can be swapped."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import (
    hide,
    open_entry,
    open_share,
)
from peertransfer.content.manifest import MAX_ENTRIES, MAX_MANIFEST_SIZE, Manifest, manifest_dag
from peertransfer.content.opening import EntryOpening, ShareOpening
from peertransfer.content.shared import (
    SharedEntry,
    SharedItem,
    build_manifest,
    entry_opening,
    entry_values,
    month_of,
    share_opening,
    share_values,
    size_class,
)
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.errors import IntegrityError, UsageError

BLAKE3 = HashFunction.BLAKE3


def entry(ordinal=0, path="a b/Ünï.TXT", **changes):
    root = Cid.of(Codec.RAW, BLAKE3, b"hello")
    base = SharedEntry(
        ordinal,
        path,
        "file",
        5,
        executable=True,
        mtime_at=1_700_000_000,
        media_type="text/plain",
        labels=("x", "b"),
        root=root,
    )
    return dataclasses.replace(base, **changes)


def item(*entries, **changes):
    base = SharedItem(
        "Title", BLAKE3, bytes(range(32)), entries or (entry(),), ("l",), "care", "consent", 1_800_000_000
    )
    return dataclasses.replace(base, **changes)


def test_every_slot_of_an_entry_opens_to_its_value():
    one = item()
    manifest, order = build_manifest(one)
    assert order == (0,)
    values = open_entry(entry_opening(one, one.entries[0], 0), manifest.entry_digests[0], BLAKE3)
    assert values == {**entry_values(one.entries[0]), "labels": ("b", "x")}
    assert values["name"] == "Ünï.TXT"
    assert values["folder"] == "a b"
    assert values["extension"] == "txt"
    assert (values["size_class"], values["mtime_day"], values["mtime_month"]) == (8, 19675, 646)


def test_the_share_opens_to_its_own_values():
    one = item()
    manifest, _ = build_manifest(one)
    assert open_share(share_opening(one), manifest.share_digest, BLAKE3) == share_values(one)


@pytest.mark.parametrize("slot", range(len(ENTRY_SLOTS)))
def test_a_hidden_slot_still_verifies_and_tells_nothing(slot):
    one = item()
    manifest, _ = build_manifest(one)
    slots = list(entry_opening(one, one.entries[0], 0).slots)
    slots[slot] = hide(BLAKE3, slots[slot])
    values = open_entry(EntryOpening(0, tuple(slots)), manifest.entry_digests[0], BLAKE3)
    assert set(values) == set(ENTRY_SLOTS) - {ENTRY_SLOTS[slot]}


def test_an_opening_of_another_entry_is_refused():
    one = item(entry(0), entry(1, "other"))
    manifest, order = build_manifest(one)
    opening = entry_opening(one, one.entries[order[1]], 0)
    with pytest.raises(IntegrityError, match="digest"):
        open_entry(opening, manifest.entry_digests[0], BLAKE3)


@pytest.mark.parametrize("slot", range(len(SHARE_SLOTS)))
def test_a_changed_value_of_the_share_is_noticed(slot):
    one = item()
    manifest, _ = build_manifest(one)
    slots = list(share_opening(one).slots)
    slots[slot] = dataclasses.replace(slots[slot], value=b"\x03other")
    with pytest.raises(IntegrityError, match="digest"):
        open_share(ShareOpening(tuple(slots)), manifest.share_digest, BLAKE3)


def test_slots_in_another_order_or_number_are_refused():
    one = item()
    manifest, _ = build_manifest(one)
    slots = entry_opening(one, one.entries[0], 0).slots
    for wrong in (slots[:-1], slots[::-1], ()):
        with pytest.raises(IntegrityError, match="slots"):
            open_entry(EntryOpening(0, wrong), manifest.entry_digests[0], BLAKE3)


def test_the_order_of_entries_tells_nothing_of_their_names():
    entries = tuple(entry(number, f"f{number:03d}") for number in range(64))
    manifest, order = build_manifest(item(*entries))
    assert list(manifest.entry_digests) == sorted(manifest.entry_digests)
    assert sorted(order) == list(range(64))
    assert list(order) != list(range(64))


def test_equal_files_and_another_seed_have_different_digests():
    first, _ = build_manifest(item(entry(0), entry(1)))
    assert len(set(first.entry_digests)) == 2
    second, _ = build_manifest(item(entry(0), entry(1), seed=bytes(32)))
    assert not set(first.entry_digests) & set(second.entry_digests)


def test_a_manifest_is_read_back_and_has_one_cid():
    manifest, _ = build_manifest(item(*(entry(number) for number in range(3))))
    octets = manifest.to_octets()
    assert Manifest.parse(octets) == manifest
    assert manifest_dag(manifest).root == Cid.of(Codec.RAW, BLAKE3, octets)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: octets[:-1],
        lambda octets: octets + b"\0",
        lambda octets: octets + b"\xff",
        lambda octets: octets + b"\xff" * 32,
        lambda octets: b"X" + octets[1:],
        lambda octets: octets[:5] + b"\x00" + octets[6:],
        lambda octets: octets[:-64] + octets[-32:] + octets[-64:-32],
        lambda octets: octets[:-32] + octets[-64:-32],
        lambda octets: octets[:38] + (MAX_ENTRIES + 1).to_bytes(4) + octets[42:],
        lambda octets: octets[:20],
        lambda _: b"",
    ],
)
def test_a_manifest_that_is_not_canonical_is_refused(spoil):
    octets = build_manifest(item(entry(0), entry(1)))[0].to_octets()
    with pytest.raises(IntegrityError):
        Manifest.parse(spoil(octets))


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 1), (2, 2), (3, 4), (1024, 1024), (1025, 2048)])
def test_a_size_class_is_the_next_power_of_two(size, expected):
    assert size_class(size) == expected


def test_a_folder_has_no_size_and_no_content():
    values = entry_values(SharedEntry(0, "leer", "folder"))
    assert (values["kind"], values["size"], values["content"], values["mtime_month"]) == (
        "folder",
        None,
        None,
        None,
    )


@given(st.integers(0, 253_402_300_799))
def test_a_month_is_that_of_the_calendar(at):
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=at)
    assert month_of(at) == (moment.year - 1970) * 12 + moment.month - 1


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (0, 0),
        (2_678_399, 0),
        (2_678_400, 1),
        (951_782_399, 361),
        (951_868_799, 361),
        (951_868_800, 362),
        (4_107_542_400, 1562),
    ],
    ids=[
        "first",
        "end of January",
        "February",
        "28 February 2000",
        "29 February 2000",
        "1 March 2000",
        "1 March 2100",
    ],
)
def test_a_month_begins_and_ends_where_the_calendar_says(at, month):
    assert month_of(at) == month


@pytest.mark.parametrize("at", [-1, -(10**12), 2**63, 2**70])
def test_a_time_that_can_not_be_told_is_left_out_and_harms_nothing(at):
    one = item(entry(mtime_at=at))
    manifest, _ = build_manifest(one)
    values = open_entry(entry_opening(one, one.entries[0], 0), manifest.entry_digests[0], BLAKE3)
    assert (values["mtime"], values["mtime_day"], values["mtime_month"]) == (None, None, None)
    assert values["name"] == "Ünï.TXT"


def test_a_time_after_the_year_9999_is_told():
    values = entry_values(entry(mtime_at=300_000_000_000))
    assert (values["mtime"], values["mtime_day"], values["mtime_month"]) == (
        300_000_000_000,
        3_472_222,
        114_079,
    )


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.TXT", "txt"),
        ("a.tar.gz", "gz"),
        ("файл.ДОК", "док"),
        (".bashrc", None),
        ("..hidden.png", "png"),
        ("README", None),
        ("Dr. Jane Doe", None),
        ("a.jane doe", None),
        ("a.thirteenchars", None),
        ("a.webmanifest", "webmanifest"),
        ("a.b-c", None),
    ],
)
def test_an_extension_tells_no_part_of_a_name(name, extension):
    assert entry_values(entry(path=f"x/{name}"))["extension"] == extension


@pytest.mark.parametrize("changes", [{"purpose": "x" * 9000}, {"title": "\udcff"}, {"labels": ("x" * 9000,)}])
def test_a_share_that_no_getter_could_open_is_not_made(changes):
    with pytest.raises(UsageError):
        build_manifest(item(**changes))


def test_no_record_shows_its_secrets_when_it_is_printed():
    text = repr(item(entry(leaf_digests=b"\xab" * 32)))
    assert "\\xab" not in text
    assert repr(bytes(range(32))) not in text


def test_a_manifest_of_the_most_entries_is_read_and_one_more_is_not():
    digests = tuple(number.to_bytes(32) for number in range(MAX_ENTRIES + 1))
    most = Manifest(BLAKE3, bytes(32), digests[:-1])
    assert Manifest.parse(most.to_octets()) == most
    assert len(most.to_octets()) == MAX_MANIFEST_SIZE
    assert len(manifest_dag(most).nodes) == 1
    with pytest.raises(IntegrityError):
        Manifest.parse(Manifest(BLAKE3, bytes(32), digests).to_octets())


@given(st.binary(max_size=200), st.booleans())
def test_no_octets_at_all_break_the_reading_of_a_manifest(octets, has_magic):
    octets = b"PTMF\x01\x1e" * has_magic + octets
    try:
        manifest = Manifest.parse(octets)
    except IntegrityError:
        return
    assert manifest.to_octets() == octets
