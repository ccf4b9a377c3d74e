"""Plain TCP, without cipher: from memory to memory, and a file with its SHA-256.

Besides the words of all ends: ``serve PATH``, and ``fetch ADDR PATH``, which hashes what it wrote.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.ends.telling import HEAD, MIB, PING, Order, Stopwatch, order_of, ready, request, size_of, tell_each

if TYPE_CHECKING:
    from collections.abc import Callable


def _listen(serve: Callable[[socket.socket], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready(f"127.0.0.1:{listener.getsockname()[1]}")
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


def _dial(addr: str) -> socket.socket:
    host, port = addr.split(":")
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _serve_memory(sock: socket.socket) -> None:
    with sock:
        head = sock.recv(HEAD, socket.MSG_WAITALL)
        left, octets = size_of(head), memoryview(bytes(MIB))
        while left:
            sock.sendall(octets[: min(MIB, left)])
            left -= min(MIB, left)
        while echoed := sock.recv(MIB):
            sock.sendall(echoed)


def _serve_file(path: Path, sock: socket.socket) -> None:
    with sock, path.open("rb") as file:
        at, size = 0, path.stat().st_size
        while at < size:
            at += os.sendfile(sock.fileno(), file.fileno(), at, size - at)


def _fetch(addr: str, path: Path) -> None:
    buffer = memoryview(bytearray(MIB))
    with _dial(addr) as sock, path.open("wb", buffering=0) as file:
        while size := sock.recv_into(buffer):
            file.write(buffer[:size])
    with path.open("rb") as file:
        print(hashlib.file_digest(file, "sha256").hexdigest())


def _connect(order: Order) -> None:
    seconds = []
    for _ in range(order.count):
        began = time.perf_counter()
        with _dial(order.addr):
            seconds.append(time.perf_counter() - began)
    tell_each(seconds)


def _ping(order: Order) -> None:
    seconds = []
    with _dial(order.addr) as sock:
        sock.sendall(request(0))
        for _ in range(order.count):
            began = time.perf_counter()
            sock.sendall(PING)
            sock.recv(len(PING), socket.MSG_WAITALL)
            seconds.append(time.perf_counter() - began)
    tell_each(seconds)


def _stream(order: Order) -> None:
    buffer = memoryview(bytearray(MIB))
    with _dial(order.addr) as sock:
        watch = Stopwatch()
        sock.sendall(request(order.count))
        left = order.count
        while left:
            size = sock.recv_into(buffer)
            assert size, "the other end hung up"
            left -= size
        watch.tell(order.count)


def main() -> None:
    """Take the command line."""
    words = sys.argv[1:]
    if words[0] == "serve":
        _listen(partial(_serve_file, Path(words[1])))
    elif words[0] == "fetch":
        _fetch(words[1], Path(words[2]))
    elif (order := order_of(words)) is None:
        _listen(_serve_memory)
    else:
        {"stream": _stream, "connect": _connect, "ping": _ping}[order.work](order)


if __name__ == "__main__":
    main()
