"""A transfer that was paused goes on, to where it was to go."""

import filecmp
import os
import signal
import subprocess
import time

import pytest
from process_kit import PROGRAM, octets

pytestmark = pytest.mark.process
LONG = 256 << 20
"""Octets that take seconds to fetch: there is time to ask what is going on."""


def test_a_file_under_a_name_of_its_own_keeps_it_when_resumed(pair):
    alice, bob = pair
    source = alice.folder / "title.bin"
    _write_long(source)
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
    assert paused["octets_total"] == LONG
    assert paused["octets_done"] >= 1 << 20
    got = bob.ask("resume", transfer["transfer_id"])
    assert got["dest"] == str(dest)
    assert got["octets_received"] + got["octets_reused"] == LONG
    assert got["octets_reused"] > 0
    assert filecmp.cmp(dest, source, shallow=False)
    assert list(dest.parent.iterdir()) == [dest]
    (done,) = bob.ask("transfers")["transfers"]
    assert (done["state"], done["octets_total"], done["octets_done"]) == ("done", LONG, LONG)


def test_a_get_that_is_cancelled_from_elsewhere_says_so_and_leaves_nothing(pair):
    alice, bob = pair
    source = alice.folder / "unwanted.bin"
    _write_long(source)
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


def _write_long(path):
    path.write_bytes(octets(1 << 20))
    os.truncate(path, LONG)


def _begun(person, title="title.bin"):
    """Return the transfer, once octets of it arrived."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for one in person.ask("transfers")["transfers"]:
            if one["title"] == title and one["octets_received"]:
                return one
    pytest.fail("the transfer did not begin")
