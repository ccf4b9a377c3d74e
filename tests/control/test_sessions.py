"""A node as a child process: it starts for a command, serves it, and ends with it however that ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from stub_node import StubNode, make_stub_home, serving

from peertransfer.control import sessions
from peertransfer.errors import CancelledTransferError, HomeError, PeertransferError

pytestmark = pytest.mark.process
KIT = Path(__file__).parent.parent / "kit"


@pytest.fixture(autouse=True)
def _stub_daemon(monkeypatch):
    monkeypatch.setattr(sessions, "DAEMON_MODULE", "stub_daemon")
    monkeypatch.setenv("PYTHONPATH", str(KIT))


@pytest.fixture
def home(tmp_path):
    return make_stub_home(tmp_path / "home")


def tell(home, **script):
    path = home.path / "stub.json"
    path.write_text(json.dumps(script))
    path.chmod(0o600)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def start(home, *words, **more):
    command = [sys.executable, "-P", "-m", "stub_daemon", "--home", str(home.path), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_a_node_is_started_for_a_command_and_ends_with_it(home):
    tell(home, answers={"status": {"state": "running"}})
    with sessions.node_session(home, listen=["/ip4/127.0.0.1/tcp/0"]) as session:
        assert session.is_own
        assert session.client.call("status") == {"state": "running"}
        assert os.getsid(home.running_pid()) != os.getsid(0), "Ctrl-C would reach it"
    assert home.running_pid() is None
    assert (home.path / "ended").exists()
    assert not home.socket_path().exists()


def test_a_node_that_runs_is_used_and_left_running(home):
    node = StubNode()
    with serving(node, home):
        with sessions.node_session(home) as session:
            assert not session.is_own
            session.client.call("status")
        assert sessions.running_node(home) is not None
    assert node.calls == [("status", {})]


def test_a_node_that_can_not_start_says_why(home):
    tell(home, fails="The port 4001 is in use")
    with pytest.raises(HomeError, match="port 4001"), sessions.node_session(home):
        pass


def test_a_node_that_breaks_at_its_start_is_named_in_one_line(home):
    tell(home, breaks="deep bug")
    with pytest.raises(PeertransferError) as raised, sessions.node_session(home):
        pass
    assert "deep bug" in raised.value.message
    assert "\n" not in raised.value.message


def test_a_node_is_started_where_no_temporary_file_can_be_made(home, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr(tempfile, "TemporaryFile", _no_room)
    with sessions.node_session(home) as session:
        assert session.is_own
    tell(home, fails="The port 4001 is in use")
    with pytest.raises(HomeError, match="port 4001"), sessions.node_session(home):
        pass


def _no_room():
    raise FileNotFoundError(2, "No usable temporary directory found")


def test_an_error_in_the_block_ends_the_node(home):
    with pytest.raises(KeyError), sessions.node_session(home):
        raise KeyError
    assert home.running_pid() is None


def test_an_interrupt_ends_the_node_in_good_order(home):
    with pytest.raises(KeyboardInterrupt), sessions.node_session(home):
        raise KeyboardInterrupt
    assert (home.path / "ended").exists()


def test_a_second_command_uses_the_first_ones_node_and_is_not_cut_off(home):
    tell(home, held=["get"])
    failures = []
    got = threading.Event()

    def second():
        with sessions.node_session(home) as session:
            assert not session.is_own
            try:
                session.client.stream("get", lambda event: got.set(), link="l", dest="/d")
            except PeertransferError as error:
                failures.append(error)

    tell(home, held=["get"], events={"get": [{"event": "state", "text": "x"}]})
    child = sessions._Child(home, (), "")
    child.wait_ready(time.monotonic() + 20)
    thread = threading.Thread(target=second)
    thread.start()
    assert got.wait(20)
    child._process.stdin.close()
    assert child._process.poll() is None
    assert sessions.running_node(home) is not None
    child._process.terminate()
    thread.join(20)
    child.end()
    assert isinstance(failures[0], CancelledTransferError)


def test_commands_that_start_at_the_same_moment_share_one_node(home):
    tell(home, answers={"status": {"state": "running"}})
    answers = []

    def one():
        with sessions.node_session(home) as session:
            answers.append(session.client.call("status"))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [{"state": "running"}] * 3


def test_a_child_whose_parent_is_killed_ends_too(home):
    program = (
        "import sys, os; from pathlib import Path; from peertransfer.control import sessions, homes;"
        "sessions.DAEMON_MODULE = 'stub_daemon';"
        "home = homes.checked_home(Path(sys.argv[1]));"
        "s = sessions.node_session(home); s.__enter__(); print('up', flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run([sys.executable, "-c", program, str(home.path)], capture_output=True, check=False)
    assert parent.stdout == b"up\n"
    assert parent.returncode == -signal.SIGKILL
    until(lambda: home.running_pid() is None)
    until((home.path / "ended").exists)


def test_a_home_that_is_held_by_a_node_that_does_not_answer(home, monkeypatch):
    monkeypatch.setattr(sessions, "START_SECONDS", 0.2)
    with home.lock(), pytest.raises(HomeError, match="does not answer"), sessions.node_session(home):
        pass


def test_the_first_line_of_a_run_is_ready_with_its_hosts(home):
    with start(home, "--listen", "/ip4/127.0.0.1/tcp/9") as process:
        ready = json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    assert ready["event"] == "ready"
    assert ready["hosts"][0]["listen_addrs"] == ["/ip4/127.0.0.1/tcp/9"]


def test_a_run_without_a_terminal_does_not_end_with_standard_input(home):
    with start(home, stdin=subprocess.DEVNULL) as process:
        process.stdout.readline()
        assert sessions.running_node(home) is not None
        process.terminate()
        assert process.wait(20) == 0


def test_a_second_run_on_one_home_is_refused_and_the_first_goes_on(home):
    with start(home) as first:
        first.stdout.readline()
        with start(home) as second:
            out, err = second.communicate(timeout=20)
        assert second.returncode == 1
        assert err.startswith("error: Another node runs on this home")
        assert out == ""
        assert sessions.running_node(home) is not None
        first.terminate()


def test_the_error_of_a_start_is_the_first_line_and_no_traceback(home):
    tell(home, breaks="bug")
    with start(home) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[0].startswith("error: Unexpected ZeroDivisionError in stub_daemon.py:")
    assert "Traceback" not in err
