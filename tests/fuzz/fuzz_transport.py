"""What comes before anybody is known: yamux frames, records, multistream messages, a private network's greeting."""

from fuzz_kit import Target, pieces_of
from record_kit import opened

from peertransfer.errors import NetworkKeyError, RemoteProtocolError
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.negotiation import MAX_PROPOSALS, accept_protocol, propose_protocol
from peertransfer.transport.pnet import Greeting, PnetCipher
from peertransfer.transport.records import MAX_PLAINTEXT, RecordOpener, RecordSealer
from peertransfer.transport.yamux_events import DataReceived, StreamOpened, StreamReset
from peertransfer.transport.yamux_session import YamuxSession

KEY = bytes(range(32))
LIMITS = Limits()
MOST_STREAMS = LIMITS.streams_per_connection + 1
"""The peer's, and our own one."""


def yamux(octets):
    """Frames in; our side reads at some streams, answers and ends others, and resets the rest."""
    session = YamuxSession(is_initiator=False, allowance=Allowance(LIMITS))
    own = session.open_stream(0.0)
    session.write(own, [b"hello"])
    for now, piece in enumerate(pieces_of(octets)):
        for event in session.receive_data(piece, now / 100):
            match event:
                case StreamOpened(number):
                    _answer(session, number, now / 100)
                case DataReceived(number, received):
                    session.read(number, len(received), now / 100)
                case StreamReset(number):
                    session.close(number, now / 100)
        assert session.stream_count <= MOST_STREAMS
        assert session._places.windows <= LIMITS.windows_per_connection + MOST_STREAMS * LIMITS.window
        session.data_to_send(1 << 16)
    session.reset_deserted(1e9, 1.0)


def _answer(session, number, now):
    state = session._streams.get(number)
    if state is None or state.is_closing:
        return  # it was opened and broken off in one piece, and perhaps opened again
    match number % 7:
        case 1 | 3:
            session.write(number, [b"answer"])
            session.close_write(number)
        case 5:
            session.close(number, now)
        case _:
            session.reset(number)


def records(octets):
    """Octets from whoever has not the key."""
    assert opened(RecordOpener(KEY), octets) == [], "nobody without the key makes a record"


def sealed_records(octets):
    """Octets as records, cut anywhere, and then with one bit changed."""
    place, pieces = int.from_bytes(octets[:2]), pieces_of(octets[2:])
    sealer = RecordSealer(KEY)
    sealed = b"".join(bytes(sealer.seal([piece])) for piece in pieces)
    opener = RecordOpener(KEY)
    plain = [one for piece in pieces_of(octets[:1] + sealed) for one in opened(opener, piece)]
    assert b"".join(plain) == b"".join(pieces)
    assert all(len(one) <= MAX_PLAINTEXT for one in plain)
    changed = bytearray(sealed or b"\x00\x00")
    changed[place % len(changed)] ^= 1 << (place >> 8) % 8
    try:
        assert b"".join(opened(RecordOpener(KEY), changed)) != b"".join(plain) or not plain
    except RemoteProtocolError:
        return


class Said:
    """A stream on which a peer said all that it will ever say."""

    def __init__(self, octets):
        self._octets = octets
        self.written = b""

    async def read(self, n):
        piece, self._octets = self._octets[:n], self._octets[n:]
        return piece

    async def write(self, octets):
        self.written += octets


def _at_once(coroutine):
    """Run what never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for nothing")


def accepted(octets):
    stream = Said(octets)
    try:
        found = _at_once(accept_protocol(stream, {"/peertransfer/exchange/1.0.0", "/ipfs/id/1.0.0"}))
    finally:
        assert stream.written.count(b"\n") <= 1 + MAX_PROPOSALS
    assert found.encode() in octets


def proposed(octets):
    _at_once(propose_protocol(Said(octets), "/peertransfer/exchange/1.0.0"))


def greeting(octets):
    """The first octets of a connection, in the open network and in a private one."""
    for is_private in (False, True):
        judge, cipher = Greeting(is_private=is_private), PnetCipher(KEY, bytes(24))
        try:
            for piece in pieces_of(octets):
                judge.see(bytes(cipher.decrypt(memoryview(bytearray(piece)))) if is_private else piece)
            judge.give_up()
        except NetworkKeyError:
            assert not judge.is_complete


TARGETS = {
    "yamux": Target(yamux, (RemoteProtocolError,), 1 << 14),
    "records": Target(records, (RemoteProtocolError,)),
    "sealed_records": Target(sealed_records, ()),
    "accepted_protocol": Target(accepted, (RemoteProtocolError,), 1 << 15),
    "proposed_protocol": Target(proposed, (RemoteProtocolError,)),
    "greeting": Target(greeting, (), 256),
}
