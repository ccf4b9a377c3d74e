"""A provider and a getter on one stream: real engine, store, machines and ``PeerStream``; only the muxer is memory."""

from contextlib import asynccontextmanager

import pytest
import trio
from ledger_kit import told_entries
from store_kit import make_tree, octets_of, save_tree

from peertransfer.content.cid import Cid
from peertransfer.content.locator import locator
from peertransfer.errors import PeertransferError, RefusedError
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed
from peertransfer.net.peer_stream import PeerStream
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service.answering import Answering
from peertransfer.service.asking import Wanted, open_asking
from peertransfer.service.door import Door, PolicyInForce
from peertransfer.service.served_shares import ServedShares
from peertransfer.service.spending import Spending
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.links import Links, StoredLink
from peertransfer.store.shares import Shares
from peertransfer.transport.allowance import Allowance, PoolShare
from peertransfer.transport.answer_memory import AnswerMemory
from peertransfer.transport.tally import Tally
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import MAX_FRAME, FrameReader, encode_varint

NETWORK = "open"
GETTER, PROVIDER = (peer_id_of_public_key(public_key_of_seed(bytes([seed]) * 32)) for seed in (1, 2))
MIB = 1 << 20
FILES = {"big": octets_of(2 * MIB + 5), "small": b"x" * 100}
LONG = {"long": octets_of(40 * MIB)}


class Pipe:
    """One direction of a stream: what was written, and what of it was not read yet."""

    def __init__(self):
        self.log = bytearray()
        self.window = 1 << 30
        """Octets that may wait to be read."""
        self.is_held = False
        """Whether the reader takes nothing."""
        self.is_closed = False
        self.is_broken = False
        self._waiting = bytearray()
        self._changed = trio.Condition()

    async def write(self, octets):
        async with self._changed:
            while len(self._waiting) >= self.window and not self.is_broken:
                await self._changed.wait()
            if self.is_broken or self.is_closed:
                raise trio.BrokenResourceError
            taken = bytes(octets[: self.window - len(self._waiting)])
            self.log += taken
            self._waiting += taken
            self._changed.notify_all()
            return len(taken)

    async def read(self, count):
        async with self._changed:
            while not self.is_broken and (self.is_held or not (self._waiting or self.is_closed)):
                await self._changed.wait()
            if self.is_broken:
                raise trio.BrokenResourceError
            taken = bytes(self._waiting[:count])
            del self._waiting[:count]
            self._changed.notify_all()
            return taken

    async def end(self, *, broken=False):
        async with self._changed:
            self.is_closed = True
            self.is_broken |= broken
            self._changed.notify_all()


class MemoryStream:
    """Stands for ``transport.swarm_stream.SwarmStream``."""

    def __init__(self, peer_id, inbound, outbound):
        self.peer_id = peer_id
        self.tally = Tally()
        allowance = Allowance()
        self.answers = AnswerMemory(PoolShare(allowance.to_send), allowance)
        self.inbound, self.outbound = inbound, outbound

    async def read_pieces(self, limit):
        octets = await self.inbound.read(limit)
        return [memoryview(octets)] if octets else []

    async def read_into(self, memory, seconds):
        filled = 0
        with trio.move_on_after(seconds):
            while filled < len(memory) and (octets := await self.inbound.read(len(memory) - filled)):
                memory[filled : filled + len(octets)] = octets
                filled += len(octets)
        return filled

    async def write_pieces(self, pieces, stall_seconds):
        rest = memoryview(b"".join(pieces))
        while rest:
            with trio.fail_after(stall_seconds):
                rest = rest[await self.outbound.write(rest) :]

    async def close_write(self):
        await self.outbound.end()

    async def close(self):
        await self.outbound.end()

    async def reset(self):
        await self.outbound.end(broken=True)
        await self.inbound.end(broken=True)


class Wire:
    """Both ends of one stream."""

    def __init__(self, getter=GETTER, provider=PROVIDER):
        self.to_provider, self.to_getter = Pipe(), Pipe()
        self.getter_end = PeerStream(MemoryStream(provider, self.to_getter, self.to_provider), "x")
        self.provider_end = PeerStream(MemoryStream(getter, self.to_provider, self.to_getter), "x")

    def asked(self):
        """Return what the getter said so far, as messages."""
        return [message for message, _ in _messages(self.to_provider.log)]

    def answered(self):
        """Return what the provider said so far, as (message, raw octets)."""
        return list(_messages(self.to_getter.log))


