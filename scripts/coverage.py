"""Branch coverage: the pure rooms must reach 100 %, because nothing keeps a test from any of their lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE = ("content", "disclosure", "policy", "wire", "exchange", "kademlia", "membership")


def main() -> int:
    """Run the pure rooms' tests under coverage and report; exit code of the report."""
    tests = [f"tests/{room}" for room in PURE]
    run = [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", *tests]
    failed = subprocess.run(run, cwd=ROOT, check=False).returncode
    include = ",".join(f"*/peertransfer/{room}/*" for room in PURE)
    report = [sys.executable, "-m", "coverage", "report", "--skip-covered", "-m", f"--include={include}"]
    return failed or subprocess.run([*report, "--fail-under=100"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
