"""The golden values of content: file roots, inner nodes, values, names, locators, links, a manifest; and how each is made.

``tests/content/test_content_vectors.py`` makes them again and compares. A change of a vector is a change of the
protocol; who means it writes them with ``make vectors`` and says so.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import encode_value, hide
from peertransfer.content.dag import CHUNK_SIZE, build_dag
from peertransfer.content.dag_pb import Link as NodeLink
from peertransfer.content.dag_pb import encode_node, varint
from peertransfer.content.link import Link
from peertransfer.content.locator import locator, locator_multihash
from peertransfer.content.manifest import manifest_dag
from peertransfer.content.names import reason_against
from peertransfer.content.shared import SharedEntry, SharedItem, build_manifest, entry_opening, share_opening

FOLDER = Path(__file__).parent.parent / "vectors" / "content"
SHA2 = HashFunction.SHA2_256
SECRET = bytes(range(16))
KUBO = "https://github.com/ipfs/kubo/blob/master/test/cli/"

KUBO_FILES = (
    ("an empty file", b"".hex(), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", ""),
    (
        "hello world",
        b"hello world".hex(),
        "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        KUBO + "cid_profiles_test.go",
    ),
)
KUBO_STREAMS = (
    ("v1-seed", 174, "bafybeigwduxcf2aawppv3isnfeshnimkyplvw3hthxjhr2bdeje4tdaicu", "add_test.go"),
    (
        "v1-2025-seed",
        1024,
        "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm",
        "cid_profiles_test.go",
    ),
    (
        "v1-2025-seed",
        1025,
        "bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue",
        "cid_profiles_test.go",
    ),
)
"""Seed, leaves of 1 MiB, and the root that kubo's own tests expect."""


def leaf_digests(octets, function):
    """Return the digests of the leaves of a file."""
    leaves = (octets[at : at + CHUNK_SIZE] for at in range(0, max(1, len(octets)), CHUNK_SIZE))
    return b"".join(function.digest(leaf) for leaf in leaves)


def root_of_octets(octets, function):
    return str(build_dag(function, len(octets), leaf_digests(octets, function)).root)


def stream_digests(seed, leaves):
    """Return the leaf digests of the stream that kubo's tests make of a seed: ChaCha20 with a nonce of zeros."""
    stream = Cipher(ChaCha20(hashlib.sha256(seed.encode()).digest(), bytes(16)), None).encryptor()
    return b"".join(SHA2.digest(stream.update(bytes(CHUNK_SIZE))) for _ in range(leaves))


def files_of_kubo():
    return {
        "what": (
            "Roots that kubo gives (CIDv1, sha2-256, raw leaves, chunks of 1 MiB, at most 1024 links). 'octets': the "
            "file in hexadecimal. 'seed' and 'size': the first octets of ChaCha20's key stream, key "
            "SHA-256(seed), nonce and counter zero."
        ),
        "hash": SHA2.value,
        "files": [
            {"means": means, "octets": octets, "root": root, "source": source}
            for means, octets, root, source in KUBO_FILES
        ]
        + [
            {
                "means": f"{leaves} full leaves",
                "seed": seed,
                "size": leaves * CHUNK_SIZE,
                "root": root,
                "source": KUBO + source,
            }
            for seed, leaves, root, source in KUBO_STREAMS
        ],
    }


# --- inner nodes -----------------------------------------------------------------------------------


def leaf_link(size=CHUNK_SIZE, total=None, codec=Codec.RAW, function=SHA2):
    return NodeLink(Cid.of(codec, function, b"leaf"), size if total is None else total, size)


def node_of(function=SHA2):
    return encode_node((leaf_link(function=function), leaf_link(1, function=function)))


def raw_node(*, name=b"\x12\x00", data_first=False, kind=b"\x08\x02", packed=False, link_extra=b"", size=b""):
    """Encode the two links of ``node_of`` in another way than the one that is canonical."""
    links = b""
    for link in (leaf_link(), leaf_link(1)):
        body = b"\x0a\x24" + link.cid.to_bytes() + name + b"\x18" + varint(link.total_size) + link_extra
        links += b"\x12" + varint(len(body)) + body
    sizes = (
        b"\x22\x05" + varint(CHUNK_SIZE) + b"\x01" if packed else b"\x20" + varint(CHUNK_SIZE) + b"\x20\x01"
    )
    payload = kind + b"\x18" + (size or varint(CHUNK_SIZE + 1)) + sizes
    data = b"\x0a" + varint(len(payload)) + payload
    return data + links if data_first else links + data


