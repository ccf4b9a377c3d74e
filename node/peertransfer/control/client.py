"""How does a program ask a node that runs?

It does not start one (``sessions``) and draws nothing. Standard library only, so that the command line
starts fast. A caller that stops reading (Ctrl-C) closes the connection, and with it what it asked for.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import TYPE_CHECKING

from peertransfer.control.commands import max_body
from peertransfer.control.faults import error_of
from peertransfer.errors import HomeError, StreamLostError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_LINE = 16 << 20
"""Octets of one event: a share of 100,000 entries lists each of them in its result."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 180.0
"""A command that reports nothing on its way must have ended by then."""

Event = dict[str, object]


class NodeClient:
    """Asks the node behind one socket; each command has a connection of its own."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path

    def is_ready(self) -> bool:
        """Say whether a node answers, and will take commands."""
        connection = _UnixConnection(self.socket_path, CONNECT_SECONDS)
        try:
            connection.request("GET", "/v1/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def call(self, command: str, **fields: object) -> Event:
        """Carry out ``command`` and return its result.

        Raises:
            PeertransferError: as the node raised it.
            HomeError: the node can't be asked.
            StreamLostError: the node ended in the middle.
        """
        return self._ask(command, fields, ANSWER_SECONDS, _ignore)

    def stream(self, command: str, on_event: Callable[[Event], None], **fields: object) -> Event:
        """Carry out ``command``, hand each event to ``on_event``, and return the result.

        Raises:
            PeertransferError: as ``call``.
        """
        return self._ask(command, fields, None, on_event)

    def _ask(
        self,
        command: str,
        fields: Mapping[str, object],
        answer_seconds: float | None,
        on_event: Callable[[Event], None],
    ) -> Event:
        connection = _UnixConnection(self.socket_path, answer_seconds)
        body = json.dumps(fields).encode()
        if len(body) > max_body(command):  # the node would refuse it
            raise UsageError("This command says too much at once", "Name fewer paths, or their folder.")
        try:
            connection.request("POST", f"/v1/{command}", body, {"content-type": "application/json"})
            return _read_result(connection.getresponse(), on_event)
        except TimeoutError as exc:
            raise HomeError(
                "The node does not answer", "Look at its log, or stop it and start it again."
            ) from exc
        except http.client.IncompleteRead as exc:
            raise _stopped() from exc
        except (OSError, http.client.HTTPException) as exc:
            if isinstance(exc, ConnectionResetError | BrokenPipeError | http.client.RemoteDisconnected):
                raise _stopped() from exc
            raise HomeError(
                f"The node can't be asked: {exc}", "Is it running? See: peertransfer status"
            ) from exc
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, socket_path: Path, answer_seconds: float | None) -> None:
        super().__init__("localhost")
        self._socket_path = socket_path
        self._answer_seconds = answer_seconds

    def connect(self) -> None:
        """Connect to the socket file in place of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_SECONDS)
        self.sock.connect(os.fspath(self._socket_path))
        self.sock.settimeout(self._answer_seconds)


def _read_result(response: http.client.HTTPResponse, on_event: Callable[[Event], None]) -> Event:
    if response.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        raise HomeError(
            "The node has too many commands to carry out", "End some of them, or try again later."
        )
    while line := response.readline(MAX_LINE):
        event = _event(line)
        if event.get("event") == "result":
            return _object(event.get("result"))
        if event.get("event") == "error":
            raise error_of(_object(event.get("error")))
        on_event(event)
    raise _stopped()


def _event(line: bytes) -> Event:
    if not line.endswith(b"\n"):
        raise _stopped()
    try:
        return _object(json.loads(line))
    except ValueError as exc:
        raise HomeError(
            "The node's answer is not JSON", "Is it of the same version as this program?"
        ) from exc


def _object(value: object) -> Event:
    return value if isinstance(value, dict) else {}


def _stopped() -> StreamLostError:
    return StreamLostError(
        "The node of this home ended in the middle of this command",
        "Its log says why. Run the command again.",
    )


def _ignore(event: Event) -> None:
    del event
