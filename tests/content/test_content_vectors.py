"""The golden values of content: made again they are the same, and kubo's own tests agree on the roots."""

import hashlib
import hmac
import json

import pytest
from content_vectors import (
    BAD_NODES,
    FOLDER,
    files,
    leaf_digests,
    root_of_octets,
    stream_digests,
)

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import decode_value
from peertransfer.content.dag import CHUNK_SIZE, DagVerifier, build_dag
from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.content.names import check_segment, reason_against
from peertransfer.errors import IntegrityError, RemoteProtocolError

FILES, NODES, VALUES, NAMES, LINKS = (
    json.loads((FOLDER / name).read_bytes())
    for name in ("files.json", "nodes.json", "values.json", "names.json", "links.json")
)
STREAMS = [one for one in FILES["files"] if "seed" in one]


def test_the_folder_holds_the_vectors_and_nothing_else():
    assert {path.name for path in FOLDER.iterdir()} == set(files())


@pytest.mark.parametrize(("name", "octets"), files().items(), ids=files().keys())
def test_a_vector_made_again_is_the_same(name, octets):
    assert (FOLDER / name).read_bytes() == octets


@pytest.mark.parametrize(
    "one", [one for one in FILES["files"] if "octets" in one], ids=lambda one: one["means"]
)
def test_a_small_file_has_the_root_that_kubo_gives_it(one):
    assert root_of_octets(bytes.fromhex(one["octets"]), HashFunction(FILES["hash"])) == one["root"]


@pytest.mark.parametrize("seed", sorted({one["seed"] for one in STREAMS}))
def test_a_file_of_a_gibibyte_has_the_root_that_kubo_gives_it(seed):
    cases = [one for one in STREAMS if one["seed"] == seed]
    digests = stream_digests(seed, max(one["size"] for one in cases) // CHUNK_SIZE)
    for one in cases:
        mine = digests[: one["size"] // CHUNK_SIZE * 32]
        assert str(build_dag(HashFunction.SHA2_256, one["size"], mine).root) == one["root"]


@pytest.mark.parametrize("one", NODES["good"], ids=lambda one: one["hash"])
def test_a_good_node_is_built_and_believed(one):
    function, octets = HashFunction(one["hash"]), bytes.fromhex(one["node"])
    dag = build_dag(function, one["size"], bytes.fromhex(one["leaf_digests"]))
    assert dag.nodes == (octets,)
    assert str(dag.root) == one["cid"]
    verifier = DagVerifier(Cid.parse(one["cid"]))
    verifier.add_node(0, octets)
    assert verifier.leaf_digests().hex() == one["leaf_digests"]


@pytest.mark.parametrize(("because", "octets"), BAD_NODES, ids=[because for because, _ in BAD_NODES])
def test_a_bad_node_is_refused_although_its_cid_was_asked_for(because, octets):
    verifier = DagVerifier(Cid.of(Codec.DAG_PB, HashFunction.SHA2_256, octets))
    with pytest.raises(IntegrityError):
        verifier.add_node(0, octets)
    assert verifier.missing_nodes() == [0], because


def test_the_good_node_is_what_others_protobuf_gives():
    """By hand, from the specifications of dag-pb and UnixFS."""
    digest = hashlib.sha256(b"leaf").digest()
    cid = bytes.fromhex("01551220") + digest
    link_1 = b"\x0a\x24" + cid + b"\x12\x00" + b"\x18\x80\x80\x40"
    link_2 = b"\x0a\x24" + cid + b"\x12\x00" + b"\x18\x01"
    data = b"\x08\x02" + b"\x18\x81\x80\x40" + b"\x20\x80\x80\x40" + b"\x20\x01"
    parts = ((0x12, link_1), (0x12, link_2), (0x0A, data))
    (by_hand,) = [one["node"] for one in NODES["good"] if one["hash"] == "sha2-256"]
    assert b"".join(bytes((tag, len(part))) + part for tag, part in parts).hex() == by_hand


@pytest.mark.parametrize("one", VALUES["good"], ids=lambda one: one["octets"][:20])
def test_a_good_value_is_read(one):
    value = decode_value(one["slot"], bytes.fromhex(one["octets"]))
    shown = value.hex() if isinstance(value, bytes) else list(value) if isinstance(value, tuple) else value
    assert (shown, type(shown)) == (one["value"], type(one["value"]))


@pytest.mark.parametrize("one", VALUES["bad"], ids=lambda one: one["because"])
def test_a_bad_value_is_refused(one):
    with pytest.raises(IntegrityError):
        decode_value(one["slot"], bytes.fromhex(one["octets"]))


@pytest.mark.parametrize("name", NAMES["good"], ids=range(len(NAMES["good"])))
def test_a_good_name_is_kept_as_it_is(name):
    assert check_segment(name) == name


@pytest.mark.parametrize("one", NAMES["bad"], ids=range(len(NAMES["bad"])))
def test_a_bad_name_is_refused_for_its_reason(one):
    assert reason_against(one["name"]) == one["because"] is not None
    with pytest.raises(RemoteProtocolError):
        check_segment(one["name"])


def hkdf(key, salt, info):
    """HKDF-SHA256 (RFC 5869) of 32 octets, by hand."""
    return hmac.digest(hmac.digest(salt or bytes(32), key, "sha256"), info + b"\x01", "sha256")


@pytest.mark.parametrize("one", LINKS["links"], ids=lambda one: one["locator"][:8])
def test_a_link_is_read_and_gives_its_locator(one):
    link = Link.parse(one["link"])
    assert (str(link.manifest_cid), link.network_id, link.secret.hex(), list(link.addrs)) == (
        one["manifest_cid"],
        one["network_id"],
        one["secret"],
        one["addrs"],
    )
    epoch_key = bytes.fromhex(one["epoch_key"])
    domain = b"peertransfer/locator/1"
    key = hkdf(link.secret, epoch_key, domain)
    by_hand = hmac.digest(key, domain + link.manifest_cid.to_bytes(), "sha256")
    assert locator(link.secret, epoch_key, link.manifest_cid) == by_hand == bytes.fromhex(one["locator"])
    assert one["dht_key"] == "1220" + one["locator"]


def test_a_file_is_cut_into_leaves_of_one_mebibyte():
    octets = bytes(CHUNK_SIZE) + b"a"
    function = HashFunction.BLAKE3
    assert leaf_digests(octets, function) == function.digest(bytes(CHUNK_SIZE)) + function.digest(b"a")
