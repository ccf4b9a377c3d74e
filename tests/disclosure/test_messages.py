"""Every field of every message carries a field of a view, or is plumbing with a reason: the whole protos, both ways.

A new field of a message fails here until it is told which field of which view lets it out (``docs/disclosure.md``
then asks for that one's row), or why it tells nothing that a rule would have to show.
"""

import ast

import pytest
from message_kit import FIELDS
from source_kit import PACKAGE

from peertransfer.disclosure.views import VIEW_FIELDS

OPENINGS = tuple(f"openings.{name}" for name in VIEW_FIELDS["openings"])
CATALOGUE = tuple(f"catalogue.{name}" for name in VIEW_FIELDS["catalogue"])
REQUESTS = ("want.requests",)
BLOCKS = ("manifest.octets", "content.octets")
OWN = ("addresses.listen_addrs", "addresses.private_addrs")
PROVIDER = ("provide.addrs", "provide.private_addrs")
PEERS = ("addresses.closer_peers", *OWN, "provide.provider_records", *PROVIDER)

CARRIES = {
    "Frame": {
        "hello": ("protocols.hello",),
        "want": ("want.locator", "want.proof"),
        "grant": ("grant.proof", "grant.until"),
        "refusal": ("refusal.code",),
        "manifest_request": REQUESTS,
        "openings_request": REQUESTS,
        "openings": OPENINGS,
        "nodes_request": REQUESTS,
        "blocks_request": REQUESTS,
        "blocks": BLOCKS,
        "have_request": REQUESTS,
        "have": ("content.octets",),
        "cancel": REQUESTS,
        "delivered": ("want.delivered",),
        "catalogue_request": REQUESTS,
        "catalogue": CATALOGUE,
    },
    "Hello": dict.fromkeys(("version", "max_requests", "nonce"), ("protocols.hello",)),
    "Want": {"locator": ("want.locator",), "proof": ("want.proof",)},
    "Grant": {"proof": ("grant.proof",), "until": ("grant.until",)},
    "Refusal": {"code": ("refusal.code",)},
    "Range": dict.fromkeys(("first", "count"), REQUESTS),
    "ManifestRequest": dict.fromkeys(("nodes", "ranges"), REQUESTS),
    "OpeningsRequest": dict.fromkeys(("first", "count"), REQUESTS),
    "SlotOpening": dict.fromkeys(("salt", "value"), OPENINGS),
    "EntryOpening": {"slots": OPENINGS},
    "Openings": dict.fromkeys(("share", "entries"), OPENINGS),
    "EntryRanges": dict.fromkeys(("entry", "ranges"), REQUESTS),
    "NodesRequest": {"items": REQUESTS},
    "BlocksRequest": {"items": REQUESTS},
    "BlockHeader": {"size": BLOCKS},
    "Blocks": {"blocks": BLOCKS},
    "HaveRequest": {"entry": REQUESTS},
    "Have": dict.fromkeys(("count", "bitmap"), ("content.octets",)),
    "CatalogueItem": {name: (f"catalogue.{name}",) for name in VIEW_FIELDS["catalogue"]},
    "Catalogue": {"items": CATALOGUE},
    "Identify": {
        "listen_addrs": OWN,
        "protocols": ("protocols.protocol_ids",),
        "observed_addr": ("addresses.observed_addr",),
        "protocol_version": ("agent.protocol_version",),
        "agent_version": ("agent.agent_version",),
    },
    "KadPeer": dict.fromkeys(("id", "addrs"), PEERS),
    "KadMessage": {
        "key": ("lookup.key", "provide.locator"),
        "closer_peers": ("addresses.closer_peers", *OWN),
        "provider_peers": ("provide.provider_records", *PROVIDER),
    },
}
"""Message to its fields to the fields of views that let them out."""

OWN_NUMBER = "a number that the getter counts up, the same for whatever it asks"
REPEATED = "the getter's own number, sent back"
END = "whether an answer that was let out is over"
PLACE = "a place that the getter asked for, sent back"
BY_HAND = "no stream carries it: a person hands the invite over"
PLUMBING = {
    **{
        (name, "request_id"): OWN_NUMBER
        for name in (
            *("ManifestRequest", "OpeningsRequest", "NodesRequest", "BlocksRequest", "HaveRequest"),
            *("Cancel", "CatalogueRequest"),
        )
    },
    **{
        (name, "request_id"): REPEATED for name in ("Refusal", "Openings", "Blocks", "Have", "Catalogue")
    },
    **{(name, "last"): END for name in ("Openings", "Blocks", "Catalogue")},
    ("EntryOpening", "index"): PLACE,
    ("BlockHeader", "entry"): PLACE,
    ("BlockHeader", "index"): PLACE,
    ("SlotOpening", "commitment"): "what stands for a slot that no rule shows; without its salt it tells nothing",
    ("KadMessage", "type"): "which question it is; the question itself is lookup or provide",
    ("Identify", "public_key"): "the handshake has proven it, and the peer ID holds it",
    **{("SignedEnvelope", name): BY_HAND for name in ("public_key", "payload_type", "payload", "signature")},
    **{("PublicKey", name): BY_HAND for name in ("type", "data")},
    **{
        ("Invite", name): BY_HAND
        for name in (
            *("invite_id", "network_id", "name", "psk", "epoch_key", "epoch", "bootstrap", "expires_at", "contact"),
        )
    },
}  # fmt: skip
"""Fields that no rule has to show, and why."""

NEVER_SENT = {
    ("Identify", "signed_peer_record"): "it would say the addresses a second time, past the policy",
    ("KadPeer", "connection"): "whom this host is connected to is nobody's business",
    ("KadMessage", "cluster_level_raw"): "not used, says the kad-dht specification",
}
"""Fields of the field's own messages that this node does not fill, and why."""

CARRIED = {(name, field) for name, fields in CARRIES.items() for field in fields}


def test_every_field_of_every_message_is_told_of_once():
    assert CARRIED | PLUMBING.keys() | NEVER_SENT.keys() == FIELDS
    assert len(CARRIED) + len(PLUMBING) + len(NEVER_SENT) == len(FIELDS)


def test_what_is_carried_are_fields_of_views_and_each_of_them_has_its_place():
    known = {f"{view}.{name}" for view, names in VIEW_FIELDS.items() for name in names}
    assert {one for fields in CARRIES.values() for told in fields.values() for one in told} == known


@pytest.mark.parametrize(
    ("message", "view"), [("Grant", "grant"), ("Refusal", "refusal"), ("CatalogueItem", "catalogue")]
)
def test_a_message_of_one_view_has_the_fields_of_that_view_by_name(message, view):
    assert {name: (f"{view}.{name}",) for name in VIEW_FIELDS[view]} == CARRIES[message]


def names_that_are_filled():
    """Every name that a codec gives a value to: by keyword, by assignment or by a method of a repeated field."""
    found = set()
    for path in (PACKAGE / "wire").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                found.add(node.arg)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {node.attr, getattr(node.value, "attr", None)}
            elif isinstance(node, ast.Attribute) and node.attr in {
                "extend",
                "append",
                "add",
                "CopyFrom",
                "SetInParent",
            }:
                found.add(getattr(node.value, "attr", None))
    return found


def test_what_is_never_sent_is_filled_by_no_codec_and_all_else_by_one():
    filled = names_that_are_filled()
    assert not {name for _, name in NEVER_SENT} & filled
    assert {name for _, name in FIELDS - NEVER_SENT.keys()} <= filled
