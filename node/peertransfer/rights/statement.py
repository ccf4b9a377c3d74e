"""Which privacy statement is this, and what does it say in three sentences?

It records no consent (``service.home_setup`` does, in the database). Spec: PRIVACY-CLAUSES 0, 9.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Statement:
    """The privacy statement that this program carries."""

    version: int
    digest: str
    """SHA-256 of the file's octets, hexadecimal."""
    summary: tuple[str, ...]
    """Three sentences."""
    text: str


def load_statement() -> Statement:
    """Read the statement out of the package."""
    octets = files("peertransfer.rights").joinpath("PRIVACY.md").read_bytes()
    text = octets.decode()
    lines = text.splitlines()
    version = next(int(line.split()[1]) for line in lines if line.startswith("Version "))
    start = lines.index("Summary:") + 2
    summary = tuple(line[2:] for line in lines[start : lines.index("", start)])
    return Statement(version, hashlib.sha256(octets).hexdigest(), summary, text)
