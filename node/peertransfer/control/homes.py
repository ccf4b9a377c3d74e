"""Is there a home, and has the person agreed to what the node will do?

It does not choose the folder and does not ask the person (both are the command line's). Making a home
belongs to ``service``, which is imported when it is needed, because it costs time.
"""

from __future__ import annotations

import os
from pathlib import Path

from peertransfer.rights.statement import Statement, load_statement
from peertransfer.store.home import Home, open_home

__all__ = (
    "Home",
    "Statement",
    "checked_home",
    "consent",
    "has_home",
    "make_home",
    "make_socket_folder",
    "privacy_statement",
    "socket_path",
    "unchecked_home",
)

_RUNTIME_DIR = "XDG_RUNTIME_DIR"
POLL_SECONDS = 0.05
"""Between two looks at whether a node came or went."""


def has_home(home_path: Path) -> bool:
    """Say whether ``init`` was done there: a folder that only exists is not a home.

    Raises:
        HomeError: nobody lets us look.
    """
    try:
        return (home_path / "config.toml").exists()
    except OSError:
        open_home(home_path)
        raise


def make_home(home_path: Path, *, accept_privacy: bool) -> dict[str, object]:
    """Make the home, or change nothing where there is one.

    Returns:
        ``home``, ``created``, ``database_renewed``, ``privacy_digest``, and ``identities_renewed``: names of
        the networks whose lost key makes room for a new one.

    Raises:
        UsageError: the statement was not accepted.
        HomeError: the home can't be made or used.
    """
    from peertransfer.service.home_setup import init_home, renew_identities

    answer = init_home(home_path, accept_privacy=accept_privacy)
    return {**answer, "identities_renewed": renew_identities(open_home(home_path))}


def privacy_statement() -> Statement:
    """Return the statement that this version comes with."""
    return load_statement()


def consent(home: Home) -> dict[str, object]:
    """Return which statement was accepted, and when: ``version``, ``digest``, ``accepted_at``."""
    from peertransfer.service.home_setup import consent_record  # heavy

    return consent_record(home)


def checked_home(home_path: Path) -> Home:
    """Open a home, after looking at every mode in it.

    Raises:
        HomeError: it is missing, or wider than 0700 and 0600.
    """
    return open_home(home_path)


def unchecked_home(home_path: Path) -> Home:
    """Return a home, whatever is wrong with it, or missing: for looking at it only."""
    return Home(home_path)


def socket_path(home: Home) -> Path:
    """Return where the control socket of ``home`` is, or would be."""
    runtime_dir = os.environ.get(_RUNTIME_DIR)
    return home.socket_path(Path(runtime_dir) if runtime_dir else None)


def make_socket_folder(home: Home) -> Path:
    """Make the socket's folder where it is not the home itself, and return the socket's path."""
    runtime_dir = os.environ.get(_RUNTIME_DIR)
    return home.make_socket_folder(Path(runtime_dir) if runtime_dir else None)
