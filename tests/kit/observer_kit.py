"""A peer that does all that it can towards a node of ``memory_node_kit``, and what it could read of the answers.

It is told in the words of the policy, ``view.field``.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from answering_kit import PROVIDER, blocks_of, catalogue, manifest_part, openings_of
from exchange_kit import sealed
from ledger_kit import entries_of
from memory_node_kit import NEAR, OTHER_PROVIDER, PRIVATE_ADDR, PUBLIC_ADDR, SEEN_AT

from peertransfer.content.locator import locator_multihash
from peertransfer.content.opening import OpenSlot
from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import DhtServers, OnePeer
from peertransfer.errors import ReachError, RefusedError, StreamLostError
from peertransfer.exchange import events as e
from peertransfer.exchange.getter import Getter
from peertransfer.kademlia.republish import Republisher
from peertransfer.membership.network import EXCHANGE_PROTOCOL, kad_protocol_id
from peertransfer.service.asking import Wanted, ask_peer
from peertransfer.transport.multiaddrs import peer_id_octets
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.identify_codec import decode_identify
from peertransfer.wire.kad_codec import (
    KadType,
    answer_reader,
    decode_kad,
    encode_find_node,
    encode_get_providers,
    request_reader,
)


@dataclass
class Observed:
    """What one peer could read of all answers, and what the ledger says of them."""

    seen: set[str] = field(default_factory=set)
    """Fields as ``view.field``; of ``openings`` the share's own only."""
    of_entries: dict[str, set[str]] = field(default_factory=dict)
    """Path to the fields that were read of that entry."""
    rows: list[dict[str, object]] = field(default_factory=list)
    """The rows that were added to the ledger, or counted up."""

    def fields(self, path=None):
        """Return what was read of one entry; without: of the share as a whole, the peer and its network."""
        return self.seen if path is None else self.of_entries.get(path, set())


async def observe(node, network, peer_id, shared, link=None):
    """Do as a peer all that it can towards a share, under a link of it where it has one."""
    watch = Watch(node, network, peer_id, shared, shared.links.get(link))
    before = await _counted(node, peer_id, network)
    await watch.do_all()
    for key, (count, row) in (await _counted(node, peer_id, network)).items():
        if count > before.get(key, (0,))[0]:
            watch.found.rows.append(row)
    return watch.found


async def _counted(node, peer_id, network):
    """Return how often each row of the ledger was counted that is about this peer, or all servers of a DHT."""
    found, told = Counter(), {}
    for row in await entries_of(node.ledger):
        if row["network_id"] == network.network_id and row["peer_id"] in {"", peer_id}:
            key = (row["view"], row["item"], *row["fields"], row["rule"], row["audience"], row["link"])
            found[key] += row["count"]
            told[key] = row
    return {key: (found[key], told[key]) for key in found}


