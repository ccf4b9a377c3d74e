"""Is the home private, and is there one node on it?"""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from peertransfer.control.homes import has_home
from peertransfer.errors import HomeError, LocalError, SpaceError, StoreError
from peertransfer.store.home import MAX_SOCKET_PATH, create_home, open_home, write_private


@pytest.fixture
def home(tmp_path):
    return create_home(tmp_path / "home")


def mode_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_home_is_open_to_its_owner_only_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        home = create_home(tmp_path / "deep" / "home")
        write_private(home.key_path("net"), b"k")
    finally:
        os.umask(old)
    assert [mode_of(path) for path in (home.path, home.keys_path, home.key_path("net"))] == [
        0o700,
        0o700,
        0o600,
    ]


def test_creating_a_home_again_changes_nothing(home):
    write_private(home.config_path, b"mine")
    assert create_home(home.path) == home
    assert home.config_path.read_bytes() == b"mine"


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_a_wide_home_is_refused_with_the_command_that_mends_it(home, mode):
    home.path.chmod(mode)
    with pytest.raises(HomeError) as caught:
        open_home(home.path)
    assert caught.value.hint == f"Mend it with: chmod 700 {home.path}"
    subprocess.run(caught.value.hint.removeprefix("Mend it with: "), shell=True, check=True)
    assert open_home(home.path) == home


@pytest.mark.parametrize(
    "name", ["keys/net.key", "peertransfer.db", "peertransfer.db-wal", "token with space"]
)
def test_a_wide_file_is_refused_with_the_command_that_mends_it(home, name):
    path = home.path / name
    write_private(path, b"secret")
    path.chmod(0o640)
    with pytest.raises(HomeError, match="0640") as caught:
        open_home(home.path)
    subprocess.run(caught.value.hint.removeprefix("Mend it with: "), shell=True, check=True)
    assert open_home(home.path) == home


def test_a_file_edited_by_hand_may_be_read_but_not_written_by_others(home):
    write_private(home.policy_path, b"")
    home.policy_path.chmod(0o644)
    open_home(home.path)
    home.policy_path.chmod(0o664)
    with pytest.raises(HomeError):
        open_home(home.path)


def test_a_wide_folder_in_the_home_is_refused(home):
    home.keys_path.chmod(0o750)
    with pytest.raises(HomeError, match="keys"):
        open_home(home.path)


