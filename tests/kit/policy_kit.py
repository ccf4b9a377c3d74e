"""Askers, items, openings and engines for tests of the policy."""

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.policy.engine import Engine
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
from peertransfer.policy.parse import parse_policy

PEER = "12D3peer"
OTHER = "12D3xther"
NETWORK = "net1"
CID = "bafyshare"
NOW = 1_000_000
"""Unix seconds: Monday, 12 January 1970, 13:46:40 UTC."""
PUBLIC_ADDR = bytes.fromhex("0408080808060fa1")
PRIVATE_ADDR = bytes.fromhex("040a000001060fa1")


def engine(*rules):
    """Make an engine of ``[[rule]]`` bodies, each its own text; names are r0, r1, ... unless given."""
    return Engine(policy(*rules))


def policy(*rules):
    bodies = [
        f"[[rule]]\n{body}" if "name =" in body else f'[[rule]]\nname = "r{place}"\n{body}'
        for place, body in enumerate(rules)
    ]
    return parse_policy("\n".join(["version = 1", *bodies]), "policy.toml")


def asker(*proven, peer=PEER, network=NETWORK):
    return Asker(network, peer, frozenset(proven))


def item(cid=CID, labels=(), link="", expires_at=0, created_at=0):
    return ItemFacts(cid, labels, link, expires_at, created_at)


def entry(index, path="file", labels=(), media_type="", size=None):
    return EntryFacts(index, path, labels, media_type, size)


def open_slots(names):
    return tuple(OpenSlot(name, b"s" * 16, f"value of {name}".encode()) for name in names)


def open_share():
    return ShareOpening(open_slots(SHARE_SLOTS))


def open_entry(index):
    return EntryOpening(index, open_slots(ENTRY_SLOTS))


def hide(slot):
    return HiddenSlot(slot.slot, b"commitment of " + slot.slot.encode())


def opened(slots):
    """Names of the slots that are open."""
    return {slot.slot for slot in slots if isinstance(slot, OpenSlot)}


def decide_openings(engine, asker, item, entries=(), *, share=True, now=NOW):
    return engine.openings(
        asker,
        item,
        entries,
        share=open_share() if share else None,
        openings=[open_entry(facts.index) for facts in entries],
        hide=hide,
        now=now,
    )
