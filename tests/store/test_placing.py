"""Does everything land below the root, and nothing over what was there?"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_kit import everything_below

from peertransfer.errors import ClashError, RemoteProtocolError, SpaceError, StoreError
from peertransfer.store import syscalls
from peertransfer.store.disk import check_room, disk_errors, write_all
from peertransfer.store.placing import PARTIAL_FOLDER, DestinationRoot, find_twins, open_beneath

WAYS = [(True, True), (True, False), (False, True), (False, False)]


@pytest.fixture(params=WAYS, ids=["calls", "openat2+link", "walk+renameat2", "walk+link"])
def root(tmp_path, request):
    with DestinationRoot(
        tmp_path / "dest", use_openat2=request.param[0], use_renameat2=request.param[1]
    ) as opened:
        yield opened


def bring(root, octets=b"new", name="part"):
    (root.path / name).write_bytes(octets)
    return root.fd, name


def test_this_machine_has_the_calls():
    assert syscalls.openat2(os.open("/", os.O_RDONLY), b"proc", os.O_RDONLY | os.O_DIRECTORY, 0) > 0


def test_a_file_is_placed_in_folders_that_are_made(root):
    root.place(*bring(root), ("a", "b", "c.txt"))
    root.sync_folder(("a", "b"))
    assert everything_below(root.path) == {"a": None, "a/b": None, "a/b/c.txt": b"new"}


def test_the_root_is_made_but_nothing_above_it(tmp_path):
    DestinationRoot(tmp_path / "one").close()
    with pytest.raises(StoreError):
        DestinationRoot(tmp_path / "two" / "deep")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        DestinationRoot(tmp_path / "file")


def test_nothing_that_exists_is_overwritten(root):
    (root.path / "mine").write_bytes(b"mine")
    with pytest.raises(ClashError, match="there already") as caught:
        root.place(*bring(root), ("mine",))
    assert caught.value.path == str(root.path / "mine")
    assert everything_below(root.path) == {"mine": b"mine", "part": b"new"}


def test_a_file_is_replaced_only_when_that_was_asked_for(root):
    (root.path / "mine").write_bytes(b"mine")
    root.place(*bring(root), ("mine",), overwrite=True)
    assert everything_below(root.path) == {"mine": b"new"}


def test_a_folder_is_never_replaced(root):
    (root.path / "mine").mkdir()
    for overwrite in (True, False):
        with pytest.raises(ClashError):
            root.place(*bring(root), ("mine",), overwrite=overwrite)
    assert everything_below(root.path) == {"mine": None, "part": b"new"}


def test_overwriting_a_link_replaces_the_link_and_not_what_it_points_to(root, tmp_path):
    (tmp_path / "victim").write_bytes(b"theirs")
    (root.path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(ClashError):
        root.place(*bring(root), ("link",))
    root.place(*bring(root), ("link",), overwrite=True)
    assert (tmp_path / "victim").read_bytes() == b"theirs"
    assert (root.path / "link").read_bytes() == b"new"


def test_a_file_where_a_folder_goes_is_a_clash(root):
    (root.path / "a").write_bytes(b"mine")
    with pytest.raises(ClashError):
        root.place(*bring(root), ("a", "b"))
    with pytest.raises(ClashError):
        root.make_folders(("a",))
    assert (root.path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("inside", [("out", "file"), ("out", "deep", "file"), ("a", "out", "file")])
def test_a_folder_that_is_a_link_is_never_entered(root, tmp_path, inside):
    outside = tmp_path / "outside"
    outside.mkdir()
    (root.path / "a").mkdir()
    (root.path / "out").symlink_to(outside)
    (root.path / "a" / "out").symlink_to(outside)
    with pytest.raises((StoreError, ClashError)):
        root.place(*bring(root), inside)
    with pytest.raises((StoreError, ClashError)):
        root.make_folders(inside)
    assert list(outside.iterdir()) == []


def test_a_link_that_stays_below_the_root_is_not_followed_either(root):
    (root.path / "real").mkdir()
    (root.path / "real" / "f").write_bytes(b"1")
    (root.path / "alias").symlink_to("real")
    (root.path / "last").symlink_to("real/f")
    for segments in (("alias", "f"), ("last",)):
        with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
            root.open_beneath(segments, os.O_RDONLY)
    with pytest.raises((StoreError, ClashError)):
        root.place(*bring(root), ("alias", "g"))
    assert sorted(each.name for each in (root.path / "real").iterdir()) == ["f"]


HOSTILE = [
    *("..", ".", "", "/", "../x", "a/b", "/etc/passwd", "\\", "..\\x", "C:", "C:\\x", "\\\\host\\share"),
    *("nul\0byte", "CON", "con.txt", "NUL ", "LPT1.log", "COM¹", "trailing.", "trailing ", " leading"),
    *("\u202etxt.exe", "zero\u200bwidth", "\x1b]8;;x\x07", "new\nline", "\r", "\ud800", "x" * 256, "ä" * 128),
    *(PARTIAL_FOLDER, PARTIAL_FOLDER.upper(), "file:stream", "\u2066isolate", "\x7f"),
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("where", [lambda name: (name,), lambda name: (name, "f"), lambda name: ("d", name)])
def test_a_hostile_name_is_refused_and_leaves_no_trace(root, tmp_path, name, where):
    bring(root)
    before = everything_below(tmp_path)
    for act in (
        lambda: root.place(root.fd, "part", where(name)),
        lambda: root.make_folders(where(name)),
        lambda: root.lstat(where(name)),
    ):
        with pytest.raises(RemoteProtocolError):
            act()
    assert everything_below(tmp_path) == before


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(max_size=20) | st.sampled_from(HOSTILE), max_size=4))
def test_any_names_at_all_land_below_the_root_or_nowhere(tmp_path_factory, path):
    above = tmp_path_factory.mktemp("above")
    with DestinationRoot(above / "dest") as root:
        try:
            root.place(*bring(root), tuple(path))
        except (RemoteProtocolError, ClashError, StoreError):
            assert everything_below(above) == {"dest": None, "dest/part": b"new"}
        else:
            assert [each.name for each in above.iterdir()] == ["dest"]
            assert above.joinpath("dest", *path).read_bytes() == b"new"
            assert (root.path / "part").exists() == (path == ["part"])


def test_segments_that_are_none_are_refused_even_below_the_check(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    for segments in (("..",), ("a", ""), ("a/b",), (".",)):
        with pytest.raises(StoreError):
            open_beneath(fd, segments, os.O_RDONLY)
    os.close(fd)


def test_lstat_says_what_is_there_and_not_what_it_points_to(root, tmp_path):
    (root.path / "link").symlink_to(tmp_path)
    (root.path / "file").write_bytes(b"123")
    assert stat.S_ISLNK(root.lstat(("link",)).st_mode)
    assert root.lstat(("file",)).st_size == 3
    assert root.lstat(("none",)) is None
    assert root.lstat(("none", "deep")) is None
    assert root.lstat(("file", "deep")) is None


def test_other_names_stand_beside_the_taken_one(root):
    def first(name):
        return next(root.other_names(("d", name)))[-1]

    assert [first(name) for name in ("a.txt", "a", ".hidden", "a.tar.gz")] == [
        *("a (1).txt", "a (1)", ".hidden (1)", "a.tar (1).gz"),
    ]


def test_a_missing_call_takes_the_other_way(tmp_path, monkeypatch):
    def missing(*args):
        raise syscalls.MissingCallError(errno.ENOSYS, "missing")

    monkeypatch.setattr(syscalls, "openat2", missing)
    monkeypatch.setattr(syscalls, "rename_noreplace", missing)
    with DestinationRoot(tmp_path / "dest") as root:
        root.place(*bring(root), ("a", "b"))
        with pytest.raises(ClashError):
            root.place(*bring(root), ("a", "b"))
        assert everything_below(root.path) == {"a": None, "a/b": b"new", "part": b"new"}


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_a_kernel_or_sandbox_without_the_call_is_recognised(monkeypatch, number):
    class Without:
        @staticmethod
        def syscall(*args):
            ctypes.set_errno(number)
            return -1

    monkeypatch.setattr(syscalls, "_libc", Without)
    with pytest.raises(syscalls.MissingCallError):
        syscalls.openat2(0, b"x", os.O_RDONLY, 0)
    with pytest.raises(syscalls.MissingCallError):
        syscalls.rename_noreplace(0, "a", 0, "b")
    with pytest.raises(syscalls.MissingCallError):
        syscalls.syncfs(0)


@pytest.mark.parametrize("use_openat2", [True, False])
def test_no_race_with_a_folder_swapped_for_a_link_leads_outside(tmp_path, use_openat2):
    """A thread flips ``d`` between a folder and a link while two thousand files are placed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    stop = threading.Event()
    with DestinationRoot(tmp_path / "dest", use_openat2=use_openat2) as root:
        (root.path / "d").mkdir()
        (root.path / "link").symlink_to(outside)
        libc = ctypes.CDLL(None)
        one, other = os.fsencode(root.path / "d"), os.fsencode(root.path / "link")

        def flip():
            while not stop.is_set():
                libc.renameat2(-100, one, -100, other, 2)  # RENAME_EXCHANGE

        thread = threading.Thread(target=flip)
        thread.start()
        placed = 0
        try:
            for number in range(2000):
                name = f"f{number}"
                try:
                    root.place(*bring(root, name=name), ("d", name))
                    root.make_folders(("d", f"folder{number}"))
                    placed += 1
                except (StoreError, ClashError):
                    pass
        finally:
            stop.set()
            thread.join()
        refused = len([each for each in root.path.iterdir() if each.name.startswith("f")])
    assert list(outside.iterdir()) == []
    assert placed
    assert refused


