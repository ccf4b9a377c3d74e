"""The seeds of the fuzz targets: a few inputs for each, taken from the golden vectors, good ones and bad ones.

They stand below ``tests/fuzz/corpus/seeds``; ``make vectors`` writes them with the vectors. What was found by fuzzing
stands beside them in ``found`` and is nobody's vector.
"""

import json

import content_vectors
import exchange_vectors
import kad_vectors
import membership_vectors as members
from exchange_kit import content, leaf, octets_of, open_slots, openings, refusal
from fuzz_kit import SEEDS
from kad_kit import addr, peer_id

from peertransfer.content.slots import ENTRY_SLOTS, SLOT_TYPES
from peertransfer.membership.envelope import seal_envelope
from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.membership.psk import HEADER, format_swarm_key
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.pnet import GREETING
from peertransfer.transport.yamux_frames import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    pack_header,
)
from peertransfer.wire import exchange_codec as codec
from peertransfer.wire.kad_codec import answer_reader
from peertransfer.wire.v1 import identify_pb2

FOLDER = SEEDS
WHOLE = b"\xff"
"""A first octet that cuts into pieces of 256."""
GRANTED = b"\x01"
"""A first octet that begins after the grant."""
SLOT_NUMBERS = {name: bytes([place]) for place, name in enumerate(SLOT_TYPES)}


def _wire():
    frames = {name: octets for name, (_, octets) in exchange_vectors.good_frames().items()}
    bad = {name: octets for name, (_, octets) in exchange_vectors.bad_frames().items()}
    bodies = ("hello", "openings", "blocks", "have_some", "catalogue_with_a_link", "blocks_request")
    messages = {name: octets for name, (_, octets) in kad_vectors.good_messages().items()}
    kinds = ("get_providers_answer", "addresses_with_peer_id", "put_value", "connection_types")
    said = identify_pb2.Identify(
        listen_addrs=[addr(1), addr(2)], protocols=["/ipfs/id/1.0.0", EXCHANGE_PROTOCOL],
        observed_addr=addr(3), agent_version="peertransfer", public_key=peer_id(1)[2:],
    )  # fmt: skip
    talk = b"".join(
        frames[name] for name in ("want", "blocks_request", "have_request", "cancel", "delivered")
    )
    hello = frames["hello"]
    return {
        "framing": {
            "frames": b"\x02" + frames["have_request"] + frames["cancel"],
            "body": WHOLE + b"\x02\x03\x03" + bytes(6) + b"\x01\x02",
            **{name: b"\x00" + bad[name] for name in ("length_padded", "length_without_end")},
        },
        "exchange": {name: _bare(frames[name]) for name in bodies} | {"cut": bad["cut_message"][1:]},
        "kad": {name: _bare(messages[name]) for name in kinds},
        "identify": {"all_fields": said.SerializeToString(deterministic=True)},
        "provider": {"whole_talk": b"\x00" + WHOLE + hello + talk, "granted": GRANTED + b"\x06" + talk[66:]},
        "getter": {"greeted": b"\x00" + WHOLE + hello + frames["grant"], "answers": GRANTED + b"\x09" + _answers()},
    }  # fmt: skip


def _answers():
    """Answer each request that the target ``getter`` has made."""
    batch = [(entry, index, leaf(b"a leaf")) for entry, index in ((2, 0), (2, 1), (5, 7))]
    answers = (
        codec.encode_openings(openings(0, 1, 2), 2, last=True),
        codec.encode_refusal(refusal(2, 3)),
        codec.encode_blocks(content(), 4, batch, last=True),
        codec.encode_have(content(), 5, 2, 9, b"\x05\x01"),
    )
    return b"".join(map(octets_of, answers))


def _bare(octets):
    """Take off the length and what follows the frame."""
    reader = answer_reader()
    reader.receive_data(octets)
    return reader.next_frame()


def _content():
    nodes = content_vectors.nodes()
    values = {slot: SLOT_NUMBERS[slot] + octets for slot, octets in _values()}
    names = ("a b/\u00dcn\u00ef.TXT", "CON.txt", "a\u202eb", "../x", "\u00e9" * 127)
    share = content_vectors.manifest()
    place = {name: bytes([at]) for at, name in enumerate(ENTRY_SLOTS)}
    cid = nodes["good"][0]["cid"]
    return {
        "manifest": {"two_entries": bytes.fromhex(share["manifest"])},
        "value": values,
        "opening": {one.slot: place[one.slot] + values.get(one.slot, b"\x00\x00")[1:] for one in open_slots(("content", "size", "labels"))},
        "node": {
            "two_leaves": bytes.fromhex(nodes["good"][0]["node"]),
            **{f"bad_{at}": bytes.fromhex(nodes["bad"][at]["node"]) for at in (4, 12, 19)},
        },
        "bitmap": {"three_of_nine": b"\x00\x09\x05\x01", "all_of_eight": b"\x00\x08\xff", "none": b"\x00\x00"},
        "name": {f"name_{at}": name.encode() for at, name in enumerate(names)},
        "cid": {"text": cid.encode(), "binary": bytes.fromhex("01551220") + bytes(32)},
    }  # fmt: skip


