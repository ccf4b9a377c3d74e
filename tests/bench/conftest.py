"""The processes of the benchmark find it as its own Makefile target has it."""

import os
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def scripts_in_path(monkeypatch):
    further = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTS), *([further] if further else [])]))
