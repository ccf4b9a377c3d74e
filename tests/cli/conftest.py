import io
import json
import sys
from dataclasses import dataclass

import pytest
from stub_node import StubNode, make_stub_home, serving

from peertransfer.cli import main as entry


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self):
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])


@pytest.fixture
def home(tmp_path):
    return make_stub_home(tmp_path / "home")


@pytest.fixture
def node(home):
    node = StubNode()
    with serving(node, home):
        yield node


@pytest.fixture
def cli(home, capsys, monkeypatch):
    """Carry out a command line on ``home`` in this process."""
    monkeypatch.setenv("PEERTRANSFER_HOME", str(home.path))

    def carry_out(*words, stdin=""):
        taken = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        monkeypatch.setattr(sys, "stdin", taken)
        monkeypatch.setattr(sys, "argv", ["peertransfer", *words])
        capsys.readouterr()
        hook = sys.excepthook
        try:
            entry.main()
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.excepthook = hook
        out, err = capsys.readouterr()
        return Outcome(code or 0, out, err)

    return carry_out
