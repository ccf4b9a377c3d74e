"""Is a clash told before the first octet, and what is there reused?"""

from __future__ import annotations

import os

import pytest
from store_kit import everything_below, file_to_send, octets_of

from peertransfer.content.names import fold
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import ClashError
from peertransfer.store.placing import PROBE, DestinationRoot
from peertransfer.store.survey import Placement, survey

BIG = file_to_send(octets_of(2 * CHUNK_SIZE + 1))
SMALL = file_to_send(b"hello")


@pytest.fixture
def root(tmp_path):
    with DestinationRoot(tmp_path / "dest") as opened:
        yield opened


def place(file, *path, entry=0, size=None, executable=None):
    return Placement(entry, path, file.root if file else None, size, executable)


async def test_nothing_there_is_nothing_found(root):
    (found,) = await survey(root, [place(BIG, "d", "big")], "refuse")
    assert (found.path, found.is_there, found.size, found.overwrites) == (("d", "big"), False, 0, False)
    assert everything_below(root.path) == {}


@pytest.mark.parametrize("mode", ["refuse", "overwrite", "rename"])
@pytest.mark.parametrize("file", [BIG, SMALL])
async def test_a_file_that_is_there_and_verifies_is_reused(root, file, mode):
    (root.path / "f").write_bytes(file.octets)
    for size in (None, len(file.octets)):
        (found,) = await survey(root, [place(file, "f", size=size)], mode)
        assert (found.is_there, found.size, found.path) == (True, len(file.octets), ("f",))


async def test_a_file_that_differs_is_a_clash_named_with_how_many_more(root):
    for name in ("f", "g", "h"):
        (root.path / name).write_bytes(b"mine")
    with pytest.raises(ClashError, match="like 2 more") as caught:
        await survey(root, [place(SMALL, name, entry=n) for n, name in enumerate("fgh")], "refuse")
    assert caught.value.path == str(root.path / "f")
    assert "--overwrite" in caught.value.hint


async def test_a_file_that_differs_is_overwritten_on_request(root):
    (root.path / "f").write_bytes(b"mine")
    (found,) = await survey(root, [place(SMALL, "f")], "overwrite")
    assert (found.overwrites, found.path) == (True, ("f",))
    assert (root.path / "f").read_bytes() == b"mine"


async def test_a_file_that_differs_is_kept_and_the_new_one_renamed_on_request(root):
    (root.path / "f.txt").write_bytes(b"mine")
    (root.path / "f (1).txt").write_bytes(b"mine too")
    (found,) = await survey(root, [place(SMALL, "f.txt")], "rename")
    assert found.path == ("f (2).txt",)
    (root.path / "f (2).txt").write_bytes(SMALL.octets)
    (found,) = await survey(root, [place(SMALL, "f.txt")], "rename")
    assert (found.path, found.is_there) == (("f (2).txt",), True)


async def test_two_entries_are_never_renamed_to_one_name(root):
    (root.path / "f").write_bytes(b"mine")
    entries = [place(SMALL, "f"), place(BIG, "f (1)", entry=1)]
    found = await survey(root, entries, "rename")
    assert [each.path for each in found] == [("f (2)",), ("f (1)",)]


@pytest.mark.parametrize("mode", ["refuse", "overwrite"])
async def test_a_folder_in_the_way_of_a_file_is_not_to_be_overwritten(root, mode):
    (root.path / "f").mkdir()
    with pytest.raises(ClashError, match="is a folder, not a file") as caught:
        await survey(root, [place(SMALL, "f")], mode)
    assert caught.value.hint == "Remove it, or choose --rename: --overwrite replaces files only."


@pytest.mark.parametrize("mode", ["refuse", "overwrite", "rename"])
async def test_a_file_in_the_way_of_a_folder_is_to_be_moved_away(root, mode):
    (root.path / "d").write_bytes(b"mine")
    with pytest.raises(ClashError, match="is no folder") as caught:
        await survey(root, [place(None, "d")], mode)
    assert caught.value.hint == "Move it away, or choose another place."


async def test_a_folder_that_is_there_is_there(root):
    (root.path / "d").mkdir()
    (found,) = await survey(root, [place(None, "d")], "refuse")
    assert found.is_there


async def test_a_link_to_the_same_octets_is_a_clash_and_not_read(root, tmp_path):
    (tmp_path / "same").write_bytes(SMALL.octets)
    (root.path / "f").symlink_to(tmp_path / "same")
    with pytest.raises(ClashError):
        await survey(root, [place(SMALL, "f")], "refuse")


async def test_a_pipe_does_not_hold_it_up(root):
    os.mkfifo(root.path / "f")
    with pytest.raises(ClashError):
        await survey(root, [place(SMALL, "f")], "refuse")


TWINS = [("Readme", "README"), ("caf\u00e9", "cafe\u0301")]


@pytest.mark.parametrize("mode", ["refuse", "overwrite", "rename"])
@pytest.mark.parametrize("names", TWINS)
async def test_twins_of_one_share_are_a_clash_on_a_disk_that_takes_them_for_one(
    root, mode, names, monkeypatch
):
    seen = _other_spelling_is_there(monkeypatch)
    with pytest.raises(ClashError, match="would be one file on this disk"):
        await survey(root, [place(SMALL, names[0]), place(BIG, names[1], entry=1)], mode)
    assert seen
    assert everything_below(root.path) == {}


@pytest.mark.parametrize("names", TWINS)
async def test_twins_of_one_share_are_two_files_on_a_disk_that_tells_them_apart(root, names):
    found = await survey(root, [place(SMALL, names[0]), place(BIG, names[1], entry=1)], "refuse")
    assert [one.path for one in found] == [(names[0],), (names[1],)]
    assert everything_below(root.path) == {}


def _other_spelling_is_there(monkeypatch):
    """Answer as a disk does that takes a name in capitals or in another Unicode form for the same."""
    seen = []

    def stat(name, **options):
        is_probe = isinstance(name, str) and fold(name) == fold(PROBE)
        seen.extend([name] if is_probe else [])
        return real(PROBE if is_probe else name, **options)

    real = os.stat
    monkeypatch.setattr("peertransfer.store.placing.os.stat", stat)
    return seen


@pytest.mark.parametrize("mode", ["refuse", "overwrite", "rename"])
@pytest.mark.parametrize("is_executable", [True, False])
@pytest.mark.parametrize("should_be", [True, False, None])
async def test_who_may_run_a_file_is_no_clash_and_is_told(root, mode, is_executable, should_be):
    (root.path / "f").write_bytes(SMALL.octets)
    (root.path / "f").chmod(0o755 if is_executable else 0o644)
    (found,) = await survey(root, [place(SMALL, "f", executable=should_be)], mode)
    assert (found.is_there, found.path) == (True, ("f",))
    assert found.has_other_mode == (should_be is not None and should_be != is_executable)
