"""Write ``tests/vectors`` and the seeds of fuzzing anew, or check that they are what would be written.

Usage: make_vectors.py [--check]

Each module ``tests/kit/*_vectors.py`` makes the files of one folder. A changed vector is a changed protocol:
who means it says so in docs/protocol.md and in a news fragment.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "tests" / "kit"
WRITTEN = (ROOT / "tests" / "vectors", ROOT / "tests" / "fuzz" / "corpus" / "seeds")
"""Nothing stands here that was not made."""


def made() -> dict[Path, bytes]:
    """Return the octets of every vector, by its path."""
    sys.path.insert(0, str(KIT))
    found: dict[Path, bytes] = {}
    for source in sorted(KIT.glob("*_vectors.py")):
        module = importlib.import_module(source.stem)
        found |= {module.FOLDER / name: octets for name, octets in module.files().items()}
    return found


def main() -> int:
    """Write what differs, or name it; exit code 1 where ``--check`` finds something."""
    vectors = made()
    kept = {path for folder in WRITTEN for path in folder.rglob("*") if path.is_file()}
    strangers = sorted(kept - vectors.keys())
    changed = [path for path, octets in vectors.items() if path not in kept or path.read_bytes() != octets]
    is_check = "--check" in sys.argv[1:]
    for path in (*strangers, *changed):
        said = (
            "made by nothing, to be removed by hand" if path in strangers else "differs; run `make vectors`"
        )
        print(f"{path.relative_to(ROOT)}: {said if is_check or path in strangers else 'written'}")
    if not is_check:
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(vectors[path])
    return 1 if strangers or (is_check and changed) else 0


if __name__ == "__main__":
    sys.exit(main())
