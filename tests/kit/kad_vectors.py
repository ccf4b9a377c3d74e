"""The golden messages of the DHT: what each is, and how it is made.

``tests/wire/test_kad_vectors.py`` makes them again and compares. They are the field's own wire format, so
a change of one is a fault; a new one is written with ``make vectors``.
"""

import json
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from kad_kit import ASKER, SERVERS, addr, key, peer_id, public_addr, record, sealed

from peertransfer.disclosure import views as v
from peertransfer.kademlia.distance import position
from peertransfer.wire import kad_codec as codec
from peertransfer.wire.framing import FrameReader, encode_varint
from peertransfer.wire.kad_messages import KadType
from peertransfer.wire.v1 import kad_pb2 as pb

FOLDER = Path(__file__).parent.parent / "vectors" / "kad"
LOCATOR = bytes(range(32))
KEY = b"\x12\x20" + LOCATOR
ADDR = addr(1)
P2P = b"\xa5\x03\x26"


def framed(octets):
    return encode_varint(len(octets)) + octets


def made(**fields):
    return framed(pb.KadMessage(**fields).SerializeToString(deterministic=True))


def peer(number=1, addrs=(ADDR,), **fields):
    return pb.KadPeer(id=peer_id(number), addrs=addrs, **fields)


def answered(type_, closer=(), providers=None, own=(), **options):
    addresses = sealed(v.AddressesView(tuple(own), closer_peers=tuple(closer)), ASKER)
    provide = None if providers is None else sealed(v.ProvideView(provider_records=tuple(providers)), ASKER)
    return codec.encode_kad_answer(addresses, provide, type_, KEY, **options).head


def good_messages():
    """Return what each message means, and its octets, by name."""
    lookup, lookup_peer = sealed(v.LookupView(KEY), SERVERS), sealed(v.LookupView(peer_id(1)), SERVERS)
    provide = sealed(v.ProvideView(LOCATOR, (addr(1), public_addr(8, 8, 4, 1))), SERVERS)
    many = [peer(number) for number in range(1, 42)]
    return {
        "find_node": ("which peers are closest to the peer?", codec.encode_find_node(lookup_peer).head),
        "get_providers": ("who provides the locator?", codec.encode_get_providers(lookup).head),
        "add_provider": (
            "peer 1 provides the locator at two addresses; no answer follows",
            codec.encode_add_provider(provide, peer_id(1)).head,
        ),
        "ping": ("are you there?", made(type=5)),
        "find_node_answer": (
            "two peers are closest",
            answered(KadType.FIND_NODE, [record(2), record(3)]),
        ),
        "find_node_answer_of_itself": (
            "the host that was asked for comes first, with its own addresses",
            answered(KadType.FIND_NODE, [record(2)], own=[addr(1)], own_peer_id=peer_id(1)),
        ),
        "get_providers_answer": (
            "peer 5 provides the locator, peer 2 is closer to it",
            answered(KadType.GET_PROVIDERS, [record(2)], [record(5)]),
        ),
        "get_providers_answer_of_nobody": (
            "nobody is known",
            answered(KadType.GET_PROVIDERS, [], []),
        ),
        "put_value": ("read, and refused by the server: type 0 with a record", framed(b"\x12\x01k\x1a\x03abc")),
        "get_value": ("read, and refused by the server", made(type=1, key=b"/pk/x")),
        "message_of_the_future": (
            "a field that is not known is passed over",
            framed(b"\x08\x04\x12\x22" + KEY + b"\xa2\x06\x02hi"),
        ),
        "connection_types": (
            "go-libp2p says how it is connected to each peer; that is not read",
            made(type=4, closer_peers=[peer(number, connection=number) for number in range(4)]),
        ),
        "addresses_with_peer_id": (
            "js-libp2p may end an address with /p2p and the peer's ID, which is cut off; alone it is none",
            made(
                type=4,
                closer_peers=[peer(1, [addr(1) + P2P + peer_id(1), P2P + peer_id(1), addr(2) + P2P + peer_id(2)])],
            ),
        ),
        "41_peers": ("the first 40 are read", made(type=4, closer_peers=many, provider_peers=many)),
        "17_addresses": ("the first 16 are read", made(type=4, closer_peers=[peer(1, map(addr, range(17)))])),
        "long_address": (
            "of addresses with 257, 256 and no octets the second is read",
            made(type=4, closer_peers=[peer(1, [b"\x35" * 257, b"\x35" * 256, b""])]),
        ),
    }  # fmt: skip


def bad_messages():
    """Return why each bad message is refused, and its octets, by name."""
    return {
        "length_over_limit": ("a length of 262145 octets", encode_varint((1 << 18) + 1)),
        "length_without_end": ("the length does not end", b"\xff" * 11),
        "not_protobuf": ("it is not protobuf", framed(b"\xff\xff\xff")),
        "cut_message": ("a peer inside is cut off", framed(b"\x08\x04\x42\x26\x0a\x24")),
        "unknown_type": ("type 6", made(type=6)),
        "negative_type": ("type -1", made(type=-1)),
        "long_key": ("a key of 81 octets", made(type=4, key=b"k" * 81)),
        "peer_without_id": ("a peer without an ID", made(type=4, closer_peers=[pb.KadPeer(addrs=[addr(1)])])),
        "peer_id_no_multihash": ("an ID whose length is not what it says", made(type=4, closer_peers=[pb.KadPeer(id=peer_id(1)[:-1])])),
        "provider_id_too_long": ("an ID of 65 octets", made(type=3, provider_peers=[pb.KadPeer(id=b"\x00\x3f" + b"i" * 63)])),
    }  # fmt: skip


def index():
    """Say what each vector means, for people and for other implementations."""
    good = []
    for name, (meaning, octets) in good_messages().items():
        reader = FrameReader(1 << 18)
        reader.receive_data(octets)
        said = MessageToDict(pb.KadMessage.FromString(reader.next_frame()), preserving_proto_field_name=True)
        good.append({"file": f"good/{name}.bin", "means": meaning, "message": said})
    return {
        "protocol": "<prefix>/kad/1.0.0",
        "reading": "each file: a varint length and one KadMessage; good[].message is it in proto3 JSON, "
        "octets in base64",
        "good": good,
        "bad": [
            {"file": f"bad/{name}.bin", "because": because} for name, (because, _) in bad_messages().items()
        ],
        "positions": [
            {"of": name.hex(), "is": format(position(name), "064x")} for name in (KEY, peer_id(1), key(1))
        ],
    }


def files():
    """Return the octets of every file of the folder, by its path in it."""
    octets = {f"good/{name}.bin": octets for name, (_, octets) in good_messages().items()}
    octets |= {f"bad/{name}.bin": octets for name, (_, octets) in bad_messages().items()}
    octets["messages.json"] = json.dumps(index(), indent=1, ensure_ascii=True).encode() + b"\n"
    return octets
