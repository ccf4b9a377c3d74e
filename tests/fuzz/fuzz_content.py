"""What is verified against a CID or a digest is still a stranger's: manifests, values, openings, nodes, names."""

from exchange_kit import entry_opening, open_slots
from fuzz_kit import Target

from peertransfer.content.bitmap import Bitmap
from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import decode_value, encode_value, entry_digest, hide, open_entry
from peertransfer.content.dag import DagVerifier
from peertransfer.content.dag_pb import MAX_NODE_SIZE, encode_node, parse_node
from peertransfer.content.manifest import Manifest, manifest_dag
from peertransfer.content.names import (
    MAX_DISPLAY,
    MAX_SEGMENT_SIZE,
    check_folder,
    check_path,
    check_segment,
    display,
    fold,
)
from peertransfer.content.opening import EntryOpening, OpenSlot
from peertransfer.content.slots import ENTRY_SLOTS, SLOT_TYPES
from peertransfer.errors import IntegrityError, LocalProtocolError, RemoteProtocolError, UsageError

HASH = HashFunction.BLAKE3
SLOTS = tuple(SLOT_TYPES)


def manifest(octets):
    found = Manifest.parse(octets)
    assert found.to_octets() == octets
    manifest_dag(found)


def value(octets):
    """The canonical octets of a value, of the slot that the first octet says."""
    slot, octets = SLOTS[octets[0] % len(SLOTS)] if octets else "title", octets[1:]
    assert encode_value(slot, decode_value(slot, octets)) == octets


def opening(octets):
    """An opening with the right digest, in which one slot has the octets for its value."""
    place, octets = octets[0] % len(ENTRY_SLOTS) if octets else 0, octets[1:]
    slots = list(entry_opening(0, hidden=True).slots)
    slots[place] = OpenSlot(ENTRY_SLOTS[place], open_slots(ENTRY_SLOTS)[place].salt, octets)
    commitments = [(hide(HASH, one) if isinstance(one, OpenSlot) else one).commitment for one in slots]
    values = open_entry(EntryOpening(0, tuple(slots)), entry_digest(HASH, commitments), HASH)
    assert values.keys() == {ENTRY_SLOTS[place]}


def node(octets):
    """An inner node, parsed, and taken as the root of a file by who asked for its very CID."""
    function = list(HashFunction)[len(octets) & 1]
    verifier = DagVerifier(Cid.of(Codec.DAG_PB, function, octets))
    try:
        verifier.add_node(0, octets)
    finally:
        links = parse_node(octets)
        assert encode_node(links) == octets
    for index in (*verifier.missing_nodes()[:2], verifier.shape.leaf_count - 1):
        try:
            verifier.add_node(index, octets)
        except (IntegrityError, LocalProtocolError):
            continue
    assert verifier.shape.leaf_count >= len(links)


def bitmap(octets):
    """The leaves of a resumed file, as its journal or a peer has them."""
    count = int.from_bytes(octets[:2])
    found = Bitmap(count, octets[2:])
    missing = [index for run in found.missing_ranges() for index in run]
    assert len(missing) + len(found) == count
    assert not any(index in found for index in missing)
    assert found.to_octets() == octets[2:]


def name(octets):
    """A peer's text as a folder and name, and on a terminal."""
    try:
        text = octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "replace")
    shown = display(text)
    assert len(shown) <= MAX_DISPLAY + 1
    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in shown)
    fold(text)
    path = check_path((*check_folder(text), check_segment(text.rpartition("/")[2])))
    for segment in path:
        assert segment not in {"", ".", ".."}
        assert "/" not in segment
        assert "\\" not in segment
        assert len(segment.encode()) <= MAX_SEGMENT_SIZE


def cid(octets):
    """A CID in its text form, or else in its binary form."""
    text = octets.decode("utf-8", "replace")
    found = Cid.parse(text) if text.startswith("b") else Cid.from_bytes(octets)
    assert Cid.parse(str(found)) == Cid.from_bytes(found.to_bytes()) == found


TARGETS = {
    "manifest": Target(manifest, (IntegrityError,)),
    "value": Target(value, (IntegrityError,), 9000),
    "opening": Target(opening, (IntegrityError,), 9000),
    "node": Target(node, (IntegrityError,), MAX_NODE_SIZE + 16),
    "bitmap": Target(bitmap, (RemoteProtocolError,), 8195),
    "name": Target(name, (RemoteProtocolError,), 4200),
    "cid": Target(cid, (UsageError,), 128),
}