BAD_NODES = (
    ("no octets", b""),
    ("it ends in the middle", node_of()[:-1]),
    ("an octet follows", node_of() + b"\x00"),
    ("the data comes before the links", raw_node(data_first=True)),
    ("the names of the links are left out", raw_node(name=b"")),
    ("a link has a name", raw_node(name=b"\x12\x01a")),
    ("block sizes are packed", raw_node(packed=True)),
    ("it is a directory", raw_node(kind=b"\x08\x01")),
    ("a link has an unknown field", raw_node(link_extra=b"\x20\x00")),
    ("the file size is not the sum of the block sizes", raw_node(size=varint(CHUNK_SIZE + 2))),
    ("a varint is longer than it need be", raw_node(size=b"\x81\x80\xc0\x00")),
    ("a varint does not end within ten octets", raw_node(size=b"\x80" * 10 + b"\x01")),
    ("it stands above a single leaf", encode_node((leaf_link(),))),
    ("it has no links", encode_node(())),
    ("a leaf that is not the last is not full", encode_node((leaf_link(7), leaf_link(1)))),
    ("the last leaf is empty", encode_node((leaf_link(), leaf_link(0)))),
    ("a leaf has another total size than its own", encode_node((leaf_link(total=5), leaf_link(1)))),
    ("a leaf is an inner node", encode_node((leaf_link(codec=Codec.DAG_PB), leaf_link(1)))),
    (
        "a leaf has another hash function",
        encode_node((leaf_link(function=HashFunction.BLAKE3), leaf_link(1))),
    ),
    ("an inner node stands where the leaves are", encode_node((leaf_link(CHUNK_SIZE * 1024), leaf_link(1)))),
    ("the file is over 2^46 octets", encode_node((leaf_link(1 << 46), leaf_link(1)))),
)


def nodes():
    return {
        "what": (
            "Root nodes of files. 'good': the file has two leaves, 1048576 octets and one, both with the digest of "
            "'leaf'; the node is the only octets that it may have. 'bad': a getter refuses the node, although its "
            "CID is the one that was asked for, for the reason in 'because'."
        ),
        "good": [
            {
                "hash": function.value,
                "size": CHUNK_SIZE + 1,
                "leaf_digests": (function.digest(b"leaf") * 2).hex(),
                "node": node_of(function).hex(),
                "cid": str(Cid.of(Codec.DAG_PB, function, node_of(function))),
            }
            for function in HashFunction
        ],
        "bad": [
            {
                "because": because,
                "hash": SHA2.value,
                "node": octets.hex(),
                "cid": str(Cid.of(Codec.DAG_PB, SHA2, octets)),
            }
            for because, octets in BAD_NODES
        ],
    }


# --- values, names, locators, links ---------------------------------------------------------------

GOOD_VALUES = (
    ("title", None),
    ("title", ""),
    ("title", "Befund Öst"),
    ("size", 0),
    ("size", 2**63 - 1),
    ("executable", False),
    ("executable", True),
    ("content", bytes.fromhex("01551220") + bytes(32)),
    ("labels", ()),
    ("labels", ("", "a", "aa", "b", "ä")),
)
BAD_VALUES = (
    ("no octets", "title", b""),
    ("absent, and yet an octet follows", "title", b"\x00\x00"),
    ("a boolean is neither 0 nor 1", "executable", b"\x01\x02"),
    ("a boolean without its octet", "executable", b"\x01"),
    ("an integer of 7 octets", "size", b"\x02" + bytes(7)),
    ("an integer of 9 octets", "size", b"\x02" + bytes(9)),
    ("an integer of 2^63", "size", b"\x02\x80" + bytes(7)),
    ("text that is not UTF-8", "title", b"\x03\xff"),
    ("text with a surrogate", "title", b"\x03\xed\xa0\x80"),
    ("text in an over-long form", "title", b"\x03\xc0\xaf"),
    ("text of 8192 octets, which with its tag are too many", "title", b"\x03" + b"a" * 8192),
    ("an unknown tag", "title", b"\x06"),
    ("an integer where text belongs", "title", b"\x02" + bytes(8)),
    ("text where an integer belongs", "size", b"\x03" + b"1"),
    ("a boolean where an integer belongs", "size", b"\x01\x01"),
    ("texts that do not ascend", "labels", b"\x05\x00\x01b\x00\x01a"),
    ("a text of the list is cut short", "labels", b"\x05\x00\x09a"),
    ("the length of a text is cut short", "labels", b"\x05\x00"),
)


def _plain(value):
    return value.hex() if isinstance(value, bytes) else value


def values():
    return {
        "what": "Canonical octets of slot values ('content' in hexadecimal), and octets that must be refused.",
        "good": [
            {"slot": slot, "value": _plain(value), "octets": encode_value(slot, value).hex()}
            for slot, value in GOOD_VALUES
        ],
        "bad": [
            {"because": because, "slot": slot, "octets": octets.hex()} for because, slot, octets in BAD_VALUES
        ],
    }


