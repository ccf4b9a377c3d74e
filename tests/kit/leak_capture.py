"""A machine of its own for a day: a network namespace with nothing but loopback, and a capture of all its packets."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--uts")
_ALL_PROTOCOLS = 3
_OUTGOING = 4
_STATISTICS = 6
_SOL_PACKET = 263
_SIFFLAGS, _UP = 0x8914, 0x41
_TCP = 6
_SYN, _ACK = 2, 16


def why_no_namespace():
    """Return why this machine gives a process no network namespace of its own; empty where it does."""
    probe = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)"
    try:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=20
        )
    except OSError as exc:
        return f"{NAMESPACE[0]}: {exc.strerror}"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def enter_namespace(host_name):
    """Set up what ``NAMESPACE`` started this process in: loopback, and a name for the machine."""
    with socket.socket() as one:
        fcntl.ioctl(one, _SIFFLAGS, struct.pack("16sh14x", b"lo", _UP))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sethostname(host_name.encode(), len(host_name)):
        raise OSError(ctypes.get_errno(), "the machine can't be named")


class Capture:
    """All packets on loopback while the block lasts."""

    def __init__(self):
        self.packets = []
        """Each from its network header on."""
        self.dropped = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind(("lo", _ALL_PROTOCOLS))
        self._socket.settimeout(0.2)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        self._thread.join()
        statistics = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8)
        self.dropped = struct.unpack("II", statistics)[1]
        self._socket.close()

    def _run(self):
        while True:
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(1 << 17)
            except TimeoutError:
                if self._is_over:
                    return
                continue
            if kind != _OUTGOING:  # on loopback each packet comes by twice
                self.packets.append(packet)


@dataclass(frozen=True)
class Segment:
    """One TCP segment over IPv4."""

    flow: tuple
    """(IP, port) of the sender and of the receiver."""
    sequence: int
    flags: int
    octets: bytes

    @property
    def is_call(self):
        """Whether it asks for a new connection."""
        return self.flags & (_SYN | _ACK) == _SYN


def segment_of(packet):
    """Read a packet; ``None`` where it is anything but TCP over IPv4."""
    if packet[0] >> 4 != 4 or packet[9] != _TCP:
        return None
    start = (packet[0] & 15) * 4
    end = struct.unpack_from(">H", packet, 2)[0] or len(packet)
    source, target, sequence = struct.unpack_from(">HHI", packet, start)
    data = start + (packet[start + 12] >> 4) * 4
    ends = (socket.inet_ntoa(packet[12:16]), source), (socket.inet_ntoa(packet[16:20]), target)
    return Segment(ends, sequence, packet[start + 13], packet[data:end])


def flows_of(segments):
    """Return the octets of each direction of each connection, put together in their order."""
    pieces = defaultdict(dict)
    for one in segments:
        if one.octets:
            pieces[one.flow][one.sequence] = one.octets
    return {flow: b"".join(found[at] for at in sorted(found)) for flow, found in pieces.items()}


def exec_in_namespace(arguments, environment):
    """Run Python in a namespace of its own where that works; return what came of it."""
    prefix = [] if why_no_namespace() else list(NAMESPACE)
    return subprocess.run(
        [*prefix, sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
