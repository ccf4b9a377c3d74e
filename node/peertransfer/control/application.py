"""What does a request on the socket make the node do, and what goes back?

It does not listen (``listener``) and does not carry commands out (``service``). It catches our own
errors only; anything else is a fault of ours, which the server logs and the client notices by the
missing last line.
Spec: RELIABILITY.md D5 and "Local API": body 1 MiB (8 MiB with a policy in it); bad requests cost an answer,
never the node.
"""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import trio
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from peertransfer.control.commands import COMMANDS, Command, checked_fields, max_body
from peertransfer.control.faults import fault_line
from peertransfer.control.logs import where
from peertransfer.errors import CancelledTransferError, NotFoundError, PeertransferError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

MAX_HEADERS = 16 * 1024
"""Octets of a request's headers."""
MAX_WAITING_EVENTS = 1_024
"""Events that wait for a client that reads slowly; beyond it the oldest is dropped."""
LAST_WORDS_SECONDS = 1.0
"""How long the node's end is held up to tell a client about it."""
MEDIA_TYPE = "application/x-ndjson"


class Node(Protocol):
    """What this room needs of ``service.node.Node``; the commands are its methods, by name."""

    async def stop(self) -> dict[str, object]:
        """End the node."""


@dataclass(slots=True)
class Activity:
    """How many commands run that a borrowed node must wait for."""

    count: int = 0
    """Commands with ``keeps_node`` that run now."""
    changed: trio.Event = field(default_factory=trio.Event)
    """Set, and replaced, at each change."""

    def add(self, change: int) -> None:
        """Count one more (1) or one less (-1)."""
        self.count += change
        self.changed.set()
        self.changed = trio.Event()

    async def wait_idle(self) -> None:
        """Return once nothing runs."""
        while self.count:
            await self.changed.wait()


def build_application(node: Node, activity: Activity) -> Starlette:
    """Return the ASGI application for ``node``; ``activity`` is kept up to date by it."""

    async def carry_out(request: Request) -> Response:
        # First: a client that is still writing would not see an answer.
        body = await _read_body(request)
        if isinstance(body, Response):
            return body
        if sum(len(name) + len(value) for name, value in request.headers.raw) > MAX_HEADERS:
            return _refusal(431, UsageError(f"The request's headers are over {MAX_HEADERS} octets"))
        command = COMMANDS.get(request.path_params["command"])
        if command is None:
            return _refusal(404, NotFoundError("There is no such command", "The node is older than this."))
        try:
            fields = checked_fields(command, _parse(body))
        except UsageError as error:
            return _refusal(400, error)
        return OperationResponse(node, command, fields, activity)

    async def ready(request: Request) -> Response:
        del request
        return Response('{"ready":true}\n', media_type=MEDIA_TYPE)

    return Starlette(
        routes=[
            Route("/v1/ready", ready, methods=["GET"]),
            Route("/v1/{command}", carry_out, methods=["POST"]),
        ]
    )


class OperationResponse(Response):
    """A command that runs while its answer is written, and is cancelled when nobody reads any more."""

    def __init__(
        self, node: Node, command: Command, fields: Mapping[str, object], activity: Activity
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._node = node
        self._command = command
        self._fields = dict(fields)
        self._activity = activity
        self._waiting: deque[dict[str, object]] = deque(maxlen=MAX_WAITING_EVENTS)
        self._arrived = trio.Event()
        self._last: dict[str, object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the command and write its events."""
        del scope
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        is_gone = False
        is_told = False
        try:
            async with trio.open_nursery(strict_exception_groups=True) as nursery:

                async def watch() -> None:
                    nonlocal is_gone
                    await _disconnected(receive)
                    is_gone = True
                    nursery.cancel_scope.cancel()

                nursery.start_soon(watch)
                nursery.start_soon(self._operate)
                await self._write_events(send)
                is_told = True
                nursery.cancel_scope.cancel()
        except ExceptionGroup as group:
            self._last = fault_line(_failed(group))
            raise
        finally:
            if not is_told and not is_gone:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORDS_SECONDS):
                    await _send_line(send, self._last or fault_line(_STOPPED), more=False)

    async def _operate(self) -> None:
        method = cast("Callable[..., Awaitable[dict[str, object]]]", getattr(self._node, self._command.name))
        if self._command.is_long:
            self._fields["progress"] = self._report
        self._activity.add(int(self._command.keeps_node))
        try:
            self._last = {"event": "result", "result": await method(**self._fields)}
        except PeertransferError as error:
            self._last = fault_line(error)
        finally:
            self._activity.add(-int(self._command.keeps_node))
        self._arrived.set()

    def _report(self, event: dict[str, object]) -> None:
        is_progress = event.get("event") == "progress"
        if is_progress and self._waiting and self._waiting[-1].get("event") == "progress":
            self._waiting.pop()
        self._waiting.append(event)
        self._arrived.set()

    async def _write_events(self, send: Send) -> None:
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._waiting:
                await _send_line(send, self._waiting.popleft(), more=True)
            if self._last is not None:
                await _send_line(send, self._last, more=False)
                return


_STOPPED = CancelledTransferError("The node stopped", "Run the same command again to go on.")


def _failed(group: ExceptionGroup[Exception]) -> PeertransferError:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return PeertransferError(
        f"The node failed in this command: {type(error).__name__} in {where(error)}",
        "This is a fault of peertransfer: report it with this line and the version.",
    )


async def _send_line(send: Send, event: Mapping[str, object], *, more: bool) -> None:
    octets = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    await send({"type": "http.response.body", "body": octets, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(request: Request) -> bytes | Response:
    """Return the body; of one that is too long, the refusal."""
    octets, most = bytearray(), max_body(request.path_params["command"])
    async for part in request.stream():
        # What is too long is read on and dropped: the server would be stuck with octets that nobody takes.
        if len(octets) <= most:
            octets += part
    if len(octets) > most:
        return _refusal(413, UsageError(f"The request is over {most} octets", "Name fewer paths."))
    return bytes(octets)


def _parse(octets: bytes) -> dict[str, object]:
    if not octets.strip():
        return {}
    try:
        body = json.loads(octets, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise UsageError("The request's body is not JSON") from exc
    if not isinstance(body, dict):
        raise UsageError("The request's body is not a JSON object")
    return body


def _refuse_constant(word: str) -> float:
    del word
    raise ValueError(math.nan)


def _refusal(status: int, error: PeertransferError) -> Response:
    octets = json.dumps(fault_line(error)).encode() + b"\n"
    return Response(octets, status_code=status, media_type=MEDIA_TYPE)
