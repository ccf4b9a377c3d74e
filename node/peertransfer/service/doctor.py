"""Why does it not work? Home, modes, ports, bootstrap peers, disk and clock, each with its mend.

It changes nothing and contacts nobody but the configured bootstrap peers. Spec: CLI.md ``doctor``.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from peertransfer.errors import PeertransferError
from peertransfer.service.config import load_config
from peertransfer.service.facts import wall_clock
from peertransfer.store.home import open_home

if TYPE_CHECKING:
    from pathlib import Path

    from peertransfer.service.hosts import Hosts
    from peertransfer.store.home import Home

Check = dict[str, object]
EARLIEST_TIME = 1_760_000_000
"""Unix seconds; a clock before this program was made is wrong."""
LOW_SPACE = 1 << 30


def check(name: str, *, ok: bool, detail: str, mend: str = "") -> Check:
    """Return one finding."""
    return {"name": name, "ok": ok, "detail": detail, "mend": "" if ok else mend}


def examine_home(path: Path) -> list[Check]:
    """Examine what can be seen without a running node."""
    found = []
    try:
        home = open_home(path)
        found.append(check("home", ok=True, detail=f"{path}: only you can look into it"))
        load_config(home.config_path)
        found.append(check("config", ok=True, detail=f"{home.config_path} is valid"))
    except PeertransferError as error:
        found.append(check("home", ok=False, detail=error.message, mend=error.hint))
    free = shutil.disk_usage(path).free
    found.append(
        check(
            "disk",
            ok=free > LOW_SPACE,
            detail=f"{free / 1e9:.1f} GB free",
            mend="Free some room on that disk.",
        )
    )
    now = wall_clock()
    found.append(
        check("clock", ok=now > EARLIEST_TIME, detail=f"Unix time {now}", mend="Set this machine's clock.")
    )
    return found


async def examine(home: Home, hosts: Hosts) -> list[Check]:
    """Examine the home and the running hosts."""
    found = examine_home(home.path)
    for running in hosts.running.values():
        host, name = running.runtime.host, running.network.name
        found.append(
            check(
                f"listen ({name})",
                ok=bool(host.listen_addrs),
                detail=f"{len(host.listen_addrs)} addresses, port {host.listen_port}",
                mend="Look at listen in config.toml.",
            )
        )
        missing = [
            addr for addr in running.network.bootstrap if not host.is_connected(addr.rpartition("/")[2])
        ]
        total = len(running.network.bootstrap)
        if total:
            found.append(
                check(
                    f"bootstrap ({name})",
                    ok=len(missing) < total,
                    detail=f"{total - len(missing)} of {total} bootstrap peers connected",
                    mend="Ask the network's operator whether they run, and look at the firewall.",
                )
            )
    return found