class Watch:
    """One peer, and what it saw so far."""

    def __init__(self, node, network, peer_id, shared, wanted):
        self.node, self.network, self.peer_id = node, network, peer_id
        self.shared, self.wanted = shared, wanted
        self.runtime, self.dht = node.runtimes[network.network_id], node.dhts[network.network_id]
        self.found = Observed()

    def see(self, view, **fields):
        """Note each field that has a value."""
        self.found.seen |= {f"{view}.{name}" for name, value in fields.items() if value}

    async def do_all(self):
        await self.identify()
        await self.query()
        await self.be_asked()
        await self.list()
        await self.want_what_is_not_there()
        if self.wanted is not None:
            await self.want()

    # --- identify and the DHT ----------------------------------------------------------------------

    async def identify(self):
        frame = await self.runtime.host.identify_answer(self.peer_id, SEEN_AT)
        if frame is None:
            return
        assert frame.audience == OnePeer(self.peer_id)
        reader = answer_reader()
        reader.receive_data(frame.head)
        octets = bytes(reader.next_frame())
        said = decode_identify(octets)
        self.see("addresses", **_addrs(said.listen_addrs, "listen_addrs"), observed_addr=said.observed_addr)
        self.see("protocols", protocol_ids=said.protocol_ids)
        self.see("agent", agent_version=said.agent_version, protocol_version=b"peertransfer/1.0.0" in octets)

    async def query(self):
        """Ask for the node itself, and for what each link of the share names."""
        own, servers = self.runtime.host.peer_id_bytes, DhtServers(self.network.network_id)
        questions = [encode_find_node(sealed(v.LookupView(own), servers))]
        for link in self.shared.links.values():
            key = locator_multihash(link.locator)
            questions.append(encode_get_providers(sealed(v.LookupView(key), servers)))
        for question in questions:
            said = await self._asked(question)
            if said is None:
                continue
            closer = {one.peer_id: one.addrs for one in said.closer_peers}
            providers = {one.peer_id: one.addrs for one in said.provider_peers}
            self.see("addresses", **_addrs(closer.get(own, ()), "listen_addrs"))
            self.see("addresses", closer_peers=NEAR.peer_id in closer)
            self.see("provide", **_addrs(providers.get(own, ()), "addrs"), locator=own in providers)
            self.see("provide", provider_records=OTHER_PROVIDER.peer_id in providers)

    async def _asked(self, frame):
        async with self.runtime.host.called(self.peer_id, kad_protocol_id(self.network.network_id)) as stream:
            stream.prove(DhtServers(self.network.network_id))
            await stream.send(frame)
            return decode_kad(octets) if (octets := await _one_frame(stream, answer_reader())) else None

    async def be_asked(self):
        """Serve the node's DHT and provide the same share; keep what the node says to such a peer."""
        await self._be_asked_as_server()
        await self._be_asked_for_the_share()

    async def _be_asked_as_server(self):
        host, lookups, providing = self.runtime.host, self.dht._lookups, self.dht._providing
        one, known = v.PeerRecord(peer_id_octets(self.peer_id), ()), len(host.opened)
        question = await lookups.question(NEAR.peer_id)
        if question is not None:
            with contextlib.suppress(ReachError):
                await self.dht._streams.tell(one, question)
        provided = self.node.served.provided(self.network.network_id).items()
        wanted = {locator_multihash(name): (name, item) for name, item in provided}
        await self._have_told(providing._provide_due(wanted, _Closest(one)), wanted)
        self.dht.table.admit(one.peer_id, (SEEN_AT,), trio.current_time(), seen_at=SEEN_AT)
        providing._newcomers[one.peer_id] = None
        await self._have_told(providing._tell_newcomers(wanted), wanted)
        self.dht.table.remove(one.peer_id)
        self.dht._streams.drop(one.peer_id)
        reader = request_reader()
        for wire in host.opened[known:]:
            reader.receive_data(wire.to_provider.log)
        while (frame := reader.next_frame()) is not None:
            self._heard(decode_kad(bytes(frame)), wanted)

    async def _have_told(self, telling, wanted):
        republisher = self.dht._providing._republisher = Republisher()
        republisher.replace(wanted, trio.current_time())
        await telling

    def _heard(self, said, wanted):
        if said.type is KadType.ADD_PROVIDER:
            (own,) = said.provider_peers
            _, item = wanted[said.key]
            if item.manifest_cid == self.shared.cid:
                self.see("provide", locator=True, **_addrs(own.addrs, "addrs"))
        else:
            self.see("lookup", key=said.key == NEAR.peer_id)

    async def _be_asked_for_the_share(self):
        host, known = self.runtime.host, len(self.runtime.host.opened)
        try:
            async with ask_peer(self.runtime, self.peer_id, self.shared.theirs) as asking:
                async with asking.request(manifest_part) as parts:
                    async for _ in parts:
                        pass
                await asking.delivered()
        except RefusedError:
            pass
        for wire in host.opened[known:]:
            said = {type(one).__name__ for one in wire.asked()}
            self.see("want", locator="WantMessage" in said, proof="WantMessage" in said)
            self.see("want", requests="ManifestRequest" in said, delivered="DeliveredMessage" in said)

    # --- the exchange ------------------------------------------------------------------------------

    @asynccontextmanager
    async def _talk(self, wanted=None):
        async with self.runtime.host.called(self.peer_id, EXCHANGE_PROTOCOL) as stream:
            talk = _Talk(stream, self.peer_id, wanted)
            is_greeted = await talk.greet()
            self.see("protocols", hello=is_greeted)
            yield talk if is_greeted else None

    async def list(self):
        async with self._talk() as talk:
            if talk is None:
                return
            for item in await talk.ask(catalogue, "items"):
                listed = {name: getattr(item, name) for name in v.VIEW_FIELDS["catalogue"]}
                if self._is_it(listed):
                    self.see("catalogue", **{name: value is not None for name, value in listed.items()})

    def _is_it(self, listed):
        """Tell by any field of a listed share that it is this one: no two shares have one in common."""
        own = self.shared
        facts = {"manifest_cid": own.cid, "title": own.title, "entries": len(own.paths), "size": own.size}
        return any(listed[name] == fact for name, fact in facts.items()) or own.cid in (listed["link"] or "")

    async def want_what_is_not_there(self):
        async with self._talk(Wanted("", b"u" * 16, b"u" * 32)) as talk:
            if talk is not None:
                answer = await talk.want()
                self.see("refusal", code=isinstance(answer, e.RefusalReceived))

    async def want(self):
        async with self.granted() as talk:
            if talk is None:
                return
            self.see("manifest", octets=await talk.ask(manifest_part, "blocks"))
            for page in await talk.pages(openings_of()):
                slots = {f"share_{one.slot}": isinstance(one, OpenSlot) for one in page.share.slots}
                self.see("openings", **slots)
        for index, path in enumerate(self.shared.paths):
            await self._want_entry(index, self.found.of_entries.setdefault(path, set()))
        async with self.granted() as talk:
            _, frame = openings_of(len(self.shared.paths), 1)(talk._machine, talk._want)
            await talk._send(frame)
            self.see("refusal", code=isinstance(await talk._event(), e.RefusalReceived))

    async def _want_entry(self, index, seen):
        # On a stream of its own: where a no is not said in words, the stream ends.
        async with self.granted() as talk:
            for page in await talk.pages(openings_of(index, 1)):
                (opening,) = page.entries
                seen |= {f"openings.{one.slot}" for one in opening.slots if isinstance(one, OpenSlot)}
            if await talk.is_served(blocks_of(index, 1)):
                seen.add("content.octets")

    @asynccontextmanager
    async def granted(self):
        async with self._talk(self.wanted) as talk:
            answer = None if talk is None else await talk.want()
            is_granted = isinstance(answer, e.GrantReceived)
            self.see("grant", proof=is_granted, until=is_granted and answer.until)
            yield talk if is_granted else None


