"""What the ledger tells its owner: ``privacy ledger``, by a node that runs or from the home alone.

It records nothing (``service.door``). Spec: CLI.md, ``privacy ledger``; docs/ledger.md.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from peertransfer.errors import StoreError, UsageError
from peertransfer.store.ledger import described_entry
from peertransfer.store.ledger_chain import HASH_SIZE
from peertransfer.store.ledger_check import NotedHead
from peertransfer.store.ledger_pages import MAX_PAGE, Cursor, LedgerFilter

if TYPE_CHECKING:
    from peertransfer.store.ledger import Ledger
    from peertransfer.store.ledger_check import LedgerCheck

Answer = dict[str, object]

_CURSOR = re.compile(r"(\d{1,18}):(\d{1,18})")
_HEAD = re.compile(rf"(?:(\d{{1,18}}):)?([0-9a-fA-F]{{{2 * HASH_SIZE}}})")


async def told(
    ledger: Ledger,
    *,
    peer: str | None = None,
    item: str | None = None,
    link: str | None = None,
    since: int | None = None,
    refusals: bool | None = None,
    limit: int | None = None,
    newest: bool | None = None,
    cursor: str | None = None,
) -> Answer:
    """Return who learned what, one page of it; with ``refusals``, what was asked in vain instead.

    Args:
        ledger: where it stands.
        peer: only what this peer learned.
        item: only what was learned about this share, by its manifest CID.
        link: only what went through the link of this name.
        since: only from then on, Unix seconds.
        refusals: all of them, in one page.
        limit: entries in this page, at most ``MAX_PAGE``, which is the default.
        newest: begin at the newest and go back; else at the oldest.
        cursor: as the page before gave it; absent in the last one.

    Raises:
        UsageError: the cursor is none.
    """
    asked = LedgerFilter(peer, item, link, since)
    if refusals:
        return {"refusals": [asdict(one) for one in await ledger.refusals(asked)]}
    count = max(1, min(limit or MAX_PAGE, MAX_PAGE))
    found = await ledger.page(asked, limit=count, newest=bool(newest), cursor=_cursor(cursor))
    answer: Answer = {"entries": [described_entry(one) for one in found]}
    if len(found) == count:
        answer["cursor"] = f"{found[-1].at}:{found[-1].index}"
    return answer


async def checked(ledger: Ledger, head: str | None, now: int) -> Answer:
    """Check the chain, and whether ``head``, noted down of an earlier check, is in it.

    All rows are sealed first, so that the head that is told stands for every one of them; on a full disk the
    open ones are left out of it, and counted in ``open``.

    Raises:
        UsageError: ``head`` is no hash, with or without the index before it.
    """
    noted = None if head is None else _noted(head)
    with contextlib.suppress(StoreError):
        await ledger.seal(now)
    return _described(await ledger.check(noted))


def condition(ledger: Ledger) -> Answer:
    """Tell whether disclosures can be recorded, and so made: the ``ledger`` of ``status``."""
    if ledger.failure is None:
        return {"recording": True}
    return {
        "recording": False,
        "since": ledger.failure.since,
        "reason": ledger.failure.error.message,
    }


def _described(found: LedgerCheck) -> Answer:
    return {
        "verified": found.is_unbroken,
        "entries": found.entries,
        "erased": found.erased,
        "open": found.opened,
        "since": found.since,
        "head": f"{found.sealed_index}:{found.hash.hex()}" if found.sealed_index else None,
        "checkpoints": [
            {"index": one.index, "hash": one.hash.hex(), "at": one.at, "dropped": one.dropped}
            for one in found.checkpoints
        ],
        "first_broken": found.first_broken,
        "reason": found.reason,
        "head_found": None if found.noted is None else found.is_noted_found,
    }


def _cursor(written: str | None) -> Cursor | None:
    if written is None:
        return None
    match = _CURSOR.fullmatch(written)
    if match is None:
        raise UsageError("This is no cursor of the ledger", "Give it as the page before did.")
    return Cursor(int(match[1]), int(match[2]))


def _noted(written: str) -> NotedHead:
    match = _HEAD.fullmatch(written.strip())
    if match is None:
        raise UsageError(
            "This is no head of the ledger", "Give it as --verify printed it: INDEX:HASH, or the hash alone."
        )
    return NotedHead(bytes.fromhex(match[2]), int(match[1]) if match[1] else None)
