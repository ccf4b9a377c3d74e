"""What the doctor finds in a home, and in the hosts that run."""

import errno
import os
from pathlib import Path

import pytest

from peertransfer.errors import HomeError
from peertransfer.service import offline
from peertransfer.service.doctor import examine_home
from peertransfer.service.home_setup import init_home
from peertransfer.service.policy_file import read_policy
from peertransfer.store.home import open_home


@pytest.fixture
def home(tmp_path):
    init_home(tmp_path / "home", accept_privacy=True)
    return open_home(tmp_path / "home")


def bad(checks):
    """Return what is wrong, by its name."""
    return {one["name"]: one for one in checks if not one["ok"]}


def test_a_home_that_nobody_may_look_into_is_the_one_finding(home, monkeypatch):
    monkeypatch.setattr(os, "scandir", _barred)
    monkeypatch.setattr(Path, "exists", _barred)
    found = bad(offline.doctor(home.path)["checks"])
    assert list(found) == ["home"]
    assert found["home"]["mend"] == f"Mend it with: chmod 700 {home.path}"


def test_a_policy_that_is_lost_and_one_that_cannot_be_read_have_their_own_mends(home, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", _barred)
        with pytest.raises(HomeError, match="can't be read: Permission denied") as caught:
            read_policy(home.policy_path)
    assert caught.value.hint == f"Mend it with: chmod 600 {home.policy_path}"
    home.policy_path.unlink()
    with pytest.raises(HomeError, match="There is no") as caught:
        read_policy(home.policy_path)
    assert caught.value.hint == "Put your policy back there."
    assert list(bad(examine_home(home.path))) == ["policy"]


def _barred(path, *args):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
