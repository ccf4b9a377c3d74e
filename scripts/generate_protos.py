"""Generate ``wire/v1`` from ``protos/``, or check that what is committed is what would be generated.

Usage: generate_protos.py [--check]
"""

from __future__ import annotations

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
OUTPUT = Path("peertransfer/wire/v1")
HEAD = '"""Generated from ``protos/``; ``make protos`` makes it anew. Only ``wire`` imports it."""\n'


def generate(target: Path) -> None:
    """Write the generated modules and their type stubs below ``target``."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    command = [
        sys.executable, "-m", "grpc_tools.protoc", f"--plugin=protoc-gen-mypy={plugin}",
        f"--proto_path={PROTOS}", f"--python_out={target}", f"--mypy_out={target}", *sources,
    ]  # fmt: skip
    subprocess.run(command, check=True)
    (target / OUTPUT / "__init__.py").write_text(HEAD)


def main() -> int:
    """Generate in place, or compare with a fresh copy."""
    committed = ROOT / "node" / OUTPUT
    if "--check" not in sys.argv[1:]:
        generate(ROOT / "node")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = Path(folder) / OUTPUT
        names = {path.name for path in fresh.iterdir()}
        kept = {path.name for path in committed.iterdir() if path.suffix in {".py", ".pyi"}}
        _, mismatch, errors = filecmp.cmpfiles(fresh, committed, sorted(names), shallow=False)
    wrong = sorted({*mismatch, *errors, *(kept - names)})
    for name in wrong:
        print(f"differs from protos/: {OUTPUT / name}; run `make protos`")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
