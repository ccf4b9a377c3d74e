"""A node as a process: ``peertransfer run``, and the child that lives as long as one command.

It does not join the rooms (``service.launch``). Its standard output tells programs what they wait for,
one JSON object per line: ``ready``, ``host_ready``, or ``error``.
Spec: CLI.md, ``run`` and "Everywhere".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from peertransfer.control.application import Activity, Node, build_application
from peertransfer.control.endpoint import Endpoint
from peertransfer.control.faults import fault_line, fault_object, sentences
from peertransfer.control.homes import checked_home, make_socket_folder
from peertransfer.control.listener import Listener
from peertransfer.control.logs import LEVELS, HeldLog, clean, start_logging, where
from peertransfer.errors import PeertransferError
from peertransfer.service.launch import run_node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from trio_typing import TaskStatus

    from peertransfer.store.home import Home


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How this process runs."""

    home_path: Path
    listen: tuple[str, ...] = ()
    """For hosts without an address of their own in the config."""
    is_ephemeral: bool = False
    """Ends when standard input closes and nothing more is to be done."""
    log_level: str = "info"
    log_json: bool = False
    error_json: bool = False
    """An error of the start goes to standard output as JSON too."""


def run(options: DaemonOptions) -> int:
    """Run a node until it is told to end, and return the exit code."""
    log = start_logging(options.log_level, as_json=options.log_json)
    sys.excepthook = partial(_report_fault, log, options)
    try:
        home = checked_home(options.home_path)
        run_node(
            options.home_path,
            listen=options.listen,
            on_ready=partial(_announce, "ready", log),
            on_host=partial(_announce, "host_ready", log),
            serve=partial(_serve, home, options),
        )
    except PeertransferError as error:
        _tell_error(error, options)
        return error.exit_code
    finally:
        log.let_through()
    return 0


async def _serve(
    home: Home,
    options: DaemonOptions,
    node: Node,
    task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    activity = Activity()
    socket = make_socket_folder(home)
    try:
        listener = Listener(build_application(node, activity), Endpoint(socket))
        async with trio.open_nursery() as nursery:
            await nursery.start(listener.run)
            if options.is_ephemeral:
                nursery.start_soon(_end_with_parent, node, activity)
            task_status.started()
    finally:
        home.remove_socket_folder(socket)


async def _end_with_parent(node: Node, activity: Activity) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as parent:
        while await parent.receive_some(4_096):
            pass
    await activity.wait_idle()
    await node.stop()


def _announce(name: str, log: HeldLog, facts: dict[str, object]) -> None:
    _say({**facts, "event": name})
    log.let_through()


def _say(event: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # nobody reads it, or its disk is full: the node goes on
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _tell_error(error: PeertransferError, options: DaemonOptions) -> None:
    if options.is_ephemeral:
        _say(fault_line(error))
    elif options.error_json:
        _say({"error": fault_object(error)})
    if not options.is_ephemeral:
        sys.stderr.write(f"error: {clean(sentences(error.message, error.hint))}\n")
        sys.stderr.flush()


def _report_fault(
    log: HeldLog,
    options: DaemonOptions,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Report a fault of ours in one line; the interpreter then ends with 1."""
    del kind, trace
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    _tell_error(
        PeertransferError(
            f"Unexpected {type(error).__name__} in {where(error)}: {error}",
            "This is a fault of peertransfer: report it with this line and the version.",
        ),
        options,
    )
    log.let_through()


def _options(words: Sequence[str]) -> DaemonOptions:
    parser = argparse.ArgumentParser(prog="python -m peertransfer.control.daemon", description=__doc__)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--listen", action="append", default=[])
    parser.add_argument("--ephemeral", action="store_true")
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    parser.add_argument("--log-json", action="store_true")
    found = parser.parse_args(words)
    return DaemonOptions(
        home_path=found.home,
        listen=tuple(found.listen),
        is_ephemeral=found.ephemeral,
        log_level=found.log_level,
        log_json=found.log_json,
    )


if __name__ == "__main__":
    sys.exit(run(_options(sys.argv[1:])))
