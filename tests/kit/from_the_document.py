"""A second implementation, written from docs/protocol.md alone: canonical octets, networks, proofs.

Its frames are in ``frames_from_the_document.py``. It imports nothing of this project, and no protobuf library. ``tests/wire/test_the_document_alone.py`` holds it
against the golden vectors. Headings of the document stand above what was read there.
"""

import base64
import functools
import hashlib
import hmac
import re
from urllib.parse import unquote

import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class MalformedError(Exception):
    """What a receiver must refuse."""


def must(is_so, what="out of range"):
    if not is_so:
        raise MalformedError(what)


# --- protobuf --------------------------------------------------------------------------------------


def varint(number):
    octets = b""
    while number > 127:
        octets += bytes([number & 127 | 128])
        number >>= 7
    return octets + bytes([number])


def read_varint(octets, at, longest=10):
    number = 0
    for place in range(longest):
        must(at + place < len(octets), "cut short")
        number |= (octets[at + place] & 127) << 7 * place
        if octets[at + place] < 128:
            return number, at + place + 1
    raise MalformedError("a varint does not end")


def fields_of(octets):
    """Return (number, value) of all fields; a value is a number or octets."""
    found, at = [], 0
    while at < len(octets):
        tag, at = read_varint(octets, at)
        must(tag & 7 in {0, 2} and tag >> 3, "not protobuf")
        value, at = read_varint(octets, at)
        if tag & 7 == 2:
            must(at + value <= len(octets), "cut short")
            value, at = octets[at : at + value], at + value
        found.append((tag >> 3, value))
    return found


