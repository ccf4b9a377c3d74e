"""Whatever ends the process, and wherever: is what is there right, and does the next run go on?"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import store_child
import trio
from store_kit import B3, TRANSFER, everything_below

from peertransfer.content.bitmap import Bitmap
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.store.database import Database
from peertransfer.store.placing import PARTIAL_FOLDER
from peertransfer.store.transfers import Transfers

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

FILES = store_child.share(12, 40)
TOTAL = sum(len(file.octets) for file in FILES.values())
MAX_LOSS = 16 << 20
"""Octets that may have to come again for each kill."""


def start(home, step=0, room=0, prefix=()):
    command = [*prefix, sys.executable, store_child.__file__, str(home), str(step), str(room)]
    environment = {**os.environ, "PYTHONPATH": str(Path(store_child.__file__).parent)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def final_files(home):
    return {
        name: octets
        for name, octets in everything_below(home / "dest").items()
        if octets is not None and not name.startswith(PARTIAL_FOLDER)
    }


def check_what_is_there(home):
    """Nothing wrong is under a final name, and every leaf that the journal marks is on the disk."""
    if not (home / "dest").exists():
        return
    for name, octets in final_files(home).items():
        assert octets == FILES[name].octets, name
    database = Database(home / "peertransfer.db")
    progress = trio.run(Transfers(database).progress, TRANSFER)
    database.close()
    for entry, file in enumerate(FILES.values()):
        found = progress.get(entry)
        partial = home / "dest" / PARTIAL_FOLDER / TRANSFER / str(entry)
        if found is None or found.is_done or not partial.exists():
            continue
        octets = partial.read_bytes()
        bitmap = Bitmap(len(file.digests) // 32, found.bitmap)
        for index in range(bitmap.count):
            if index in bitmap:
                leaf = octets[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE]
                assert B3.digest(leaf) == file.leaf_cid(index).digest


def finish(home):
    """Run it again to its end, in this process; return the octets that were written."""
    written = trio.run(store_child.receive, home, FILES)
    assert final_files(home) == {name: file.octets for name, file in FILES.items()}
    assert set(everything_below(home / "dest")) == {*FILES, "d"}
    return written


def test_a_process_killed_twenty_times_at_random_ends_with_the_right_files(tmp_path):
    rng = random.Random(20)
    sent = kills = 0
    for _ in range(20):
        with start(tmp_path) as child:
            wanted = rng.randrange(13)
            lines = [child.stdout.readline() for _ in range(wanted)]
            child.kill()
            lines += child.stdout.readlines()
        sent += sum(CHUNK_SIZE for line in lines if line.strip().isdigit())
        kills += 1
        check_what_is_there(tmp_path)
    sent += finish(tmp_path)
    assert sent <= TOTAL + kills * MAX_LOSS


def test_a_process_killed_before_each_step_goes_on_and_loses_nothing_that_was_marked(tmp_path):
    step, ended_by_kill = 1, True
    while ended_by_kill:
        home = tmp_path / str(step)
        home.mkdir()
        with start(home, step=step) as child:
            child.stdout.read()
        ended_by_kill = child.returncode < 0
        check_what_is_there(home)
        finish(home)
        shutil.rmtree(home)
        step += 11 if step > 20 else 4
    assert step > 60


@pytest.mark.parametrize("megabytes", [1, 5, 12])
def test_a_full_disk_is_said_keeps_what_there_is_and_goes_on_with_more_room(tmp_path, megabytes):
    can_mount = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    (tmp_path / "dest").mkdir()
    mount = (
        f'mount -t tmpfs -o size={megabytes}m tmpfs "$2/dest" && "$0" "$1" "$2" 0 0'
        ' && cp -a "$2/dest" "$2/kept"'
    )
    if can_mount:  # a real file system that is really full
        command = ["unshare", "-rm", "sh", "-ec", mount, sys.executable, store_child.__file__, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(Path(store_child.__file__).parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        shutil.rmtree(tmp_path / "dest")
        (tmp_path / "kept").rename(tmp_path / "dest")
        output = done.stdout
    else:
        with start(tmp_path, room=megabytes * CHUNK_SIZE) as child:
            output = child.stdout.read()
    assert output.splitlines()[-1].startswith("full There is no room left for")
    check_what_is_there(tmp_path)
    assert finish(tmp_path) <= TOTAL - (megabytes - 1) * CHUNK_SIZE


def test_a_database_on_a_full_disk_is_said_and_stays_sound(tmp_path):
    database = Database(tmp_path / "peertransfer.db")
    script = f"""
import sys, trio, pathlib, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
sys.path.insert(0, {str(Path(store_child.__file__).parent)!r})
from peertransfer.errors import StoreError
from peertransfer.store.database import Database
from peertransfer.store.transfers import Transfers, EntryProgress, StoredTransfer
async def main():
    async with Database(pathlib.Path({str(tmp_path / "peertransfer.db")!r})) as database:
        transfers = Transfers(database)
        await transfers.begin(StoredTransfer("t", "cid", "net", b"s", pathlib.Path("/x"), "t", 1))
        n = 0
        try:
            while True:
                await transfers.mark("t", {{n: EntryProgress(b"r", is_done=False, bitmap=bytes(2000))}})
                n += 1
        except StoreError:
            print(n)
trio.run(main)"""
    database.close()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    marked = int(done.stdout)
    assert marked > 5
    database = Database(tmp_path / "peertransfer.db")
    assert len(trio.run(Transfers(database).progress, "t")) == marked
    database.close()
