"""The main job from nothing: three nodes, a private network, a real folder, a kill, a stranger, the ledger.

Everything lives below one temporary folder, which is removed at the end; every process is ended. The last
line is JSON: ``files``, ``octets``, ``octets_reused``, ``stranger_exit``, ``ledger_rows``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).parent / "peertransfer"
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", "build", "node_modules", "__pycache__", ".*_cache", ".hypothesis")
)
READY_SECONDS = 30
KILL_AT = 0.4
"""Share of the folder that is there when the getter is killed."""
REFUSED = 5
"""Exit code where a network key is not the right one."""
BALLAST = 96 << 20
"""Octets of one large file beside the project's own, so that there is a middle to be killed in."""


def say(text: str) -> None:
    """Tell what happens."""
    print(f"  {text}", flush=True)


class Person:
    """One person's home, and the commands given there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.home = folder / name
        self.process: subprocess.Popen[str] | None = None

    @property
    def program(self) -> list[str]:
        """The words that start the node."""
        return [str(PROGRAM)]

    def command(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it printed."""
        line = [str(PROGRAM), "--home", str(self.home), "--json", *words]
        options.setdefault("timeout", 120)
        return subprocess.run(line, capture_output=True, text=True, check=False, **options)

    def ask(self, *words: str, **options: Any) -> dict[str, Any]:
        """Run a command that must succeed and return its document."""
        done = self.command(*words, **options)
        if done.returncode:
            raise SystemExit(
                f"{self.name}: peertransfer {words[0]} failed ({done.returncode}): {done.stderr.strip()}"
            )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def start(self) -> None:
        """Start the long-lived node and wait until it listens."""
        line = [*self.program, "--home", str(self.home), "run", "--listen", "/ip4/127.0.0.1/tcp/0"]
        log = self.home.parent / f"{self.name}.log"
        with log.open("w") as errors:
            self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout is not None
        if json.loads(self.process.stdout.readline() or "{}").get("event") != "ready":
            raise SystemExit(f"{self.name}: the node did not start:\n{log.read_text()}")

    def stop(self) -> None:
        """End the node."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


@contextlib.contextmanager
def people(*names: str) -> Iterator[list[Person]]:
    """Make a home for each, and remove everything at the end."""
    folder = Path(tempfile.mkdtemp(prefix="peertransfer-demo-"))
    everybody = [Person(folder, name) for name in names]
    try:
        for one in everybody:
            one.ask("init", "--accept-privacy")
        yield everybody
    finally:
        for one in everybody:
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def tree_of(folder: Path) -> dict[str, str]:
    """Return the digest of every file below ``folder``, by its path there; links are skipped by ``share``."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and ".peertransfer" not in str(path)
    }


def make_source(folder: Path) -> Path:
    """Copy the project's own checkout, and add one large file."""
    source = folder / "checkout"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT, symlinks=True)
    with (source / "ballast.bin").open("wb") as file:
        for number in range(BALLAST >> 20):
            file.write(hashlib.shake_256(number.to_bytes(4, "big")).digest(1 << 20))
    return source


def get_and_kill(getter: Person, link: str, dest: Path, size: int) -> None:
    """Begin a ``get``, and kill both the command and its node in the middle."""
    line = [str(PROGRAM), "--home", str(getter.home), "get", "-", str(dest)]
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(link)
    process.stdin.close()
    started = time.monotonic()
    while process.poll() is None and time.monotonic() - started < READY_SECONDS:
        if octets_on_disk(dest) >= size * KILL_AT:
            break
        time.sleep(0.005)
    assert getter.process is not None
    getter.process.send_signal(signal.SIGKILL)
    getter.process.wait()
    getter.process = None
    process.kill()
    process.wait()


def octets_on_disk(folder: Path) -> int:
    """Return how much lies below a folder, unfinished files too; they are there from their first octet."""
    size = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it was put in its place meanwhile
                size += os.lstat(f"{above}/{name}").st_blocks * 512
    return size


def knock(stranger: Person, member: Person, network: str) -> str:
    """Dial a member with another network key; return what the stranger is told."""
    key = stranger.home.parent / "other.key"
    key.write_text(f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n")
    hosts = member.ask("status")["hosts"]
    addr = next(host for host in hosts if host["network_id"] == network)["listen_addrs"][0]
    done = stranger.command("network", "join", "--name", "x", "--psk", str(key), "--bootstrap", addr)
    if done.returncode != REFUSED:
        raise SystemExit(f"a stranger was not refused by its key: {done.returncode} {done.stderr.strip()}")
    return done.stderr.strip()


def tell_ledgers(everybody: list[Person], network: str) -> int:
    """Tell what each side disclosed to whom; return the number of rows."""
    names = {}
    for one in everybody:
        for identity in one.ask("id")["identities"]:
            if identity["network_id"] == network:
                names[identity["peer_id"]] = one.name
    count = 0
    for one in everybody:
        told: dict[str, set[str]] = {}
        for entry in one.ask("privacy", "ledger")["entries"]:
            count += 1
            whom = names.get(entry["peer_id"], entry["peer_id"]) or entry["audience"]
            told.setdefault(whom, set()).add(f"{entry['view']} ({', '.join(entry['fields'])})")
        for whom, what in sorted(told.items()):
            say(f"{one.name} disclosed to {whom}: {'; '.join(sorted(what))}.")
    return count


def main() -> int:
    """Play the whole story."""
    with people("router", "alice", "bob", "stranger") as (router, alice, bob, stranger):
        folder = alice.home.parent
        say("A router makes a private network; Alice and Bob join by invite.")
        router.start()
        network = router.ask("network", "create", "demo")["network_id"]
        invite = router.ask("network", "invite", network)["invite"]
        for one in (alice, bob):
            one.start()
            joined = one.ask("network", "join", "-", input=invite)
            say(f"{one.name} joined as {joined['peer_id'][-8:]} in {joined['seconds']:.2f} s.")
        source = make_source(folder)
        shared = alice.ask("share", str(source), "--network", network)
        say(f"Alice shares {shared['files']} files, {shared['size'] / 1e6:.0f} MB.")
        dest = folder / "received"
        get_and_kill(bob, shared["link"], dest, shared["size"])
        say("Bob's node was killed (kill -9) in the middle of the transfer.")
        bob.start()
        got = bob.ask("get", "-", str(dest), input=shared["link"])
        say(f"Bob ran the same command again: {got['octets_reused'] / 1e6:.0f} MB were there, the rest came.")
        if not 0 < got["octets_reused"] < got["size"]:
            raise SystemExit("the kill did not hit the middle of the transfer")
        if tree_of(dest) != tree_of(source):
            raise SystemExit("what arrived is not what was shared")
        say("What arrived is what was shared, file by file (SHA-256).")
        refused = stranger.command("get", "-", str(folder / "stolen"), input=shared["link"])
        say(f"A stranger outside the network is refused: {refused.stderr.strip()}")
        say(f"With a key of its own it gets no further: {knock(stranger, router, network)}")
        rows = tell_ledgers([alice, bob, router], network)
    print(
        json.dumps(
            {
                "files": got["files"],
                "octets": got["size"],
                "octets_reused": got["octets_reused"],
                "stranger_exit": refused.returncode,
                "ledger_rows": rows,
            }
        )
    )
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