def field(number, value):
    """Return one field; nothing where it is 0 or empty."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


# --- Canonical octets ------------------------------------------------------------------------------

MIB = 1 << 20
HASHES = {
    0x1E: lambda octets: blake3.blake3(octets).digest(),
    0x12: lambda octets: hashlib.sha256(octets).digest(),
}
CODES = {"blake3": 0x1E, "sha2-256": 0x12}
SHARE_SLOTS = "title:3 purpose:3 basis:3 expires_at:2 labels:5"
ENTRY_SLOTS = (
    "kind:3 content:4 name:3 folder:3 size:2 executable:1 mtime:2 media_type:3 labels:5 extension:3 size_class:2 "
    "mtime_day:2 mtime_month:2"
)
TAGS = {
    name: int(tag)
    for name, _, tag in (one.partition(":") for one in (SHARE_SLOTS + " " + ENTRY_SLOTS).split())
}


def hkdf(key, salt, info, size=32):
    return HKDF(SHA256(), size, salt, info).derive(key)


def cid_octets(codec, function, digest):
    return bytes([1, codec, function, 32]) + digest


def cid_text(octets):
    return "b" + base64.b32encode(octets).decode().lower().rstrip("=")


def read_cid(text):
    must(re.fullmatch("b[a-z2-7]{58}", text), "no CID")
    octets = base64.b32decode(text[1:].upper() + "=" * (-(len(text) - 1) % 8))
    must(octets[0] == 1 and octets[1] in {0x55, 0x70} and octets[2] in HASHES and octets[3] == 32, "no CID")
    return octets


def node_of(links):
    """Return an inner node; each link is (CID, octets of the file, total)."""
    octets = b"".join(
        b"\x12" + varint(len(link)) + link
        for link in (b"\x0a\x24" + cid + b"\x12\x00\x18" + varint(total) for cid, _, total in links)
    )
    data = b"\x08\x02\x18" + varint(sum(size for _, size, _ in links))
    data += b"".join(b"\x20" + varint(size) for _, size, _ in links)
    return octets + b"\x0a" + varint(len(data)) + data


def root_of(function, size, digests):
    """Return the root CID of a file of ``size`` octets with these digests of leaves."""
    sizes = [min(MIB, size - MIB * place) for place in range(len(digests))]
    level = [
        (cid_octets(0x55, function, digest), part, part) for digest, part in zip(digests, sizes, strict=True)
    ]
    while len(level) > 1:
        above = []
        for start in range(0, len(level), 1024):
            links = level[start : start + 1024]
            node = node_of(links)
            below = sum(size for _, size, _ in links), len(node) + sum(total for *_, total in links)
            above.append((cid_octets(0x70, function, HASHES[function](node)), *below))
        level = above
    return level[0][0]


@functools.cache
def expected_links(size, depth):
    """Return codec, size and total of each link of a node above ``depth`` levels, as its place asks for."""
    span = MIB * 1024 ** (depth - 1)
    parts = [min(span, size - start) for start in range(0, size, span)]
    codec = 0x55 if depth == 1 else 0x70
    return [(codec, part, part if depth == 1 else total_of(part, depth - 1)) for part in parts]


def total_of(size, depth):
    links = [(bytes(36), part, total) for _, part, total in expected_links(size, depth)]
    return len(node_of(links)) + sum(total for *_, total in links)


def read_root_node(function, octets):
    """Return the links of a root node as (CID, octets of the file, total), or refuse it."""
    found = fields_of(octets)
    must(found and found[-1][0] == 1, "no data")
    data = fields_of(found[-1][1])
    sizes = [value for number, value in data[2:] if number == 4]
    links = [(dict(fields_of(link)), size) for (_, link), size in zip(found, sizes, strict=False)]
    must(all({1, 3} <= link.keys() for link, _ in links), "no link")
    links = [(link[1], size, link[3]) for link, size in links]
    must(all(isinstance(value, int) for _, *values in links for value in values), "no number")
    must(node_of(links) == octets, "not in its one form")
    size = sum(size for _, size, _ in links)
    must(MIB < size <= 1 << 46, "no file's root")
    depth = next(depth for depth in range(1, 9) if size <= MIB * 1024**depth)
    expected = [
        (bytes([1, codec, function, 32]), part, total) for codec, part, total in expected_links(size, depth)
    ]
    must(
        [(cid[:4], part, total) for cid, part, total in links] == expected,
        "a link that its place does not have",
    )
    return links


def read_value(slot, octets):
    """Return the value of a slot from its canonical octets."""
    must(0 < len(octets) <= 8192)
    tag, body = octets[0], octets[1:]
    if tag == 0:
        must(not body)
        return None
    must(tag == TAGS[slot], "of another type")
    try:
        match tag:
            case 1:
                must(body in {b"\0", b"\1"})
                return body == b"\1"
            case 2:
                must(len(body) == 8 and body[0] < 128)
                return int.from_bytes(body)
            case 3:
                return body.decode()
            case 4:
                return body
        texts = []
        while body:
            size = int.from_bytes(body[:2])
            must(len(body) >= 2 + size)
            texts.append(body[2 : 2 + size])
            body = body[2 + size :]
        must(texts == sorted(texts), "not ascending")
        return [text.decode() for text in texts]
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8") from error


def commitment(function, slot, salt, value):
    head = bytes([25]) + b"peertransfer/commitment/1" + bytes([len(slot)]) + slot.encode()
    return HASHES[function](head + salt + value)


def digest_of(function, scope, commitments):
    domain = {"entry": b"peertransfer/entry/1", "share": b"peertransfer/share/1"}[scope]
    return HASHES[function](domain + b"".join(commitments))


def salts(seed, scope, count):
    octets = hkdf(seed, None, b"peertransfer/salt/1" + scope.to_bytes(4), 16 * count)
    return [octets[16 * place :][:16] for place in range(count)]


def read_manifest(octets):
    """Return hash function, share digest and entry digests."""
    must(octets[:5] == b"PTMF\x01" and octets[5] in HASHES and len(octets) >= 42, "no manifest")
    count = int.from_bytes(octets[38:42])
    must(count <= 100_000 and len(octets) == 42 + 32 * count, "not whole")
    entries = [octets[42 + 32 * place :][:32] for place in range(count)]
    must(entries == sorted(set(entries)), "not ascending")
    return octets[5], octets[6:38], entries


def locator(secret, epoch_key, cid):
    key = hkdf(secret, epoch_key, b"peertransfer/locator/1")
    return hmac.digest(key, b"peertransfer/locator/1" + cid, "sha256")


def unpadded(text):
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise MalformedError("not base64") from error


def read_link(text):
    cid, _, query = text.removeprefix("peertransfer:").partition("?")
    pairs = [one.partition("=") for one in query.split("&")]
    values = {name: [unquote(value) for known, _, value in pairs if known == name] for name in "nsa"}
    must(len(values["n"]) == len(values["s"]) == 1 and len(values["a"]) <= 16, "no link")
    secret = unpadded(values["s"][0])
    must(len(secret) == 16, "a secret of another length")
    return {
        "manifest_cid": read_cid(cid),
        "network_id": values["n"][0],
        "secret": secret,
        "addrs": values["a"],
    }


# --- Networks --------------------------------------------------------------------------------------


def network_text(digest):
    return base64.b32encode(digest[:20]).decode().lower()


def network_of_psk(psk):
    return "p" + network_text(hmac.digest(psk, b"peertransfer/network-id/1", "sha256"))


def network_of_key(public_key):
    return "n" + network_text(hashlib.sha256(b"peertransfer/network-id/1" + public_key).digest())


def epoch_key_of_psk(psk):
    return hkdf(psk, None, b"peertransfer/epoch-of-psk/1")


def read_swarm_key(text):
    head, encoding, key = text.split()
    must(head == "/key/swarm/psk/1.0.0/" and encoding in {"/base16/", "/base64/"})
    return bytes.fromhex(key) if encoding == "/base16/" else base64.b64decode(key)


HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
INVITE = {
    "invite_id": (1, b""), "network_id": (2, ""), "name": (3, ""), "psk": (4, b""), "epoch_key": (5, b""),
    "epoch": (6, 0), "bootstrap": (7, []), "expires_at": (8, 0), "contact": (9, ""),
}  # fmt: skip


def open_envelope(octets, domain):
    """Return public key, payload type and payload."""
    parts = dict(fields_of(octets))
    must({1, 2, 3, 5} <= parts.keys(), "not whole")
    head, public_key = parts[1][:4], parts[1][4:]
    must(head == bytes([8, 1, 0x12, 32]) and len(public_key) == 32, "no Ed25519 key")
    signed = b"".join(varint(len(part)) + part for part in (domain, parts[2], parts[3]))
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(parts[5], signed)
    except InvalidSignature as error:
        raise MalformedError("the signature is wrong") from error
    return public_key, parts[2], parts[3]


def read_invite(text, now):
    """Return the fields of an invite, or refuse it."""
    text = text.strip()
    must(text.startswith("ptinvite:") and len(text) <= 16384, "no invite")
    octets = unpadded(text.removeprefix("ptinvite:"))
    public_key, payload_type, payload = open_envelope(octets, b"peertransfer-invite")
    must(payload_type == b"/peertransfer/invite/1", "something else")
    found, invite = fields_of(payload), {}
    for name, (number, default) in INVITE.items():
        values = [value for known, value in found if known == number]
        if isinstance(default, list):
            invite[name] = [value.decode() for value in values]
        else:
            value = values[-1] if values else default
            invite[name] = value.decode() if isinstance(default, str) and values else value
    must(len(invite["invite_id"]) == 16 and len(invite["epoch_key"]) == 32 and len(invite["psk"]) in {0, 32})
    must(1 <= len(invite["name"]) <= 64 and not HIDDEN.search(invite["name"]))
    must(1 <= len(invite["bootstrap"]) <= 16)
    must(invite["network_id"] == network_of_key(public_key), "signed by another key")
    must(now < invite["expires_at"], "expired")
    return invite


# --- Proofs ----------------------------------------------------------------------------------------


def proof(secret, role, getter, provider, getter_nonce, provider_nonce, name):
    domain = b"peertransfer/proof/1"
    parts = (domain, role, getter, provider, getter_nonce, provider_nonce, name)
    return hmac.digest(
        hkdf(secret, None, domain), b"".join(len(one).to_bytes(2) + one for one in parts), "sha256"
    )
