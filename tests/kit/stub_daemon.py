"""``control.daemon`` as a process, around a node that says what ``stub.json`` in its home tells it to.

Stands for ``service.launch.run_node``: takes the lock, serves, is ready, ends by a signal or by ``stop``. Without
libp2p it starts at once.
"""

import json
import signal
import sys
import types

import trio
from stub_node import StubNode

from peertransfer.errors import HomeError
from peertransfer.store.home import open_home

PROGRESS = [
    {
        "event": "progress",
        "transfer_id": "t1",
        "name": "holiday pictures of the whole family 2026",
        "octets_total": 400 << 20,
        "octets_done": step << 20,
        "files_total": 12,
        "files_done": step // 40,
        "providers": [
            {"peer_id": "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt", "state": "sending"},
            {"peer_id": "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRabcd", "state": "waiting"},
        ],
    }
    for step in range(0, 400, 4)
]


class ScriptedNode(StubNode):
    """Answers from ``stub.json``, and can be stopped."""

    def __init__(self, script, begun_path, is_over):
        super().__init__()
        self.answers.update(script.get("answers", {}))
        self.events.update(script.get("events", {}))
        self.held.update(script.get("held", []))
        self.pace_seconds = script.get("pace_seconds", 0)
        self._begun_path = begun_path
        self._is_over = is_over

    async def get(self, progress, **fields):
        self._begun_path.touch(mode=0o600)
        self.calls.append(("get", fields))
        if self.pace_seconds:
            for event in PROGRESS:
                progress(event)
                await trio.sleep(self.pace_seconds)
        return await self._carry_out("get", progress=progress, **fields)

    async def stop(self):
        self._is_over.set()
        return {}


def run_node(home_path, *, listen, on_ready, on_host, serve):
    """Run the scripted node until it is told to end."""
    home = open_home(home_path)
    script = json.loads((home.path / "stub.json").read_text()) if (home.path / "stub.json").exists() else {}
    with home.lock():
        if script.get("fails"):
            raise HomeError(script["fails"], "Mend it.")
        if script.get("breaks"):
            raise ZeroDivisionError(script["breaks"])
        trio.run(_run, home, script, list(listen), on_ready, serve)
        (home.path / "ended").touch(mode=0o600)


async def _run(home, script, listen, on_ready, serve):
    is_over = trio.Event()
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            await nursery.start(serve, ScriptedNode(script, home.path / "begun", is_over))
            on_ready({"hosts": [{"network_id": "open", "peer_id": "12D3", "listen_addrs": listen}]})
            nursery.start_soon(_until_signal, signals, is_over)
            await is_over.wait()
        nursery.cancel_scope.cancel()


async def _until_signal(signals, is_over):
    async for _ in signals:
        is_over.set()


_launch = types.ModuleType("peertransfer.service.launch")
_launch.run_node = run_node
sys.modules["peertransfer.service.launch"] = _launch

if __name__ == "__main__":
    from peertransfer.control import daemon

    sys.exit(daemon.run(daemon._options(sys.argv[1:])))
