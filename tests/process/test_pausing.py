"""A transfer that was paused goes on, to where it was to go."""

import signal
import subprocess
import time

import pytest
from process_kit import PROGRAM, octets

pytestmark = pytest.mark.process


def test_a_file_under_a_name_of_its_own_keeps_it_when_resumed(pair):
    alice, bob = pair
    source = alice.folder / "title.bin"
    source.write_bytes(octets(48 << 20))
    link = alice.ask("share", source)["link"]
    (bob.folder / "in").mkdir()
    dest = bob.folder / "in" / "my name.bin"
    getting = subprocess.Popen(
        [PROGRAM, "--home", bob.home, "get", "-", dest], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    getting.stdin.write(link.encode())
    getting.stdin.close()
    transfer = _begun(bob)
    alice.process.send_signal(signal.SIGSTOP)
    try:
        bob.ask("pause", transfer["transfer_id"])
        assert getting.wait(10) == 1
    finally:
        alice.process.send_signal(signal.SIGCONT)
        getting.stderr.close()
    (paused,) = bob.ask("transfers")["transfers"]
    assert (paused["state"], paused["dest"]) == ("paused", str(dest))
    assert paused["octets_total"] == 48 << 20
    assert paused["octets_done"] >= 1 << 20
    got = bob.ask("resume", transfer["transfer_id"])
    assert got["dest"] == str(dest)
    assert got["octets_received"] + got["octets_reused"] == 48 << 20
    assert got["octets_reused"] > 0
    assert dest.read_bytes() == source.read_bytes()
    assert list(dest.parent.iterdir()) == [dest]
    (done,) = bob.ask("transfers")["transfers"]
    assert (done["state"], done["octets_total"], done["octets_done"]) == ("done", 48 << 20, 48 << 20)


def test_a_get_that_is_cancelled_from_elsewhere_says_so_and_leaves_nothing(pair):
    alice, bob = pair
    source = alice.folder / "unwanted.bin"
    source.write_bytes(octets(48 << 20, seed=2))
    link = alice.ask("share", source)["link"]
    dest = bob.folder / "unwanted.bin.got"
    getting = subprocess.Popen(
        [PROGRAM, "--home", bob.home, "get", "-", dest],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    getting.stdin.write(link)
    getting.stdin.close()
    transfer = _begun(bob, "unwanted.bin")
    alice.process.send_signal(signal.SIGSTOP)
    try:
        bob.ask("cancel", transfer["transfer_id"])
        assert getting.wait(10) == 1
    finally:
        alice.process.send_signal(signal.SIGCONT)
    assert getting.stderr.read().startswith("error: The transfer was cancelled.")
    getting.stderr.close()
    assert not dest.exists()


def _begun(person, title="title.bin"):
    """Return the transfer, once octets of it arrived."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for one in person.ask("transfers")["transfers"]:
            if one["title"] == title and one["octets_received"]:
                return one
    pytest.fail("the transfer did not begin")
