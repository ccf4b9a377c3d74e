"""How the files look: size, head, and no import of the source root."""

import ast
import re

import pytest
from source_kit import PACKAGE, ROOT, imports, sources

MAX_LINES = 400
EXCEPTION = re.compile(r"#\s*noqa\b(?!: [A-Z0-9, ]+ - \S)")
"""A lint exception that does not say why."""


@pytest.mark.parametrize("name", sources())
def test_a_file_opens_with_its_docstring(name):
    assert ast.get_docstring(ast.parse((PACKAGE / name).read_text()))


@pytest.mark.parametrize("name", sources())
def test_a_file_can_be_read_at_a_sitting(name):
    assert len((PACKAGE / name).read_text().splitlines()) <= MAX_LINES


def test_an_exception_from_a_lint_rule_says_why():
    scripts = {path.name: path for path in (ROOT / "scripts").rglob("*.py")}
    places = [
        f"{name}:{number}"
        for name, path in (sources() | scripts).items()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if EXCEPTION.search(line)
    ]
    assert places == []


def test_the_source_root_is_no_package():
    """``node`` on the package index is somebody else's; an import of ours must never name it."""
    assert not (ROOT / "node" / "__init__.py").exists()
    for folder in ("node", "tests", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            named = {one for one in imports(path.read_text()) if one == "node" or one.startswith("node.")}
            assert not named, path


def test_no_room_or_file_is_a_drawer_for_everything():
    banned = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    for name in sources():
        assert banned.isdisjoint(name.removesuffix(".py").split("/")), name
