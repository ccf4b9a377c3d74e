"""The control that shows what CPython can do: TCP and ChaCha20-Poly1305 in Noise-sized records, nothing else.

Fixed keys, no handshake, no protocol, one thread on each side: not a thing to use. Sixteen records, about a
MiB, are sealed into one buffer and leave by one system call. Nothing is hashed, as in our transport.
"""

from __future__ import annotations

import socket
import sys

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bench.ends.telling import HEAD, Order, Stopwatch, order_of, ready, request, size_of

KEY = bytes(32)
TAG = 16
LENGTH = 2
"""Octets of a record's length."""
PLAIN = 65_519
RECORD = LENGTH + PLAIN + TAG
BATCH = 16
"""Records; the fastest of 1, 4, 16 and 64."""


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "little")


def send(sock: socket.socket, size: int) -> None:
    """Send ``size`` octets of zeros, sealed."""
    cipher = ChaCha20Poly1305(KEY)
    plain, wire = memoryview(bytes(PLAIN)), memoryview(bytearray(BATCH * RECORD))
    number = 0
    while size:
        at = 0
        while size and at < len(wire):
            part = min(PLAIN, size)
            end = at + LENGTH + part + TAG
            wire[at : at + LENGTH] = (part + TAG).to_bytes(LENGTH, "big")
            cipher.encrypt_into(_nonce(number), plain[:part], None, wire[at + LENGTH : end])
            at, number, size = end, number + 1, size - part
        sock.sendall(wire[:at])


def receive(sock: socket.socket, size: int) -> None:
    """Receive ``size`` octets and open their records."""
    cipher = ChaCha20Poly1305(KEY)
    wire, plain = memoryview(bytearray(BATCH * RECORD)), memoryview(bytearray(PLAIN))
    number = have = 0
    while size:
        while have < min(len(wire), size):
            came = sock.recv_into(wire[have:])
            if not came:
                break
            have += came
        at = 0
        while at + LENGTH <= have:
            part = int.from_bytes(wire[at : at + LENGTH], "big")
            end = at + LENGTH + part
            if end > have:
                break
            cipher.decrypt_into(_nonce(number), wire[at + LENGTH : end], None, plain[: part - TAG])
            at, number, size = end, number + 1, size - (part - TAG)
        assert at, "the other end hung up"
        wire[: have - at] = wire[at:have]
        have -= at


def listen() -> None:
    """Serve one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready(f"127.0.0.1:{listener.getsockname()[1]}")
        while True:
            sock, _ = listener.accept()
            with sock:
                send(sock, size_of(sock.recv(HEAD, socket.MSG_WAITALL)))


def dial(order: Order) -> None:
    """Fetch from memory to memory; there are no streams here."""
    host, port = order.addr.split(":")
    with socket.create_connection((host, int(port))) as sock:
        watch = Stopwatch()
        sock.sendall(request(order.count))
        receive(sock, order.count)
        watch.tell(order.count)


if __name__ == "__main__":
    ordered = order_of(sys.argv[1:])
    if ordered is None:
        listen()
    else:
        dial(ordered)
