"""What the ledger tells its owner: ``privacy ledger``, by a node that runs or from the home alone.

It writes nothing (``service.door``). Spec: CLI.md, ``privacy ledger``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.errors import UsageError

if TYPE_CHECKING:
    from peertransfer.store.ledger import Ledger


async def told(
    ledger: Ledger,
    *,
    peer: str | None = None,
    item: str | None = None,
    link: str | None = None,
    since: int | None = None,
    refusals: bool | None = None,
) -> dict[str, object]:
    """Return who learned what; with ``refusals``, what was asked in vain instead.

    Raises:
        UsageError: refusals are asked for by link; a refusal names none.
    """
    if not refusals:
        return {"entries": await ledger.entries(peer=peer, item=item, link=link, since=since)}
    if link is not None:
        raise UsageError("What was refused went through no link", "Leave out --link, or --refusals.")
    return {"refusals": await ledger.refusals(peer=peer, item=item, since=since)}
