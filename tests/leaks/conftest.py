"""One day for all tests, also where several processes run them."""

import fcntl
import os

import pytest
from leak_capture import exec_in_namespace, why_no_namespace
from leak_recording import Recording
from source_kit import ROOT


@pytest.fixture(scope="session")
def no_namespace():
    """Return why the day has no machine of its own; empty where it has one."""
    return why_no_namespace()


@pytest.fixture(scope="session")
def day(tmp_path_factory, no_namespace):
    """Return the recording of a day."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    out = folder / "day.pickle"
    with (folder / "day.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            path = os.pathsep.join(str(ROOT / part) for part in ("node", "tests/kit"))
            arguments = ["-m", "leak_day", str(out), "shared" if no_namespace else "alone"]
            done = exec_in_namespace(arguments, {"PYTHONPATH": path})
            assert done.returncode == 0, done.stderr
    return Recording.load(out)
