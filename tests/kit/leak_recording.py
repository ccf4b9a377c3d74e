"""Records every octet that instrumented peers hear and say: on the socket, in the handshake, and after decryption.

It changes nothing on the way and understands nothing (``leak_decoding``). It is placed below the code that reads
streams, so that what no handler ever asked for is recorded as well.
"""

import contextlib
import contextvars
import pickle
from dataclasses import dataclass, field

import trio
from libp2p.security.noise import patterns

from peertransfer.transport.socket_octets import SocketOctets
from peertransfer.transport.upgrade import Upgrader
from peertransfer.transport.wire import Wire


@dataclass
class Session:
    """One connection of an instrumented peer."""

    own: str
    """The instrumented peer's ID."""
    is_initiator: bool
    """Whether the instrumented peer dialled."""
    remote: str
    """The multiaddr of the other end, without the peer ID."""
    peer: str = ""
    """The other end's peer ID; empty where the handshake failed."""
    raw: bytearray = field(default_factory=bytearray)
    """Octets heard on the socket, as they came."""
    handshakes: list = field(default_factory=list)
    """Payloads of Noise messages that were heard, decrypted."""
    heard: bytearray = field(default_factory=bytearray)
    """Octets heard within Noise, decrypted: the agreement on yamux, then its frames."""
    said: bytearray = field(default_factory=bytearray)
    """Octets said within Noise."""


@dataclass
class Recording:
    """What a day left behind; ``save`` and ``load`` carry it from one process to another."""

    sessions: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)

    def marks(self):
        """Return how much each session holds now, for ``until``."""
        return [(len(one.heard), len(one.said)) for one in self.sessions]

    def until(self, marks):
        """Return the sessions as they were when ``marks`` was taken."""
        return [
            Session(**{**vars(one), "heard": one.heard[:heard], "said": one.said[:said]})
            for one, (heard, said) in zip(self.sessions, marks, strict=False)
        ]

    def save(self, path):
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path):
        return pickle.loads(path.read_bytes())


class _RecordedSocket(trio.abc.HalfCloseableStream):
    def __init__(self, stream, raw):
        self._stream = stream
        self._raw = raw
        self.socket = stream.socket

    def record(self, octets):
        self._raw += octets

    async def receive_some(self, max_bytes=None):
        octets = await self._stream.receive_some(max_bytes)
        self._raw += octets
        return octets

    async def send_all(self, data):
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self):
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self):
        await self._stream.send_eof()

    async def aclose(self):
        await self._stream.aclose()


class _RecordedTaker:
    """Hands on what is in records, and keeps a copy."""

    def __init__(self, taker, heard):
        self._taker = taker
        self._heard = heard
        self._room = None

    @property
    def appetite(self):
        return self._taker.appetite

    def room_for(self, size):
        self._room = self._taker.room_for(size)
        return self._room

    def take_placed(self, size):
        self._heard += self._room[:size]
        self._taker.take_placed(size)

    def take(self, octets):
        self._heard += octets
        self._taker.take(octets)


_CURRENT = contextvars.ContextVar("session")


@contextlib.contextmanager
def recording(into):
    """Record every connection of every host of this process into ``into.sessions`` until the block ends."""
    upgrade, receive, send, take_over = Upgrader.upgrade, Wire.receive, Wire.send, Wire.__init__
    receive_into = SocketOctets.receive_into
    deserialize = patterns.NoiseHandshakePayload.deserialize

    async def recorded_upgrade(self, socket, remote, *, expected=None):
        session = Session(str(self._noise.local_peer), expected is not None, str(remote.bare()))
        into.sessions.append(session)
        _CURRENT.set(session)
        connection = await upgrade(self, _RecordedSocket(socket, session.raw), remote, expected=expected)
        session.peer = str(connection.peer_id)
        return connection

    def recorded_take_over(self, *args, **options):
        self.session = _CURRENT.get()
        take_over(self, *args, **options)

    async def recorded_receive(self, taker):
        return await receive(self, _RecordedTaker(taker, self.session.heard))

    async def recorded_receive_into(self, memory):
        count = await receive_into(self, memory)
        self._stream.record(memory[:count])
        return count

    async def recorded_send(self, pieces):
        for octets in pieces:
            self.session.said += octets
        return await send(self, pieces)

    def recorded_deserialize(octets):
        _CURRENT.get().handshakes.append(bytes(octets))
        return deserialize(octets)

    Upgrader.upgrade, Wire.__init__ = recorded_upgrade, recorded_take_over
    Wire.receive, Wire.send = recorded_receive, recorded_send
    SocketOctets.receive_into = recorded_receive_into
    patterns.NoiseHandshakePayload.deserialize = staticmethod(recorded_deserialize)
    try:
        yield into
    finally:
        Upgrader.upgrade, Wire.__init__ = upgrade, take_over
        Wire.receive, Wire.send = receive, send
        SocketOctets.receive_into = receive_into
        patterns.NoiseHandshakePayload.deserialize = staticmethod(deserialize)
