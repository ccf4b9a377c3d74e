"""A ``get`` that can't go on says why within 15 seconds, from the command's start, and by different words."""

import contextlib
import signal
import socket
import subprocess
import threading
import time

import pytest
from process_kit import PROGRAM, octets, people

pytestmark = pytest.mark.process
LIMIT = 15.0


@pytest.fixture(scope="module")
def link():
    """Return the link of a node that is gone, and its peer ID."""
    with people("alice") as (alice,):
        alice.start()
        path = alice.folder / "shared"
        path.write_bytes(octets(1000))
        answer = alice.ask("share", path)
        peer_id = alice.address().rpartition("/")[2]
    return answer["link"].split("&a=")[0], peer_id


@contextlib.contextmanager
def stranger(on_socket):
    """Listen on a port and do ``on_socket`` with each connection; give the port."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    one, _ = server.accept()
                    held.append(one)
                    on_socket(one)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for one in held:
        one.close()


def refused_get(person, link, *options, code=3):
    """Run a ``get`` that starts a node of its own; return its line of error."""
    started = time.monotonic()
    done = person.command("get", "-", person.folder / "no", *options, text=link, as_json=False)
    assert time.monotonic() - started < LIMIT
    assert done.returncode == code, done.stderr
    assert not (person.folder / "no").exists()
    return done.stderr.splitlines()[0]


def test_each_reason_has_its_own_words(link):
    bare, peer_id = link

    def at(port):
        return ("--from", f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer_id}")

    with people("bob") as (bob,), socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
        closed.close()
        said = {
            "no network": refused_get(bob, bare.replace("n=open", "n=nqaw626r4647wjrc2w4vuu32slk5scy6g")),
            "no provider": refused_get(bob, bare),
            "no route": refused_get(bob, bare, *at(port)),
        }
        with stranger(lambda _: None) as port:
            said["silent"] = refused_get(bob, bare, *at(port))
        with stranger(lambda one: one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
            said["garbage"] = refused_get(bob, bare, *at(port), code=5)
    assert len(set(said.values())) == len(said)
    for reason, words in {
        "no network": "network",
        "no provider": "no address",
        "no route": "nothing listens",
        "silent": "shake hands",
        "garbage": "no libp2p",
    }.items():
        assert words in said[reason]


def test_a_provider_that_falls_silent_in_the_middle_is_told_within_15_seconds():
    with people("alice", "bob") as (alice, bob):
        for one in (alice, bob):
            one.start()
        source = alice.folder / "large"
        source.write_bytes(octets(200 << 20))
        link = alice.ask("share", source)["link"]
        getting = subprocess.Popen(
            [PROGRAM, "--home", bob.home, "get", "-", bob.folder / "here"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        getting.stdin.write(link)
        getting.stdin.close()
        while not bob.ask("status")["octets_received"]:
            assert getting.poll() is None
        alice.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            assert getting.wait(2 * LIMIT) == 3
        finally:
            alice.process.send_signal(signal.SIGCONT)
        assert time.monotonic() - stopped < LIMIT
        line = getting.stderr.read().splitlines()[0]
        getting.stderr.close()
        assert "silent" in line
        assert "again" in line
