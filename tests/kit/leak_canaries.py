"""Values that stand in every private place of a node, each of which can be found again wherever it turns up."""

import os
import platform
from dataclasses import dataclass
from importlib import metadata

WORDS = {
    "file": "zebrafish-7741.txt",
    "folder": "ibex-3316",
    "den": "wombat-5527",
    "hidden file": "quokka-9903.key",
    "changed file": "kestrel-2287.txt",
    "title": "heron-8825",
    "second title": "egret-4471",
    "above": "marmot-1198",
    "label": "lynx-6642",
    "purpose": "because of an ocelot 3058",
    "basis": "as agreed with a tapir 8814",
    "content": "what an aardvark 6120 wrote",
    "hidden content": "what an echidna 7305 wrote",
    "link name": "for-gecko-4410",
    "network name": "oryx-2209",
    "other network name": "kudu-5936",
    "host name": "dugong-3720",
    "user name": "numbat-8153",
    "dest": "civet-9046",
}
MTIME = 1_083_196_907
"""Of every file shared; 2004, so that no time of the day itself looks like it."""
HIDDEN_SIZE = 77_003
"""Octets of the hidden file."""

_CARRIERS = {
    "file": {("openings", "name")},
    "folder": {("openings", "folder")},
    "changed file": {("openings", "name")},
    "title": {("openings", "share_title"), ("catalogue", "title")},
    "second title": {("openings", "share_title"), ("catalogue", "title")},
    "label": {("openings", "labels"), ("openings", "share_labels")},
    "purpose": {("openings", "share_purpose")},
    "basis": {("openings", "share_basis")},
    "content": {("content", "octets")},
    "mtime": {("openings", "mtime")},
    "program version": {("agent", "agent_version")},
    "link secret": {("catalogue", "link")},
}
_NUMBER = b"\x02"
"""Canonical octets of an integer begin with it."""


@dataclass(frozen=True)
class Canary:
    """One private value."""

    name: str
    forms: tuple
    """The octets that give it away, each alone."""
    carriers: frozenset = frozenset()
    """The (view, field) that may hold it."""
    at_home_in: str = ""
    """The network whose members know it anyway."""


def canary(name, *forms, at_home_in=""):
    """Make one; text stands for its UTF-8."""
    octets = tuple(one.encode() if isinstance(one, str) else bytes(one) for one in forms)
    assert all(len(one) >= 5 for one in octets), name
    return Canary(name, octets, frozenset(_CARRIERS.get(name, ())), at_home_in)


def of_words():
    """Return those that people choose."""
    return [canary(name, word) for name, word in WORDS.items()]


def of_numbers():
    """Return the times and sizes."""
    return [_number("mtime", MTIME), _number("hidden size", HIDDEN_SIZE)]


def _number(name, number):
    return canary(name, str(number), _NUMBER + number.to_bytes(8, "big"))


def of_machine():
    """Return what this machine and its programs are."""
    versions = {
        f"version of {one.name}": f"{one.name}/{one.version}" for one in metadata.distributions() if one.name
    }
    program = versions.pop("version of peertransfer")
    found = {
        "kernel": platform.release(),
        "build of the kernel": platform.version(),
        "Python": platform.python_version(),
        "platform": platform.platform(),
        "name of this machine": platform.node(),
        "program version": program,
        **versions,
    }
    return [canary(name, text) for name, text in found.items() if len(text) >= 5 and text != "localhost"]


def of_host(name, network_id, peer_id, peer_id_octets, addrs):
    """Return who somebody is and where, which other networks must not learn.

    Args:
        name: whose.
        network_id: where it is known anyway.
        peer_id: as text.
        peer_id_octets: the same as a multihash.
        addrs: text and binary form of each multiaddr, without the peer ID.
    """
    found = [canary(f"peer ID of {name}", peer_id, peer_id_octets, at_home_in=network_id)]
    forms = [form for text, octets in addrs for form in (text, octets)]
    return [*found, canary(f"address of {name}", *forms, at_home_in=network_id)]


def name_the_person(home):
    """Make this process and its children those of a person with a name and a home of its own."""
    for variable in ("USER", "LOGNAME", "USERNAME"):
        os.environ[variable] = WORDS["user name"]
    os.environ["HOME"] = str(home)
