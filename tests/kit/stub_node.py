"""A node that answers what a test told it to, on a real socket, in a thread of its own."""

import contextlib
import threading
from functools import partial
from pathlib import Path

import trio

from peertransfer.control.application import Activity, build_application
from peertransfer.control.endpoint import Endpoint
from peertransfer.control.listener import Listener
from peertransfer.store.home import Home, create_home


class StubNode:
    """Stands for ``service.node.Node``: any command is a method."""

    def __init__(self):
        self.calls = []
        """``(command, fields)`` in order."""
        self.answers = {}
        """Command to its result, or to the error that it raises."""
        self.events = {}
        """Command to the events that it reports first."""
        self.held = set()
        """Commands that never end by themselves."""
        self.cancelled = threading.Event()
        """A held command was cancelled."""
        self.begun = threading.Event()
        """A held command has begun."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._carry_out, name)

    async def _carry_out(self, command, /, progress=None, **fields):
        self.calls.append((command, fields))
        for event in self.events.get(command, ()):
            progress(event)
        if command in self.held:
            self.begun.set()
            try:
                await trio.sleep_forever()
            finally:
                self.cancelled.set()
        await trio.lowlevel.checkpoint()
        answer = self.answers.get(command, {})
        if isinstance(answer, BaseException):
            raise answer
        return answer


def make_stub_home(path: Path) -> Home:
    """Make the folders of a home, and the file by which one is known."""
    home = create_home(path)
    home.config_path.write_text("version = 1\n")
    home.config_path.chmod(0o600)
    return home


@contextlib.contextmanager
def serving(node, home, **run_options):
    """Serve ``node`` on the socket of ``home`` from another thread."""
    endpoint = Endpoint(home.make_socket_folder())
    is_up = threading.Event()
    ends = {}

    async def serve():
        listener = Listener(build_application(node, Activity()), endpoint)
        async with trio.open_nursery() as nursery:
            await nursery.start(listener.run)
            ends["token"] = trio.lowlevel.current_trio_token()
            ends["scope"] = nursery.cancel_scope
            is_up.set()

    thread = threading.Thread(target=trio.run, args=(serve,), kwargs=run_options)
    thread.start()
    assert is_up.wait(10)
    try:
        yield
    finally:
        with contextlib.suppress(trio.RunFinishedError):
            trio.from_thread.run_sync(ends["scope"].cancel, trio_token=ends["token"])
        thread.join(10)
        assert not thread.is_alive()
