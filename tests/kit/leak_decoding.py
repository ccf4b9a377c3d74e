"""What did instrumented peers see of a node? From recorded sessions to ``Seen`` values: every octet is accounted for.

A session is taken apart below any code that reads it in earnest: handshake payload, yamux frames, the agreement on a
protocol, and then the payload by its protocol (``leak_reading``).
"""

from collections import defaultdict

from leak_reading import Reader
from libp2p.security.noise.pb import noise_pb2

from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.net.addresses import peer_id_octets
from peertransfer.net.identify import IDENTIFY
from peertransfer.transport.negotiation import HEADER, NOT_AVAILABLE
from peertransfer.transport.yamux_frames import DATA, HEADER_SIZE, unpack_header

_NOISE, _YAMUX = "/noise", "/yamux/1.0.0"


def decode(sessions, identities, kad_protocols, links, titles):
    """Return what all the sessions with a node showed of it.

    Args:
        sessions: as recorded; those with other peers are left out.
        identities: the node's peer ID in each network, to the network's ID.
        kad_protocols: the protocol ID of the DHT of each network.
        links: locator to manifest CID.
        titles: title of a share to its manifest CID.
    """
    seen = []
    for session in sessions:
        if session.peer in identities:
            network_id = identities[session.peer]
            reader = Reader(network_id, session.own, peer_id_octets(session.peer), links, titles)
            _Taking(session, reader, kad_protocols.get(network_id)).apart()
            seen += reader.seen
    return seen


def streams_of(session):
    """Return what was heard on each stream of a session."""
    return _streams(session.heard).values()


def _streams(octets):
    rest = cut_lines(octets, 2)[1]
    streams = defaultdict(bytearray)
    while len(rest) >= HEADER_SIZE:
        _, kind, _, number, length = unpack_header(rest)
        size = length if kind == DATA else 0
        if kind == DATA:
            streams[number] += rest[HEADER_SIZE : HEADER_SIZE + size]
        rest = rest[HEADER_SIZE + size :]
    return streams


class _Taking:
    def __init__(self, session, reader, kad_protocol):
        self._session = session
        self._reader = reader
        self._kad = kad_protocol

    def apart(self):
        self._look_at_handshake()
        if self._kad is None:
            self._look_at_plain_octets()
        for octets in (self._session.heard, self._session.said):
            if cut_lines(octets, 2)[0] != [HEADER, _YAMUX]:
                self._reader.undeclared("before yamux", octets)
        heard, said = _streams(self._session.heard), _streams(self._session.said)
        for number, octets in sorted(heard.items()):
            is_ours = bool(number % 2) == self._session.is_initiator
            self._stream(octets, said[number], is_ours=is_ours)

    def _look_at_handshake(self):
        for octets in self._session.handshakes:
            message = noise_pb2.NoiseHandshakePayload.FromString(octets)
            whole = noise_pb2.NoiseHandshakePayload(
                identity_key=message.identity_key, identity_sig=message.identity_sig
            )
            if whole.SerializeToString() != octets:
                self._reader.undeclared("Noise: a payload with more than the identity", octets)

    def _look_at_plain_octets(self):
        """Without a network key the agreement on Noise is in clear, and then come records to the end."""
        lines, rest = cut_lines(self._session.raw, 2)
        if lines != [HEADER, _NOISE]:
            self._reader.undeclared("before Noise", self._session.raw)
        while len(rest) >= 2:
            rest = rest[2 + int.from_bytes(rest[:2], "big") :]

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
