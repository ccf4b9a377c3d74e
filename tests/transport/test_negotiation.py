"""multistream-select on streams: little of it, and bounded."""

import pytest
import trio

from peertransfer.errors import RemoteProtocolError
from peertransfer.transport.negotiation import (
    HEADER,
    MAX_MESSAGE,
    MAX_PROPOSALS,
    accept_protocol,
    propose_protocol,
)


def message(text):
    octets = text.encode() + b"\n"
    assert len(octets) < 128
    return bytes([len(octets)]) + octets


class Pipe:
    """A stream whose other side has said everything already."""

    def __init__(self, said, step=None):
        self._said = said
        self._step = step
        self.written = b""

    async def read(self, n):
        await trio.lowlevel.checkpoint()
        size = min(n, self._step or n)
        octets, self._said = self._said[:size], self._said[size:]
        return octets

    async def write(self, octets):
        await trio.lowlevel.checkpoint()
        self.written += octets


@pytest.mark.parametrize("step", [1, 2, 1000])
async def test_the_first_known_proposal_is_taken(step):
    pipe = Pipe(message(HEADER) + message("/a") + message("ls") + message("/b") + b"payload", step)
    assert await accept_protocol(pipe, {"/b", "/c"}) == "/b"
    assert pipe.written == message(HEADER) + message("na") + message("na") + message("/b")
    assert (await pipe.read(7))[:1] == b"p"


async def test_a_proposal_goes_with_the_header_in_one_write():
    pipe = Pipe(message(HEADER) + message("/a"))
    await propose_protocol(pipe, "/a")
    assert pipe.written == message(HEADER) + message("/a")


async def test_a_protocol_that_the_peer_does_not_speak_is_named():
    with pytest.raises(RemoteProtocolError, match="does not speak /a"):
        await propose_protocol(Pipe(message(HEADER) + message("na")), "/a")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x13/multi",
        message("/other/1.0.0"),
        b"\x00",
        b"\xff\x7f" + bytes(2000),
        b"\x80\x80\x01",
        b"\x02\xff\n",
    ],
)
async def test_what_is_no_multistream_is_refused_on_both_sides(said):
    with pytest.raises(RemoteProtocolError):
        await accept_protocol(Pipe(said), {"/a"})
    with pytest.raises(RemoteProtocolError):
        await propose_protocol(Pipe(said), "/a")


async def test_a_message_at_the_limit_is_read_and_one_over_it_is_not():
    def proposal(size):
        return bytes([size & 0x7F | 0x80, size >> 7]) + b"x" * (size - 1) + b"\n"

    pipe = Pipe(message(HEADER) + proposal(MAX_MESSAGE) + message("/a"))
    assert await accept_protocol(pipe, {"/a"}) == "/a"
    with pytest.raises(RemoteProtocolError, match="length"):
        await accept_protocol(Pipe(message(HEADER) + proposal(MAX_MESSAGE + 1)), {"/a"})


async def test_a_peer_may_propose_only_so_often():
    said = message(HEADER) + message("/no") * MAX_PROPOSALS + message("/a")
    with pytest.raises(RemoteProtocolError, match="too many"):
        await accept_protocol(Pipe(said), {"/a"})
