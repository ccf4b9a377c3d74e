"""Build the peers in other languages, then run the tests that talk to them.

Usage: [LANGUAGES="js go rust"] interop.py [pytest arguments, instead of all of tests/interop]

Each peer goes into a folder of its language in ``build/interop`` and stays there until its sources change.
What js and go are made of is pinned with hashes in ``tests/interop``: js by ``package-lock.json`` (one of the
packages brings the Node that js-libp2p needs, so the machine's own may be older), go by ``go.sum``. Of rust,
the library's own version is pinned; a lock file of cargo's would name the registry.
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
BUILD = ROOT / "build" / "interop"


class CannotBuildError(Exception):
    """A peer can't be built here; the message says what mends it."""


def main() -> int:
    """Build what ``LANGUAGES`` names and return pytest's exit code."""
    named = os.environ.get("LANGUAGES", "js")
    languages = named.split()
    if not languages or set(languages) - BUILDERS.keys():
        print(
            f"error: LANGUAGES is {named!r}. Set it to one or more of: {' '.join(BUILDERS)}", file=sys.stderr
        )
        return 2
    try:
        for language in languages:
            BUILDERS[language](BUILD / language)
    except CannotBuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "pytest", "-q", "-m", "interop", *(sys.argv[1:] or ["tests/interop"])]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def build_js(folder: Path) -> None:
    """Install the packages from the lock file, and put the program beside them."""
    npm = _tool("npm", "It installs js-libp2p. Install your system's npm package.")
    lock = [SOURCES / "package.json", SOURCES / "package-lock.json"]
    if not _is_built(folder, lock):
        for file in lock:
            shutil.copyfile(file, folder / file.name)
        # No package's own scripts are run: none of these needs one.
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run([npm, "ci", *quiet], folder)
        _note_built(folder, lock)
    shutil.copyfile(SOURCES / "js_peer.mjs", folder / "js_peer.mjs")


def build_go(folder: Path) -> None:
    """Compile the program; the modules come by ``go.mod``, checked against ``go.sum``."""
    go = _tool("go", "It compiles the go-libp2p peer. Install Go 1.26 or newer.")
    source = SOURCES / "go_peer"
    files = sorted(source.iterdir())
    if not _is_built(folder, files):
        # No C compiler is needed, nor is another Go fetched where this one is too old.
        alone = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        flags = ["-mod=readonly", "-trimpath", "-buildvcs=false"]
        _run([go, "build", *flags, "-o", str(folder / "go_peer"), "."], source, alone)
        _note_built(folder, files)


def build_rust(folder: Path) -> None:
    """Compile the program; cargo locks the crates on the first build."""
    cargo = _tool("cargo", "It compiles the rust-libp2p peer. Install Rust 1.88 or newer.")
    source = SOURCES / "rust_peer"
    files = sorted([source / "Cargo.toml", *source.glob("src/*.rs")])
    if not _is_built(folder, files):
        _run([cargo, "build"], source, {"CARGO_TARGET_DIR": str(folder / "target")})
        _note_built(folder, files)


BUILDERS = {"js": build_js, "go": build_go, "rust": build_rust}
"""What builds the peer of each language into its folder."""


def _tool(name: str, mend: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotBuildError(f"{name} is missing. {mend}")
    return found


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, check=False)
    if done.returncode:
        tool = Path(command[0]).name
        raise CannotBuildError(
            f"`{tool} {command[1]}` ended with {done.returncode}. What it says above is the reason."
        )


def _is_built(folder: Path, sources: list[Path]) -> bool:
    """Tell whether the folder holds what these sources make; otherwise have it ready to be filled."""
    stamp = folder / "built"
    if stamp.exists() and stamp.read_text() == _digest(sources):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    return False


def _note_built(folder: Path, sources: list[Path]) -> None:
    (folder / "built").write_text(_digest(sources))


def _digest(sources: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
