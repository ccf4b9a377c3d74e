"""Each contract of ``pyproject.toml`` is broken on purpose, and must be reported by its name."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINT = Path(sys.executable).parent / "lint-imports"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = {contract["id"]: contract["name"] for contract in CONFIG["contracts"]}
CONTRACTS = {contract["id"]: contract for contract in CONFIG["contracts"]}
MARK = "broken_on_purpose"

BREAKS = [
    ("rooms", "content", "import peertransfer.policy.engine"),
    ("rooms", "errors_below", "import peertransfer.errors"),
    ("rooms", "exchange", "import peertransfer.kademlia.distance"),
    ("rooms", "membership", "import peertransfer.policy.facts"),
    ("rooms", "service", "import peertransfer.control.client"),
    ("no-io", "policy", "import time"),
    ("no-io", "exchange", "import trio"),
    ("no-io", "kademlia", "from random import random"),
    ("no-io", "wire", "import logging"),
    ("no-io", "content", "import os.path"),
    ("libp2p", "service", "from libp2p.abc import IHost"),
    ("libp2p", "cli", "import libp2p"),
    ("engine-seals", "service", "from peertransfer.disclosure._seal import seal"),
    ("engine-seals", "policy", "from peertransfer.disclosure import _seal"),
    ("codec-protobuf", "exchange", "from peertransfer.wire.v1 import exchange_pb2"),
    ("codec-protobuf", "service", "import peertransfer.wire.v1.kad_pb2"),
    ("private-records", "wire", "from peertransfer.content.shared import SharedItem"),
    ("private-records", "net", "import peertransfer.content.shared"),
]


def lint(root):
    done = subprocess.run(
        [str(LINT), "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "node"), "COLUMNS": "400", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.*) (KEPT|BROKEN)$", done.stdout, re.MULTILINE))
    assert set(verdicts) == set(NAMES.values()), done.stdout + done.stderr
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert bool(done.returncode) == bool(broken)
    return broken, done.stdout


@pytest.fixture
def tree(tmp_path):
    """A copy of the package with the project's settings."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "node" / "peertransfer", tmp_path / "node" / "peertransfer", ignore=ignored)
    return tmp_path


def test_the_tree_as_it_is_keeps_every_contract(tree):
    broken, output = lint(tree)
    assert not broken, output


@pytest.mark.parametrize(("contract", "room", "line"), BREAKS, ids=[f"{one[0]}-{one[1]}" for one in BREAKS])
def test_a_broken_contract_is_reported_by_its_name(tree, contract, room, line):
    folder = tree / "node" / "peertransfer" / room
    if not folder.exists():
        folder.mkdir()
        (folder / "__init__.py").write_text('"""A room that has no place."""\n')
    (folder / f"{MARK}.py").write_text(f'"""Breaks a contract."""\n{line}\n')
    broken, output = lint(tree)
    assert NAMES[contract] in broken
    assert MARK in output or room not in CONTRACTS["rooms"]["layers"]


def test_an_import_for_types_only_breaks_a_contract_too(tree):
    path = tree / "node" / "peertransfer" / "wire" / f"{MARK}.py"
    path.write_text(
        '"""Breaks a contract."""\nfrom typing import TYPE_CHECKING\n'
        "if TYPE_CHECKING:\n    from peertransfer.content.shared import SharedItem\n"
    )
    broken, _ = lint(tree)
    assert NAMES["private-records"] in broken


def test_there_are_six_contracts_and_each_is_broken_here():
    assert len(NAMES) == 6
    assert {one[0] for one in BREAKS} == set(NAMES)


def test_every_room_is_judged_by_the_contracts_that_list_rooms():
    """The lists of source modules can't forget a room that ``layers`` places."""
    rooms = {
        f"peertransfer.{room}"
        for layer in CONTRACTS["rooms"]["layers"]
        for room in layer.replace("|", " ").split()
    }
    on_disk = {
        f"peertransfer.{path.stem}"
        for path in (ROOT / "node" / "peertransfer").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert on_disk - {"peertransfer.__init__"} == rooms
    assert set(CONTRACTS["libp2p"]["source_modules"]) == rooms - {
        "peertransfer.net",
        "peertransfer.transport",
    }
    with_trio = {"store", "transport", "net", "rights", "service", "control", "cli"}
    assert set(CONTRACTS["no-io"]["source_modules"]) == rooms - {f"peertransfer.{room}" for room in with_trio}
