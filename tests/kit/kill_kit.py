"""Real nodes that are killed, and a slow road between them."""

import contextlib
import hashlib
import json
import signal
import subprocess

import trio
from interop_kit import LOOPBACK, PEERTRANSFER, NodeHome

PIECE = 65_536
PARTIAL_FOLDER = ".peertransfer-partial"


class MortalNode(NodeHome):
    """A home whose node can be killed and started again."""

    async def start(self):
        """Start the node, wait until it is ready, and return its hosts; ``kill`` ends it."""
        self._process = await trio.lowlevel.open_process(
            [str(PEERTRANSFER), "--home", str(self.path), "--json", "run", "--listen", LOOPBACK],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
        )
        line = b""
        with trio.fail_after(30):
            while not line.endswith(b"\n"):
                octets = await self._process.stdout.receive_some()
                assert octets, "the node ended before it was ready"
                line += octets
        return json.loads(line)["hosts"]

    async def kill(self):
        """End the node without a word."""
        with trio.CancelScope(shield=True):
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            await self._process.stdout.aclose()

    @contextlib.asynccontextmanager
    async def running(self):
        """Run the node until the block ends, whichever process it then is; give its hosts."""
        hosts = await self.start()
        try:
            yield hosts
        finally:
            await self.kill()


class SlowRoad:
    """A TCP proxy that lets ``octets_a_second`` through toward whoever dialed it."""

    def __init__(self, port, octets_a_second):
        self._port = port
        self.octets_a_second = octets_a_second
        self.octets = 0
        """Octets that went toward the dialer, of all connections."""
        self._moved = trio.Condition()

    async def serve(self, task_status):
        """Serve until cancelled; the port is given by ``task_status``."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(
                lambda task_status: trio.serve_listeners(self._pass, listeners, task_status=task_status)
            )
            task_status.started(port)

    async def until(self, octets):
        """Wait until so many octets have gone."""
        async with self._moved:
            while self.octets < octets:
                await self._moved.wait()

    async def _pass(self, near):
        with contextlib.suppress(OSError):
            far = await trio.open_tcp_stream("127.0.0.1", self._port)
            async with near, far, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, near, far, self._ignore, nursery.cancel_scope)
                nursery.start_soon(self._pump, far, near, self._slow_down, nursery.cancel_scope)

    async def _pump(self, source, sink, on_octets, scope):
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while octets := await source.receive_some(PIECE):
                await sink.send_all(octets)
                await on_octets(len(octets))
        scope.cancel()

    async def _ignore(self, count):
        pass

    async def _slow_down(self, count):
        await trio.sleep(count / self.octets_a_second)
        async with self._moved:
            self.octets += count
            self._moved.notify_all()


def digests(folder):
    """Return the SHA-256 of each file below ``folder`` that bears its final name, by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and PARTIAL_FOLDER not in path.parts
    }


def partial_folders(folder):
    """Return what unfinished transfers left below ``folder``."""
    return list(folder.rglob(PARTIAL_FOLDER))
