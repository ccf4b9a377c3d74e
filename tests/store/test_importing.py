"""Is what was imported exactly what is there, and is the rest named?"""

from __future__ import annotations

import ctypes
import os
import pathlib
import socket
import subprocess
import sys
import threading
import tracemalloc
import unicodedata

import pytest
import trio
from store_kit import SEED, everything_below, import_tree, make_tree, octets_of

from peertransfer.content.cid import HashFunction
from peertransfer.content.dag import build_dag
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import SourceError
from peertransfer.store import hashing, scanning
from peertransfer.store.importing import import_paths, media_type_of

SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE]


@pytest.mark.parametrize("function", HashFunction)
@pytest.mark.parametrize("size", SIZES)
async def test_a_file_of_any_size_has_the_leaves_and_root_of_its_octets(tmp_path, size, function):
    octets = octets_of(size)
    (tmp_path / "f.bin").write_bytes(octets)
    imported = await import_tree(tmp_path / "f.bin", hash_function=function)
    (entry,) = imported.item.entries
    chunks = [octets[at : at + CHUNK_SIZE] for at in range(0, max(size, 1), CHUNK_SIZE)]
    digests = b"".join(function.digest(chunk) for chunk in chunks)
    assert (entry.size, entry.leaf_digests) == (size, digests)
    assert entry.root == build_dag(function, size, digests).root
    assert (entry.path, entry.kind, imported.item.title) == ("f.bin", "file", "f.bin")


async def test_a_sparse_file_of_more_than_1024_leaves(tmp_path):
    size = 1025 * CHUNK_SIZE + 3
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    (entry,) = (await import_tree(tmp_path / "sparse")).item.entries
    zeros = HashFunction.BLAKE3.digest(bytes(CHUNK_SIZE))
    assert entry.leaf_digests == zeros * 1025 + HashFunction.BLAKE3.digest(bytes(3))
    assert entry.size == size


async def test_memory_does_not_grow_with_the_file(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(256 * CHUNK_SIZE)
    tracemalloc.start()
    try:
        await import_tree(tmp_path / "sparse")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * CHUNK_SIZE


async def test_a_folder_keeps_spaces_unicode_forms_empty_folders_and_the_executable_bit(tmp_path):
    nfc, nfd = unicodedata.normalize("NFC", "é.txt"), unicodedata.normalize("NFD", "é.txt")
    root = make_tree(tmp_path / "my tree", {nfc: b"1", nfd: b"2", "a b/c d.txt": b"3", "run.sh": b"4"})
    (root / "run.sh").chmod(0o755)
    (root / "empty" / "deep").mkdir(parents=True)
    item = (await import_tree(root)).item
    found = {entry.path: (entry.kind, entry.size, entry.executable) for entry in item.entries}
    assert found == {
        nfc: ("file", 1, False),
        nfd: ("file", 1, False),
        "a b/c d.txt": ("file", 1, False),
        "run.sh": ("file", 1, True),
        "empty/deep": ("folder", 0, False),
    }
    assert item.title == "my tree"
    assert [entry.ordinal for entry in item.entries] == [0, 1, 2, 3, 4]


async def test_several_paths_make_one_share(tmp_path):
    root = make_tree(tmp_path, {"one/a.txt": b"1", "two/a.txt": b"2", "three.txt": b"3"})
    imported = await import_tree(root / "one", root / "two", root / "three.txt", labels=["x"], expires_at=7)
    assert [entry.path for entry in imported.item.entries] == ["one/a.txt", "two/a.txt", "three.txt"]
    assert (imported.item.title, imported.item.labels, imported.item.expires_at) == ("3 items", ("x",), 7)
    assert imported.item.seed == SEED


async def test_two_paths_of_one_name_are_refused(tmp_path):
    root = make_tree(tmp_path, {"one/a.txt": b"1", "two/a.txt": b"2"})
    with pytest.raises(SourceError, match="same name"):
        await import_tree(root / "one" / "a.txt", root / "two" / "a.txt")


async def test_links_and_special_files_are_listed_and_never_followed(tmp_path):
    root = make_tree(tmp_path / "tree", {"file": b"1"})
    (tmp_path / "secret").write_bytes(b"SECRET")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder link").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    (root / "unfinished").mkdir()
    (root / ".peertransfer-partial").mkdir()
    (root / ".peertransfer-partial" / "0").write_bytes(b"half")
    here = pathlib.Path.cwd()
    os.chdir(root)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        os.chdir(here)
        imported = await import_tree(root)
    assert {entry.path for entry in imported.item.entries} == {"file", "unfinished"}
    assert sorted((pathlib.Path(path).name, reason) for path, reason in imported.skipped) == [
        (".peertransfer-partial", "an unfinished transfer"),
        ("folder link", "a symbolic link"),
        ("link", "a symbolic link"),
        ("pipe", "a pipe"),
        ("s", "a socket"),
    ]


async def test_the_home_of_a_node_is_never_shared(tmp_path):
    home = tmp_path / "person" / ".local" / "home"
    make_tree(home, {"keys/open.key": b"secret", "peertransfer.db": b"links", "config.toml": b""})
    (tmp_path / "person" / "letter").write_bytes(b"dear")
    imported = await import_tree(tmp_path / "person")
    assert [entry.path for entry in imported.item.entries if entry.kind == "file"] == ["letter"]
    assert imported.skipped == ((str(home), "the home of a node, where its keys are"),)
    for path in (home, home / "keys", home / "keys" / "open.key"):
        with pytest.raises(SourceError, match="home of a node"):
            await import_tree(path)


async def test_a_path_that_is_itself_a_link_is_refused(tmp_path):
    (tmp_path / "real").write_bytes(b"1")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(SourceError, match="symbolic link") as caught:
        await import_tree(tmp_path / "link")
    assert "points to" in caught.value.hint


async def test_a_folder_that_holds_only_links_is_kept_as_an_empty_one(tmp_path):
    root = make_tree(tmp_path / "tree", {"file": b"1"})
    (root / "links").mkdir()
    (root / "links" / "l").symlink_to("/")
    assert [entry.path for entry in (await import_tree(root)).item.entries] == ["file", "links"]


async def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(SourceError, match="nothing at") as caught:
        await import_tree(tmp_path / "none")
    assert caught.value.path == str(tmp_path / "none")


@pytest.mark.parametrize(
    "name", ["a:b", "back\\slash", "CON", "dot.", " lead", "\u202egpj.exe", "esc\x1b[2J"]
)
async def test_a_name_that_cannot_travel_is_refused_by_name(tmp_path, name):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / name).write_bytes(b"1")
    with pytest.raises(SourceError, match="can't travel") as caught:
        await import_tree(tmp_path / "tree")
    assert caught.value.path.endswith(name)
    assert "Rename it" in caught.value.hint
    assert caught.value.message.isprintable()


