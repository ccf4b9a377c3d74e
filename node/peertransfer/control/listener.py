"""How do the person's own programs, and nobody else's, reach the application?

It does not know commands (``application``). It is hypercorn's trio worker, less its own sockets: the
file is ours (``endpoint``), and each connection is looked at before a single octet of it is read.
Spec: RELIABILITY.md "Local API": SO_PEERCRED, 32 connections, headers of 16 KiB.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from peertransfer.control.application import MAX_HEADERS
from peertransfer.control.endpoint import is_own_user

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework
    from starlette.applications import Starlette
    from trio_typing import TaskStatus

    from peertransfer.control.endpoint import Endpoint

MAX_CONNECTIONS = 32

TURN_AWAY_SECONDS = 1.0

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

log = logging.getLogger("peertransfer.control")


class Listener:
    """Accepts connections on an endpoint until it is cancelled."""

    def __init__(self, application: Starlette, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._config = Config()
        self._config.errorlog = logging.getLogger("peertransfer.control.http")
        self._config.accesslog = None
        self._config.h11_max_incomplete_size = MAX_HEADERS
        self._config.include_server_header = False
        self._config.alpn_protocols = ["http/1.1"]
        self._application = wrap_app(
            cast("ASGIFramework", application), self._config.wsgi_max_body_size, "asgi"
        )
        self._context = WorkerContext(None)
        self._connection_count = 0

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve; the endpoint is closed at the end.

        Args:
            task_status: started once connections are accepted.
        """
        try:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._endpoint.listening))
            task_status.started()
            await trio.serve_listeners(self._serve_one, [listener])
        finally:
            self._endpoint.close()

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        if not is_own_user(stream.socket):
            log.warning("connection_refused", extra={"reason": "another user"})
            await stream.aclose()
            return
        if self._connection_count >= MAX_CONNECTIONS:
            await _turn_away(stream)
            return
        self._connection_count += 1
        try:
            # Strict: whatever breaks comes out as a group, however the event loop was started.
            async with trio.open_nursery(strict_exception_groups=True) as nursery:
                nursery.start_soon(self._connection(stream).run)
        except ExceptionGroup as group:
            # A connection of hypercorn's that broke: the node goes on.
            reason = repr(group.exceptions[0])
            log.error("connection_failed", extra={"reason": reason})  # noqa: TRY400 - one line
        finally:
            self._connection_count -= 1

    def _connection(self, stream: trio.SocketStream) -> _Connection:
        # hypercorn's annotation names TLS streams only; it tells the two apart itself.
        plain: Any = stream
        return _Connection(self._application, self._config, self._context, ConnectionState({}), plain)


class _Connection(TCPServer):
    """hypercorn's connection, less the five seconds that it stays after the client has gone."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


async def _turn_away(stream: trio.SocketStream) -> None:
    """Answer, and read what was asked: octets left unread would cost the client the answer."""
    with trio.move_on_after(TURN_AWAY_SECONDS):
        try:
            await stream.send_all(_BUSY)
            await stream.send_eof()
            while await stream.receive_some(MAX_HEADERS):
                pass
        except trio.BrokenResourceError:
            log.debug("connection_gone")
    await stream.aclose()
