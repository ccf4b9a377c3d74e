"""Protocols for tests of hosts: what is said on a stream comes back."""

from kad_kit import sealed

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.frame import seal_frame


def frame_for(peer_id, *body):
    """Return a frame of raw octets for one peer."""
    return seal_frame(sealed(v.AgentView("x"), OnePeer(peer_id)), b"", tuple(map(memoryview, body)))


async def echo(stream):
    """Say what is heard, until the peer's end."""
    while octets := await stream.receive():
        await stream.send(frame_for(stream.peer_id, octets))
