"""Attackers: peers that shake hands as they must and then send raw yamux frames, and sockets that do not even.

They come from addresses 127.x.y.z of their own, because the limits by address spare 127.0.0.1.
"""

import contextlib
import os
from collections import Counter

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from record_kit import Pieces

from peertransfer.net.host import NetworkHost
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.upgrade import Upgrader
from peertransfer.transport.yamux_frames import DATA, FIN, RST, SYN, WINDOW_UPDATE, pack_header, unpack_header

HEADER = b"\x13/multistream/1.0.0\n"
KIB, MIB = 1 << 10, 1 << 20


def host_of(number, psk=None, **limits):
    """Return a host with these limits; it is its ``allowance`` that counts."""
    allowance = Allowance(Limits(**limits))
    host = NetworkHost(
        bytes([number]) * 32,
        network_id="n",
        psk=psk,
        listen_addrs=["/ip4/127.0.0.1/tcp/0"],
        allowance=allowance,
    )
    host.allowance = allowance
    return host


async def socket_from(source, port):
    """Open a TCP connection from an address of this machine."""
    one = trio.socket.socket()
    one.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    await one.bind((source, 0))
    await one.connect(("127.0.0.1", port))
    return trio.SocketStream(one)


async def until_hung_up(stream):
    """Read a socket until its other side closes it."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await stream.receive_some(65_536):
            pass


def proposal(protocol):
    """Return what a dialler says first on a stream."""
    text = protocol.encode() + b"\n"
    return HEADER + bytes([len(text)]) + text


class RawPeer:
    """A peer that is connected to a host, below yamux; what it hears is counted, once ``listen`` runs."""

    def __init__(self, connection, stream):
        self.stream = stream
        self._wire = connection._wire
        self._unread = connection._unread
        self.peer_id = ""
        self.heard = Counter()
        """Frames by (kind, flags)."""
        self.reset = set()
        self.said = {}
        """Data by stream."""
        self.is_over = trio.Event()

    @classmethod
    async def connect(cls, host, *, source="127.0.0.1", seed=None, psk=None):
        stream = await socket_from(source, host.listen_port)
        pair = create_new_key_pair(seed or os.urandom(32))
        upgrader = Upgrader(pair, psk, Allowance())
        connection = await upgrader.upgrade(
            stream, TcpAddr.of("127.0.0.1", host.listen_port), expected=host.peer_id
        )
        peer = cls(connection, stream)
        peer.peer_id = NetworkHost(seed, network_id="n", psk=None, listen_addrs=[]).peer_id if seed else ""
        return peer

    async def send(self, *frames):
        """Send frames, in one record; nothing where the connection is lost."""
        await self._wire.send([b"".join(frames)])

    async def open(self, number, protocol=None):
        """Open a stream, and propose a protocol on it."""
        said = b"" if protocol is None else proposal(protocol)
        await self.send(pack_header(DATA, SYN, number, len(said)), said)

    async def listen(self, *, task_status=trio.TASK_STATUS_IGNORED):
        """Count what comes, until the host hangs up."""
        rest = self._take(self._unread)
        task_status.started()
        taker = Pieces()
        while await self._wire.receive(taker):
            rest = self._take(rest + b"".join(taker.came))
            taker.came.clear()
        self.is_over.set()

    def _take(self, octets):
        at = 0
        while len(octets) - at >= 12:
            _, kind, flags, number, length = unpack_header(octets, at)
            size = length if kind == DATA else 0
            if len(octets) - at - 12 < size:
                break
            self.heard[kind, flags] += 1
            if flags & RST:
                self.reset.add(number)
            if size:
                self.said[number] = self.said.get(number, b"") + octets[at + 12 : at + 12 + size]
            at += 12 + size
        return octets[at:]

    async def close(self):
        await trio.aclose_forcefully(self.stream)


def data(number, octets, flags=0):
    """Return a frame of data."""
    return pack_header(DATA, flags, number, len(octets)) + octets


def syn(number):
    """Return a frame that opens a stream."""
    return pack_header(WINDOW_UPDATE, SYN, number, 0)


def rst(number):
    """Return a frame that resets a stream."""
    return pack_header(WINDOW_UPDATE, RST, number, 0)


def fin(number):
    """Return a frame that ends a stream."""
    return pack_header(WINDOW_UPDATE, FIN, number, 0)


async def until(condition, seconds=5):
    """Wait for what other tasks bring about."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.01)
