"""What does the payload of a stream tell, field by field? From octets to ``Seen`` values, by the real codecs.

It decides nothing about what may be told. Whatever it can't name is seen as a field that nobody declares, so that
a new field, a raw octet or an answer to no question makes a test fail.
"""

from collections import defaultdict
from typing import NamedTuple

from google.protobuf.unknown_fields import UnknownFieldSet

from peertransfer.content.locator import locator_multihash
from peertransfer.content.opening import OpenSlot
from peertransfer.errors import RemoteProtocolError
from peertransfer.wire import messages as m
from peertransfer.wire.exchange_codec import decode_frame
from peertransfer.wire.framing import MAX_FRAME, FrameReader, encode_varint
from peertransfer.wire.identify_codec import decode_identify
from peertransfer.wire.kad_codec import KadType, decode_kad
from peertransfer.wire.v1 import exchange_pb2, identify_pb2, kad_pb2

UNDECLARED = "undeclared"
"""The view of what no census row can stand for."""
REQUESTS = (
    m.ManifestRequest,
    m.OpeningsRequest,
    m.NodesRequest,
    m.BlocksRequest,
    m.HaveRequest,
    m.CancelMessage,
    m.CatalogueRequest,
)
NEVER = {
    "Identify": {"signed_peer_record"},
    "KadPeer": {"connection"},
    "KadMessage": {"cluster_level_raw"},
}
"""Fields of the field's own messages that this node does not fill (``tests/disclosure/test_messages.py``)."""


class Seen(NamedTuple):
    """One field that one instrumented peer saw."""

    network_id: str
    audience: str
    """In the ledger's form."""
    channel: str
    """In the census's words."""
    view: str
    field: str
    item: str
    """The manifest CID where the ledger names one, else empty."""
    link: str
    """The node's own name of the link that it went through, where it did."""
    value: bytes

    @property
    def entry(self):
        """What the ledger says of it."""
        return self.network_id, self.audience, self.view, self.field, self.item, self.link

    @property
    def row(self):
        """What the census says of it."""
        return self.channel, self.view, self.field


