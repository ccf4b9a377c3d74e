"""Install the peers in other languages, then run the tests that talk to them.

Usage: [LANGUAGES="js"] interop.py [pytest arguments, instead of all of tests/interop]

The packages come by ``npm ci`` from the lock file in ``tests/interop``, with their hashes; one of them
brings the Node that js-libp2p needs, so the machine's own may be older. They stay in ``build/interop``
until the lock file changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "interop"
BUILD = ROOT / "build" / "interop" / "js"
PACKAGES = ("package.json", "package-lock.json")
PROGRAM = "js_peer.mjs"


def main() -> int:
    """Prepare what ``LANGUAGES`` names and return pytest's exit code."""
    unknown = set(os.environ.get("LANGUAGES", "js").split()) - {"js"}
    if unknown:
        print(
            f"error: no peer in {', '.join(sorted(unknown))}. Only js has one. Set LANGUAGES=js.",
            file=sys.stderr,
        )
        return 2
    npm = shutil.which("npm")
    if npm is None:
        print(
            "error: npm is missing. It installs js-libp2p. Install your system's npm package.",
            file=sys.stderr,
        )
        return 1
    install_js(npm)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "interop", *(sys.argv[1:] or ["tests/interop"])]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def install_js(npm: str) -> None:
    """Put the program and its packages into the build folder; packages only when the lock file changed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in PACKAGES)).hexdigest()
    stamp = BUILD / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        stamp.unlink(missing_ok=True)
        for name in PACKAGES:
            shutil.copyfile(SOURCES / name, BUILD / name)
        # No package's own scripts are run: none of these needs one.
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([npm, "ci", *quiet], cwd=BUILD, check=True)
        stamp.write_text(digest)
    shutil.copyfile(SOURCES / PROGRAM, BUILD / PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
