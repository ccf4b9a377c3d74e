"""Only the listed writers write (ARCHITECTURE.md, "The door", 2), and only the listed makers make.

Peers' streams are libp2p's, and only ``net`` and ``transport`` can hold one (import contract). There, the
writers are ``net/peer_stream.py``, which takes sealed frames, and ``transport``: the record layer, yamux and
multistream-select, and the ping echo, which gives back the peer's own octets. The rooms above get ``PeerStream``, whose ``send``
takes nothing but a ``SealedFrame`` (``tests/typing``). ``control`` and ``cli`` speak to this machine's own
socket and terminal.
"""

import pytest
from source_kit import PACKAGE, calls, imports, sources

STREAM_WRITERS = ("net/peer_stream.py", "transport/")
"""May write to a peer's stream."""
LOCAL_WRITERS = ("control/", "cli/")
"""May write to the local socket and the terminal; they can't get hold of a peer's stream."""
FILE_WRITERS = ("store/",)
"""May write to files."""
FRAME_MAKERS = ("wire/",)
UNFORGEABLE_MAKERS = (
    "content/unforgeable.py",
    "content/verified.py",
    "disclosure/_seal.py",
    "disclosure/frame.py",
)

_RAW = ("send_all", "sendall", "send_some", "sendto", "sendmsg", "send_eof", "write_msg", "send_message")


def trespasses(name, source):
    """Calls in the file ``name`` that it may not make, as text."""
    found = []
    for receiver, function, line in sorted(calls(source)):
        call = f"{name}:{line}: {receiver}.{function}"
        if function in _RAW and not name.startswith((*STREAM_WRITERS, *LOCAL_WRITERS)):
            found.append(call)
        if function in ("write", "send") and _writes_to_a_peer(name, receiver, function):
            found.append(call)
        if function == "seal_frame" and not name.startswith(FRAME_MAKERS):
            found.append(call)
        if function == "_create" and name not in UNFORGEABLE_MAKERS:
            found.append(call)
        if (receiver, function) == ("object", "__new__"):
            found.append(call)
    return found


def _writes_to_a_peer(name, receiver, function):
    if name.startswith((*STREAM_WRITERS, *LOCAL_WRITERS, *FILE_WRITERS)):
        return False
    if function == "send":
        return "sock" in receiver
    return name.startswith("net/") or any(word in receiver for word in ("stream", "conn", "sock"))


@pytest.mark.parametrize("name", sources())
def test_only_the_listed_writers_write_and_makers_make(name):
    assert trespasses(name, (PACKAGE / name).read_text()) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("service/x.py", "await stream.send_all(b'x')"),
        ("service/x.py", "nursery.start_soon(self._stream.write, b'x')"),
        ("service/x.py", "await self._connection.stream.write(b'x')"),
        ("net/identify.py", "await stream.write(b'x')"),
        ("net/identify.py", "await (await host.new_stream(p)).write(b'x')"),
        ("net/identify.py", "await noise.write_msg(b'x')"),
        ("net/host.py", "self._sock.send(b'x')"),
        ("net/host.py", "self._sock.sendall(b'x')"),
        ("service/x.py", "seal_frame(disclosed, b'x')"),
        ("exchange/x.py", "frame.seal_frame(disclosed, b'x')"),
        ("service/x.py", "Disclosed._create(view, audience, record)"),
        ("policy/engine.py", "make = Disclosed._create"),
        ("policy/engine.py", "object.__new__(Disclosed)"),
    ],
)
def test_a_trespass_is_found(name, source):
    assert trespasses(name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("service/x.py", "await stream.send(frame)"),
        ("net/host.py", "await peer_stream.send(frame)"),
        ("net/host.py", "await self._channel.send(event)"),
        ("net/peer_stream.py", "await self._stream.write(frame.head)"),
        ("transport/noise.py", "await self._stream.send_all(octets)"),
        ("store/x.py", "file.write(octets)"),
        ("cli/x.py", "sys.stdout.write(text)"),
        ("wire/x.py", "seal_frame(disclosed, b'x')"),
    ],
)
def test_what_is_permitted_is_no_trespass(name, source):
    assert trespasses(name, source) == []


def test_the_listed_makers_and_the_engine_are_there():
    for name in UNFORGEABLE_MAKERS:
        assert any(
            function == "_create" or "def _create" in (PACKAGE / name).read_text()
            for _, function, _ in calls((PACKAGE / name).read_text())
        )


def test_those_who_write_locally_never_hold_the_stream_of_a_peer():
    for name, path in sources().items():
        if name.startswith(LOCAL_WRITERS):
            reached = imports(path.read_text())
            assert not any(
                one.startswith(("peertransfer.net", "peertransfer.transport")) for one in reached
            ), name
