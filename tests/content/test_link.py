"""CIDs, links, locators and proofs."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.link import Link
from peertransfer.content.locator import locator, locator_multihash, locator_of_multihash
from peertransfer.content.proof import Role, Transcript, check_proof, prove
from peertransfer.content.unforgeable import Unforgeable
from peertransfer.content.verified import Verified, verify
from peertransfer.errors import ForgeryError, IntegrityError, UsageError

BLAKE3 = HashFunction.BLAKE3
CID = Cid.of(Codec.RAW, BLAKE3, b"manifest")
SECRET = bytes(range(16))
LINK = Link(CID, "nabc", SECRET, ("/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWtest",))


@given(st.sampled_from(Codec), st.sampled_from(HashFunction), st.binary())
def test_a_cid_is_read_back_from_both_forms(codec, function, octets):
    cid = Cid.of(codec, function, octets)
    assert Cid.parse(str(cid)) == Cid.from_bytes(cid.to_bytes()) == cid


@pytest.mark.parametrize(
    "text",
    ["", "b", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", str(CID).upper(), str(CID)[:-1], str(CID) + "a",
     "b" + "1" * 58, "é" * 59, "z" + str(CID)[1:]],
)  # fmt: skip
def test_what_is_not_a_cid_is_refused(text):
    with pytest.raises(UsageError):
        Cid.parse(text)


@pytest.mark.parametrize("at", range(4))
def test_another_version_codec_hash_or_length_is_refused(at):
    octets = bytearray(CID.to_bytes())
    octets[at] ^= 0x42
    with pytest.raises(UsageError):
        Cid.from_bytes(octets)


def test_the_last_characters_bits_beyond_the_digest_are_refused():
    text = str(CID)
    twins = [text[:-1] + last for last in "abcdefghijklmnopqrstuvwxyz234567" if last != text[-1]]
    for twin in twins:
        try:
            assert Cid.parse(twin) != CID
        except UsageError:
            continue


def test_verified_octets_can_only_be_made_by_checking_them():
    assert verify(CID, b"manifest").octets == b"manifest"
    with pytest.raises(IntegrityError):
        verify(CID, b"other")
    with pytest.raises(ForgeryError):
        Verified(CID, memoryview(b"other"))
    assert type(Verified) is Unforgeable


def test_a_link_is_read_back_and_hides_its_secret():
    assert Link.parse(f"  {LINK}\n") == LINK
    assert "AAEC" not in repr(LINK)
    assert repr(SECRET) not in repr(LINK)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("peertransfer:", "peertransfer://"),
        lambda text: text.replace("peertransfer:", "magnet:"),
        lambda text: text[:-60].replace("&s=AAEC", "&s=%00"),
        lambda text: text.split("&s=")[0],
        lambda text: text.split("?")[0],
        lambda text: text.replace("n=nabc", "n=a/b"),
        lambda text: text.replace("n=nabc&", ""),
        lambda text: text + "&a=x" * 17,
        lambda text: text + "x" * 9000,
        lambda text: text.replace("bafk", "bafz"),
        lambda _: "",
    ],
)
def test_a_damaged_link_is_refused_without_being_repeated(spoil):
    with pytest.raises(UsageError) as caught:
        Link.parse(spoil(str(LINK)))
    assert "AAEC" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_a_locator_depends_on_secret_epoch_and_manifest():
    name = locator(SECRET, b"e" * 32, CID)
    other = Cid.of(Codec.RAW, BLAKE3, b"x")
    names = {
        name,
        locator(bytes(16), b"e" * 32, CID),
        locator(SECRET, b"", CID),
        locator(SECRET, b"e" * 32, other),
    }
    assert len(names) == 4
    assert locator_multihash(name) == b"\x12\x20" + name
    assert len(name) == 32
    assert locator_of_multihash(locator_multihash(name)) == name


@pytest.mark.parametrize(
    "key",
    [b"", bytes(32), bytes(34), b"\x12\x20" + bytes(31), b"\x12\x20" + bytes(33), b"\x1e\x20" + bytes(32)],
)
def test_another_key_is_of_no_locator(key):
    assert locator_of_multihash(key) is None


TRANSCRIPT = Transcript(b"getter", b"provider", b"n" * 32, b"m" * 32, b"l" * 32)


def test_a_proof_holds_for_its_role_and_transcript_only():
    proof = prove(SECRET, Role.GETTER, TRANSCRIPT)
    assert check_proof(SECRET, Role.GETTER, TRANSCRIPT, proof)
    assert not check_proof(SECRET, Role.PROVIDER, TRANSCRIPT, proof)
    assert not check_proof(bytes(16), Role.GETTER, TRANSCRIPT, proof)
    for field in dataclasses.fields(Transcript):
        changed = dataclasses.replace(TRANSCRIPT, **{field.name: b"?"})
        assert not check_proof(SECRET, Role.GETTER, changed, proof)


def test_parts_of_a_proof_can_not_be_moved_from_one_to_the_next():
    moved = dataclasses.replace(TRANSCRIPT, getter_peer=b"gette", provider_peer=b"rprovider")
    assert prove(SECRET, Role.GETTER, moved) != prove(SECRET, Role.GETTER, TRANSCRIPT)


def chain(error):
    """Return all that an error's report could hold, causes and contexts included."""
    while error is not None:
        yield f"{error!r} {error} {getattr(error, 'hint', '')}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "add", ["&s=AAEC", "&n=other", "&a=noslash", "&a=/ip4", "&a=/ip4/1.2.3.4%0a", "&;", "&b"]
)
def test_a_link_with_a_second_secret_or_no_multiaddr_is_refused(add):
    with pytest.raises(UsageError) as caught:
        Link.parse(f"{LINK}{add}")
    assert "AAEC" not in " ".join(chain(caught.value))


@pytest.mark.parametrize("cut", range(0, str(LINK).index("&a=") - 1, 3))
def test_no_error_holds_the_link_not_even_as_its_context(cut):
    with pytest.raises(UsageError) as caught:
        Link.parse(str(LINK)[:cut])
    (report,) = chain(caught.value)
    assert "AAEC" not in report
    assert "bafkr" not in report


def test_a_field_of_a_later_version_is_left_alone():
    assert Link.parse(f"{LINK}&later=1") == LINK


@given(st.lists(st.sampled_from([CID, *(Cid.of(c, f, b"x") for c in Codec for f in HashFunction)])))
def test_cids_are_ordered_by_their_octets(cids):
    assert [cid.to_bytes() for cid in sorted(cids)] == sorted(cid.to_bytes() for cid in cids)
