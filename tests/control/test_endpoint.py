import os
import socket
import stat

import pytest

from peertransfer.control.endpoint import Endpoint, is_own_user
from peertransfer.errors import HomeError


def test_the_socket_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        endpoint = Endpoint(tmp_path / "control.sock")
    finally:
        os.umask(before)
    mode = (tmp_path / "control.sock").stat().st_mode
    endpoint.close()
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_the_socket_file_is_gone_after_the_end(tmp_path):
    Endpoint(tmp_path / "control.sock").close()
    assert not (tmp_path / "control.sock").exists()


def test_a_stale_socket_is_replaced(tmp_path):
    path = tmp_path / "control.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    endpoint = Endpoint(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    endpoint.close()


def test_a_socket_that_somebody_answers_on_is_left_alone(tmp_path):
    first = Endpoint(tmp_path / "control.sock")
    with pytest.raises(HomeError, match="Another node answers"):
        Endpoint(tmp_path / "control.sock")
    assert first.path.exists()
    first.close()


def test_something_that_is_no_socket_is_left_alone(tmp_path):
    (tmp_path / "control.sock").write_text("precious")
    with pytest.raises(HomeError, match="no socket"):
        Endpoint(tmp_path / "control.sock")
    assert (tmp_path / "control.sock").read_text() == "precious"


def test_a_socket_that_another_node_has_made_since_is_not_unlinked(tmp_path):
    path = tmp_path / "control.sock"
    first = Endpoint(path)
    path.rename(tmp_path / "old.sock")
    second = Endpoint(path)
    first.close()
    assert path.exists()
    second.close()


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(HomeError, match="can't be made"):
        Endpoint(__import__("pathlib").Path("/nonexistent/control.sock"))


def test_this_user_is_its_own():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_own_user(ours)


class _Foreign:
    def getsockopt(self, level, option, size):
        return (1).to_bytes(4, "little") + (os.geteuid() + 12345).to_bytes(4, "little") + bytes(4)


def test_another_user_is_not():
    assert not is_own_user(_Foreign())
