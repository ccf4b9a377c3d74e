"""The golden frames of the exchange protocol: what each is, and how it is made.

``tests/wire/test_exchange_vectors.py`` makes them again and compares. A change of a vector is a change
of the protocol; who means it writes them with ``make vectors`` and says so.
"""

import json
from pathlib import Path

from exchange_kit import (
    GETTER_NONCE,
    GETTER_PEER,
    LOCATOR,
    PROVIDER_NONCE,
    PROVIDER_PEER,
    SECRET,
    content,
    entry_opening,
    framed,
    grant,
    hello,
    items,
    leaf,
    octets_of,
    openings,
    refusal,
    sealed,
    want,
)
from google.protobuf.json_format import MessageToDict

from peertransfer.content.proof import Role, Transcript, prove
from peertransfer.disclosure import views as v
from peertransfer.wire import exchange_codec as codec
from peertransfer.wire import messages as m
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.v1 import exchange_pb2 as pb

FOLDER = Path(__file__).parent.parent / "vectors" / "exchange"
TRANSCRIPT = Transcript(GETTER_PEER, PROVIDER_PEER, GETTER_NONCE, PROVIDER_NONCE, LOCATOR)
GETTER_PROOF = prove(SECRET, Role.GETTER, TRANSCRIPT)
PROVIDER_PROOF = prove(SECRET, Role.PROVIDER, TRANSCRIPT)


def asked(request):
    return octets_of(codec.encode_request(want(), request))


def made(**kind):
    return framed(pb.Frame(**kind).SerializeToString(deterministic=True))


def good_frames():
    """Return what each good frame means, and its octets, by name."""
    mixed = sealed(v.OpeningsView(None, (entry_opening(2), entry_opening(3, hidden=True))))
    shown = (
        v.CatalogueItem("bafkexample", "Slides", 3, 123456),
        v.CatalogueItem(title="no more than a title"),
    )
    linked = v.CatalogueItem(title="Slides", link=f"peertransfer:bafkexample?n=open&s={'A' * 22}")
    batch = [(2, 0, leaf(b"first leaf")), (2, 1, leaf(b"")), (5, 7, leaf(b"\x00\xff"))]
    return {
        "hello": ("either side's first frame", octets_of(codec.encode_hello(hello(GETTER_NONCE)))),
        "hello_of_the_future": (
            "version 7, with a field that version 1 does not know: version 1 is spoken",
            framed(b"\x0a" + framed(b"\x08\x07\x10\x40\x1a\x20" + GETTER_NONCE + b"\x98\x06\x05")),
        ),
        "want": (
            "the getter's question, with the proof of proofs.json",
            octets_of(codec.encode_want(want(proof=GETTER_PROOF))),
        ),
        "grant": (
            "the provider's yes, with the proof of proofs.json; the share expires",
            octets_of(codec.encode_grant(grant(PROVIDER_PROOF, 1_900_000_000))),
        ),
        "grant_without_end": (
            "the share does not expire",
            octets_of(codec.encode_grant(grant(PROVIDER_PROOF, 0))),
        ),
        "refusal_of_the_want": (
            "unknown, unproven, denied or expired",
            octets_of(codec.encode_refusal(refusal(1))),
        ),
        "refusal_of_a_request": (
            "the file of request 5 changed",
            octets_of(codec.encode_refusal(refusal(2, 5))),
        ),
        "end_of_a_grant": (
            "the grant is over, and with it the stream",
            octets_of(codec.encode_refusal(refusal(6))),
        ),
        "refusal_code_of_the_future": (
            "code 99 is read as REFUSED",
            made(refusal=pb.Refusal(request_id=5, code=99)),
        ),
        "manifest_request": (
            "leaves 0 to 2 of the manifest's own file",
            asked(m.ManifestRequest(1, nodes=False, ranges=(m.Range(0, 3),))),
        ),
        "manifest_request_for_nodes": (
            "inner node 0, the root, of the manifest's own file",
            asked(m.ManifestRequest(1, nodes=True, ranges=(m.Range(0, 1),))),
        ),
        "openings_request": ("openings of entries 10 to 14", asked(m.OpeningsRequest(2, 10, 5))),
        "openings_request_for_the_share": ("the share's own openings", asked(m.OpeningsRequest(3, 0, 0))),
        "openings": (
            "entry 2 open, entry 3 hidden, more to come",
            octets_of(codec.encode_openings(mixed, 2, last=False)),
        ),
        "openings_of_the_share": (
            "the share's own five slots, open",
            octets_of(codec.encode_openings(openings(share=True), 3, last=True)),
        ),
        "openings_of_a_cancelled_request": (
            "nothing more",
            octets_of(codec.encode_openings(openings(), 2, last=True)),
        ),
        "nodes_request": (
            "the roots of entries 2 and 5",
            asked(m.NodesRequest(4, items((2, 0, 1), (5, 0, 1)))),
        ),
        "blocks_request": (
            "leaves 0 and 1 of entry 2, leaf 7 of entry 5",
            asked(m.BlocksRequest(5, items((2, 0, 2), (5, 7, 1)))),
        ),
        "largest_blocks_request": (
            "4096 leaves, the last ones that there can be",
            asked(m.BlocksRequest(m.MAX_INDEX, items((m.MAX_INDEX, m.MAX_INDEX - 4095, 4096)))),
        ),
        "blocks": (
            "three blocks, the second of no octets; 12 raw octets follow the frame",
            octets_of(codec.encode_blocks(content(), 5, batch, last=True)),
        ),
        "blocks_of_a_cancelled_request": (
            "nothing more",
            octets_of(codec.encode_blocks(content(), 5, [], last=True)),
        ),
        "have_request": ("which leaves of entry 2?", asked(m.HaveRequest(6, 2))),
        "have_all": ("all nine leaves", octets_of(codec.encode_have(content(), 6, 2, 9))),
        "have_some": (
            "leaves 0, 2 and 8 of nine",
            octets_of(codec.encode_have(content(), 6, 2, 9, b"\x05\x01")),
        ),
        "cancel": ("forget request 5", asked(m.CancelMessage(5))),
        "delivered": ("everything arrived and verified", asked(m.DeliveredMessage())),
        "catalogue_request": ("which shares may I see?", asked(m.CatalogueRequest(7))),
        "catalogue": (
            "two shares, of the second only its title",
            octets_of(codec.encode_catalogue(sealed(v.CatalogueView(shown)), 7)),
        ),
        "catalogue_with_a_link": (
            "one share, and the link that a rule shows with it",
            octets_of(codec.encode_catalogue(sealed(v.CatalogueView((linked,))), 7)),
        ),
        "request_of_the_future": (
            "kind 100 with request id 7: to be refused as UNSUPPORTED",
            framed(b"\xa2\x06\x04\x08\x07\x10\x01"),
        ),
    }