GOOD_NAMES = (
    *("a", "a b", ".hidden", "…", "Ünïcode", "e\u0301", "a" * 255, "é" * 127, "console", "com", "COM10", "lpt", "CONx.txt"),
    *("می‌خواهم", "👩‍👩‍👧", "..x", "%2e%2e", "$RECYCLE", "~", "-rf", "a'b\"c", "<b>", "a;b", "*?|"),
)  # fmt: skip
BAD_NAMES = (
    *("", ".", "..", "a/b", "/etc", "a\\b", "..\\x", "C:", "c:x", "a:stream", "\0", "a\nb", "a\rb", "\t", "\x1b[31m"),
    *("\x07", "\x7f", "\x85", "\x9b31m", "a\u202eb", "\u2066x", "\u200b", "\u200e", "\ufeffx", "\u00adx", "\u2028", "\u2029"),
    *("\U000e0041", "\u061c", "x.", "x ", " x", "...", "a" * 256, "é" * 128, "😀" * 64),
    *("CON", "con.txt", "Nul", "aux.tar.gz", "PRN", "COM0", "COM1", "com9.log", "LPT0", "lpt9.x", "COM¹", "lpt³.txt"),
    *("CONIN$", "conout$.x", "nul .txt", "NUL  .a.b"),
)  # fmt: skip


def names():
    return {
        "what": (
            "Names of files and folders as they come from a peer. 'good' is used as it is; 'bad' is refused, on "
            "every platform alike. Names with lone surrogates, which JSON can't carry to all, are refused too."
        ),
        "good": list(GOOD_NAMES),
        "bad": [{"name": name, "because": reason_against(name)} for name in BAD_NAMES],
    }


def _locator(network_id, epoch_key, addrs=()):
    cid = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"manifest")
    name = locator(SECRET, epoch_key, cid)
    return {
        "link": str(Link(cid, network_id, SECRET, addrs)),
        "manifest_cid": str(cid),
        "network_id": network_id,
        "secret": SECRET.hex(),
        "addrs": list(addrs),
        "epoch_key": epoch_key.hex(),
        "locator": name.hex(),
        "dht_key": locator_multihash(name).hex(),
    }


def links():
    peer = "/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
    addrs = ("/ip4/192.0.2.1/tcp/4001" + peer, "/ip6/2001:db8::1/tcp/4001" + peer)
    return {
        "what": "Links with what is in them, and the locator that each gives in an epoch of its network.",
        "links": [
            _locator("open", b"", addrs),
            _locator("nq2yl3tcwjr5wx7yk3b7x5zq", bytes(range(200, 232))),
            _locator("nq2yl3tcwjr5wx7yk3b7x5zq", bytes(range(201, 233))),
        ],
    }


# --- a share ----------------------------------------------------------------------------------------


def manifest():
    file = SharedEntry(
        0,
        "a b/Ünï.TXT",
        "file",
        5,
        executable=True,
        mtime_at=1_700_000_000,
        media_type="text/plain",
        labels=("x", "b"),
        root=Cid.of(Codec.RAW, HashFunction.BLAKE3, b"hello"),
    )
    entries = (file, SharedEntry(1, "leer", "folder"))
    share = SharedItem(
        "Title", HashFunction.BLAKE3, bytes(range(32)), entries, ("l",), "care", "consent", 1_800_000_000
    )
    made, order = build_manifest(share)
    opening = entry_opening(share, share.entries[order[0]], 0)
    return {
        "what": "A share of one file and one empty folder; salts come from the seed by HKDF (docs/protocol.md).",
        "hash": share.hash_function.value,
        "seed": share.seed.hex(),
        "order": list(order),
        "share_slots": [_slot(slot) for slot in share_opening(share).slots],
        "entry_0_slots": [_slot(slot) for slot in opening.slots],
        "entry_0_hidden_name": hide(share.hash_function, opening.slots[2]).commitment.hex(),
        "share_digest": made.share_digest.hex(),
        "manifest": made.to_octets().hex(),
        "manifest_cid": str(manifest_dag(made).root),
    }


def _slot(slot):
    return [slot.slot, slot.salt.hex(), slot.value.hex()]


def files():
    """Return the octets of every file of the folder, by its name."""
    made = {
        "files.json": files_of_kubo(),
        "nodes.json": nodes(),
        "values.json": values(),
        "names.json": names(),
        "links.json": links(),
        "manifest.json": manifest(),
    }
    return {
        name: (json.dumps(value, indent=2, ensure_ascii=name != "values.json") + "\n").encode()
        for name, value in made.items()
    }
