"""What must not type-check: writing to a peer what was not sealed.

Each marked line must give exactly the marked error; a line without a mark must give none.
"""

from peertransfer.disclosure.audience import OnePeer
from peertransfer.disclosure.disclosed import Disclosed
from peertransfer.disclosure.frame import SealedFrame
from peertransfer.disclosure.views import RefusalView
from peertransfer.net.peer_stream import PeerStream
from peertransfer.wire.exchange_codec import encode_refusal


async def a_stream_takes_sealed_frames_only(
    stream: PeerStream, refusal: Disclosed[RefusalView, OnePeer], frame: SealedFrame
) -> None:
    await stream.send(b"octets")  # E: arg-type
    await stream.send(frame.head)  # E: arg-type
    await stream.send(refusal)  # E: arg-type
    await stream.send(refusal.view)  # E: arg-type
    await stream.send([frame])  # E: arg-type
    await stream.send(encode_refusal(refusal))


async def a_stream_has_no_other_way_out(stream: PeerStream) -> None:
    await stream.write(b"octets")  # E: attr-defined
    await stream.send_all(b"octets")  # E: attr-defined


def what_a_peer_has_proven_is_an_audience(stream: PeerStream) -> None:
    stream.prove("members:net1")  # E: arg-type
