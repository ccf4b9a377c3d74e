"""rsync and scp over ssh, from a server on loopback with keys of its own; nothing of the user's is read."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.material import check_arrived, fresh_folder
from bench.ports import free_port, wait_for_port
from bench.procfs import MemoryWatch, cpu_seconds, run_measured
from bench.samples import GIB, Sample, rate
from bench.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRIVILEGE_SEPARATION = Path("/run/sshd")
"""sshd does not start as root without this folder."""


@dataclass(frozen=True, slots=True)
class SshServer:
    """A server that runs."""

    pid: int
    port: int
    options: tuple[str, ...]
    """What a client needs besides the port."""


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run a server with new keys below ``folder``."""
    program, keygen = tool("sshd"), tool("ssh-keygen")
    for name in ("host_key", "user_key"):
        line = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(line, check=True)
    (folder / "authorized").write_bytes((folder / "user_key.pub").read_bytes())
    makes_folder = os.getuid() == 0 and not PRIVILEGE_SEPARATION.exists()
    if makes_folder:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    port = free_port()
    settings = {
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PidFile": "none",
        "UseDNS": "no",
        "Subsystem": "sftp internal-sftp",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", os.devnull, "-p", str(port), *options], stderr=log
        )
    try:
        wait_for_port(port, process, folder / "log")
        yield SshServer(process.pid, port, _client_options(folder))
    finally:
        process.terminate()
        process.wait()
        if makes_folder:
            PRIVILEGE_SEPARATION.rmdir()


def _client_options(folder: Path) -> tuple[str, ...]:
    settings = {
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": os.devnull,
        "LogLevel": "ERROR",
        "IdentitiesOnly": "yes",
        "IdentityFile": folder / "user_key",
    }
    return ("-F", os.devnull, *(f"-o{key}={value}" for key, value in settings.items()))


def rsync(source: Path, below: Path, size: int) -> Sample:
    """Bring a source here by rsync: whole files, not compressed, not synced to the disk."""
    program, client = tool("rsync"), tool("ssh")
    # With the stroke, rsync brings what is in a folder and not the folder.
    place = f"{source}/" if source.is_dir() else str(source)

    def command(server: SshServer, dest: Path) -> list[str]:
        shell = " ".join([client, "-p", str(server.port), *server.options])
        options = ["-a", "-W", f"--rsync-path={program}", "-e", shell]
        return [program, *options, f"{getpass.getuser()}@127.0.0.1:{place}", str(dest)]

    return _over_ssh(command, source, below, size)


def scp(source: Path, below: Path, size: int) -> Sample:
    """Bring a source here by scp."""
    program = tool("scp")

    def command(server: SshServer, dest: Path) -> list[str]:
        options = ["-q", "-r", "-P", str(server.port), *server.options]
        return [program, *options, f"{getpass.getuser()}@127.0.0.1:{source}", str(dest)]

    return _over_ssh(command, source, below, size)


def _over_ssh(
    command: Callable[[SshServer, Path], list[str]], source: Path, below: Path, size: int
) -> Sample:
    with fresh_folder(below, "over-ssh") as folder, ssh_server(folder) as server:
        watch, before = MemoryWatch(server.pid), cpu_seconds(server.pid)
        spent = run_measured(command(server, folder / "copy"))
        provider, peak = cpu_seconds(server.pid) - before, watch.end()
        check_arrived(source, folder / "copy")
    return {
        "seconds": spent.seconds,
        "rate": rate(size, spent.seconds),
        "cpu_provider": provider * GIB / size,
        "cpu_getter": spent.cpu_seconds * GIB / size,
        "peak_provider": peak,
        "peak_getter": spent.peak_mib,
    }
