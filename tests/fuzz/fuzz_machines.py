"""A whole stream of a stranger's octets into each side of the exchange, after both proved that they hold the link."""

from exchange_kit import events_of, granted_pair, greeted_pair, items, new_pair, want
from fuzz_kit import Target, pieces_of

from peertransfer.errors import RefusedError, RemoteProtocolError
from peertransfer.wire import messages as m
from peertransfer.wire.framing import MAX_FRAME


def provider(octets):
    """A getter that says anything: from the hello on, or once it has its grant."""
    is_granted = bool(octets) and octets[0] & 1
    _, machine = granted_pair() if is_granted else greeted_pair()
    _talk(machine, octets[1:])


def getter(octets):
    """A provider that says anything: from the hello on, or to five requests."""
    is_granted = bool(octets) and octets[0] & 1
    machine, _ = granted_pair() if is_granted else new_pair()
    if is_granted:
        asked = want()
        machine.request_manifest(asked, (m.Range(0, 3),))
        machine.request_openings(asked, 0, 3)
        machine.request_nodes(asked, items((2, 0, 1), (5, 0, 1)))
        machine.request_blocks(asked, items((2, 0, 2), (5, 7, 1)))
        machine.request_have(asked, 2)
    _talk(machine, octets[1:])


def _talk(machine, octets):
    for piece in pieces_of(octets):
        events_of(machine, piece)
        assert machine.outstanding_count <= max(1, machine.request_limit)
        assert machine._reader.buffered_size <= MAX_FRAME + m.MAX_BLOCK_SIZE + 8
    machine.receive_eof()
    events_of_the_end = []
    while (event := machine.next_event()) is not None:
        events_of_the_end.append(event)
    assert len(events_of_the_end) <= 1


TARGETS = {
    "provider": Target(provider, (RemoteProtocolError,), 1 << 13),
    "getter": Target(getter, (RemoteProtocolError, RefusedError), 1 << 13),
}