def test_a_home_that_is_a_link_is_refused(home, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(home.path)
    with pytest.raises(HomeError, match="symbolic link"):
        open_home(link)
    with pytest.raises(HomeError, match="symbolic link"):
        create_home(link)


def test_a_link_planted_in_the_home_is_refused(home, tmp_path):
    (home.keys_path / "net.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match="symbolic link"):
        open_home(home.path)


def test_a_missing_home_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(HomeError) as caught:
        open_home(tmp_path / "none")
    assert "peertransfer init" in caught.value.hint


def test_a_file_in_the_place_of_the_home_is_refused(tmp_path):
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(HomeError, match="not a folder"):
        create_home(tmp_path / "home")


def test_a_home_that_its_owner_may_not_read_is_refused_with_the_command_that_mends_it(home, monkeypatch):
    home.path.chmod(0)
    monkeypatch.setattr(os, "scandir", barred(home.path))
    with pytest.raises(HomeError, match="can't be read: Permission denied") as caught:
        open_home(home.path)
    monkeypatch.undo()
    subprocess.run(caught.value.hint.removeprefix("Mend it with: "), shell=True, check=True)
    assert open_home(home.path) == home


def test_whether_there_is_a_home_is_said_in_one_line_where_nobody_may_look(home, monkeypatch):
    monkeypatch.setattr(Path, "exists", barred(home.config_path))
    monkeypatch.setattr(os, "scandir", barred(home.path))
    with pytest.raises(HomeError, match="can't be read: Permission denied") as caught:
        has_home(home.path)
    assert caught.value.hint == f"Mend it with: chmod 700 {home.path}"
    monkeypatch.setattr(os, "geteuid", lambda: home.path.stat().st_uid + 1)
    with pytest.raises(HomeError, match="another user"):
        has_home(home.path)


def test_somebody_elses_home_is_refused(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: home.path.stat().st_uid + 1)
    with pytest.raises(HomeError, match="another user") as caught:
        open_home(home.path)
    assert "chown" in caught.value.hint


def test_a_second_node_is_told_which_process_has_the_home(home):
    script = (
        "import sys, pathlib; from peertransfer.store.home import open_home\n"
        "lock = open_home(pathlib.Path(sys.argv[1])).lock(); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, home.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        assert home.running_pid() == other.pid
        with pytest.raises(HomeError, match=f"process {other.pid}"):
            home.lock()
        other.kill()
    assert home.running_pid() is None
    with home.lock():
        assert open_home(home.path) == home


def test_a_released_lock_can_be_taken_again(home):
    lock = home.lock()
    assert home.running_pid() == os.getpid()
    lock.release()
    lock.release()
    assert home.running_pid() is None
    home.lock().release()


def test_a_link_in_the_place_of_the_lock_is_refused(home, tmp_path):
    home.lock_path.symlink_to(tmp_path / "victim")
    with pytest.raises(HomeError):
        home.lock()
    assert not (tmp_path / "victim").exists()


def test_a_key_is_never_overwritten(home):
    write_private(home.key_path("net"), b"first", replace=False)
    with pytest.raises(HomeError, match="there already"):
        write_private(home.key_path("net"), b"second", replace=False)
    assert home.key_path("net").read_bytes() == b"first"
    assert [path.name for path in home.keys_path.iterdir()] == ["net.key"]


def test_a_private_file_replaces_a_planted_link_and_not_what_it_points_to(home, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    home.config_path.symlink_to(victim)
    write_private(home.config_path, b"ours")
    assert (victim.read_bytes(), home.config_path.read_bytes()) == (b"theirs", b"ours")
    assert mode_of(home.config_path) == 0o600


def test_a_file_that_cannot_be_written_is_named(home):
    with pytest.raises(StoreError, match="no/such"):
        write_private(home.path / "no" / "such", b"")


@pytest.mark.parametrize("network_id", ["", "../x", "a/b", "a\0b", "x" * 200, "ä"])
def test_a_network_id_that_is_no_name_is_no_key_path(home, network_id):
    with pytest.raises(LocalError):
        home.key_path(network_id)


def test_the_socket_is_in_the_home_where_its_path_is_short(home):
    if len(os.fsencode(home.path / "control.sock")) <= MAX_SOCKET_PATH:
        assert home.socket_path() == home.path / "control.sock"


def test_the_socket_of_a_long_home_is_in_a_private_folder_of_its_own(tmp_path):
    home = create_home(tmp_path / ("x" * 120))
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        socket = home.make_socket_folder(Path(runtime))
        assert socket.parent.parent == Path(runtime)
        assert len(os.fsencode(socket)) <= MAX_SOCKET_PATH
        assert mode_of(socket.parent) == 0o700
        assert home.socket_path(Path(runtime)) == socket
        other = create_home(tmp_path / ("y" * 120))
        assert other.socket_path(Path(runtime)) != socket


def test_a_socket_folder_that_others_can_enter_is_not_used(tmp_path):
    home = create_home(tmp_path / ("x" * 120))
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        folder = home.socket_path(Path(runtime)).parent
        folder.mkdir()
        folder.chmod(0o777)
        with pytest.raises(HomeError, match="0777"):
            home.make_socket_folder(Path(runtime))


def test_the_home_needs_nothing_heavy():
    script = "import sys, peertransfer.store.home; print({'trio', 'apsw', 'libp2p'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"set()\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "pwrite"])
def test_a_lock_that_finds_no_room_says_so_with_the_mend(home, monkeypatch, call, number):
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full(number))
        with pytest.raises(SpaceError, match=str(home.lock_path)) as caught:
            home.lock()
    assert "Free some room" in caught.value.hint
    assert home.running_pid() is None
    home.lock().release()


def test_a_private_file_that_finds_no_room_says_so_and_leaves_nothing(home, monkeypatch):
    monkeypatch.setattr(os, "fsync", full(errno.ENOSPC))
    with pytest.raises(SpaceError, match=r"config\.toml") as caught:
        write_private(home.config_path, b"ours")
    assert "Free some room" in caught.value.hint
    assert [path.name for path in home.path.iterdir()] == ["keys"]


def test_a_home_that_finds_no_room_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", full(errno.ENOSPC))
    with pytest.raises(SpaceError, match="home"):
        create_home(tmp_path / "home")


def barred(path):
    """Return a system call that is not permitted about ``path``."""

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    return refuse


def full(number):
    """Return a system call that finds no room."""

    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    return refuse
