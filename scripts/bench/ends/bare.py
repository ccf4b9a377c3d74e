"""The control that shows what CPython can do: TCP and ChaCha20-Poly1305 in Noise-sized records, nothing else.

Fixed keys, no protocol, one thread on each side: not a thing to use. Sixteen records, about a MiB, are
sealed into one buffer and leave by one system call. Nothing is hashed, as in our transport. Its dial costs
both sides what Noise XX does: a new key, three agreements, a signature and the check of one.
"""

from __future__ import annotations

import socket
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bench.ends.telling import HEAD, Order, Stopwatch, order_of, ready, request, size_of, tell_each

KEY = bytes(32)
KEY_SIZE, SIGNATURE_SIZE = 32, 64
AGREEMENTS = 3
IDENTITY = Ed25519PrivateKey.generate()
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


def shake_hands(sock: socket.socket) -> None:
    """Spend what a handshake does; its keys are used for nothing."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    sock.sendall(own + IDENTITY.public_key().public_bytes_raw() + IDENTITY.sign(own))
    said = sock.recv(2 * KEY_SIZE + SIGNATURE_SIZE, socket.MSG_WAITALL)
    theirs, signer, signature = said[:KEY_SIZE], said[KEY_SIZE : 2 * KEY_SIZE], said[2 * KEY_SIZE :]
    for _ in range(AGREEMENTS):
        ephemeral.exchange(X25519PublicKey.from_public_bytes(theirs))
    Ed25519PublicKey.from_public_bytes(signer).verify(signature, theirs)


def listen() -> None:
    """Serve one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready(f"127.0.0.1:{listener.getsockname()[1]}")
        while True:
            sock, _ = listener.accept()
            with sock:
                size = size_of(sock.recv(HEAD, socket.MSG_WAITALL))
                if size:
                    send(sock, size)
                else:
                    shake_hands(sock)


def _dial(order: Order) -> socket.socket:
    host, port = order.addr.split(":")
    return socket.create_connection((host, int(port)))


def connect(order: Order) -> None:
    """Dial and shake hands, again and again."""
    seconds = []
    for _ in range(order.count):
        began = time.perf_counter()
        with _dial(order) as sock:
            sock.sendall(request(0))
            shake_hands(sock)
            seconds.append(time.perf_counter() - began)
    tell_each(seconds)


def fetch(order: Order) -> None:
    """Fetch from memory to memory; there are no streams here."""
    with _dial(order) as sock:
        watch = Stopwatch()
        sock.sendall(request(order.count))
        receive(sock, order.count)
        watch.tell(order.count)


if __name__ == "__main__":
    ordered = order_of(sys.argv[1:])
    if ordered is None:
        listen()
    else:
        {"stream": fetch, "connect": connect}[ordered.work](ordered)
