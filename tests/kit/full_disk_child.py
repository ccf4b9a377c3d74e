"""Two nodes, one with its home on a disk that gets full: ``unshare -rm python full_disk_child.py FOLDER``.

It mounts a small disk of its own, which ends with this process, and prints one line of JSON: what happened.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import subprocess
import sys
from pathlib import Path

import trio
from ledger_kit import entries_of
from node_kit import running

from peertransfer.errors import PeertransferError

DISK_SIZE = 6 << 20
"""Octets of the disk."""
FILE_SIZE = 3 << 20
"""Octets that each get fetches, not from that disk."""
MAX_GETS = 60
SECONDS = 20
PATIENCE_SECONDS = 4
"""Longer than a node waits between two looks at a full disk."""


def fill(path: Path) -> None:
    """Leave no room on the disk."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


async def until_recording(node) -> dict[str, object]:
    """Return the status of a node that can record again, without having been asked for anything."""
    with trio.fail_after(SECONDS):
        while not (status := await node.status())["ledger"]["recording"]:
            await trio.sleep(0.1)
    return status


async def tell(folder: Path) -> dict[str, object]:
    """Run the story; return what to judge it by."""
    disk = folder / "disk"
    async with running(disk / "alice") as alice, running(folder / "bob") as bob:
        link = (await alice.share({"file": bytes(range(256)) * (FILE_SIZE // 256)}))["link"]
        got = 0

        async def get() -> bool:
            nonlocal got
            with trio.move_on_after(PATIENCE_SECONDS), contextlib.suppress(PeertransferError):
                await bob.get(link, folder / f"got{got}", alice)
                got += 1
                return True
            return False

        assert await get()
        before = await alice.node.status()
        fill(disk / "filler")
        while await get():  # a journal that has room in itself takes some more
            assert got < MAX_GETS
        full = await alice.node.status()
        sent = sum(entry["octets"] for entry in await entries_of(alice.node._ledger, peer=bob.host.peer_id))
        assert not await get()
        later = await alice.node.status()
        (disk / "filler").unlink()
        again = await until_recording(alice.node)
        works = await get()
        await trio.sleep(0.5)  # the stream's closing row
        booked = sum(entry["octets"] for entry in await entries_of(alice.node._ledger, peer=bob.host.peer_id))
        return {
            "before": before,
            "full": full,
            "booked_when_full": sent,
            "later": later,
            "again": again,
            "works": works,
            "got": got,
            "octets_sent": (await alice.node.status())["octets_sent"],
            "octets_booked": booked,
            "check": await alice.node.ledger_check(),
        }


def main() -> None:
    """Mount the disk and tell the story."""
    logging.disable()
    folder = Path(sys.argv[1])
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE},mode=700", "none", str(disk)], check=True
    )
    sys.stdout.write(json.dumps(trio.run(tell, folder)) + "\n")


if __name__ == "__main__":
    main()
