"""A ``share`` in the foreground, with a node of its own, and what it says while others fetch."""

import contextlib
import json
import subprocess
import threading

import pytest
from process_kit import LOOPBACK, PROGRAM, octets, people, refused

pytestmark = pytest.mark.process


@contextlib.contextmanager
def serving(person, path, *options):
    """Run ``share`` in the foreground; give its answer, its process and the lines of its standard error."""
    words = [PROGRAM, "--home", person.home, "--json", "share", path, "--listen", LOOPBACK, *options]
    with subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        reader.start()
        try:
            yield json.loads(process.stdout.readline()), process, lines
        finally:
            process.terminate()
            process.wait(20)
            reader.join(5)


@pytest.mark.parametrize("size", [1000, 20 << 20])
def test_once_ends_with_the_first_delivery_whatever_is_fetched(size):
    with people("alice", "bob") as (alice, bob):
        path = alice.folder / "shared"
        path.write_bytes(octets(size))
        for number in range(3):
            with serving(alice, path, "--once") as (answer, process, lines):
                dest = bob.folder / f"{number}"
                bob.ask("get", "-", dest, text=answer["link"])
                assert process.wait(20) == 0
            assert any("delivered, verified" in line for line in lines)
            assert dest.read_bytes() == path.read_bytes()


def test_the_owner_is_told_which_file_changed(pair):
    bob = pair[1]
    with people("carol") as (carol,):
        path = carol.folder / "draft"
        path.write_bytes(octets(5000))
        with serving(carol, path) as (answer, _, lines):
            path.write_bytes(octets(5000, 1))
            refused(bob.command("get", "-", bob.folder / "draft", text=answer["link"]), 5)
        assert [line for line in lines if "changed since it was shared" in line and "draft" in line]
