"""A provider whose disk gets full: it stops disclosing rather than recording, says so, and goes on by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import full_disk_child
import pytest

MOUNT = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
CAN_MOUNT = bool(shutil.which("unshare")) and not subprocess.call(MOUNT, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return what happened, on a real disk of some mebibytes."""
    if not CAN_MOUNT:
        pytest.skip("no disk can be mounted here")
    command = [
        "unshare",
        "-rm",
        sys.executable,
        full_disk_child.__file__,
        str(tmp_path_factory.mktemp("full")),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_node_with_a_full_disk_says_so_in_its_status(told):
    assert told["before"]["ledger"] == {"recording": True}
    for when in ("full", "later"):
        assert told[when]["state"] == "running"
        assert not told[when]["ledger"]["recording"]
        assert "full" in told[when]["ledger"]["reason"]
        assert told[when]["ledger"]["since"] == told["full"]["ledger"]["since"] > 0


def test_nothing_leaves_while_nothing_can_be_recorded(told):
    assert told["full"]["octets_sent"] == told["later"]["octets_sent"] == told["again"]["octets_sent"]


def test_it_goes_on_once_there_is_room(told):
    assert told["again"]["ledger"] == {"recording": True}
    assert told["works"]


def test_all_octets_that_left_are_in_an_unbroken_ledger(told):
    assert told["octets_booked"] == told["octets_sent"] == told["got"] * full_disk_child.FILE_SIZE
    assert told["check"]["verified"]
