"""The files beside this one hold mistakes on purpose; mypy must report each of them and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
_EXPECTED = re.compile(r"# E: ([a-z-]+)$")
_REPORTED = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$", re.MULTILINE)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """What mypy reports: file name to {(line, code)}."""
    cache = tmp_path_factory.mktemp("mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", str(cache)]
    done = subprocess.run(
        [*command, *(str(path) for path in FILES)],
        cwd=ROOT,
        env={"COLUMNS": "400", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found = {path.name: set() for path in FILES}
    for match in _REPORTED.finditer(done.stdout):
        path = Path(match["file"])
        if (ROOT / path).parent == HERE:
            found[path.name].add((int(match["line"]), match["code"]))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mypy_reports_each_mistake_and_nothing_else(path, reported):
    expected = set()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if mark := _EXPECTED.search(line):
            expected.add((number, mark[1]))
    assert expected
    assert reported[path.name] == expected
