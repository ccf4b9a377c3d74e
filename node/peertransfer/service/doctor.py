"""Why does it not work? Home, database, ports, bootstrap peers, disk and clock, each with its mend.

Each check is made whatever the others found. It changes nothing and contacts nobody.
Spec: CLI.md ``doctor``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import ConfigError, PeertransferError
from peertransfer.service.config import Config, load_config
from peertransfer.service.facts import wall_clock
from peertransfer.service.home_setup import check_consent
from peertransfer.service.identities import load_seed
from peertransfer.service.policy_file import read_policy
from peertransfer.store.database import examine_database
from peertransfer.store.home import Home, open_home
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from peertransfer.service.hosts import Hosts
    from peertransfer.store.networks import StoredNetwork

Check = dict[str, object]
EARLIEST_TIME = 1_760_000_000
"""Unix seconds; a clock before this program was made is wrong."""
LOW_SPACE = 1 << 30


def check(name: str, *, ok: bool, detail: str, mend: str = "") -> Check:
    """Return one finding."""
    return {"name": name, "ok": ok, "detail": detail, "mend": "" if ok else mend}


def examine_home(path: Path) -> list[Check]:
    """Examine what can be seen without a running node (blocking)."""
    home = Home(path)
    found = [_tried("home", lambda: open_home(path), f"{path}: only you can look into it")]
    if _can_look_into(path):
        found += [
            _tried("config", lambda: _load_config(home), f"{home.config_path} is valid"),
            _tried("policy", lambda: read_policy(home.policy_path), f"{home.policy_path} is valid"),
            _tried("consent", lambda: check_consent(home), "the privacy statement was accepted"),
            _tried("database", lambda: examine_database(home.database_path), "whole"),
        ]
    now = wall_clock()
    clock = check(
        "clock", ok=now > EARLIEST_TIME, detail=f"Unix time {now}", mend="Set this machine's clock."
    )
    return [*found, _examine_disk(path), clock]


def examine_identities(home: Home, networks: Iterable[StoredNetwork]) -> list[Check]:
    """Look whether the keys by which this node is known are there and whole (blocking)."""
    found = []
    for network in networks:
        path = home.key_path(network.network_id)
        if network.peer_id or path.exists():
            load = partial(load_seed, path, network.peer_id)
            found.append(_tried(f"identity ({network.name})", load, f"{path} is whole"))
    return found


def examine_ports(home: Home, networks: Iterable[StoredNetwork]) -> list[Check]:
    """Try the ports on which the hosts would listen, while none of them runs."""
    try:
        listen = load_config(home.config_path).listen
    except ConfigError:
        listen = Config().listen  # what is wrong there is a check of its own
    return [
        _try_port(network.name, addr, network.listen_port)
        for network in networks
        if network.listen_port
        for addr in listen
    ]


def list_bootstrap(networks: Iterable[StoredNetwork]) -> list[Check]:
    """Say which bootstrap peers there are; whether they answer only a node that runs can tell."""
    return [
        check(
            f"bootstrap ({network.name})",
            ok=True,
            detail=f"{_count(len(peers))}; whether they answer is seen while a node runs",
        )
        for network in networks
        if (peers := _bootstrap_peers(network))
    ]


def examine_absence(home: Home) -> Check:
    """Say whether a node holds the home that none answers for."""
    pid = None
    with contextlib.suppress(OSError):
        pid = home.running_pid()
    if pid is None:
        return check("node", ok=True, detail="none runs; one is started where a command needs it")
    return check(
        "node",
        ok=False,
        detail=f"process {pid} holds this home and does not answer",
        mend=f"Look at its log, or end it with: kill {pid}",
    )


async def examine(home: Home, hosts: Hosts) -> list[Check]:
    """Examine the home and the running hosts."""
    found = await trio.to_thread.run_sync(examine_home, home.path)
    for running in hosts.running.values():
        host, name = running.runtime.host, running.network.name
        known = replace(running.network, peer_id=host.peer_id)
        found += await trio.to_thread.run_sync(examine_identities, home, [known])
        found.append(
            check(
                f"listen ({name})",
                ok=bool(host.listen_addrs),
                detail=f"port {host.listen_port} at: {', '.join(host.listen_addrs) or 'no address'}",
                mend="Look at listen in config.toml.",
            )
        )
        peers = _bootstrap_peers(running.network)
        connected = sum(map(host.is_connected, peers))
        if peers:
            found.append(
                check(
                    f"bootstrap ({name})",
                    ok=connected > 0,
                    detail=f"{connected} of {_count(len(peers))} connected",
                    mend="Ask the network's operator whether they run, and look at the firewall.",
                )
            )
    return found


def _bootstrap_peers(network: StoredNetwork) -> list[str]:
    """Return their IDs; one of them can have several addresses."""
    return list(dict.fromkeys(addr.rpartition("/")[2] for addr in network.bootstrap))


def _count(peers: int) -> str:
    return f"{peers} bootstrap peer{'s' if peers > 1 else ''}"


def _tried(name: str, examine_it: Callable[[], object], good: str) -> Check:
    try:
        examine_it()
    except PeertransferError as error:
        return check(name, ok=False, detail=error.message, mend=error.hint)
    return check(name, ok=True, detail=good)


def _can_look_into(path: Path) -> bool:
    try:
        os.scandir(path).close()
    except OSError:
        return False
    return True


def _load_config(home: Home) -> None:
    if not home.config_path.exists():
        raise ConfigError(f"There is no {home.config_path}", "Make it with: peertransfer init")
    load_config(home.config_path)


def _examine_disk(path: Path) -> Check:
    there = next((one for one in (path, *path.parents) if os.access(one, os.F_OK)), path)
    try:
        free = shutil.disk_usage(there).free
    except OSError as exc:
        return check("disk", ok=False, detail=f"{there}: {exc.strerror}", mend="Look at that disk.")
    return check(
        "disk",
        ok=free > LOW_SPACE,
        detail=f"{free / 1e9:.1f} GB free for {path}",
        mend="Free some room on that disk.",
    )


def _try_port(name: str, addr: str, drawn: int) -> Check:
    title, host, port = f"port ({name})", "", 0
    try:
        wanted = TcpAddr.parse(addr)
        host, port = wanted.host, wanted.port or drawn
        family = socket.AF_INET6 if wanted.kind in {"ip6", "dns6"} else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except PeertransferError as error:
        return check(title, ok=False, detail=error.message, mend=error.hint)
    except OSError as exc:
        taken = exc.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"can't be had: {os.strerror(exc.errno or 0)}"
        mend = "End that program, or name another address under listen in config.toml."
        return check(title, ok=False, detail=f"TCP port {port} of {host} {why}", mend=mend)
    return check(title, ok=True, detail=f"TCP port {port} of {host} is free")
