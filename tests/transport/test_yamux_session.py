"""A yamux session: two sides agree whatever the cut, and a peer that breaks the rules ends it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.yamux_events import (
    DataReceived,
    PingAnswered,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WentAway,
)
from peertransfer.transport.yamux_frames import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    INITIAL_WINDOW,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    pack_header,
    unpack_header,
)
from peertransfer.transport.yamux_lingering import MAX_LINGERING
from peertransfer.transport.yamux_session import FRAME_PAYLOAD, MAX_CONTROL, MAX_UNACKNOWLEDGED, YamuxSession

MAX_INBOUND_STREAMS = Limits().streams_per_connection
MAX_WINDOWS = Limits().windows_per_connection


def session_of(*, is_initiator, **limits):
    return YamuxSession(is_initiator=is_initiator, allowance=Allowance(Limits(**limits)))


def frames_of(session, limit=1 << 24):
    """Return (kind, flags, stream ID, length) of each frame that is to be sent."""
    octets = b"".join(session.data_to_send(limit))
    found = []
    at = 0
    while at < len(octets):
        _, kind, flags, number, length = unpack_header(octets, at)
        found.append((kind, flags, number, length))
        at += 12 + (length if kind == DATA else 0)
    return found


def hear(session, *frames, now=0.0):
    return session.receive_data(b"".join(frames), now)


def data(number, octets, flags=0):
    return pack_header(DATA, flags, number, len(octets)) + octets


@pytest.fixture
def server():
    return session_of(is_initiator=False)


@pytest.fixture
def opened(server):
    """Return a server on which the peer has opened stream 1, and nothing waits to be sent."""
    assert hear(server, pack_header(WINDOW_UPDATE, SYN, 1, 0)) == [StreamOpened(1)]
    assert frames_of(server) == [(WINDOW_UPDATE, ACK, 1, 0)]
    return server


# --- both sides together ---------------------------------------------------------------------------


class TwoSides(RuleBasedStateMachine):
    """Any mix of opening, writing, reading, ending and cutting the octets between two sessions."""

    @initialize()
    def begin(self):
        self.sides = [session_of(is_initiator=True), session_of(is_initiator=False)]
        self.wires = [bytearray(), bytearray()]
        self.numbers = [[], []]
        self.sent = [{}, {}]
        self.got = [{}, {}]
        self.unread = [{}, {}]
        self.ended = [set(), set()]
        self.now = 0.0

    @rule(side=st.integers(0, 1))
    def open(self, side):
        if len(self.numbers[side]) < 12:
            self.numbers[side].append(self.sides[side].open_stream(self.now))

    @precondition(lambda self: any(self.numbers))
    @rule(
        side=st.integers(0, 1), which=st.integers(0, 30), size=st.sampled_from([0, 1, 300, 70_000, 400_000])
    )
    def write(self, side, which, size):
        number = self.some(side, which)
        if number is not None and number not in self.ended[side]:
            octets = bytes([size & 255]) * size
            self.sides[side].write(number, [octets[:5], octets[5:]])
            self.sent[side].setdefault(number, bytearray()).extend(octets)

    @rule(side=st.integers(0, 1), which=st.integers(0, 30))
    def finish(self, side, which):
        number = self.some(side, which)
        if number is not None:
            self.ended[side].add(number)
            self.sides[side].close_write(number)

    @rule(side=st.integers(0, 1), limit=st.sampled_from([1, 1000, 1 << 20]))
    def pump(self, side, limit):
        self.wires[side] += b"".join(self.sides[side].data_to_send(limit))

    @rule(side=st.integers(0, 1), size=st.sampled_from([1, 5, 13, 100_000, 1 << 20]))
    def deliver(self, side, size):
        octets = bytes(self.wires[side][:size])
        del self.wires[side][:size]
        other = 1 - side
        for event in self.sides[other].receive_data(octets, self.now):
            match event:
                case StreamOpened(number):
                    self.numbers[other].append(number)
                case DataReceived(number, piece):
                    self.got[other].setdefault(number, bytearray()).extend(piece)
                    self.unread[other][number] = self.unread[other].get(number, 0) + len(piece)
                case StreamEnded(number):
                    assert number in self.ended[side]

    @rule(side=st.integers(0, 1), seconds=st.sampled_from([0.0001, 0.01, 1]))
    def read(self, side, seconds):
        self.now += seconds
        for number, count in self.unread[side].items():
            self.sides[side].read(number, count, self.now)
            self.unread[side][number] = 0

    @invariant()
    def nobody_holds_more_than_the_windows(self):
        for unread in getattr(self, "unread", ()):
            assert sum(unread.values()) <= MAX_WINDOWS + 24 * INITIAL_WINDOW

    def teardown(self):
        if not hasattr(self, "sides"):
            return
        is_quiet = False
        while not is_quiet:
            before = [bytes(one) for one in self.wires]
            for side in (0, 1):
                for number in self.numbers[side]:
                    self.ended[side].add(number)
                    self.sides[side].close_write(number)
                self.pump(side, 1 << 24)
                self.deliver(side, 1 << 24)
                self.read(1 - side, 0.01)
            waits = any(one.has_data_to_send for one in self.sides) or any(self.wires)
            is_quiet = not waits and before == [b"", b""]
        for side in (0, 1):
            assert self.got[1 - side] == {
                number: octets for number, octets in self.sent[side].items() if octets
            }
            assert self.sides[side].stream_count == 0

    def some(self, side, which):
        return self.numbers[side][which % len(self.numbers[side])] if self.numbers[side] else None


TwoSides.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTwoSides = TwoSides.TestCase


# --- windows ---------------------------------------------------------------------------------------


def test_a_window_that_is_full_holds_the_writer_and_an_update_lets_it_go():
    client = session_of(is_initiator=True)
    number = client.open_stream(0.0)
    client.write(number, [bytes(INITIAL_WINDOW + 10)])
    sent = frames_of(client)
    assert sum(length for kind, _, _, length in sent if kind == DATA) == INITIAL_WINDOW
    assert not client.has_data_to_send
    hear(client, pack_header(WINDOW_UPDATE, 0, number, 4))
    assert frames_of(client) == [(DATA, 0, number, 4)]
    assert client.waiting_size(number) == 6


def test_octets_past_a_window_end_the_session_at_the_header(opened):
    hear(opened, data(1, bytes(INITIAL_WINDOW)))
    with pytest.raises(RemoteProtocolError, match="past a stream's window"):
        hear(opened, pack_header(DATA, 0, 1, 1))


@pytest.mark.parametrize("how", ["close_write", "close"])
def test_octets_past_a_window_end_the_session_on_a_stream_that_we_closed(opened, how):
    opened.close(1, 0.0) if how == "close" else opened.close_write(1)
    hear(opened, data(1, bytes(INITIAL_WINDOW)))
    with pytest.raises(RemoteProtocolError, match="past a stream's window"):
        hear(opened, pack_header(DATA, 0, 1, 1))


def test_octets_on_a_reset_stream_are_dropped_within_its_window_and_end_the_session_past_it(opened):
    opened.reset(1)
    assert frames_of(opened) == [(WINDOW_UPDATE, RST, 1, 0)]
    assert hear(opened, data(1, bytes(INITIAL_WINDOW))) == []
    with pytest.raises(RemoteProtocolError, match="window"):
        hear(opened, pack_header(DATA, 0, 1, 1))


@pytest.mark.parametrize("flags", [0, FIN])
def test_a_stream_that_we_reset_within_a_frame_is_over_once_and_the_rest_of_the_frame_is_dropped(
    opened, flags
):
    octets = data(1, b"hello", flags)
    assert hear(opened, octets[:14]) == [DataReceived(1, b"he")]
    opened.reset(1)
    assert hear(opened, octets[14:], pack_header(PING, ACK, 0, 7)) == [PingAnswered(7)]
    assert opened.stream_count == 0


def test_a_frame_that_both_ends_and_resets_its_stream_resets_it(opened):
    assert hear(opened, data(1, b"hello", FIN | RST), pack_header(PING, ACK, 0, 7)) == [
        StreamReset(1),
        PingAnswered(7),
    ]
    assert opened.stream_count == 0


def test_of_many_reset_streams_the_late_octets_are_dropped_as_well(server):
    for number in range(1, 4 * MAX_LINGERING, 2):
        hear(server, pack_header(WINDOW_UPDATE, SYN, number, 0))
        server.reset(number)
    frames_of(server)
    for number in range(1, 4 * MAX_LINGERING, 2):
        assert hear(server, data(number, b"late")) == []


def test_octets_after_the_end_of_a_stream_end_the_session(opened):
    assert hear(opened, data(1, b"bye", FIN))[-1] == StreamEnded(1)
    with pytest.raises(RemoteProtocolError, match="or its end"):
        hear(opened, data(1, b"x"))


def test_an_empty_frame_of_data_after_the_end_of_a_stream_breaks_no_rule_and_may_reset_it(opened):
    """rust-libp2p says so that it reads no more, where it has finished before."""
    assert hear(opened, data(1, b"", FIN)) == [StreamEnded(1)]
    assert hear(opened, data(1, b"", FIN), data(1, b"")) == []
    assert hear(opened, data(1, b"", RST)) == [StreamReset(1)]
    assert opened.stream_count == 0


def test_all_windows_of_a_connection_have_one_bound(server):
    numbers = range(1, 2 * MAX_INBOUND_STREAMS, 2)
    for number in numbers:
        hear(server, pack_header(WINDOW_UPDATE, SYN, number, 0))
    granted = dict.fromkeys(numbers, INITIAL_WINDOW)
    for _ in range(12):
        for number in numbers:
            hear(server, data(number, bytes(granted[number])))
            server.read(number, granted[number], 0.0)
            granted[number] = 0
        for kind, _, number, length in frames_of(server):
            if kind == WINDOW_UPDATE and length:
                granted[number] += length
    assert sum(granted.values()) == MAX_WINDOWS


def test_a_window_of_one_stream_grows_to_half_of_the_bound(opened):
    granted = INITIAL_WINDOW
    for _ in range(12):
        hear(opened, data(1, bytes(granted)))
        opened.read(1, granted, 0.0)
        ((_, _, _, granted),) = frames_of(opened)
    assert granted == MAX_WINDOWS


def test_a_slow_reader_keeps_the_first_window(opened):
    for second in range(1, 10):
        hear(opened, data(1, bytes(INITIAL_WINDOW)))
        opened.read(1, INITIAL_WINDOW, float(second))
        assert frames_of(opened) == [(WINDOW_UPDATE, 0, 1, INITIAL_WINDOW)]


def test_a_window_beyond_all_bounds_ends_the_session(opened):
    with pytest.raises(RemoteProtocolError, match="beyond all bounds"):
        hear(
            opened, pack_header(WINDOW_UPDATE, 0, 1, (1 << 32) - 1), pack_header(WINDOW_UPDATE, 0, 1, 1 << 31)
        )


# --- streams ---------------------------------------------------------------------------------------


def test_streams_that_write_take_turns():
    client = session_of(is_initiator=True)
    numbers = [client.open_stream(0.0) for _ in range(3)]
    for number in numbers:
        client.write(number, [bytes(3 * FRAME_PAYLOAD)])
        hear(client, pack_header(WINDOW_UPDATE, ACK, number, 2 * FRAME_PAYLOAD))
    order = [number for kind, _, number, _ in frames_of(client) if kind == DATA]
    assert order == numbers * 3


def test_the_end_of_a_stream_goes_with_its_last_octets():
    client = session_of(is_initiator=True)
    number = client.open_stream(0.0)
    client.write(number, [b"abc"])
    client.close_write(number)
    client.close_write(number)
    assert frames_of(client)[1:] == [(DATA, FIN, number, 3)]
    with pytest.raises(LocalProtocolError):
        client.write(number, [b"more"])


def test_a_stream_that_both_sides_finished_is_forgotten(opened):
    hear(opened, pack_header(WINDOW_UPDATE, FIN, 1, 0))
    assert opened.stream_count == 1
    opened.close_write(1)
    frames_of(opened)
    assert opened.stream_count == 0


def test_one_stream_too_many_is_reset_and_its_octets_are_dropped(server):
    for number in range(1, 2 * MAX_INBOUND_STREAMS, 2):
        hear(server, pack_header(WINDOW_UPDATE, SYN, number, 0))
    frames_of(server)
    number = 2 * MAX_INBOUND_STREAMS + 1
    assert hear(server, data(number, b"hello", SYN)) == []
    assert frames_of(server) == [(WINDOW_UPDATE, RST, number, 0)]
    assert server.stream_count == MAX_INBOUND_STREAMS


def test_a_stream_that_the_peer_never_finishes_is_reset_in_the_end(opened):
    opened.close(1, 100.0)
    frames_of(opened)
    opened.reset_deserted(159.0, 60.0)
    assert opened.stream_count == 1
    opened.reset_deserted(160.0, 60.0)
    assert frames_of(opened) == [(WINDOW_UPDATE, RST, 1, 0)]
    assert opened.stream_count == 0


def test_what_waits_on_a_stream_that_the_peer_resets_is_dropped(opened):
    opened.write(1, [bytes(100)])
    assert hear(opened, pack_header(WINDOW_UPDATE, RST, 1, 0)) == [StreamReset(1)]
    assert frames_of(opened) == []
    with pytest.raises(LocalProtocolError):
        opened.write(1, [b"x"])


def test_streams_opened_out_of_order_are_taken(server):
    hear(server, pack_header(WINDOW_UPDATE, SYN, 5, 0), pack_header(WINDOW_UPDATE, SYN, 3, 0))
    assert server.stream_count == 2


@pytest.mark.parametrize("number", [0, 2, 1])
def test_a_number_that_the_peer_may_not_use_ends_the_session(opened, number):
    with pytest.raises(RemoteProtocolError, match="may not use"):
        hear(opened, pack_header(WINDOW_UPDATE, SYN, number, 0))


# --- the connection --------------------------------------------------------------------------------


def test_a_ping_is_answered_by_its_value_and_an_answer_is_told(server):
    assert hear(server, pack_header(PING, SYN, 0, 77)) == []
    assert frames_of(server) == [(PING, ACK, 0, 77)]
    server.ping(5)
    assert frames_of(server) == [(PING, SYN, 0, 5)]
    assert hear(server, pack_header(PING, ACK, 0, 5)) == [PingAnswered(5)]


@pytest.mark.parametrize("kind", [PING, WINDOW_UPDATE])
def test_a_peer_that_asks_for_answers_and_reads_none_is_let_go(server, kind):
    numbers = [0 if kind == PING else 2 * number + 1 for number in range(MAX_CONTROL + 1)]
    with pytest.raises(RemoteProtocolError, match="reads no"):
        hear(server, *(pack_header(kind, SYN, number, 0) for number in numbers))


def test_after_go_away_nothing_is_opened(server):
    assert hear(server, pack_header(GO_AWAY, 0, 0, 0)) == [WentAway(0)]
    with pytest.raises(LocalProtocolError):
        server.open_stream(0.0)


@pytest.mark.parametrize("answer", [ACK, RST])
def test_no_more_than_256_streams_are_opened_before_the_peer_acknowledges_one(answer):
    client = session_of(is_initiator=True)
    for _ in range(MAX_UNACKNOWLEDGED):
        client.open_stream(0.0)
    with pytest.raises(LocalProtocolError):
        client.open_stream(0.0)
    hear(client, pack_header(WINDOW_UPDATE, answer, 3, 0))
    assert client.open_stream(0.0) == 2 * MAX_UNACKNOWLEDGED + 1
    with pytest.raises(LocalProtocolError):
        client.open_stream(0.0)
    client.reset(5)  # the peer may not have seen it: it counts until it answers
    with pytest.raises(LocalProtocolError):
        client.open_stream(0.0)


def test_answers_that_fill_what_may_be_sent_leave_before_any_octet_of_a_stream():
    """Else octets could go ahead of the frame that opens their stream."""
    client = session_of(is_initiator=True)
    for number in range(3):
        client.ping(number)
    stream = client.open_stream(0.0)
    client.write(stream, [bytes(100)])
    assert frames_of(client, limit=40) == [(PING, SYN, 0, 0), (PING, SYN, 0, 1), (PING, SYN, 0, 2)]
    assert frames_of(client, limit=40) == [(WINDOW_UPDATE, SYN, 1, 0), (DATA, 0, 1, 40)]
    assert frames_of(client, limit=40) == [(DATA, 0, 1, 40)]
    assert frames_of(client) == [(DATA, 0, 1, 20)]
    assert not client.has_data_to_send


@pytest.mark.parametrize(
    "octets",
    [
        b"\x01" + bytes(11),
        b"\x00\x04" + bytes(10),
        b"\xff" * 12,
        pack_header(DATA, 0, 9, 1),
        pack_header(DATA, FIN, 4, 5),
    ],
)
def test_garbage_ends_the_session(server, octets):
    with pytest.raises(RemoteProtocolError):
        hear(server, octets)


@pytest.mark.parametrize("flags", [0, FIN, RST])
def test_late_words_about_streams_that_are_over_are_ignored(server, flags):
    assert hear(server, pack_header(WINDOW_UPDATE, flags, 9, 10)) == []
