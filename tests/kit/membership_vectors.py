"""The golden values of networks: IDs, keys, envelopes and invites, and how each is made.

``tests/membership/test_membership_vectors.py`` makes them again and compares. A change of a vector is a
change of the protocol; who means it writes them with ``make vectors`` and says so.
"""

import base64
import dataclasses
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.link import Link
from peertransfer.content.locator import locator, locator_multihash
from peertransfer.membership.envelope import seal_envelope
from peertransfer.membership.epoch import epoch_key_of_psk
from peertransfer.membership.identity import peer_id_octets, peer_id_of_public_key, public_key_of_seed
from peertransfer.membership.invite import DOMAIN, PAYLOAD_TYPE, SCHEME, Invite, issue_invite
from peertransfer.membership.network import kad_protocol_id, network_id_of_psk, network_id_of_public_key
from peertransfer.membership.psk import format_swarm_key
from peertransfer.wire.membership_codec import InviteMessage, encode_invite

FOLDER = Path(__file__).parent.parent / "vectors" / "membership"
SEED = bytes(range(1, 33))
OTHER_SEED = bytes(range(2, 34))
PSK = bytes(range(100, 132))
ADDR = f"/ip4/192.0.2.1/tcp/4001/p2p/{peer_id_of_public_key(public_key_of_seed(OTHER_SEED))}"
NOW = 1_800_000_000
"""Unix seconds at which the good invites are good, and the expired one is not."""


def invite(**changes):
    whole = Invite(
        invite_id=bytes(range(16)),
        network_id=network_id_of_public_key(public_key_of_seed(SEED)),
        name="Clinic Öst",
        psk=PSK,
        epoch_key=bytes(range(200, 232)),
        epoch=0,
        bootstrap=(ADDR, ADDR.replace("/ip4/192.0.2.1", "/dns4/node.example.org")),
        expires_at=1_900_000_000,
        contact="ops@example.org",
    )
    return dataclasses.replace(whole, **changes)


def key_of(seed):
    return Ed25519PrivateKey.from_private_bytes(seed)


def payload(one):
    """Return the payload of an invite."""
    return encode_invite(InviteMessage(**{name: getattr(one, name) for name in Invite.__dataclass_fields__}))


def text_of(envelope):
    return SCHEME + base64.urlsafe_b64encode(envelope).decode().rstrip("=")


def identities():
    public_key = public_key_of_seed(SEED)
    return {
        "seed": SEED.hex(),
        "public_key": public_key.hex(),
        "peer_id": peer_id_of_public_key(public_key),
        "peer_id_octets": peer_id_octets(public_key).hex(),
        "network_id_of_the_key": network_id_of_public_key(public_key),
        "kad_protocol_of_that_network": kad_protocol_id(network_id_of_public_key(public_key)),
    }


def plain_network():
    cid, secret = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"manifest"), bytes(range(16))
    name = locator(secret, epoch_key_of_psk(PSK), cid)
    return {
        "swarm_key": format_swarm_key(PSK),
        "psk": PSK.hex(),
        "network_id": network_id_of_psk(PSK),
        "kad_protocol": kad_protocol_id(network_id_of_psk(PSK)),
        "epoch_key": epoch_key_of_psk(PSK).hex(),
        "manifest_cid": str(cid),
        "secret": secret.hex(),
        "link": str(Link(cid, network_id_of_psk(PSK), secret)),
        "locator": name.hex(),
        "dht_key": locator_multihash(name).hex(),
    }


def envelope():
    octets = seal_envelope(key_of(SEED), b"example-domain", b"/example/1", b"example payload")
    return {
        "seed": SEED.hex(),
        "domain": "example-domain",
        "payload_type": "/example/1",
        "payload": "example payload",
        "envelope": octets.hex(),
    }


def readable(one):
    """Return the fields of an invite, octets in hexadecimal."""
    fields = dataclasses.asdict(one)
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def good_invites():
    made = {
        "all fields": invite(),
        "no PSK, no contact, one address, a later epoch": invite(
            psk=b"", contact="", bootstrap=(ADDR,), epoch=7
        ),
    }
    return [
        {"means": means, "text": issue_invite(key_of(SEED), one), "fields": readable(one)}
        for means, one in made.items()
    ]


def bad_invites():
    key = key_of(SEED)
    whole = issue_invite(key, invite())
    sealed = seal_envelope(key, DOMAIN, PAYLOAD_TYPE, payload(invite()))
    renamed = sealed.replace(b"Clinic", b"Klinic")
    other_type = seal_envelope(key, DOMAIN, b"/other/1", payload(invite()))
    cases = [
        ("cut short", "usage", whole[:-20]),
        ("another scheme", "usage", whole.replace(SCHEME, "peertransfer:")),
        ("what is signed is something else", "usage", text_of(other_type)),
        ("no bootstrap address", "usage", issue_invite(key, invite(bootstrap=()))),
        ("an epoch key of 31 octets", "usage", issue_invite(key, invite(epoch_key=bytes(31)))),
        ("expired", "invite", issue_invite(key, invite(expires_at=NOW))),
        ("altered after it was signed", "invite", text_of(renamed)),
        ("signed for another purpose", "invite", text_of(seal_envelope(key, b"x", PAYLOAD_TYPE, b"y"))),
        ("signed by another network's key", "invite", issue_invite(key_of(OTHER_SEED), invite())),
    ]
    return [{"because": because, "error": code, "text": text} for because, code, text in cases]


def files():
    """Return the octets of every file of the folder, by its name."""
    values = {
        "identities.json": identities(),
        "plain_network.json": plain_network(),
        "envelope.json": envelope(),
        "invites.json": {"now": NOW, "good": good_invites(), "bad": bad_invites()},
    }
    return {
        name: json.dumps(value, indent=1, ensure_ascii=True).encode() + b"\n"
        for name, value in values.items()
    }