async def test_all_names_that_cannot_travel_are_listed_at_once(tmp_path):
    root = make_tree(
        tmp_path / "tree", {"CON.txt": b"1", "good": b"2", "in/dot.": b"3", "bad:/esc\x1b": b"4"}
    )
    with pytest.raises(SourceError, match=r"^4 names can't travel: ") as caught:
        await import_tree(root)
    for words in ("/CON.txt (", "/in/dot. (", "/bad: (", "/bad:/esc"):
        assert str(tmp_path) + "/tree" + words in caught.value.message
    assert "good" not in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.hint == "Rename them, or move them elsewhere."


async def test_of_many_names_that_cannot_travel_ten_are_listed_and_the_rest_counted(tmp_path):
    names = {f"{number:02}:": b"" for number in range(13)} | {os.fsdecode(b"z\xff"): b""}
    root = make_tree(tmp_path / "tree", names)
    with pytest.raises(SourceError, match=r"^14 names can't travel: ") as caught:
        await import_tree(root)
    assert caught.value.message.endswith("; and 4 more")
    assert "/09: (" in caught.value.message
    assert "/10: (" not in caught.value.message
    caught.value.message.encode()


async def test_a_name_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / os.fsdecode(b"\xff")).write_bytes(b"1")
    with pytest.raises(SourceError, match="can't travel") as caught:
        await import_tree(tmp_path / "tree")
    caught.value.message.encode()


def obey_modes():
    """Give up what lets root ignore modes, in the child alone: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP, in force after exec


@pytest.mark.parametrize("what", ["tree/secret", "tree/closed"])
def test_what_cannot_be_read_is_refused_by_name(tmp_path, what):
    root = make_tree(tmp_path / "tree", {"secret": b"1", "closed/file": b"1"})
    (tmp_path / what).chmod(0)
    script = """
import sys, trio, pathlib
from peertransfer.store.importing import import_paths
from peertransfer.content.cid import HashFunction
from peertransfer.errors import SourceError
try:
    trio.run(lambda: import_paths([pathlib.Path(sys.argv[1])], hash_function=HashFunction.BLAKE3, seed=b"s" * 32))
