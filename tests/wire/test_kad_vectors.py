"""The golden messages of the DHT: made again, they are the same; read, they mean what they say."""

import json

import pytest
from google.protobuf.json_format import ParseDict
from kad_kit import addr, peer_id
from kad_vectors import FOLDER, bad_messages, files, good_messages
from libp2p.kad_dht.pb import kademlia_pb2 as theirs

from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import RemoteProtocolError
from peertransfer.kademlia.distance import position
from peertransfer.wire.kad_codec import answer_reader, decode_kad
from peertransfer.wire.v1 import kad_pb2 as pb

INDEX = json.loads((FOLDER / "messages.json").read_bytes())


def frame_of(octets):
    reader = answer_reader()
    reader.receive_data(octets)
    return reader.next_frame()


def read(name):
    return decode_kad(frame_of((FOLDER / "good" / f"{name}.bin").read_bytes()))


def test_the_folder_holds_the_vectors_and_nothing_else():
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert there == set(files())


@pytest.mark.parametrize(("path", "octets"), files().items(), ids=files().keys())
def test_a_vector_made_again_is_the_same(path, octets):
    assert (FOLDER / path).read_bytes() == octets


@pytest.mark.parametrize("vector", INDEX["good"], ids=lambda vector: vector["file"])
def test_a_good_message_is_read_and_means_what_the_index_says(vector):
    frame = frame_of((FOLDER / vector["file"]).read_bytes())
    assert decode_kad(frame).type == pb.KadMessage.FromString(frame).type
    if vector["file"] not in {"good/message_of_the_future.bin", "good/put_value.bin"}:
        said = ParseDict(vector["message"], pb.KadMessage())
        assert said.SerializeToString(deterministic=True) == frame


@pytest.mark.parametrize("name", [name for name in good_messages() if name != "put_value"])
def test_another_implementation_reads_the_same(name):
    frame = frame_of(good_messages()[name][1])
    message, ours = theirs.Message.FromString(frame), pb.KadMessage.FromString(frame)
    assert (message.type, message.key) == (ours.type, ours.key)
    for their_peers, our_peers in (
        (message.closerPeers, ours.closer_peers),
        (message.providerPeers, ours.provider_peers),
    ):
        assert [(one.id, list(one.addrs)) for one in their_peers] == [
            (one.id, list(one.addrs)) for one in our_peers
        ]


@pytest.mark.parametrize("vector", INDEX["bad"], ids=lambda vector: vector["file"])
def test_a_bad_message_is_refused(vector):
    octets = (FOLDER / vector["file"]).read_bytes()
    with pytest.raises(RemoteProtocolError):
        decode_kad(frame_of(octets))


def test_every_bad_message_is_in_the_index():
    assert [vector["because"] for vector in INDEX["bad"]] == [
        because for because, _ in bad_messages().values()
    ]


@pytest.mark.parametrize("vector", INDEX["positions"], ids=lambda vector: vector["of"][:12])
def test_positions_are_those_of_the_index(vector):
    assert format(position(bytes.fromhex(vector["of"])), "064x") == vector["is"]


def test_more_than_the_limits_is_cut():
    many = read("41_peers")
    assert many.closer_peers == many.provider_peers
    assert [one.peer_id for one in many.closer_peers] == [peer_id(number) for number in range(1, 41)]
    assert read("17_addresses").closer_peers[0].addrs == tuple(addr(number) for number in range(16))
    assert read("long_address").closer_peers[0].addrs == (b"\x35" * 256,)


def test_a_peer_id_at_the_end_of_its_own_address_is_cut_off():
    (peer,) = read("addresses_with_peer_id").closer_peers
    assert peer == PeerRecord(peer_id(1), (addr(1), addr(2) + b"\xa5\x03\x26" + peer_id(2)))
