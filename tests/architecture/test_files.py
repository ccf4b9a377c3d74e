"""How the files look: size, head, and no import of the source root."""

import ast

import pytest
from source_kit import PACKAGE, ROOT, imports, sources

MAX_LINES = 400


@pytest.mark.parametrize("name", sources())
def test_a_file_opens_with_its_docstring(name):
    assert ast.get_docstring(ast.parse((PACKAGE / name).read_text()))


@pytest.mark.parametrize("name", sources())
def test_a_file_can_be_read_at_a_sitting(name):
    assert len((PACKAGE / name).read_text().splitlines()) <= MAX_LINES


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