def _messages(log):
    """Yield the messages of a log, each with the raw octets that follow it; what is cut off at the end is left."""
    rest = memoryview(bytes(log))
    while rest:
        reader = FrameReader()
        reader.receive_data(rest[: MAX_FRAME + 8])
        frame = reader.next_frame()
        if frame is None:
            return
        message = decode_frame(frame)
        rest = rest[len(encode_varint(len(frame))) + len(frame) :]
        size = message.body_size if isinstance(message, m.BlocksHead) else 0
        if len(rest) < size:
            return
        yield message, bytes(rest[:size])
        rest = rest[size:]


class Provider:
    """A node's provider side: what it shares, its policy in force and its ledger."""

    def __init__(self, folder, database, policy):
        self.folder = folder
        self.database = database
        self.policy = PolicyInForce(parse_policy(policy, "policy.toml"), Spending(database))
        self.ledger = Ledger(database)
        self.door = Door(self.policy, self.ledger, NETWORK)
        self.shares, self.links = Shares(database), Links(database)
        self.served = ServedShares(database)

    async def share(self, files, name="shared", **options):
        """Share files; return the manifest CID and, by path, the index of each entry."""
        stored = await save_tree(self.shares, make_tree(self.folder / name, files), **options)
        return stored.manifest_cid, {stored.entry(index).path: index for index in range(len(stored.order))}

    async def link(self, cid, name="alice", *, expires_at=0):
        """Make a link; return what a getter wants by it."""
        secret = name.encode().ljust(16, b".")
        blind = locator(secret, b"", Cid.parse(cid))
        await self.links.add_link(StoredLink(name, cid, NETWORK, 1, expires_at, secret=secret, locator=blind))
        await self.served.load_links()
        return Wanted(cid, secret, blind)

    async def end_link(self, name):
        await self.links.end_link(name, 5)
        await self.served.load_links()

    def set_policy(self, text):
        self.policy.replace(self.policy.engine_of(parse_policy(text, "policy.toml")))

    async def answer(self, wire):
        """Answer one stream to its end."""
        own = wire.getter_end.peer_id_bytes
        await Answering(wire.provider_end, NETWORK, own, self.door, self.served).run()

    async def rows(self):
        """Return the ledger without what every stream has: the hello."""
        return [row for row in await told_entries(self.ledger) if row["view"] != "protocols"]


@asynccontextmanager
async def run_provider(folder, policy=CLOSED):
    async with Database(folder / "provider.db") as database:
        yield Provider(folder, database, policy)


class Getter:
    """A node's getter side."""

    def __init__(self, database):
        self.database = database
        self.ledger = Ledger(database)
        self.policy = PolicyInForce(parse_policy(CLOSED, "p"), Spending(database))
        self.door = Door(self.policy, self.ledger, NETWORK)

    def set_policy(self, text):
        self.policy.replace(self.policy.engine_of(parse_policy(text, "policy.toml")))

    @asynccontextmanager
    async def ask(self, wire, wanted):
        async with open_asking(
            wire.getter_end,
            network_id=NETWORK,
            own_peer=wire.provider_end.peer_id_bytes,
            door=self.door,
            wanted=wanted,
        ) as asking:
            yield asking


@asynccontextmanager
async def run_getter(folder):
    async with Database(folder / "getter.db") as database:
        yield Getter(database)


async def take(asking, ask):
    """Make a request and return all parts of its answer."""
    async with asking.request(ask) as parts:
        return [part async for part in parts]


async def outcome(asking, ask, after_first=None):
    """Ask; return how many parts came, and of which kind the error was that ended the answer."""
    count = 0
    try:
        async with asking.request(ask) as parts:
            async for _ in parts:
                count += 1
                if count == 1 and after_first is not None:
                    await after_first()
    except PeertransferError as error:
        return count, type(error)
    return count, None


def blocks_of(entry, count, first=0):
    """Make a request for leaves of one entry."""
    ranges = (m.EntryRanges(entry, (m.Range(first, count),)),)
    return lambda machine, want: machine.request_blocks(want, ranges)


def nodes_of(entry, count=1):
    ranges = (m.EntryRanges(entry, (m.Range(0, count),)),)
    return lambda machine, want: machine.request_nodes(want, ranges)


