"""A process that receives a share and may be killed: ``python store_child.py HOME KILL_AT ROOM``.

It puts one large and many small files into ``HOME/dest``, and prints a line for each leaf that it
wrote. ``KILL_AT`` n ends the process, as SIGKILL would, just before the n-th step that touches the disk
(0: never). ``ROOM`` is how many octets may be written before the disk is full (0: what there is).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

import trio
from store_kit import TRANSFER, FileToSend, file_to_send, octets_of, receiving

from peertransfer.content.cid import Codec
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import SpaceError
from peertransfer.store import syscalls
from peertransfer.store.partial import Target
from peertransfer.store.small_files import SmallFileBatch
from peertransfer.store.survey import Placement, survey
from peertransfer.store.transfers import Transfers

STEPS = ("pwrite", "fdatasync", "fsync", "mkdir", "ftruncate", "unlink", "rmdir")


def say(line: str) -> None:
    """Tell the test, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def share(large_leaves: int, small_count: int) -> dict[str, FileToSend]:
    """Return the files of the share, by name."""
    files = {"large": file_to_send(octets_of(large_leaves * CHUNK_SIZE - 5, 1))}
    return files | {f"d/small{n}": file_to_send(octets_of(n * 101, n)) for n in range(small_count)}


async def receive(home: Path, files: dict[str, FileToSend]) -> int:
    """Receive what is missing; return the octets that had to be written."""
    written = 0
    async with receiving(home) as here:
        placements = [
            Placement(n, tuple(name.split("/")), file.root) for n, (name, file) in enumerate(files.items())
        ]
        surveyed = await survey(here.root, placements, "refuse")
        async with here.folder() as folder:
            batch = SmallFileBatch(folder)
            for found, file in zip(surveyed, files.values(), strict=True):
                if found.is_there:
                    continue
                target = Target(found.placement.entry, found.path, file.root, len(file.octets))
                if file.root.codec is Codec.RAW:
                    await batch.add(target, file.leaf(0))
                    written += target.size
                    continue
                partial = await folder.open_file(target, file.leaf_cid)
                for index in list(partial.missing()):
                    await partial.write(file.leaves([index]))
                    written += len(file.leaf(index).octets)
                    say(str(index))
                await partial.finish()
            await batch.flush()
            await folder.aclose(discard=True)
        await here.transfers.set_state(TRANSFER, "done", 9)
    return written


def kill_at(step: int) -> None:
    """End this process just before the ``step``-th step that touches the disk."""
    left = [step]

    def counted(real):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    syscalls.rename_noreplace = counted(syscalls.rename_noreplace)
    syscalls.syncfs = counted(syscalls.syncfs)
    Transfers.mark = counted(Transfers.mark)


def limit_room(size: int) -> None:
    """Let the disk be full after ``size`` octets."""
    left, real = [size], os.pwrite

    def pwrite(fd, octets, offset):
        count = min(len(octets), left[0])
        if octets and not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = real(fd, octets[:count], offset)
        left[0] -= count
        return count

    os.pwrite = pwrite


def main() -> None:
    home, step, room = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if step:
        kill_at(step)
    if room:
        limit_room(room)
    try:
        say(f"written {trio.run(receive, home, share(12, 40))}")
    except SpaceError as error:
        say(f"full {error.message}")


if __name__ == "__main__":
    main()