@pytest.mark.parametrize(
    ("paths", "twins"),
    [
        ([("a",), ("A",)], ("a", "A")),
        ([("é",), ("e\u0301",)], ("é", "e\u0301")),
        ([("d", "x"), ("D", "X")], ("d/x", "D/X")),
        ([("ß",), ("SS",)], ("ß", "SS")),
        ([("same",), ("same",)], ("same", "same")),
        ([("a",), ("b",), ("a", "b")], None),
    ],
)
def test_twins_are_found(paths, twins):
    assert find_twins(paths) == twins


def test_a_full_disk_is_told_from_a_broken_one():
    for number, kind in ((errno.ENOSPC, SpaceError), (errno.EDQUOT, SpaceError), (errno.EIO, StoreError)):
        with pytest.raises(kind) as caught, disk_errors("the file"):
            raise OSError(number, os.strerror(number))
        assert type(caught.value) is kind
        assert "the file" in caught.value.message


@pytest.mark.parametrize(("number", "words"), [(errno.EACCES, "chmod u+w"), (errno.EIO, "another place")])
def test_what_cannot_be_written_comes_with_a_mend(number, words):
    with pytest.raises(StoreError, match="can't be written") as caught, disk_errors("the file"):
        raise OSError(number, os.strerror(number))
    assert words in caught.value.hint