def _values():
    for one in content_vectors.values()["good"]:
        yield one["slot"], bytes.fromhex(one["octets"])


def _words():
    invites = members.good_invites()
    links = content_vectors.links()["links"]
    key = members.key_of(members.SEED)
    addrs = (members.ADDR, "/ip6/2001:db8::1/tcp/4001", "/dns4/node.example.org/tcp/443")
    whole = members.payload(members.invite())
    return {
        "link": {f"link_{at}": one["link"].encode() for at, one in enumerate(links[:2])},
        "invite": {"good": invites[0]["text"].encode(), "altered": members.bad_invites()[6]["text"].encode()},
        "signed_invite": {"good": whole, "expired": members.payload(members.invite(expires_at=members.NOW))},
        "invite_payload": {"good": whole},
        "envelope": {"good": seal_envelope(key, b"example-domain", b"/example/1", b"example payload")},
        "open_envelope": {"good": seal_envelope(key, b"example-domain", b"/example/1", b"example payload")},
        "swarm_key": {
            "base16": format_swarm_key(members.PSK).encode(),
            "base64": f"{HEADER}\n/base64/\nZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\n".encode(),
        },
        "multiaddr": {f"addr_{at}": one.encode() for at, one in enumerate(addrs)},
        "binary_multiaddr": {f"addr_{at}": TcpAddr.parse(one).to_octets() for at, one in enumerate(addrs)},
        "peer_id": {
            "base58": members.ADDR.rpartition("/")[2].encode(),
            "cid": b"bafzaajaiaejca" + b"a" * 48,
        },
        "moment": {"span": b"12h", "date": b"2027-01-31", "time": b"2027-01-31T12:00+01:00"},
    }


def _files():
    rule = (
        '[[rule]]\nname = "a"\nto = ["link:b", "group:f", "members"]\nitems = ["share:bafk", "path:**/x*.pdf", "label:c"]\n'
        'show = { manifest = ["*"], content = ["octets"] }\nhide.openings = ["name"]\nlimit = { per_minute = 1, octets_per_day = "1GiB" }\n'
        'when = ["..2026-12-31", "mon-fri 08:00-18:00 +02:00"]\n'
    )
    expect = '[[expect]]\nas = ["anyone"]\nitem = ["path:a"]\nat = "2026-06-01T12:00Z"\nhidden = ["openings.mtime"]\n'
    config = 'version = 1\nlisten = ["/ip4/0.0.0.0/tcp/0"]\nopen_always = false # or not\n[limits]\nstreams = 1024\n'
    return {
        "policy": {
            "one_rule": f'version = 1\n[groups]\nf = ["peer:12D3Koo"]\n{rule}{expect}'.encode(),
        },
        "glob": {"deep": b"a/**/*b?.txt\na/x/y/abc.txt", "stars": b"*a*a*a*b\n" + b"a" * 40},
        "config": {"some_keys": config.encode()},
        "request": {
            "share": json.dumps({"paths": ["a", "b"], "labels": ["x"], "expires_at": 1}).encode(),
            "get": json.dumps({"link": "peertransfer:x", "dest": ".", "wait": True}).encode(),
            "nested": b'{"a": ' + b"[" * 64,
        },
    }  # fmt: skip


def _transport():
    header = b"\x13/multistream/1.0.0\n"
    protocol = bytes([len(EXCHANGE_PROTOCOL) + 1]) + EXCHANGE_PROTOCOL.encode() + b"\n"
    opened = pack_header(WINDOW_UPDATE, SYN, 1, 0) + pack_header(DATA, FIN, 1, 3) + b"abc"
    rest = (
        pack_header(DATA, SYN, 3, 2) + b"ab" + pack_header(WINDOW_UPDATE, RST, 3, 0)
        + pack_header(WINDOW_UPDATE, ACK, 2, 9) + pack_header(PING, SYN, 0, 7) + pack_header(GO_AWAY, 0, 0, 0)
    )  # fmt: skip
    return {
        "yamux": {"streams": WHOLE + opened + rest, "in_pieces": b"\x04" + opened + rest},
        "records": {"short": b"\x00\x10" + bytes(16), "empty": b"\x00\x00"},
        "sealed_records": {"two": b"\x00\x03\x08" + bytes(range(16))},
        "accepted_protocol": {"good": header + protocol, "ls": header + b"\x03ls\n", "long": header + b"\xff\x07" + bytes(90)},
        "proposed_protocol": {"good": header + protocol, "na": header + b"\x03na\n"},
        "greeting": {"open": WHOLE + GREETING, "other": WHOLE + bytes(24) + GREETING},
    }  # fmt: skip


def files():
    """Return the octets of every seed, by its path in the folder."""
    groups = _wire() | _content() | _words() | _files() | _transport()
    return {
        f"{target}/{name}.bin": octets for target, seeds in groups.items() for name, octets in seeds.items()
    }
