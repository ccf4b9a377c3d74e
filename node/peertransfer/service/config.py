"""How does this node run? ``config.toml`` as frozen values.

It says nothing about who may see what (``policy``). Read once at start, and again on SIGHUP.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from peertransfer.content.names import display
from peertransfer.errors import ConfigError, UsageError
from peertransfer.policy.lines import Lines
from peertransfer.policy.toml import parse_toml
from peertransfer.service.config_limits import (
    HEADER,
    LONGEST,
    NAMES,
    TABLE,
    key_pattern,
    limits_text,
    parse_limits,
)
from peertransfer.store.ledger_retention import DAY_SECONDS, Retention
from peertransfer.transport.limits import Limits
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_CONFIG_SIZE = 1 << 20
AT_LEAST_ONE = ("ledger_days", "ledger_entries")
"""Numbers that can't be 0: a ledger that keeps nothing would be none."""

DEFAULT_CONFIG = """\
# How this node runs. Who may see what is in policy.toml.
version = 1

# Where each host listens, TCP. Port 0 is drawn once for each network and then kept.
listen = ["/ip4/0.0.0.0/tcp/0"]

# Addresses told to others instead of those that are bound (a port forwarded by a router, say).
announce = []

# Free octets that a received file must leave on its disk.
free_disk_floor = 1073741824

# Bootstrap peers of the open network, as /ip4/.../tcp/.../p2p/... (none: its links carry addresses).
open_bootstrap = []

# Keep the open network's host up from the start, not only once something is shared or fetched there.
open_always = false

# Records and streams of connections: "own", or "library" for those of py-libp2p, slower, to place a fault.
transport = "own"

# Of the ledger (who learned what), entries older than this, or beyond this many, are dropped.
ledger_days = 400
ledger_entries = 2000000

""" + limits_text()
TRANSPORTS = ("own", "library")
_WANTED = {
    "free_disk_floor": "a whole number of octets",
    "listen": "a list of multiaddrs",
    "announce": "a list of multiaddrs",
    "open_bootstrap": "a list of multiaddrs",
    "open_always": "true or false",
    "transport": "a text",
    "version": "a whole number",
    "ledger_days": "a whole number from 1 on",
    "ledger_entries": "a whole number from 1 on",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The values of ``config.toml``; each has a default."""

    version: int = 1
    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/0",)
    """Multiaddrs."""
    announce: tuple[str, ...] = ()
    """Multiaddrs told instead of the bound ones."""
    free_disk_floor: int = 1 << 30
    """Octets."""
    open_bootstrap: tuple[str, ...] = ()
    """Multiaddrs with ``/p2p/``."""
    open_always: bool = False
    transport: str = "own"
    """One of ``TRANSPORTS``."""
    ledger_days: int = 400
    """From 1 on."""
    ledger_entries: int = 2_000_000
    """From 1 on; some 700 octets of disk each."""
    limits: Limits = field(default_factory=Limits)
    """What strangers may cost this node."""

    @property
    def retention(self) -> Retention:
        """How much of the ledger is kept."""
        return Retention(self.ledger_days * DAY_SECONDS, self.ledger_entries)


def load_config(path: Path) -> Config:
    """Read ``path``; a missing file gives the defaults.

    Raises:
        ConfigError: with file, line and the nearest valid key.
    """
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return Config()
    except OSError as exc:
        raise ConfigError(
            f"{path} can't be read: {exc.strerror}", "Look at its mode.", file=str(path)
        ) from exc
    if len(octets) > MAX_CONFIG_SIZE:
        raise ConfigError(
            f"{path} is over 1 MiB", "Start again from the file that init writes.", file=str(path)
        )
    return parse_config(octets, str(path))


def parse_config(octets: bytes, file: str) -> Config:
    """Parse the octets of a ``config.toml``; ``file`` is its name in errors.

    Raises:
        ConfigError: with file, line and the mend.
    """

    def mistake(line: int, what: str, mend: str) -> ConfigError:
        return ConfigError(
            f"{file}, line {line}: {what}", mend[0].upper() + mend[1:] + ".", file=file, line=line
        )

    try:
        text = octets.decode()
    except UnicodeDecodeError as exc:
        line = octets.count(b"\n", 0, exc.start) + 1
        raise mistake(line, "the file is not UTF-8", "save it with the encoding UTF-8") from exc
    values = parse_toml(text, Lines(text), mistake)
    known = {field.name: field for field in fields(Config)}
    defaults = Config()
    checked: dict[str, object] = {}
    for key, value in values.items():
        where = _Place(file, text, key)
        if key not in known:
            raise where.error(f"unknown key {key[:LONGEST]!r}", _hint_for(key, known))
        if key == TABLE:
            checked[key] = parse_limits(value, text, file)
        else:
            checked[key] = _checked(value, getattr(defaults, key), where)
    if checked.get("version", 1) != 1:
        raise ConfigError(
            f"{file}: version {checked['version']} is unknown", "This program reads version 1.", file=file
        )
    transport = str(checked.get("transport", "own"))
    if transport not in TRANSPORTS:
        where = _Place(file, text, "transport")
        raise where.error(f"unknown transport {transport[:LONGEST]!r}", _nearest(transport, TRANSPORTS))
    return Config(**checked)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Place:
    """A key in a file, for its errors."""

    file: str
    text: str
    key: str

    def error(self, what: str, hint: str, value: str = "") -> ConfigError:
        """Return the error for a key, or for one ``value`` in its list."""
        line = self._line_of(value)
        return ConfigError(f"{self.file}, line {line}: {what}", hint, file=self.file, line=line, key=self.key)

    def _line_of(self, value: str) -> int:
        found = re.search(rf"^[ \t]*{key_pattern(self.key)}", self.text, re.MULTILINE)
        if found is None:
            return 0
        at = max(found.start(), self.text.find(value, found.end()) if value else 0)
        return self.text.count("\n", 0, at) + 1


def _hint_for(key: str, known: Iterable[str]) -> str:
    if key in NAMES:
        return f"It is a limit: the line {HEADER} must stand above it, without a # before it."
    return _nearest(key, known)


def _nearest(word: str, known: Iterable[str]) -> str:
    words = list(known)
    near = difflib.get_close_matches(word[:LONGEST], words, 1)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(words)}."


def _checked(value: object, default: object, where: _Place) -> object:
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(_checked_addr(one, where) for one in value)
    least = 1 if where.key in AT_LEAST_ONE else 0
    if type(value) is type(default) and not (isinstance(value, int) and value < least):
        return value
    raise where.error(f"{where.key} must be {_WANTED[where.key]}", "Write it as init does.")


def _checked_addr(text: str, where: _Place) -> str:
    try:
        addr = TcpAddr.parse(text)
    except UsageError as exc:
        what = f"{display(text)!r} in {where.key}: {exc.message}"
        raise where.error(what, exc.hint, text) from exc
    if where.key == "open_bootstrap" and not addr.peer_id:
        what = f"{display(text)!r} in {where.key} does not say which peer is expected there"
        raise where.error(what, "Give it with /p2p/<peer ID>.", text)
    return text
