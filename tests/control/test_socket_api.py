import contextlib
import http.client
import json
import socket
import threading
import time

import pytest
from stub_node import StubNode, make_stub_home, serving

from peertransfer.control import listener
from peertransfer.control.client import NodeClient
from peertransfer.control.commands import MAX_TEXT
from peertransfer.control.listener import MAX_CONNECTIONS
from peertransfer.errors import (
    ClashError,
    HomeError,
    NotFoundError,
    PeertransferError,
    RefusedError,
    StreamLostError,
    UsageError,
)
from peertransfer.policy.parse import MAX_SIZE


@pytest.fixture
def home(tmp_path):
    return make_stub_home(tmp_path / "home")


@pytest.fixture
def node(home):
    node = StubNode()
    with serving(node, home):
        yield node


@pytest.fixture
def client(node, home):
    return NodeClient(home.socket_path())


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def ask(home, method, target, body=None, headers=()):
    connection = _Connection(home.socket_path())
    try:
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_command_is_the_method_of_that_name(node, client):
    node.answers["unshare"] = {"manifest_cid": "bafy"}
    assert client.call("unshare", ref="bafy") == {"manifest_cid": "bafy"}
    assert node.calls == [("unshare", {"ref": "bafy"})]


def test_events_come_before_the_result_and_in_order(node, client):
    node.events["share"] = [{"event": "state", "text": "a"}, {"event": "state", "text": "b"}]
    node.answers["share"] = {"link": "l"}
    events = []
    assert client.stream("share", events.append, paths=["/x"]) == {"link": "l"}
    assert [event["text"] for event in events] == ["a", "b"]


def test_of_progress_that_nobody_has_read_the_newest_counts(node, client):
    node.events["share"] = [{"event": "progress", "octets_done": done} for done in range(10_000)]
    events = []
    client.stream("share", events.append, paths=["/x"])
    assert [event["octets_done"] for event in events] == [9_999]


@pytest.mark.parametrize("error", [ClashError("c", "h", path="/p"), RefusedError("no"), NotFoundError("n")])
def test_an_error_comes_back_as_what_it_was(node, client, error):
    node.answers["status"] = error
    with pytest.raises(type(error)) as raised:
        client.call("status")
    assert (raised.value.message, raised.value.hint) == (error.message, error.hint)
    assert raised.value.exit_code == error.exit_code


def test_a_fault_of_ours_costs_the_command_and_not_the_node(node, client):
    node.answers["status"] = ZeroDivisionError("bug")
    with pytest.raises(PeertransferError, match=r"ZeroDivisionError in stub_node\.py:"):
        client.call("status")
    node.answers["status"] = {"state": "running"}
    assert client.call("status") == {"state": "running"}


class _Broken(Exception):  # noqa: N818 - stands for any fault
    pass


@pytest.mark.parametrize(
    "strict",
    [True, pytest.param(False, marks=pytest.mark.filterwarnings("ignore:.*strict_exception_groups"))],
)
def test_a_connection_that_breaks_the_server_costs_only_itself(home, monkeypatch, strict):
    node = StubNode()

    async def broken(self):
        raise _Broken

    with serving(node, home, strict_exception_groups=strict):
        client = NodeClient(home.socket_path())
        with monkeypatch.context() as patch:
            patch.setattr(listener.TCPServer, "_read_data", broken)
            assert not client.is_ready()
        assert client.is_ready()
        node.answers["status"] = ZeroDivisionError("bug")
        with pytest.raises(PeertransferError, match="failed in this command"):
            client.call("status")
        assert client.is_ready()


def test_a_client_that_goes_away_cancels_its_command(node, home):
    node.held.add("get")
    connection = _Connection(home.socket_path())
    connection.request("POST", "/v1/get", json.dumps({"link": "l", "dest": "/d"}))
    assert node.begun.wait(10)
    assert not node.cancelled.is_set()
    connection.close()
    assert node.cancelled.wait(10)


def test_an_interrupt_in_the_client_cancels_its_command(node, client):
    node.events["get"] = [{"event": "state", "text": "x"}]
    node.held.add("get")

    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.stream("get", interrupt, link="l", dest="/d")
    assert node.cancelled.wait(10)


def test_a_node_that_stops_tells_those_who_wait(home):
    node = StubNode()
    node.held.add("get")
    told = []

    def wait():
        try:
            NodeClient(home.socket_path()).call("get", link="l", dest="/d")
        except PeertransferError as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    with serving(node, home):
        thread.start()
        assert node.begun.wait(10)
    thread.join(10)
    assert told[0].code == "cancelled"
    assert not home.socket_path().exists()


