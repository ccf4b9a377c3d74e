"""What the ledger tells its owner: ``privacy ledger``, by a node that runs or from the home alone.

It writes nothing (``service.door``). Spec: CLI.md, ``privacy ledger``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.store.ledger import Ledger


async def told(
    ledger: Ledger, peer: str | None, item: str | None, since: int | None, refusals: bool | None
) -> dict[str, object]:
    """Return who learned what; with ``refusals``, what was asked in vain instead."""
    if refusals:
        return {"refusals": await ledger.refusals(peer=peer, item=item, since=since)}
    return {"entries": await ledger.entries(peer=peer, item=item, since=since)}