class _Closest:
    """Stands for look-ups that find one peer."""

    def __init__(self, one):
        self._one = one

    async def closest(self, key):
        await trio.lowlevel.checkpoint()
        return (self._one,)


class _Talk:
    """The getter's end of one exchange stream."""

    def __init__(self, stream, peer_id, wanted):
        self._stream = stream
        self._audience = OnePeer(PROVIDER)
        secret, name = (wanted.secret, wanted.locator) if wanted else (b"", b"")
        self._machine = Getter(
            getter_peer=peer_id_octets(peer_id),
            provider_peer=stream.peer_id_bytes,
            secret=secret,
            locator=name,
        )
        self._locator = name
        self._want = self._sealed(v.WantView(requests=True, delivered=True))

    def _sealed(self, view):
        return sealed(view, self._audience)

    async def greet(self):
        hello = v.Hello(1, 8, b"g" * 32)
        await self._send(self._machine.send_hello(self._sealed(v.ProtocolsView(hello=hello))))
        return isinstance(await self._event(), e.HelloReceived)

    async def want(self):
        view = v.WantView(self._locator, self._machine.want_proof(), requests=True, delivered=True)
        self._want = self._sealed(view)
        await self._send(self._machine.send_want(self._want))
        return await self._event()

    async def pages(self, ask):
        """Ask, and return all parts of the answer; none where it is refused."""
        _, frame = ask(self._machine, self._want)
        await self._send(frame)
        parts = []
        while True:
            part = await self._event()
            if isinstance(part, e.RefusalReceived | e.StreamEnded):
                return []
            parts.append(part)
            if part.last:
                return parts

    async def ask(self, ask, name):
        return [one for part in await self.pages(ask) for one in getattr(part, name)]

    async def is_served(self, ask):
        """Tell whether an answer holds something, or says that there is nothing: a refusal says that it may not."""
        _, frame = ask(self._machine, self._want)
        await self._send(frame)
        part = await self._event()
        return not isinstance(part, e.StreamEnded) and getattr(part, "code", None) is not RefusalCode.REFUSED

    async def _send(self, frame):
        await self._stream.send(frame)

    async def _event(self):
        while (event := self._machine.next_event()) is None:
            try:
                octets = await self._stream.receive()
            except StreamLostError:
                octets = b""
            if octets:
                self._machine.receive_data(octets)
            else:
                self._machine.receive_eof()
        return event


def _addrs(addrs, name):
    """Return which of the node's addresses are among these, as fields."""
    return {name: PUBLIC_ADDR in addrs, "private_addrs": PRIVATE_ADDR in addrs}


async def _one_frame(stream, reader):
    """Read one frame; none where the stream ends without."""
    try:
        while (frame := reader.next_frame()) is None:
            octets = await stream.receive()
            if not octets:
                return b""
            reader.receive_data(octets)
    except StreamLostError:
        return b""
    return bytes(frame)
