"""What the ends say to whoever runs them, and in the first octets of a stream. It opens nothing."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass

MIB = 1 << 20
HEAD = 8
"""Octets of a request."""
PING = bytes(32)


@dataclass(frozen=True, slots=True)
class Order:
    """What the dialling end has to do."""

    addr: str
    work: str
    """``stream``, ``connect`` or ``ping``."""
    count: int
    streams: int


def order_of(words: list[str]) -> Order | None:
    """Read a command line: ``None`` is ``listen``."""
    if words == ["listen"]:
        return None
    _, addr, work, count, streams = words
    return Order(addr, work, int(count), int(streams))


def request(size: int) -> bytes:
    """Return the request for ``size`` octets, or with 0 for an echo."""
    return size.to_bytes(HEAD, "big")


def size_of(octets: bytes) -> int:
    """Read a request."""
    return int.from_bytes(octets, "big")


def ready(addr: str) -> None:
    """Say where we listen, and end when whoever started us is gone."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    print(f"ready {addr}", flush=True)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


class Stopwatch:
    """Measures a transfer."""

    def __init__(self) -> None:
        self._cpu = time.process_time()
        self._began = time.perf_counter()

    def tell(self, octets: int) -> None:
        """Say what it took."""
        seconds = time.perf_counter() - self._began
        cpu = time.process_time() - self._cpu
        print(json.dumps({"octets": octets, "seconds": seconds, "cpu_seconds": cpu}), flush=True)


def tell_each(seconds: list[float]) -> None:
    """Say what each of many small works took."""
    print(json.dumps({"each_seconds": seconds}), flush=True)
