"""Run a node from a home until it is told to end: the place where everything is put together.

SIGTERM and SIGINT drain and end it, SIGHUP reloads policy and configuration. Spec: CLI.md ``run``.
"""

from __future__ import annotations

import gc
import logging
import signal
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeertransferError
from peertransfer.service.config import load_config
from peertransfer.service.groups import first_of_ours, open_nursery
from peertransfer.service.home_setup import check_consent
from peertransfer.service.node import Node
from peertransfer.store.database import Database
from peertransfer.store.home import open_home

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from peertransfer.store.home import Home

log = logging.getLogger("peertransfer.service")

Announce = "Callable[[dict[str, object]], None]"


def run_node(
    home_path: Path,
    *,
    listen: Sequence[str],
    on_ready: Callable[[dict[str, object]], None],
    on_host: Callable[[dict[str, object]], None],
    serve: Callable[..., Awaitable[None]],
) -> None:
    """Run a node until a signal or ``Node.stop`` ends it.

    Args:
        home_path: an existing home.
        listen: multiaddrs for hosts without one of their own in the configuration.
        on_ready: called once with ``hosts`` when all hosts listen and ``serve`` has started.
        on_host: called for each host that starts later.
        serve: the control room: ``await nursery.start(serve, node)``.

    Raises:
        HomeError, ConfigError, PolicyError, ListenError, CatalogError, UsageError: it can't start.
    """
    home = open_home(home_path)
    check_consent(home)
    # All that was imported stays: to look at it for garbage, again and again, takes the loop 40 ms each time.
    gc.freeze()
    with home.lock(), first_of_ours():
        trio.run(_run, home, tuple(listen), on_ready, on_host, serve)


async def _run(
    home: Home,
    listen: tuple[str, ...],
    on_ready: Callable[[dict[str, object]], None],
    on_host: Callable[[dict[str, object]], None],
    serve: Callable[..., Awaitable[None]],
) -> None:
    async with Database(home.database_path, is_expected=True) as database:
        node = Node(home, load_config(home.config_path), database, listen)
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with open_nursery() as nursery:
                nursery.start_soon(_obey, signals, node, home)
                await nursery.start(node.run)
                await nursery.start(serve, node)
                on_ready({"hosts": node.describe_hosts()})
                node.announce_hosts(on_host)
                await node.stopping.wait()
                nursery.cancel_scope.cancel()


async def _obey(signals: object, node: Node, home: Home) -> None:
    async for number in signals:  # type: ignore[attr-defined]
        if number == signal.SIGHUP:
            try:
                await node.take_policy()
            except PeertransferError as error:
                # Where the home is has no place in a log that somebody is shown.
                reason = str(error).replace(str(home.policy_path), home.policy_path.name)
                log.warning("policy_kept", extra={"reason": reason})
        else:
            await node.stop()
