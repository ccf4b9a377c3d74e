"""The demo tells its whole story, ends with one line of JSON, and leaves nothing behind."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo.py"


@pytest.mark.process
def test_the_demo_does_the_main_job_and_leaves_nothing():
    with tempfile.TemporaryDirectory(prefix="pt-demo-") as folder:
        done = subprocess.run(
            [sys.executable, str(DEMO)],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert set(told) == {"files", "octets", "octets_reused", "stranger_exit", "ledger_rows"}
        assert told["files"] > 100
        assert 0 < told["octets_reused"] < told["octets"]
        assert told["stranger_exit"] in {3, 5}
        assert told["ledger_rows"] > 10
        assert list(Path(folder).iterdir()) == []