@pytest.mark.parametrize("title", ["", "title"])
def test_only_a_folder_that_was_made_here_and_is_empty_is_removed(tmp_path, title):
    made = tmp_path / title if title else tmp_path / "made"
    for content, is_left in ((None, False), ("file", True)):
        with DestinationRoot(made.parent if title else made, title) as root:
            if content:
                (root.path / content).touch()
            root.remove_if_made()
        assert made.exists() == is_left
    (made / "file").unlink()
    with DestinationRoot(made.parent if title else made, title) as root:
        root.remove_if_made()
    assert made.exists()


def test_room_is_checked_before_anything_is_fetched(tmp_path):
    check_room(tmp_path, 1, 0)
    with pytest.raises(SpaceError, match="has room for"):
        check_room(tmp_path, 1 << 50, 0)
    with pytest.raises(SpaceError):
        check_room(tmp_path, 0, 1 << 50)
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, octets, offset: real(fd, octets[:3], offset))
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    write_all(fd, memoryview(b"0123456789"), 2)
    os.close(fd)
    assert (tmp_path / "f").read_bytes() == b"\0\x000123456789"


@pytest.mark.parametrize("use_openat2", [True, False])
def test_a_title_that_is_a_link_is_not_followed(tmp_path, use_openat2):
    (tmp_path / "dest").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dest" / "title").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="can't be reached"):
        DestinationRoot(tmp_path / "dest", "title", use_openat2=use_openat2)
    assert everything_below(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize("use_openat2", [True, False])
def test_the_person_may_choose_a_link_and_the_title_is_made_behind_it(tmp_path, use_openat2):
    (tmp_path / "real").mkdir()
    (tmp_path / "dest").symlink_to("real")
    for _ in range(2):
        with DestinationRoot(tmp_path / "dest", "title", use_openat2=use_openat2) as root:
            assert root.path == tmp_path / "dest" / "title"
            assert os.fstat(root.fd).st_ino == (tmp_path / "real" / "title").stat().st_ino


@pytest.mark.parametrize("title", ["..", "a/b", ".peertransfer-partial"])
def test_a_title_that_is_no_name_is_refused(tmp_path, title):
    (tmp_path / "dest").mkdir()
    with pytest.raises(RemoteProtocolError):
        DestinationRoot(tmp_path / "dest", title)
    assert everything_below(tmp_path) == {"dest": None}


@pytest.mark.parametrize(
    ("before", "executable", "after"),
    [(0o640, True, 0o750), (0o755, False, 0o644), (0o600, False, 0o600), (0o700, True, 0o700)],
)
def test_who_may_read_a_file_may_run_it_or_nobody(root, before, executable, after):
    (root.path / "f").write_bytes(b"x")
    (root.path / "f").chmod(before)
    root.set_executable(("f",), executable=executable)
    assert stat.S_IMODE((root.path / "f").stat().st_mode) == after


def test_what_a_link_points_to_keeps_its_mode(root, tmp_path):
    (tmp_path / "outside").write_bytes(b"x")
    (tmp_path / "outside").chmod(0o600)
    (root.path / "f").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError):
        root.set_executable(("f",), executable=True)
    assert stat.S_IMODE((tmp_path / "outside").stat().st_mode) == 0o600