except SourceError as error:
    print(error.path, "|", error.message, "|", error.hint)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, root],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=obey_modes,
    )
    (tmp_path / what).chmod(0o700)
    path, message, hint = done.stdout.strip().split(" | ")
    assert path == str(tmp_path / what)
    assert "Permission denied" in message
    assert "chmod u+r" in hint


async def test_a_file_that_changes_while_it_is_read_is_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(octets_of(3 * CHUNK_SIZE))
    real = hashing.read_full

    def read_and_touch(fd, buffer, offset):
        count = real(fd, buffer, offset)
        if offset == CHUNK_SIZE:
            with path.open("r+b") as file:
                file.write(b"edit")
        return count

    monkeypatch.setattr(hashing, "read_full", read_and_touch)
    with pytest.raises(SourceError, match="changed while") as caught:
        await import_tree(path)
    assert caught.value.path == str(path)


async def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(octets_of(CHUNK_SIZE))
    real = hashing.read_full

    def read_and_grow(fd, buffer, offset):
        count = real(fd, buffer, offset)
        if offset == 0:
            with path.open("ab") as file:
                file.write(b"more")
        return count

    monkeypatch.setattr(hashing, "read_full", read_and_grow)
    with pytest.raises(SourceError, match="changed while"):
        await import_tree(path)


async def test_a_file_that_becomes_a_link_before_it_is_opened_is_not_followed(tmp_path, monkeypatch):
    root = make_tree(tmp_path / "tree", {"a/file": b"1"})
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"SECRET")
    real = scanning.scan

    def scan_and_swap(paths):
        found = real(paths)
        (root / "a").rename(root / "b")
        (root / "a").symlink_to(tmp_path / "secret")
        return found

    monkeypatch.setattr("peertransfer.store.importing.scan", scan_and_swap)
    with pytest.raises(SourceError, match="changed while"):
        await import_tree(root)


async def test_importing_can_be_cancelled_between_two_leaves(tmp_path, monkeypatch):
    (tmp_path / "big").write_bytes(octets_of(8 * CHUNK_SIZE))
    begun, go_on = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()
    reads = []
    real = hashing.read_full

    def slow(fd, buffer, offset):
        reads.append(offset)
        token.run_sync_soon(begun.set)
        go_on.wait()
        return real(fd, buffer, offset)

    monkeypatch.setattr(hashing, "read_full", slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(import_tree, tmp_path / "big")
        await begun.wait()
        nursery.cancel_scope.cancel()
        go_on.set()
    assert reads == [0]


async def test_hashing_leaves_the_event_loop_free(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"1")
    threads = []
    real = hashing.read_full
    monkeypatch.setattr(
        hashing, "read_full", lambda *args: (threads.append(threading.get_ident()), real(*args))[1]
    )
    await import_tree(tmp_path / "file")
    assert threads
    assert threading.get_ident() not in threads


async def test_progress_ends_at_the_whole_and_is_told_on_the_loop(tmp_path):
    root = make_tree(tmp_path / "tree", {"a": octets_of(CHUNK_SIZE + 1), "b": b"22"})
    seen = []
    await import_tree(root, progress=lambda state: seen.append((state, threading.get_ident())))
    last, thread = seen[-1]
    assert (last.files, last.files_total, last.octets, last.octets_total) == (
        2,
        2,
        CHUNK_SIZE + 3,
        CHUNK_SIZE + 3,
    )
    assert thread == threading.get_ident()


async def test_too_many_files_and_too_deep_folders_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "MAX_ENTRIES", 3)
    wide = make_tree(tmp_path / "wide", {f"f{number}": b"" for number in range(4)})
    with pytest.raises(SourceError, match="over 3 files"):
        await import_tree(wide)
    deep = tmp_path / "deep"
    deep.joinpath(*["d"] * 65).mkdir(parents=True)
    with pytest.raises(SourceError, match="64 folders deep"):
        await import_tree(deep)


async def test_importing_changes_nothing(tmp_path):
    root = make_tree(tmp_path / "tree", {"a": b"1", "b/c": b"2"})
    before = everything_below(tmp_path)
    await import_tree(root)
    assert everything_below(tmp_path) == before


async def test_nothing_to_share_is_said():
    with pytest.raises(SourceError, match="nothing to share"):
        await import_paths([], hash_function=HashFunction.BLAKE3, seed=SEED)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("A.JPG", "image/jpeg"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", None),
        ("Makefile", None),
        ("data:,x", None),
    ],
)
def test_media_types_come_from_the_extension_alone(name, media_type):
    assert media_type_of(name) == media_type
