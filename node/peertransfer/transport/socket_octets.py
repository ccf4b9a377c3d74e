"""A socket in bulk: octets into memory that is used again, and out without a turn of the loop a segment.

It knows no record (``transport.wire``) and opens nothing (``transport.tcp``).

Strategy: trio's own stream gives every ``send`` and ``recv`` a turn of the event loop; at a hundred thousand
octets each, that costs more than the copying. Here others have a turn once for each call, and whenever the
socket is full or empty.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from peertransfer.content.cid import Buffer


class SocketOctets:
    """A connected TCP or local socket; one task reads it, one writes it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        """Take over the socket: nobody else reads or writes it any more."""
        self._stream = stream

    async def receive_into(self, memory: memoryview) -> int:
        """Put what came into ``memory``, at least one octet, and return how many; 0 at the end.

        Nobody else has a turn between the filling of ``memory`` and the return.

        Raises:
            OSError: the connection broke.
            trio.ClosedResourceError: it was closed here.
        """
        await trio.lowlevel.checkpoint()
        while True:
            fd = self._fd()
            try:
                return os.readv(fd, [memory])
            except BlockingIOError:
                await trio.lowlevel.wait_readable(fd)

    async def send_all(self, octets: Buffer) -> None:
        """Write all of ``octets``. Whoever is cancelled meanwhile can't know how much of them went.

        Raises:
            OSError: the connection broke.
            trio.ClosedResourceError: it was closed here.
        """
        await trio.lowlevel.checkpoint()
        view = memoryview(octets)
        while view:
            fd = self._fd()
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(fd)

    def close_write(self) -> None:
        """Say that nothing more comes from here; on a lost connection, nothing."""
        with contextlib.suppress(OSError):
            self._stream.socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Close the socket; what was written still leaves."""
        await trio.aclose_forcefully(self._stream)

    def _fd(self) -> int:
        fd = self._stream.socket.fileno()
        if fd < 0:
            raise trio.ClosedResourceError("the connection was closed")
        return fd