def bad_frames():
    """Return why each bad frame is refused, and its octets, by name."""
    nonce, octets32 = b"n" * 32, b"o" * 32
    slot, hidden = pb.SlotOpening(salt=b"s" * 16, value=b"v"), pb.SlotOpening(commitment=octets32)
    one = [pb.EntryRanges(entry=0, ranges=[pb.Range(first=0, count=1)])]
    header = pb.BlockHeader(entry=0, index=0, size=1)
    return {
        "length_over_limit": ("the length is 65537", b"\x81\x80\x04"),
        "length_without_end": ("the length does not end within three octets", b"\xff" * 11),
        "length_padded": ("the length is not in its shortest form", b"\x82\x00\x6a\x00"),
        "empty": ("the frame says nothing", b"\x00"),
        "not_protobuf": ("the frame is not protobuf", b"\x03\xff\xff\xff"),
        "cut_message": ("a message inside is cut off", b"\x03\x0a\x05\x08"),
        "request_of_the_future_without_id": ("an unknown kind must carry a request id", framed(b"\xa2\x06\x02\x10\x01")),
        "hello_version_0": ("version 0", made(hello=pb.Hello(max_requests=1, nonce=nonce))),
        "hello_no_requests": ("max_requests 0", made(hello=pb.Hello(version=1, nonce=nonce))),
        "hello_65_requests": ("max_requests 65", made(hello=pb.Hello(version=1, max_requests=65, nonce=nonce))),
        "hello_short_nonce": ("a nonce of 31 octets", made(hello=pb.Hello(version=1, max_requests=1, nonce=nonce[1:]))),
        "want_short_locator": ("a locator of 31 octets", made(want=pb.Want(locator=octets32[1:], proof=octets32))),
        "want_without_proof": ("no proof", made(want=pb.Want(locator=octets32))),
        "grant_long_proof": ("a proof of 33 octets", made(grant=pb.Grant(proof=octets32 + b"o"))),
        "grant_beyond_time": ("until 2^63", made(grant=pb.Grant(proof=octets32, until=1 << 63))),
        "refusal_without_code": ("code 0", made(refusal=pb.Refusal(request_id=1))),
        "request_id_0": ("request id 0", made(have_request=pb.HaveRequest(entry=1))),
        "request_id_2_31": ("request id 2^31", made(have_request=pb.HaveRequest(request_id=1 << 31))),
        "range_of_nothing": (
            "a range with count 0",
            made(manifest_request=pb.ManifestRequest(request_id=1, ranges=[pb.Range(first=0)])),
        ),
        "range_beyond_the_last_index": (
            "a range up to index 2^31",
            made(manifest_request=pb.ManifestRequest(request_id=1, ranges=[pb.Range(first=(1 << 31) - 1, count=2)])),
        ),
        "1025_ranges_of_the_manifest": (
            "1025 ranges",
            made(manifest_request=pb.ManifestRequest(request_id=1, ranges=[pb.Range(count=1)] * 1025)),
        ),
        "1025_entries": ("1025 entries", made(blocks_request=pb.BlocksRequest(request_id=1, items=one * 1025))),
        "4097_blocks": (
            "4097 blocks",
            made(nodes_request=pb.NodesRequest(request_id=1, items=[pb.EntryRanges(ranges=[pb.Range(count=4097)])])),
        ),
        "blocks_request_for_nothing": ("no entry", made(blocks_request=pb.BlocksRequest(request_id=1))),
        "openings_request_beyond_the_last_index": (
            "entries up to index 2^31",
            made(openings_request=pb.OpeningsRequest(request_id=1, first=1, count=1 << 31)),
        ),
        "openings_12_slots": (
            "12 slots instead of 13",
            made(openings=pb.Openings(request_id=1, entries=[pb.EntryOpening(slots=[slot] * 12)])),
        ),
        "openings_slot_empty": ("a slot neither open nor hidden", made(openings=pb.Openings(request_id=1, share=[slot] * 4 + [pb.SlotOpening()]))),
        "openings_slot_both": (
            "a slot both open and hidden",
            made(openings=pb.Openings(request_id=1, share=[hidden] * 4 + [pb.SlotOpening(value=b"v", commitment=octets32)])),
        ),
        "blocks_513_headers": ("513 headers", made(blocks=pb.Blocks(request_id=1, blocks=[pb.BlockHeader()] * 513))),
        "blocks_over_a_mebibyte": (
            "1048577 raw octets in all",
            made(blocks=pb.Blocks(request_id=1, blocks=[pb.BlockHeader(size=1 << 20), header])),
        ),
        "have_short_bitmap": ("a bitmap of 1 octet for 9 leaves", made(have=pb.Have(request_id=1, count=9, bitmap=b"\x01"))),
        "have_bit_too_many": ("bit 9 of 9 leaves", made(have=pb.Have(request_id=1, count=9, bitmap=b"\x01\x02"))),
        "catalogue_1025_items": ("1025 shares in a page", made(catalogue=pb.Catalogue(request_id=1, items=[pb.CatalogueItem()] * 1025))),
    }  # fmt: skip


