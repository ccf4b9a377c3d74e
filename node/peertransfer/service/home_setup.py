"""How does a home come to be, with the person's consent recorded in it?

Nothing listens before consent. Spec: CLI.md ``init``; PRIVACY-CLAUSES 0 and 9.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import UsageError
from peertransfer.policy.preset import CLOSED
from peertransfer.rights.statement import Statement, load_statement
from peertransfer.service.config import DEFAULT_CONFIG
from peertransfer.service.facts import wall_clock
from peertransfer.store.database import Database
from peertransfer.store.home import Home, create_home, open_home, write_private
from peertransfer.store.networks import Networks

if TYPE_CHECKING:
    from pathlib import Path

CONSENT_FILE = "consent.json"


def privacy_summary() -> str:
    """Return the statement's summary, one sentence a line."""
    return "\n".join(load_statement().summary)


def init_home(home_path: Path, *, accept_privacy: bool) -> dict[str, object]:
    """Make a home, or change nothing where there is one.

    Returns:
        ``home``, ``created``, ``privacy_digest``, and ``database_renewed``: a lost database was made anew.

    Raises:
        UsageError: there is no home yet, and the statement was not accepted.
        HomeError: the home can't be made, or what is there can't be used.
    """
    statement = load_statement()
    if (home_path / "config.toml").exists():
        home = open_home(home_path)
        if accept_privacy and accepted_digest(home) != statement.digest:
            _record_consent(home, statement)
        is_lost = _make_database(home)
        return {
            "home": str(home.path),
            "created": False,
            "database_renewed": is_lost,
            "privacy_digest": accepted_digest(home),
        }
    if not accept_privacy:
        raise UsageError(
            "The privacy statement was not accepted",
            "Read it with: peertransfer privacy policy; then give --accept-privacy.",
        )
    home = create_home(home_path)
    _make_database(home)
    if not home.policy_path.exists():
        write_private(home.policy_path, CLOSED.encode())
    _record_consent(home, statement)
    # Last, because it is what makes the folder a home.
    write_private(home.config_path, DEFAULT_CONFIG.encode())
    return {
        "home": str(home.path),
        "created": True,
        "database_renewed": False,
        "privacy_digest": statement.digest,
    }


def renew_identities(home: Home) -> list[str]:
    """Let each network whose key is gone take a new one when its host starts; return their names (blocking).

    Raises:
        CatalogError: the database can't be used.
    """

    async def renew() -> list[str]:
        async with Database(home.database_path, is_expected=True) as database:
            networks = Networks(database)
            lost = [
                one
                for one in await networks.list()
                if one.peer_id and not home.key_path(one.network_id).exists()
            ]
            for one in lost:
                await networks.set_peer_id(one.network_id, "")
            return [one.name for one in lost]

    return trio.run(renew)


def _make_database(home: Home) -> bool:
    path = home.database_path
    if path.exists() and path.stat().st_size:
        return False
    Database(path).close()
    return True


def _record_consent(home: Home, statement: Statement) -> None:
    consent = {"version": statement.version, "digest": statement.digest, "accepted_at": wall_clock()}
    write_private(home.path / CONSENT_FILE, json.dumps(consent).encode() + b"\n")


def consent_record(home: Home) -> dict[str, object]:
    """Return which statement was accepted, and when; empty where none was."""
    try:
        found = json.loads((home.path / CONSENT_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def accepted_digest(home: Home) -> str:
    """Return the digest of the statement that was accepted; empty where none was."""
    return str(consent_record(home).get("digest", ""))


def check_consent(home: Home) -> None:
    """Refuse to go on where the present statement was not accepted.

    Raises:
        UsageError: it was not; nothing listens until it is.
    """
    if accepted_digest(home) != load_statement().digest:
        raise UsageError(
            "The privacy statement of this version was not accepted",
            "Run: peertransfer init --accept-privacy",
        )
