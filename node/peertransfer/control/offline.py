"""What can be told without a node? What is in the home.

It reads nothing itself: each function asks ``service.offline`` for the answer that the node would give,
imported when it is called, because it opens the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peertransfer.errors import HomeError

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS: Final = frozenset(
    {
        "doctor",
        "identities",
        "ledger",
        "ledger_check",
        "link_list",
        "ls",
        "network_export_psk",
        "network_list",
        "network_show",
        "policy_check",
        "policy_explain",
        "policy_show",
        "policy_simulate",
        "transfers",
    }
)
"""Commands that ``service.offline`` can answer."""


def answer(home_path: Path, command: str, **fields: object) -> dict[str, object]:
    """Return the answer to ``command`` from the home alone.

    Raises:
        HomeError: only a node that runs could answer.
        PeertransferError: the home or its database can't be read.
    """
    if command not in COMMANDS:
        raise HomeError(f"No node runs on this home ({home_path})", "Start one with: peertransfer run")
    from peertransfer.service import offline

    return dict(getattr(offline, command)(home_path, **fields))
