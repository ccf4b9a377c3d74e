"""What did instrumented peers see of a node? From recorded sessions to ``Seen`` values: every octet is accounted for.

A session is taken apart below any code that reads it in earnest: handshake payload, yamux frames, the agreement on a
protocol, and then the payload by its protocol (``leak_reading``).
"""

import struct
from collections import defaultdict

from leak_reading import Reader
from libp2p.security.noise.pb import noise_pb2

from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.net.addresses import peer_id_octets
from peertransfer.net.identify import IDENTIFY
from peertransfer.transport.salsa import NONCE_SIZE, xsalsa20

HEADER, NOT_AVAILABLE = "/multistream/1.0.0", "na"
"""What multistream-select says, besides protocol IDs; written by hand, so that nothing of ours judges itself."""
_NOISE, _YAMUX = "/noise", "/yamux/1.0.0"
_FRAME = struct.Struct(">BBHII")
"""Of yamux: version, kind, flags, stream, and a length or number."""
_DATA, _, _PING, _GO_AWAY = range(4)
_PINGS = 100
"""More than one connection sees in a day; the number in a ping counts them."""


def decode(sessions, facts):
    """Return what all the sessions with a node showed of it.

    Args:
        sessions: as recorded; those with other peers are left out.
        facts: of the day: ``identities`` (the node's peer ID in each network, to the network's ID), ``kad_protocols``
            and ``keys`` (of each private network), ``links`` (locator to manifest CID) and ``titles`` (to the same).
    """
    seen = []
    for session in sessions:
        if session.peer in facts["identities"]:
            network_id = facts["identities"][session.peer]
            node = peer_id_octets(session.peer)
            reader = Reader(network_id, session.own, node, facts["links"], facts["titles"])
            kad = facts["kad_protocols"].get(network_id)
            _Taking(session, reader, kad, facts["keys"].get(network_id)).apart()
            seen += reader.seen
    return seen


def below_noise(session, key):
    """Return what was heard on the socket, with the network's cipher taken off: ``key``, or ``None`` in the open one."""
    octets = bytearray(session.raw)
    if key is None or len(octets) < NONCE_SIZE:
        return bytes(octets)
    plain = memoryview(octets)[NONCE_SIZE:]
    xsalsa20(key, bytes(octets[:NONCE_SIZE])).xor(plain)
    return bytes(plain)


def streams_of(session):
    """Return what was heard on each stream of a session."""
    return _streams(_frames(session.heard)).values()


def _frames(octets):
    """Cut a session into frames of yamux: the header's numbers, and data."""
    rest = cut_lines(octets, 2)[1]
    while len(rest) >= _FRAME.size:
        version, kind, _, number, length = _FRAME.unpack_from(rest)
        size = length if kind == _DATA else 0
        yield version, kind, number, length, rest[_FRAME.size : _FRAME.size + size]
        rest = rest[_FRAME.size + size :]


def _streams(frames):
    streams = defaultdict(bytearray)
    for _, kind, number, _, octets in frames:
        if kind == _DATA:
            streams[number] += octets
    return streams


class _Taking:
    def __init__(self, session, reader, kad_protocol, key):
        self._session = session
        self._reader = reader
        self._kad = kad_protocol
        self._key = key

    def apart(self):
        self._look_at_handshake()
        for octets in (self._session.heard, self._session.said):
            if cut_lines(octets, 2)[0] != [HEADER, _YAMUX]:
                self._reader.undeclared("before yamux", octets)
        frames = list(_frames(self._session.heard))
        self._look_at_frames(frames)
        heard, said = _streams(frames), _streams(_frames(self._session.said))
        for number, octets in sorted(heard.items()):
            is_ours = bool(number % 2) == self._session.is_initiator
            self._stream(octets, said[number], is_ours=is_ours)

    def _look_at_handshake(self):
        lines, _ = cut_lines(below_noise(self._session, self._key), 2)
        if lines != [HEADER, _NOISE]:
            self._reader.undeclared("before Noise", self._session.raw)
        for octets in self._session.handshakes:
            message = noise_pb2.NoiseHandshakePayload.FromString(octets)
            whole = noise_pb2.NoiseHandshakePayload(
                identity_key=message.identity_key, identity_sig=message.identity_sig
            )
            if whole.SerializeToString() != octets:
                self._reader.undeclared("Noise: a payload with more than the identity", octets)

    def _look_at_frames(self, frames):
        answered = {length for _, kind, _, length, _ in _frames(self._session.said) if kind == _PING}
        for version, kind, _, length, _ in frames:
            is_odd = version or kind > _GO_AWAY or (kind == _GO_AWAY and length > 2)
            if is_odd or (kind == _PING and length > _PINGS and length not in answered):
                self._reader.undeclared(f"yamux: {version}, {kind}", str(length).encode())

    def _stream(self, octets, said, *, is_ours):
        """Read one stream; ``is_ours``: the instrumented peer opened it."""
        lines, rest = cut_agreement(octets)
        if lines[:1] != [HEADER] or any(one != NOT_AVAILABLE for one in lines[1:-1]):
            self._reader.undeclared("before a protocol", octets)
            return
        asked = cut_agreement(said)[1]
        protocol = lines[-1]
        if protocol == IDENTIFY and is_ours:
            self._reader.identify(rest)
        elif protocol == EXCHANGE_PROTOCOL:
            self._reader.gives(rest, asked) if is_ours else self._reader.asks(rest)
        elif protocol == self._kad:
            self._reader.answers(rest, asked) if is_ours else self._reader.questions(rest)
        elif rest or protocol not in {HEADER, NOT_AVAILABLE, IDENTIFY}:
            self._reader.undeclared(f"protocol {protocol}", octets)


def cut_lines(octets, count):
    """Cut up to ``count`` multistream-select messages off; return them, and the rest."""
    rest, lines = memoryview(bytes(octets)), []
    while rest and len(lines) < count:
        size, start = (rest[0], 1) if rest[0] < 0x80 or len(rest) < 2 else (rest[0] & 0x7F | rest[1] << 7, 2)
        line = bytes(rest[start : start + size])
        if not line.endswith(b"\n") or len(line) < size:
            break
        lines.append(line[:-1].decode("utf-8", "backslashreplace"))
        rest = rest[start + size :]
    return lines, bytes(rest)


def cut_agreement(octets):
    """Cut what one side says until a protocol is agreed on off a stream; return its lines, and the rest."""
    lines, rest = cut_lines(octets, 1)
    while rest and lines:
        more, rest = cut_lines(rest, 1)
        lines += more
        if more != [NOT_AVAILABLE]:
            break
    return lines, rest