def manifest_part(machine, want):
    return machine.request_manifest(want, (m.Range(0, 1),))


def openings_of(first=0, count=0):
    return lambda machine, want: machine.request_openings(want, first, count)


def have_of(entry):
    return lambda machine, want: machine.request_have(want, entry)


def catalogue(machine, want):
    return machine.request_catalogue(want)


def views_answered(wire):
    """Return the view of each frame of the provider, in order."""
    asked = _requests(wire)
    return [_view(message, asked) for message, _ in wire.answered()]


def leaf_octets_answered(wire):
    """Return how many octets of leaves the provider sent."""
    asked = _requests(wire)
    return sum(
        len(raw)
        for message, raw in wire.answered()
        if isinstance(message, m.BlocksHead) and isinstance(asked[message.request_id], m.BlocksRequest)
    )


def _requests(wire):
    return {one.request_id: one for one in wire.asked() if hasattr(one, "request_id")}


def _view(message, asked):
    if isinstance(message, m.BlocksHead):
        return "manifest" if isinstance(asked[message.request_id], m.ManifestRequest) else "content"
    return _VIEWS[type(message)]


_VIEWS = {
    m.HelloMessage: "protocols",
    m.GrantMessage: "grant",
    m.RefusalMessage: "refusal",
    m.OpeningsPage: "openings",
    m.CataloguePage: "catalogue",
    m.HaveMessage: "content",
}


def hides(*lines, items=""):
    """A further rule that hides."""
    return "\n".join(['[[rule]]\nname = "hides"\nto = ["anyone"]', items, *lines, ""])


class Scene:
    """A provider with one share, a getter, and the stream between them."""

    def __init__(self, provider, getter, cid, places, wanted, nursery):
        self.provider, self.getter = provider, getter
        self.cid, self.places, self.wanted = cid, places, wanted
        self.wire = Wire()
        self.ended = trio.Event()
        self._nursery = nursery
        nursery.start_soon(self._answer)

    def another(self):
        """Open a further stream between the two."""
        return Scene(self.provider, self.getter, self.cid, self.places, self.wanted, self._nursery)

    async def _answer(self):
        await self.provider.answer(self.wire)
        self.ended.set()

    def ask(self, wanted=None):
        return self.getter.ask(self.wire, wanted or self.wanted)

    async def refused(self, wanted=None):
        """Want in vain; return the octets after the hello, and when they came."""
        with pytest.raises(RefusedError):
            async with self.ask(wanted):
                pass
        return self.wire.answered()[1:]

    async def unshare(self):
        """Withdraw the share as ``service.sharing`` does."""
        self.provider.served.withdraw(self.cid)
        await self.provider.shares.remove_share(self.cid)
        await self.provider.served.load_links()

    async def until_over(self):
        with trio.fail_after(5):
            await self.ended.wait()


def _unknown(one):
    return Wanted(one.cid, b"u" * 16, b"u" * 32)


def _unproven(one):
    return Wanted(one.cid, b"u" * 16, one.wanted.locator)


async def _expired(one):
    return await one.provider.link(one.cid, "old", expires_at=2)


def _denied(view):
    return lambda one: one.provider.set_policy(CLOSED + hides(f'hide.{view} = ["*"]'))


REASONS = {
    "unknown": _unknown,
    "unproven": _unproven,
    "ended": lambda one: one.provider.end_link("alice"),
    "expired": _expired,
    "withdrawn": Scene.unshare,
    "no grant": _denied("grant"),
    "no manifest": _denied("manifest"),
    "no openings": _denied("openings"),
}
"""How a want comes to be refused: each gives what is wanted, where that is not the share as it is."""


@asynccontextmanager
async def scene(tmp_path, files=FILES, policy=CLOSED, **options):
    async with (
        run_provider(tmp_path, policy) as provider,
        run_getter(tmp_path) as getter,
        trio.open_nursery() as nursery,
    ):
        cid, places = await provider.share(files, **options)
        yield Scene(provider, getter, cid, places, await provider.link(cid), nursery)
        nursery.cancel_scope.cancel()


async def until(condition):
    with trio.fail_after(5):
        while not condition():
            await trio.sleep(0.005)


ENDED = m.RefusalMessage(0, RefusalCode.ENDED)