class Reader:
    """Reads the streams of one session."""

    def __init__(self, network_id, own, node, links, titles):
        """Know what is needed to name items.

        Args:
            network_id: where the session is.
            own: the instrumented peer's ID.
            node: octets of the node's peer ID there.
            links: locator to the manifest CID behind it, and the node's own name of the link, empty where it has none.
            titles: title of a share to its manifest CID.
        """
        self._network_id, self._own, self._node = network_id, own, node
        self._links, self._titles = links, titles
        self._keys = {locator_multihash(name): name for name in links}
        self.seen = []

    def note(self, channel, view, field, value, about=("", ""), audience=""):
        """See a field; ``about`` are the item and the link."""
        audience = audience or f"peer:{self._own}"
        self.seen.append(Seen(self._network_id, audience, channel, view, field, *about, bytes(value)))

    def _about(self, name):
        return self._links.get(name, ("", ""))

    def undeclared(self, what, octets):
        """See what nobody declares."""
        self.note("-", UNDECLARED, what, octets)

    def _judge(self, message):
        """Look for what the codec passes over: fields that it does not know, and those that are never filled."""
        name = message.DESCRIPTOR.name
        for unknown in UnknownFieldSet(message):
            data = unknown.data if isinstance(unknown.data, bytes) else str(unknown.data).encode()
            self.undeclared(f"{name}.{unknown.field_number}", data)
        for field, value in message.ListFields():
            if field.name in NEVER.get(name, ()):
                self.undeclared(f"{name}.{field.name}", str(value).encode())
            if field.message_type is not None:
                for one in value if field.is_repeated else (value,):
                    self._judge(one)

    def _frames(self, octets, what):
        reader = FrameReader(MAX_FRAME * 4)
        frames = []
        try:
            for start in range(0, len(octets), MAX_FRAME):
                reader.receive_data(octets[start : start + MAX_FRAME])
                while (frame := reader.next_frame()) is not None:
                    frames.append(frame)
        except RemoteProtocolError as error:
            self.undeclared(f"{what}: {error.message}", octets)
        if not reader.is_between_frames:
            self.undeclared(f"{what}: half a frame", octets)
        return frames

    # --- identify ----------------------------------------------------------------------------------

    def identify(self, octets):
        """Read an answer to identify."""
        frames = self._frames(octets, "identify")
        for extra in frames[1:]:
            self.undeclared("identify: a second message", extra)
        for frame in frames[:1]:
            decode_identify(frame)
            message = identify_pb2.Identify.FromString(frame)
            self._judge(message)
            if message.public_key and message.public_key != self._node[2:]:
                self.undeclared("Identify.public_key", message.public_key)
            told = (
                ("addresses", "listen_addrs", message.listen_addrs),
                ("addresses", "observed_addr", [message.observed_addr]),
                ("protocols", "protocol_ids", [one.encode() for one in message.protocols]),
                ("agent", "agent_version", [message.agent_version.encode()]),
                ("agent", "protocol_version", [message.protocol_version.encode()]),
            )
            for view, field, values in told:
                for value in filter(None, values):
                    self.note("identify", view, field, value)

    # --- the DHT -----------------------------------------------------------------------------------

    def _kad(self, octets, what, *, judged=True):
        messages = []
        for frame in self._frames(octets, what):
            message = decode_kad(frame)
            if judged:
                self._judge(kad_pb2.KadMessage.FromString(frame))
            messages.append((message, frame))
        return messages

    def questions(self, octets):
        """Read what the node asks and tells a server."""
        audience = f"dht-servers:{self._network_id}"
        for message, frame in self._kad(octets, "DHT"):
            if message.closer_peers or message.type not in _ASKED:
                self.undeclared(f"DHT: {message.type.name} out of place", frame)
            elif message.type is not KadType.ADD_PROVIDER:
                self.note("DHT", "lookup", "key", message.key, audience=audience)
            else:
                self._own_record(message.key, message.provider_peers, audience)

    def _own_record(self, key, records, audience=""):
        about = self._about(self._keys.get(key))
        self.note("DHT", "provide", "locator", key, about, audience)
        for record in records:
            if record.peer_id != self._node:
                self.undeclared("DHT: a record of another peer", record.peer_id)
            for addr in record.addrs:
                self.note("DHT", "provide", "addrs", addr, about, audience)

    def answers(self, octets, asked):
        """Read how the node answers as a server; ``asked`` are the octets of the questions."""
        waiting = [one for one, _ in self._kad(asked, "questions", judged=False) if one.type in _ANSWERED]
        for message, frame in self._kad(octets, "DHT"):
            question = waiting.pop(0) if waiting else None
            if question is None or (question.type, question.key) != (message.type, message.key):
                self.undeclared("DHT: an answer to no question", frame)
                continue
            if message.closer_peers and message.type is KadType.PING:
                self.undeclared("DHT: closer peers unasked", frame)
            if message.provider_peers and message.type is not KadType.GET_PROVIDERS:
                self.undeclared("DHT: providers unasked", frame)
            for peer in message.closer_peers:
                field = "listen_addrs" if peer.peer_id == self._node else "closer_peers"
                self.note("DHT", "addresses", field, b"".join((peer.peer_id, *peer.addrs)))
            own = [peer for peer in message.provider_peers if peer.peer_id == self._node]
            if own:
                self._own_record(message.key, own)
            for peer in message.provider_peers:
                if peer.peer_id != self._node:
                    self.note("DHT", "provide", "provider_records", b"".join((peer.peer_id, *peer.addrs)))

    # --- the exchange ------------------------------------------------------------------------------

    def _messages(self, octets, *, judged=True):
        """Cut a stream into (message, frame, raw octets behind it)."""
        rest = memoryview(bytes(octets))
        while rest:
            reader = FrameReader()
            reader.receive_data(rest[: MAX_FRAME + 8])
            try:
                frame = reader.next_frame()
                message = None if frame is None else decode_frame(frame)
            except RemoteProtocolError as error:
                self.undeclared(f"exchange: {error.message}", rest)
                return
            size = message.body_size if isinstance(message, m.BlocksHead) else 0
            end = len(encode_varint(len(frame or b""))) + len(frame or b"")
            if message is None or len(rest) < end + size:
                self.undeclared("exchange: half a frame", rest)
                return
            if judged:
                self._judge(exchange_pb2.Frame.FromString(frame))
            yield message, frame, bytes(rest[end : end + size])
            rest = rest[end + size :]

    def asks(self, octets):
        """Read what the node says as a getter."""
        about = self._about(None)
        for message, frame, _ in self._messages(octets):
            match message:
                case m.HelloMessage():
                    self.note("exchange", "protocols", "hello", frame)
                case m.WantMessage(name, proof):
                    about = self._about(name)
                    self.note("exchange", "want", "locator", name, about)
                    self.note("exchange", "want", "proof", proof, about)
                case m.DeliveredMessage():
                    self.note("exchange", "want", "delivered", frame, about)
                case _ if isinstance(message, REQUESTS):
                    self.note("exchange", "want", "requests", frame, about)
                case _:
                    self.undeclared(f"exchange: {type(message).__name__} of a getter", frame)

    def gives(self, octets, asked):
        """Read how the node answers as a provider; ``asked`` are the octets of the getter."""
        said = [message for message, _, _ in self._messages(asked, judged=False)]
        wanted = next((one.locator for one in said if isinstance(one, m.WantMessage)), b"")
        about = self._about(wanted)
        requests = defaultdict(
            lambda: None, {one.request_id: one for one in said if hasattr(one, "request_id")}
        )
        for message, frame, raw in self._messages(octets):
            self._given(message, frame, raw, about, requests)

    def _given(self, message, frame, raw, about, requests):
        match message:
            case m.HelloMessage():
                self.note("exchange", "protocols", "hello", frame)
            case m.GrantMessage(proof, until):
                self.note("exchange", "grant", "proof", proof, about)
                if until:
                    self.note("exchange", "grant", "until", until.to_bytes(8, "big"), about)
            case m.RefusalMessage():
                self.note("exchange", "refusal", "code", frame)
            case m.OpeningsPage(request_id, share, entries, _) if requests[request_id]:
                self._opened(share.slots if share else (), about, "share_")
                for entry in entries:
                    self._opened(entry.slots, about)
            case m.BlocksHead(request_id) if requests[request_id]:
                is_manifest = isinstance(requests[request_id], m.ManifestRequest)
                self.note("exchange", "manifest" if is_manifest else "content", "octets", raw, about)
            case m.HaveMessage(request_id) if requests[request_id]:
                self.note("exchange", "content", "octets", frame, about)
            case m.CataloguePage(request_id, items) if requests[request_id]:
                for one in items:
                    self._listed(one)
            case _:
                self.undeclared(f"exchange: {type(message).__name__} of a provider, unasked", frame)

    def _opened(self, slots, about, prefix=""):
        for slot in slots:
            if isinstance(slot, OpenSlot):
                self.note("exchange", "openings", prefix + slot.slot, slot.value, about)

    def _listed(self, one):
        item = one.manifest_cid or self._titles.get(one.title, "")
        for field in ("manifest_cid", "title", "entries", "size", "link"):
            value = getattr(one, field)
            if value is not None:
                self.note("exchange", "catalogue", field, str(value).encode(), (item, ""))


_ASKED = (KadType.FIND_NODE, KadType.GET_PROVIDERS, KadType.ADD_PROVIDER)
_ANSWERED = (KadType.FIND_NODE, KadType.GET_PROVIDERS, KadType.PING)
