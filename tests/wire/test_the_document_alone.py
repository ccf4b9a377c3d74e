"""docs/protocol.md suffices for a second implementation: one that was written from it agrees with the vectors."""

import base64
import json
import re
from pathlib import Path

import frames_from_the_document as frames
import from_the_document as second
import pytest
from source_kit import ROOT, imports

VECTORS = ROOT / "tests" / "vectors"


def load(path):
    return json.loads((VECTORS / path).read_bytes())


def octets_of(record, *names):
    return [bytes.fromhex(record[name]) for name in names]


FRAMES, PROOFS = load("exchange/frames.json"), load("exchange/proofs.json")
MANIFEST, LINKS = load("content/manifest.json"), load("content/links.json")["links"]
PLAIN, IDENTITIES = load("membership/plain_network.json"), load("membership/identities.json")
INVITES, ENVELOPE = load("membership/invites.json"), load("membership/envelope.json")
B3 = second.CODES["blake3"]


def golden(name):
    return (VECTORS / "exchange" / name).read_bytes()


def test_it_has_nothing_of_this_project():
    for path in (second.__file__, frames.__file__, __file__):
        named = imports(Path(path).read_text(encoding="utf-8"))
        assert not {one for one in named if one.split(".")[0] == "peertransfer"}
        assert "google.protobuf" not in named


def test_its_tables_are_those_of_the_document():
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for name, table in frames.TABLES.items():
        part = re.search(rf"^### {name}$(.*?)^##", text, re.MULTILINE | re.DOTALL)[1]
        told = re.findall(r"^\| `(\w+)` \| (\d+) \|", part, re.MULTILINE)
        known = [one.partition(":")[0] for one in table.split()]
        assert told == [(field, str(number)) for number, field in enumerate(known, start=1)]


def test_its_domains_are_those_of_the_document():
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    domain = re.compile(r'"(peertransfer[-/][a-z/-]+[0-9]?)"')
    assert set(domain.findall(text)) == set(domain.findall(Path(second.__file__).read_text(encoding="utf-8")))


# --- the getter: hello, want, grant ------------------------------------------------------------------


def transcript():
    return octets_of(PROOFS, "getter_peer", "provider_peer", "getter_nonce", "provider_nonce", "locator")


def test_its_hello_and_want_are_the_golden_octets():
    (secret, nonce, name) = octets_of(PROOFS, "secret", "getter_nonce", "locator")
    hello = second.field(1, 1) + second.field(2, 8) + second.field(3, nonce)
    assert frames.frame(1, hello) == golden("good/hello.bin")
    proof = second.proof(secret, b"getter", *transcript())
    assert frames.frame(2, second.field(1, name) + second.field(2, proof)) == golden("good/want.bin")


def test_it_believes_the_golden_grant_and_no_reflected_one():
    (secret,) = octets_of(PROOFS, "secret")
    frame, _ = frames.cut_frame(golden("good/grant.bin"))
    kind, grant = frames.read_frame(frame)
    assert (kind, grant["until"]) == ("grant", 1_900_000_000)
    assert grant["proof"] == second.proof(secret, b"provider", *transcript())
    assert grant["proof"] != second.proof(secret, b"getter", *transcript())


def test_its_refusal_of_a_want_is_the_golden_one():
    assert (
        frames.frame(4, second.field(2, 1))
        == golden("good/refusal_of_the_want.bin")
        == b"\x04\x22\x02\x10\x01"
    )


# --- all frames ----------------------------------------------------------------------------------------


def as_json(name, message):
    """Say a message as proto3 JSON does."""
    kinds = dict(one.split(":") for one in frames.TABLES[name].split())
    said = {key: value_as_json(kinds[key], value) for key, value in message.items()}
    return {key: value for key, value in said.items() if value != []}


def value_as_json(kind, value):
    match kind:
        case "octets":
            return base64.b64encode(value).decode()
        case "large" | "shown_large":
            return str(value)
        case "code":
            return f"REFUSAL_CODE_{frames.CODE[value]}" if value in frames.CODE else value
        case "number" | "shown" | "boolean" | "text":
            return value
    return [as_json(kind, one) for one in value]


