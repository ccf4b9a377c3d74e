"""What is moved: random files, made once, and their digests, by hashlib as a person's check would be."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from bench.samples import MIB, RunFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES_PER_FOLDER = 100
SMALL_FILE = 4096


def make_file(path: Path, size: int) -> Path:
    """Write ``size`` random octets, a multiple of a MiB; they are on the disk, and in memory as a copy."""
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())
    return path


def make_tree(path: Path, count: int) -> Path:
    """Write ``count`` files of 4 KiB, a hundred to a folder."""
    for number in range(count):
        folder = path / f"{number // FILES_PER_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number % FILES_PER_FOLDER:03}").write_bytes(os.urandom(SMALL_FILE))
    return path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and digests of all files below a folder."""
    if path.is_dir():
        every = sorted(one for one in path.rglob("*") if one.is_file())
        lines = (f"{one.relative_to(path)} {digest(one)}\n" for one in every)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def digest_of_source(path: Path) -> str:
    """Return the digest of what is moved, which does not change."""
    return digest(path)


def check_arrived(source: Path, dest: Path) -> None:
    """Compare what arrived with what was sent.

    Raises:
        RunFailedError: it differs, or is not there.
    """
    if not dest.exists() or digest(dest) != digest_of_source(source):
        raise RunFailedError("what arrived is not what was sent")


@contextlib.contextmanager
def fresh_folder(below: Path, name: str) -> Iterator[Path]:
    """Make a folder, and remove it with all that is in it."""
    folder = below / name
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
