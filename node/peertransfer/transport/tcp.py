"""Sockets: how a TCP connection is opened, and how a port is bound.

It upgrades nothing (``transport.upgrade``). The library's listener shares its ports with whoever asks
(``SO_REUSEPORT``), so that a second node on the same port would go unnoticed; ours does not.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import DialError, ListenError
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Sequence

BACKLOG = 128
KEEPALIVE_SECONDS = 15
"""A silent connection is asked after so long, and every 5 s; after 4 questions in vain it is over."""
UNACKNOWLEDGED_SECONDS = 60
"""What was sent and is not acknowledged for so long ends the connection (instead of a quarter of an hour)."""

_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEPALIVE_SECONDS),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * 1000),
)
_DIAL_REASONS = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.EHOSTUNREACH: "that host can't be reached",
    errno.ENETUNREACH: "there is no route to that network",
    errno.ETIMEDOUT: "it does not answer",
}


def keep_alive(stream: trio.SocketStream) -> None:
    """Have a dead peer noticed: where an option is missing, the system's defaults hold."""
    for level, name, value in _OPTIONS:
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                stream.socket.setsockopt(level, getattr(socket, name), value)


async def resolve(addr: TcpAddr) -> list[TcpAddr]:
    """Return the IP addresses that a multiaddr stands for, in the system's order of preference.

    Raises:
        DialError: the name is unknown.
    """
    if not addr.is_name:
        return [addr]
    family = {"dns4": socket.AF_INET, "dns6": socket.AF_INET6}.get(addr.kind, socket.AF_UNSPEC)
    try:
        found = await trio.socket.getaddrinfo(addr.host, addr.port, family, socket.SOCK_STREAM)
    except OSError as exc:
        raise DialError(f"The name {addr.host} is unknown", "Check its spelling, or the DNS here.") from exc
    return [TcpAddr.of(str(place[0]), addr.port) for *_, place in found]


async def open_connection(addr: TcpAddr) -> trio.SocketStream:
    """Open a TCP connection to an IP address.

    Raises:
        DialError: nobody answers there.
    """
    family = socket.AF_INET6 if addr.kind == "ip6" else socket.AF_INET
    try:
        sock = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            await sock.connect((addr.host, addr.port))
        except BaseException:
            sock.close()
            raise
    except OSError as exc:
        reason = _DIAL_REASONS.get(exc.errno or 0, "it can't be dialled")
        raise DialError(f"{addr.bare()}: {reason}", "Check the address, and that the peer runs.") from exc
    stream = trio.SocketStream(sock)
    keep_alive(stream)
    return stream


def open_listener(addr: TcpAddr) -> tuple[trio.SocketListener, TcpAddr]:
    """Bind and listen; return the listener and the address with the port that it got.

    Raises:
        ListenError: the port is taken or not permitted, or the address is not this machine's.
    """
    family = socket.AF_INET6 if addr.kind == "ip6" else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((addr.host, addr.port))
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise _listen_error(addr, exc) from exc
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    return listener, TcpAddr(addr.kind, addr.host, sock.getsockname()[1])


def _listen_error(addr: TcpAddr, exc: OSError) -> ListenError:
    match exc.errno:
        case errno.EADDRINUSE:
            return ListenError(
                f"The port of {addr.bare()} is taken by another program",
                "Stop that program (perhaps a node that still runs), or listen on another port: 0 draws one.",
            )
        case errno.EADDRNOTAVAIL:
            return ListenError(
                f"The address {addr.host} is not this machine's",
                "Listen on /ip4/0.0.0.0, which is all of them.",
            )
        case errno.EACCES:
            return ListenError(
                f"The port {addr.port} is reserved for the system", "Listen on a port from 1024 up, or on 0."
            )
    return ListenError(f"This machine can't listen on {addr.bare()}", "Listen on another address.")


def remote_of(stream: trio.SocketStream) -> TcpAddr | None:
    """Return the other end of a connection; ``None`` where it is gone already."""
    try:
        host, port, *_ = stream.socket.getpeername()
    except OSError:
        return None
    return TcpAddr.of(str(host), int(port))


def order(addrs: Sequence[TcpAddr]) -> list[TcpAddr]:
    """Order addresses for dialling: IPv6 and IPv4 in turn, as RFC 8305 has it, else as given."""
    unique = list(dict.fromkeys(addr.bare() for addr in addrs))
    six = [addr for addr in unique if addr.kind == "ip6"]
    four = [addr for addr in unique if addr.kind != "ip6"]
    longer, shorter = (six, four) if unique[:1] == six[:1] else (four, six)
    mixed: list[TcpAddr] = []
    while longer or shorter:
        mixed += [side.pop(0) for side in (longer, shorter) if side]
    return mixed