@pytest.mark.parametrize("vector", FRAMES["good"], ids=lambda vector: vector["file"])
def test_it_reads_a_good_frame_as_the_index_says(vector):
    frame, body = frames.cut_frame(golden(vector["file"]))
    kind, message = frames.read_frame(frame)
    assert body.hex() == vector["raw_octets"]
    if kind is None:
        assert (vector["frame"], message) == ({}, {"request_id": 7})
    else:
        assert {kind: as_json(kind.title().replace("_", ""), message)} == vector["frame"]


@pytest.mark.parametrize("vector", FRAMES["bad"], ids=lambda vector: vector["file"])
def test_it_refuses_a_bad_frame(vector):
    with pytest.raises(second.MalformedError):
        frames.read_frame(frames.cut_frame(golden(vector["file"]))[0])


# --- manifest and openings -----------------------------------------------------------------------------


def test_it_verifies_the_manifest_from_its_cid_and_reads_it():
    (octets,) = octets_of(MANIFEST, "manifest")
    assert (
        second.cid_text(second.root_of(B3, len(octets), [second.HASHES[B3](octets)]))
        == MANIFEST["manifest_cid"]
    )
    function, share, entries = second.read_manifest(octets)
    assert (function, share.hex(), len(entries)) == (B3, MANIFEST["share_digest"], 2)


def commitments(slots):
    return [
        second.commitment(B3, slot, bytes.fromhex(salt), bytes.fromhex(value)) for slot, salt, value in slots
    ]


def test_it_opens_the_share_and_an_entry_and_a_slot_may_be_hidden():
    _, share, entries = second.read_manifest(bytes.fromhex(MANIFEST["manifest"]))
    assert second.digest_of(B3, "share", commitments(MANIFEST["share_slots"])) == share
    made = commitments(MANIFEST["entry_0_slots"])
    assert made[2].hex() == MANIFEST["entry_0_hidden_name"]
    assert second.digest_of(B3, "entry", made) == entries[0]
    read = {
        slot: second.read_value(slot, bytes.fromhex(value)) for slot, _, value in MANIFEST["entry_0_slots"]
    }
    assert (read["folder"], read["name"], read["size"], read["labels"]) == ("a b", "Ünï.TXT", 5, ["b", "x"])


def test_its_salts_are_those_of_the_seed():
    (seed,) = octets_of(MANIFEST, "seed")
    for scope, name in ((0xFFFFFFFF, "share_slots"), (MANIFEST["order"][0], "entry_0_slots")):
        made = second.salts(seed, scope, len(MANIFEST[name]))
        assert [salt.hex() for salt in made] == [salt for _, salt, _ in MANIFEST[name]]


@pytest.mark.parametrize("vector", load("content/values.json")["good"], ids=str)
def test_it_reads_a_good_value(vector):
    value = second.read_value(vector["slot"], bytes.fromhex(vector["octets"]))
    assert (value.hex() if isinstance(value, bytes) else value) == vector["value"]


@pytest.mark.parametrize("vector", load("content/values.json")["bad"], ids=lambda vector: vector["because"])
def test_it_refuses_a_bad_value(vector):
    with pytest.raises(second.MalformedError):
        second.read_value(vector["slot"], bytes.fromhex(vector["octets"]))


@pytest.mark.parametrize("vector", load("content/nodes.json")["good"], ids=lambda vector: vector["hash"])
def test_it_makes_and_reads_a_good_node(vector):
    function, (digests, node) = second.CODES[vector["hash"]], octets_of(vector, "leaf_digests", "node")
    assert (
        second.cid_text(second.root_of(function, vector["size"], [digests[:32], digests[32:]]))
        == vector["cid"]
    )
    assert len(second.read_root_node(function, node)) == 2


@pytest.mark.parametrize("vector", load("content/nodes.json")["bad"], ids=lambda vector: vector["because"])
def test_it_refuses_a_bad_node(vector):
    with pytest.raises(second.MalformedError):
        second.read_root_node(second.CODES[vector["hash"]], bytes.fromhex(vector["node"]))