def test_a_command_that_is_not_known_is_404(node, home):
    status, body = ask(home, "POST", "/v1/format_disk", b"{}")
    assert status == 404
    assert json.loads(body)["error"]["code"] == "not_found"
    assert node.calls == []


def test_an_unknown_field_reaches_no_method(node, client):
    with pytest.raises(UsageError, match="no field"):
        client.call("status", colour="red")
    assert node.calls == []


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"ref": NaN}', b"\xff", b"[" * 100_000, b"9" * 10_000])
def test_a_body_that_is_no_object_is_400(node, home, body):
    status, answer = ask(home, "POST", "/v1/unshare", body)
    assert status == 400
    assert json.loads(answer)["error"]["exit_code"] == 2
    assert node.calls == []


def test_a_body_over_a_mebibyte_is_413_and_the_node_goes_on(node, home, client):
    connection = _Connection(home.socket_path())
    connection.putrequest("POST", "/v1/unshare")
    connection.putheader("content-length", str(8 << 20))
    connection.endheaders()
    connection.send(b'{"ref": "' + b"x" * ((8 << 20) - 9))
    assert connection.getresponse().status == 413
    connection.close()
    assert client.call("status") == {}


def test_a_command_that_is_too_long_is_not_even_sent(node, client):
    with pytest.raises(UsageError, match="too much at once"):
        client.call("unshare", ref="x" * (1 << 20))
    assert node.calls == []


@pytest.mark.parametrize("letter", ["#", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\x01"])
def test_a_policy_as_long_as_one_may_be_is_sent_whatever_it_holds(node, client, letter):
    text = letter * (MAX_SIZE // len(letter.encode()))
    client.call("policy_check", text=text, file="p" * MAX_TEXT)
    assert node.calls == [("policy_check", {"text": text, "file": "p" * MAX_TEXT})]


def test_headers_over_their_limit_are_refused(node, home, client):
    # The server may hang up while the client still writes: that is a refusal as well.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        status, _ = ask(home, "POST", "/v1/status", b"{}", {"x-long": "x" * 20_000})
        assert status == 431
    assert node.calls == []
    assert client.call("status") == {}


def test_the_wrong_method_is_refused(node, home):
    assert ask(home, "GET", "/v1/stop")[0] == 405
    assert node.calls == []


def test_connections_are_bounded_and_come_back(node, home, client):
    idle = []
    for _ in range(MAX_CONNECTIONS):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(home.socket_path()))
        one.sendall(b"POST /v1/status HTTP/1.1\r\n")
        idle.append(one)
    with pytest.raises(HomeError, match="too many"):
        client.call("status")
    for one in idle:
        one.close()
    deadline = time.monotonic() + 5
    while True:
        with contextlib.suppress(HomeError):
            assert client.call("status") == {}
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ready_is_said_without_asking_the_node(node, client):
    assert client.is_ready()
    assert node.calls == []


def test_a_socket_that_is_not_there_is_no_node(tmp_path):
    client = NodeClient(tmp_path / "control.sock")
    assert not client.is_ready()
    with pytest.raises(HomeError, match="can't be asked"):
        client.call("status")


def _answering(tmp_path, octets):
    path = tmp_path / "control.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def answer():
        connection, _ = listening.accept()
        asked = b""
        while not asked.endswith(
            b"}"
        ):  # head and body come in two pieces; hanging up between them is another case
            asked += connection.recv(65_536)
        connection.sendall(octets)
        connection.close()
        listening.close()

    threading.Thread(target=answer).start()
    return NodeClient(path)


HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"


def test_an_answer_without_a_last_line_is_a_node_that_ended(tmp_path):
    client = _answering(tmp_path, HEAD + b'{"event":"progress"}\n')
    with pytest.raises(StreamLostError):
        client.call("status")


def test_an_answer_that_is_cut_short_is_a_node_that_ended(tmp_path):
    client = _answering(tmp_path, HEAD + b'{"event":"res')
    with pytest.raises(StreamLostError):
        client.call("status")


def test_an_answer_that_is_no_json_is_named(tmp_path):
    client = _answering(tmp_path, HEAD + b"hello\n")
    with pytest.raises(HomeError, match="not JSON"):
        client.call("status")


def test_no_answer_at_all_is_a_node_that_ended(tmp_path):
    client = _answering(tmp_path, b"")
    with pytest.raises(StreamLostError):
        client.call("status")