ORDERS = {
    "a want before the hello": ["want"],
    "a request before the want": ["hello", "blocks_request"],
    "delivered before the want": ["hello", "delivered"],
    "a request before the grant": ["hello", "want", "blocks_request"],
    "a catalogue request before the grant": ["hello", "want", "catalogue_request"],
    "two hellos": ["hello", "hello"],
    "two wants": ["hello", "want", "want"],
    "a getter that grants": ["hello", "grant"],
    "a getter that sends blocks": ["hello", "blocks"],
}
"""Good frames in an order that a provider, which has said hello, refuses at the last one."""


def frame_and_body(octets):
    """Split a good vector into its Frame and the raw octets after it."""
    reader = FrameReader()
    reader.receive_data(octets)
    frame = pb.Frame.FromString(reader.next_frame())
    return frame, octets[len(framed(frame.SerializeToString(deterministic=True))) :]


def index():
    """Say what each vector means, for people and for other implementations."""
    good = []
    for name, (meaning, octets) in good_frames().items():
        frame, body = frame_and_body(octets)
        said = MessageToDict(frame, preserving_proto_field_name=True)
        good.append({"file": f"good/{name}.bin", "means": meaning, "frame": said, "raw_octets": body.hex()})
    return {
        "protocol": "/peertransfer/exchange/1.0.0",
        "reading": "each file: a varint length, one Frame, and raw octets where good[].raw_octets says so; "
        "good[].frame is the Frame in proto3 JSON, octets in base64",
        "good": good,
        "bad": [
            {"file": f"bad/{name}.bin", "because": because} for name, (because, _) in bad_frames().items()
        ],
        "bad_orders": [
            {"because": because, "frames": [f"good/{name}.bin" for name in names]}
            for because, names in ORDERS.items()
        ],
    }


def proofs():
    """Give the inputs and the outputs of both proofs of one stream, in hexadecimal."""
    return {
        "secret": SECRET.hex(),
        "getter_peer": GETTER_PEER.hex(),
        "provider_peer": PROVIDER_PEER.hex(),
        "getter_nonce": GETTER_NONCE.hex(),
        "provider_nonce": PROVIDER_NONCE.hex(),
        "locator": LOCATOR.hex(),
        "getter_proof": GETTER_PROOF.hex(),
        "provider_proof": PROVIDER_PROOF.hex(),
    }


def files():
    """Return the octets of every file of the folder, by its path in it."""
    octets = {f"good/{name}.bin": octets for name, (_, octets) in good_frames().items()}
    octets |= {f"bad/{name}.bin": octets for name, (_, octets) in bad_frames().items()}
    for name, value in (("frames.json", index()), ("proofs.json", proofs())):
        octets[name] = json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"
    return octets