def test_a_node_of_two_levels_is_one_that_it_would_make():
    leaves = 1025
    links = [
        (second.cid_octets(0x70, B3, bytes(32)), size, second.total_of(size, 1))
        for size in (1 << 30, 1 << 20)
    ]
    assert second.read_root_node(B3, second.node_of(links)) == links
    assert len(second.root_of(B3, leaves << 20, [bytes(32)] * leaves)) == 36


@pytest.mark.parametrize(
    "vector",
    [one for one in load("content/files.json")["files"] if "octets" in one],
    ids=lambda vector: vector["means"],
)
def test_its_roots_are_those_of_kubo(vector):
    (octets,), function = octets_of(vector, "octets"), second.CODES["sha2-256"]
    assert (
        second.cid_text(second.root_of(function, len(octets), [second.HASHES[function](octets)]))
        == vector["root"]
    )


# --- networks, links, invites --------------------------------------------------------------------------


def test_it_joins_a_plain_private_network_by_its_swarm_key():
    psk = second.read_swarm_key(PLAIN["swarm_key"])
    assert psk.hex() == PLAIN["psk"]
    assert second.network_of_psk(psk) == PLAIN["network_id"]
    assert f"/peertransfer/{second.network_of_psk(psk)}/kad/1.0.0" == PLAIN["kad_protocol"]
    assert second.epoch_key_of_psk(psk).hex() == PLAIN["epoch_key"]


def test_it_finds_what_a_link_of_that_network_names():
    link = second.read_link(PLAIN["link"])
    assert link["network_id"] == second.network_of_psk(bytes.fromhex(PLAIN["psk"]))
    epoch_key = second.epoch_key_of_psk(bytes.fromhex(PLAIN["psk"]))
    name = second.locator(link["secret"], epoch_key, link["manifest_cid"])
    assert (name.hex(), "1220" + name.hex()) == (PLAIN["locator"], PLAIN["dht_key"])


@pytest.mark.parametrize("vector", LINKS, ids=lambda vector: vector["locator"][:8])
def test_it_reads_a_link_and_makes_its_locator(vector):
    link = second.read_link(vector["link"])
    assert (link["network_id"], link["addrs"]) == (vector["network_id"], vector["addrs"])
    assert second.cid_text(link["manifest_cid"]) == vector["manifest_cid"]
    name = second.locator(link["secret"], bytes.fromhex(vector["epoch_key"]), link["manifest_cid"])
    assert name.hex() == vector["locator"]


def test_the_id_of_an_own_network_follows_from_its_key():
    assert (
        second.network_of_key(bytes.fromhex(IDENTITIES["public_key"])) == IDENTITIES["network_id_of_the_key"]
    )


def test_it_opens_an_envelope():
    _, payload_type, payload = second.open_envelope(
        bytes.fromhex(ENVELOPE["envelope"]), ENVELOPE["domain"].encode()
    )
    assert (payload_type.decode(), payload.decode()) == (ENVELOPE["payload_type"], ENVELOPE["payload"])


@pytest.mark.parametrize("vector", INVITES["good"], ids=lambda vector: vector["means"])
def test_it_reads_a_good_invite(vector):
    invite = second.read_invite(vector["text"], INVITES["now"])
    assert {key: one.hex() if isinstance(one, bytes) else one for key, one in invite.items()} == vector[
        "fields"
    ]


@pytest.mark.parametrize("vector", INVITES["bad"], ids=lambda vector: vector["because"])
def test_it_refuses_a_bad_invite(vector):
    with pytest.raises(second.MalformedError):
        second.read_invite(vector["text"], INVITES["now"])


@pytest.mark.parametrize(
    "vector", load("kad/messages.json")["positions"], ids=lambda vector: vector["of"][:12]
)
def test_its_positions_in_the_key_space_are_those_of_the_vectors(vector):
    assert second.HASHES[second.CODES["sha2-256"]](bytes.fromhex(vector["of"])).hex() == vector["is"]
