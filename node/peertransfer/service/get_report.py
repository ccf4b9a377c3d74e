"""What a person and a program are told about a ``get``, while it runs and at its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from peertransfer.service.not_given import MAX_LISTED, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from peertransfer.service.get_operation import GetOperation
    from peertransfer.service.get_run import Run
    from peertransfer.service.loading import RemoteShare
    from peertransfer.store.transfers import StoredTransfer

PROGRESS_SECONDS = 0.2
MAX_FINISHED = 20
"""Transfers that are over and still listed."""
FINISHED = frozenset({"done", "cancelled"})
"""States in which nothing is left to go on with."""


async def keep_reporting(
    run: Run, operation: GetOperation, progress: Callable[[dict[str, object]], None]
) -> None:
    """Report until cancelled."""
    while True:
        report(run, operation, progress)
        await trio.sleep(PROGRESS_SECONDS)


def report(run: Run, operation: GetOperation, progress: Callable[[dict[str, object]], None]) -> None:
    """Report once."""
    received = run.landing.octets_received if run.landing else 0
    reused = run.landing.octets_reused if run.landing else 0
    progress(
        {
            "event": "progress",
            "transfer_id": run.transfer.transfer_id if run.transfer else "",
            "title": run.share.title if run.share else "",
            "octets_total": run.size,
            "octets_done": received + reused,
            "octets_received": received,
            "octets_reused": reused,
            "files_total": run.file_count,
            "files_done": run.reused_files + (run.landing.files_done if run.landing else 0),
            "providers": [{"peer_id": peer, "state": state} for peer, state in operation.states.items()],
        }
    )


def result_of(run: Run, operation: GetOperation, seconds: float) -> dict[str, object]:
    """Return what ``get`` answers."""
    assert run.root is not None
    received = run.landing.octets_received if run.landing else 0
    reused = run.landing.octets_reused if run.landing else 0
    dest = run.root.path / run.places[0] if run.places else run.root.path
    return {
        "dest": os.fsdecode(dest),
        "files": run.file_count,
        "size": received + reused,
        "octets_received": received,
        "octets_reused": reused,
        "seconds": round(seconds, 3),
        "providers": [
            {"peer_id": peer, "state": state}
            for peer, state in operation.states.items()
            if peer in operation.served
        ],
        "renamed": [{"path": path, "placed_at": place} for path, place in run.renamed[:MAX_LISTED]],
        "renamed_count": len(run.renamed),
        **facts_of(run.hidden),
    }


def described_share(share: RemoteShare) -> dict[str, object]:
    """Return what ``ls`` tells of a share behind a link: only what was opened for us."""
    opened = {
        name: list(value) if isinstance(value, tuple) else value for name, value in share.values.items()
    }
    files = [entry for entry in share.entries if entry.kind == "file"]
    return {
        **opened,
        "manifest_cid": str(share.manifest_cid),
        "files": len(files),
        "size": sum(entry.size or 0 for entry in files),
        "entries": [
            {
                "index": entry.index,
                "path": entry.text,
                "kind": entry.kind,
                "size": entry.size,
                "cid": str(entry.root) if entry.root else None,
                "executable": entry.executable,
                **entry.told,
            }
            for entry in share.entries
        ],
    }


def listed_transfers(known: Sequence[StoredTransfer]) -> list[StoredTransfer]:
    """Return those that are listed: what runs first, then the newest.

    Of those that are over, ``MAX_FINISHED`` are listed, the same share to the same place once.

    Args:
        known: all transfers, oldest first.
    """
    newest = list(reversed(known))
    newest.sort(key=lambda one: one.state != "running")
    found: list[StoredTransfer] = []
    places: set[tuple[str, Path, str]] = set()
    for one in newest:
        if one.state in FINISHED:
            place = (one.manifest_cid, one.dest, one.name)
            if place in places or len(places) == MAX_FINISHED:
                continue
            places.add(place)
        found.append(one)
    return found


def described_transfer(one: StoredTransfer, run: Run | None = None) -> dict[str, object]:
    """Return what ``transfers`` tells of one; its link's secret is not.

    Args:
        one: the transfer as it was stored.
        run: its run, if it runs now.
    """
    landing = run.landing if run is not None else None
    received, reused = (landing.octets_received, landing.octets_reused) if landing else (0, 0)
    return {
        "transfer_id": one.transfer_id,
        "manifest_cid": one.manifest_cid,
        "network_id": one.network_id,
        "title": one.title,
        "dest": os.fsdecode(one.dest / one.name),
        "state": one.state,
        "started_at": one.started_at,
        "octets_total": one.octets_total or None,
        "octets_done": max(one.octets_done, received + reused),
        "octets_received": one.octets_received + received,
        "octets_reused": one.octets_reused,
    }
