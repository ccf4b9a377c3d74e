"""The golden frames: made again, they are the same; read, they mean what they say."""

import json

import pytest
from exchange_kit import events_of, hello, new_pair
from exchange_vectors import FOLDER, bad_frames, files, frame_and_body, good_frames
from google.protobuf.json_format import ParseDict

from peertransfer.content.proof import Role, Transcript, check_proof
from peertransfer.errors import RemoteProtocolError
from peertransfer.exchange.events import HelloReceived, WantReceived
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.v1 import exchange_pb2 as pb

INDEX = json.loads((FOLDER / "frames.json").read_bytes())


def test_the_folder_holds_the_vectors_and_nothing_else():
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert there == set(files())


@pytest.mark.parametrize(("path", "octets"), files().items(), ids=files().keys())
def test_a_vector_made_again_is_the_same(path, octets):
    assert (FOLDER / path).read_bytes() == octets


@pytest.mark.parametrize("vector", INDEX["good"], ids=lambda vector: vector["file"])
def test_a_good_frame_is_read_and_means_what_the_index_says(vector):
    octets = (FOLDER / vector["file"]).read_bytes()
    reader = FrameReader()
    reader.receive_data(octets)
    frame = reader.next_frame()
    assert decode_frame(frame)
    body = bytes.fromhex(vector["raw_octets"])
    assert octets.endswith(frame + body)
    if "future" not in vector["file"]:
        assert ParseDict(vector["frame"], pb.Frame()) == frame_and_body(octets)[0]


@pytest.mark.parametrize("vector", INDEX["bad"], ids=lambda vector: vector["file"])
def test_a_bad_frame_is_refused(vector):
    reader = FrameReader()
    reader.receive_data((FOLDER / vector["file"]).read_bytes())
    with pytest.raises(RemoteProtocolError):
        decode_frame(reader.next_frame())


@pytest.mark.parametrize("vector", INDEX["bad_orders"], ids=lambda vector: vector["because"])
def test_a_bad_order_is_refused_at_its_last_frame(vector):
    _, provider = new_pair()
    provider.send_hello(hello(b"\x22" * 32))
    *before, last = [(FOLDER / name).read_bytes() for name in vector["frames"]]
    for octets in before:
        assert isinstance(events_of(provider, octets)[0], HelloReceived | WantReceived)
    with pytest.raises(RemoteProtocolError):
        events_of(provider, last)


def test_the_proofs_of_the_vectors_are_good():
    known = {
        name: bytes.fromhex(value)
        for name, value in json.loads((FOLDER / "proofs.json").read_bytes()).items()
    }
    transcript = Transcript(
        known["getter_peer"],
        known["provider_peer"],
        known["getter_nonce"],
        known["provider_nonce"],
        known["locator"],
    )
    assert check_proof(known["secret"], Role.GETTER, transcript, known["getter_proof"])
    assert check_proof(known["secret"], Role.PROVIDER, transcript, known["provider_proof"])
    assert not check_proof(known["secret"], Role.GETTER, transcript, known["provider_proof"])


def test_names_of_vectors_are_unique_and_told():
    assert all(meaning for meaning, _ in [*good_frames().values(), *bad_frames().values()])
    assert len(INDEX["good"]) == len(good_frames())
