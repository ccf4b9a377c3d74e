"""What a source file calls, and how it looks: for tests that scan the tree."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "node" / "peertransfer"


def sources():
    """Every file of the package that a person wrote, by its path below the package."""
    found = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {name: path for name, path in found.items() if not name.endswith("_pb2.py")}


def calls(source):
    """Every call in a source: (receiver's last name or '', function's name, line)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found += [(*_named(node.func), node.lineno)]
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            # A method that is only named (``start_soon(stream.write, octets)``) is called by somebody.
            found += [(*_named(node), node.lineno)]
    return set(found)


def _named(node):
    if isinstance(node, ast.Attribute):
        receiver = node.value
        while isinstance(receiver, ast.Call | ast.Subscript | ast.Await):
            receiver = receiver.value if not isinstance(receiver, ast.Call) else receiver.func
        last = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
        return last, node.attr
    return "", getattr(node, "id", "")


def imports(source):
    """Every module that a source imports, by its full name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
