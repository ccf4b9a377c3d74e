"""Sealed views, blocks and two machines for tests of the exchange protocol."""

import itertools

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening
from peertransfer.content.proof import Role, prove
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.content.verified import verify
from peertransfer.disclosure import views as v
from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.exchange.getter import Getter
from peertransfer.exchange.provider import Provider
from peertransfer.wire import messages as m
from peertransfer.wire.framing import encode_varint

GETTER_PEER = b"\x00\x24getter" + b"g" * 32
PROVIDER_PEER = b"\x00\x24provider" + b"p" * 30
SECRET = b"sixteen secrets!"
LOCATOR = bytes(range(32))
GETTER_NONCE = b"\x11" * 32
PROVIDER_NONCE = b"\x22" * 32


def sealed(view, audience=None):
    """Seal a view as the engine would."""
    record = DisclosureRecord("open", "peer:12D3test", "12D3test", view.name, "", (), "test")
    return seal(view, audience or OnePeer("12D3test"), record)


def hello(nonce, max_requests=8, version=1):
    return sealed(v.ProtocolsView(hello=v.Hello(version, max_requests, nonce)))


def want(locator=LOCATOR, proof=b"\x33" * 32, *, requests=True, delivered=True):
    return sealed(v.WantView(locator, proof, requests=requests, delivered=delivered))


def grant(proof=b"\x44" * 32, until=0):
    return sealed(v.GrantView(proof, until))


def refusal(code=1, request_id=0):
    return sealed(v.RefusalView(code, request_id))


def content(entries=None):
    return sealed(v.ContentView(entries))


def leaf(octets):
    return verify(Cid.of(Codec.RAW, HashFunction.BLAKE3, octets), octets)


def block_of(codec, octets):
    return verify(Cid.of(codec, HashFunction.BLAKE3, octets), octets)


def open_slots(names):
    return tuple(OpenSlot(name, bytes([place]) * 16, name.encode()) for place, name in enumerate(names))


def hidden_slots(names):
    return tuple(HiddenSlot(name, bytes([place + 1]) * 32) for place, name in enumerate(names))


def entry_opening(index, *, hidden=False):
    return EntryOpening(index, (hidden_slots if hidden else open_slots)(ENTRY_SLOTS))


def share_opening():
    return ShareOpening(open_slots(SHARE_SLOTS))


def openings(*indices, share=False):
    entries = tuple(entry_opening(index) for index in indices)
    return sealed(v.OpeningsView(share_opening() if share else None, entries))


def octets_of(frame):
    """Everything that a sealed frame puts on the stream."""
    return frame.head + b"".join(frame.body)


def framed(octets):
    return encode_varint(len(octets)) + octets


def cut(octets, places):
    """Cut octets at places (taken modulo the length)."""
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


def singly(octets):
    """Cut octets into pieces of one."""
    return [octets[place : place + 1] for place in range(len(octets))]


def events_of(machine, octets=b""):
    """Feed octets and take all events."""
    machine.receive_data(octets)
    found = []
    while (event := machine.next_event()) is not None:
        found.append(event)
    return found


def give(frame, machine):
    """Bring a sealed frame to a machine, and take its events."""
    return events_of(machine, octets_of(frame))


def new_pair(*, secret=SECRET, max_requests=8):
    getter = Getter(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER, secret=secret, locator=LOCATOR)
    provider = Provider(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER, max_requests=max_requests)
    return getter, provider


def greeted_pair(*, secret=SECRET, getter_requests=8, max_requests=8):
    """Both said hello."""
    getter, provider = new_pair(secret=secret, max_requests=max_requests)
    give(provider.send_hello(hello(PROVIDER_NONCE, max_requests)), getter)
    give(getter.send_hello(hello(GETTER_NONCE, getter_requests)), provider)
    return getter, provider


def granted_pair(**greeting):
    """The getter wanted, the provider granted; each believes the other."""
    getter, provider = greeted_pair(**greeting)
    give(getter.send_want(want(proof=getter.want_proof())), provider)
    proof = prove(SECRET, Role.PROVIDER, provider.transcript(LOCATOR))
    give(provider.send_grant(grant(proof)), getter)
    return getter, provider


def items(*entries):
    """Build what a request asks for: (entry, first, count) each."""
    return tuple(m.EntryRanges(entry, (m.Range(first, count),)) for entry, first, count in entries)
