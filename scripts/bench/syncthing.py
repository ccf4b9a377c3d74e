"""Syncthing: two instances that know each other, everything off that discovers, relays, reports or updates.

The clock runs from "scan this folder" at the provider until the getter needs nothing more. It syncs what it
writes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.material import check_arrived, fresh_folder
from bench.ports import free_port, wait_for_port
from bench.procfs import cpu_seconds, memory_mib
from bench.samples import GIB, RunFailedError, Sample, rate
from bench.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_SECONDS = 30
WORK_SECONDS = 300
REST_SECONDS = 5
"""From connected to quiet."""
FOLDER = "bench"
CONFIG = """<configuration version="35">
<folder id="{folder}" path="{path}" type="{kind}"
rescanIntervalS="0" fsWatcherEnabled="false" autoNormalize="false">
<device id="{own_id}"/><device id="{other_id}"/><minDiskFree unit="">0</minDiskFree></folder>
<device id="{own_id}" name="own" compression="metadata"><address>dynamic</address></device>
<device id="{other_id}" name="other" compression="never"><address>tcp://127.0.0.1:{other_port}</address></device>
<gui enabled="true" tls="false"><address>127.0.0.1:{gui_port}</address><apikey>bench</apikey></gui>
<options><listenAddress>tcp://127.0.0.1:{own_port}</listenAddress>
<globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><announceLANAddresses>false</announceLANAddresses>
<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
<crashReportingEnabled>false</crashReportingEnabled><stunKeepaliveStartS>0</stunKeepaliveStartS>
<startBrowser>false</startBrowser><reconnectionIntervalS>1</reconnectionIntervalS></options></configuration>"""


@dataclass(slots=True)
class Instance:
    """One side."""

    home: Path
    data: Path
    kind: str
    port: int
    gui_port: int
    device_id: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process; it has no monitor above it."""
        assert self.process is not None
        return self.process.pid

    def rest(self, path: str, *, is_post: bool = False) -> Any:
        """Ask its local interface."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gui_port, timeout=WORK_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST" if is_post else "GET", f"/rest/{path}", headers={"X-API-Key": "bench"})
            return json.loads(connection.getresponse().read() or b"null")


@contextlib.contextmanager
def instances(below: Path) -> Iterator[tuple[Instance, Instance]]:
    """Run a provider and a getter that are connected."""
    program = tool("syncthing")
    environment = {
        **os.environ,
        "STNOUPGRADE": "1",
        "STNORESTART": "1",
        "STMONITORED": "yes",
        "HOME": str(below),
    }
    both = []
    for name, kind in (("provider", "sendonly"), ("getter", "receiveonly")):
        one = Instance(below / name, below / f"{name}-data", kind, free_port(), free_port())
        one.data.mkdir()
        _call([program, "generate", "--home", str(one.home), "--no-default-folder"], environment)
        device = re.search(r'<device id="([^"]+)"', (one.home / "config.xml").read_text())
        assert device is not None
        one.device_id = device[1]
        both.append(one)
    try:
        for one, other in (both, both[::-1]):
            _start(program, one, other, environment)
        for one in both:
            assert one.process is not None
            wait_for_port(one.gui_port, one.process, one.home / "log")
        _wait(lambda: _is_connected(*both), START_SECONDS)
        yield both[0], both[1]
    finally:
        for one in both:
            if one.process is not None:
                one.process.terminate()
                one.process.wait()


def _call(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _start(program: str, one: Instance, other: Instance, environment: dict[str, str]) -> None:
    config = CONFIG.format(
        folder=FOLDER,
        path=one.data,
        kind=one.kind,
        own_id=one.device_id,
        other_id=other.device_id,
        own_port=one.port,
        other_port=other.port,
        gui_port=one.gui_port,
    )
    (one.home / "config.xml").write_text(config)
    line = [program, "serve", "--home", str(one.home), "--no-browser", "--no-restart", "--no-upgrade"]
    with (one.home / "log").open("wb") as log:
        one.process = subprocess.Popen(
            [*line, "--logfile=-"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )


def _is_connected(one: Instance, other: Instance) -> bool:
    with contextlib.suppress(OSError):
        known = one.rest("system/connections")["connections"]
        return bool(known.get(other.device_id, {}).get("connected"))
    return False


def _wait(is_so: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise RunFailedError(f"Syncthing was not ready in {seconds:g} s")
        time.sleep(every)


def sync_folder(source: Path, below: Path, size: int, files: int) -> Sample:
    """Bring ``source``, which holds ``files`` files, from one instance to the other."""
    tool("syncthing")
    with fresh_folder(below, "syncthing") as folder, instances(folder) as (provider, getter):
        (shutil.copytree if source.is_dir() else shutil.copy)(source, provider.data / source.name)
        os.sync()
        dest = getter.data / source.name
        before = [cpu_seconds(one.pid) for one in (provider, getter)]
        began = time.perf_counter()
        provider.rest(f"db/scan?folder={FOLDER}", is_post=True)
        _wait(lambda: _is_done(getter, dest, files), WORK_SECONDS, 0.02)
        seconds = time.perf_counter() - began
        spent = [cpu_seconds(one.pid) - cpu for one, cpu in zip((provider, getter), before, strict=True)]
        peaks = [memory_mib(one.pid, "VmHWM") for one in (provider, getter)]
        check_arrived(source, dest)
    return {
        "seconds": seconds,
        "rate": rate(size, seconds),
        "total_seconds": seconds,
        "cpu_provider": spent[0] * GIB / size,
        "cpu_getter": spent[1] * GIB / size,
        "peak_provider": peaks[0],
        "peak_getter": peaks[1],
    }


def _is_done(getter: Instance, dest: Path, files: int) -> bool:
    if dest.is_file():  # it gets its name last
        return True
    said = getter.rest(f"db/status?folder={FOLDER}")
    return bool(said["globalFiles"] >= files and said["needTotalItems"] == 0 and said["state"] == "idle")


def idle(below: Path, seconds: float) -> Sample:
    """Two connected instances that do nothing: what one of them takes."""
    tool("syncthing")
    with fresh_folder(below, "syncthing") as folder, instances(folder) as (provider, _):
        time.sleep(REST_SECONDS)
        before = cpu_seconds(provider.pid)
        time.sleep(seconds)
        cpu = cpu_seconds(provider.pid) - before
        return {"idle_rss": memory_mib(provider.pid, "VmRSS"), "idle_cpu": cpu * 60 / seconds}
