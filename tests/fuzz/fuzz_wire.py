"""What a stranger's frames say: the codecs of exchange, DHT, identify and membership, and the framing below."""

import functools

from fuzz_kit import Target, pieces_of

from peertransfer.content.locator import locator_multihash, locator_of_multihash
from peertransfer.errors import RemoteProtocolError, UsageError
from peertransfer.net.addresses import multiaddrs_of_record
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.wire import kad_messages
from peertransfer.wire.exchange_decoder import decode_frame
from peertransfer.wire.framing import MAX_BODY, MAX_FRAME, FrameReader
from peertransfer.wire.identify_codec import MAX_ADDRS, MAX_PROTOCOLS, decode_identify
from peertransfer.wire.kad_codec import decode_kad
from peertransfer.wire.membership_codec import decode_envelope, decode_invite


def framing(octets):
    """Cut into frames, with a body after every frame that begins with an odd octet; the cut must not matter."""
    pieces = pieces_of(octets)
    cut, whole = _frames(pieces), _frames([b"".join(pieces)])
    assert cut == whole


def _frames(pieces):
    reader = FrameReader()
    found = []
    wanted = None
    try:
        for piece in pieces:
            reader.receive_data(piece)
            assert reader.buffered_size <= MAX_FRAME + MAX_BODY + 8
            while True:
                got = reader.next_frame() if wanted is None else reader.next_body(wanted)
                if got is None:
                    break
                found.append(bytes(got))
                has_body = wanted is None and got and got[0] & 1
                wanted = len(got) * got[0] if has_body else None
    except RemoteProtocolError as error:
        found.append(error.message)
    return found


def exchange(octets):
    repr(decode_frame(octets))


def kad(octets):
    message = decode_kad(octets)
    assert len(message.closer_peers) <= kad_messages.MAX_PEERS
    name = locator_of_multihash(message.key)
    assert name is None or locator_multihash(name) == message.key
    for record in message.closer_peers + message.provider_peers:
        assert len(record.addrs) <= kad_messages.MAX_ADDRS
        _addresses_of(record)


def _addresses_of(record):
    try:
        addrs = multiaddrs_of_record(record)
    except UsageError:  # the peer's key is of another kind
        return
    for addr in addrs:
        TcpAddr.parse(addr)


def identify(octets):
    said = decode_identify(octets)
    assert len(said.listen_addrs) <= MAX_ADDRS
    assert len(said.protocol_ids) <= MAX_PROTOCOLS


def membership(octets, decode):
    repr(decode(octets))


TARGETS = {
    "framing": Target(framing, (), 1 << 15),
    "exchange": Target(exchange, (RemoteProtocolError,), 1 << 14),
    "kad": Target(kad, (RemoteProtocolError,), 1 << 13),
    "identify": Target(identify, (RemoteProtocolError,)),
    "envelope": Target(functools.partial(membership, decode=decode_envelope), (UsageError,)),
    "invite_payload": Target(functools.partial(membership, decode=decode_invite), (UsageError,)),
}
