"""What a node needs of its home, and what it leaves behind."""

import os
from pathlib import Path

import pytest
from process_kit import people

from peertransfer.store.home import open_home

pytestmark = pytest.mark.process


@pytest.fixture
def carol():
    """Return somebody with a home of her own and no node."""
    with people("carol") as (person,):
        yield person


def test_a_node_of_a_long_home_leaves_no_folder_of_its_socket(carol):
    carol.home = carol.folder / ("x" * 120)
    carol.init()
    runtime_dir = os.environ.get("XDG_RUNTIME_DIR")
    socket = open_home(carol.home).socket_path(Path(runtime_dir) if runtime_dir else None)
    assert socket.parent != carol.home
    carol.start()
    assert socket.exists()
    assert carol.stop() == 0
    assert not socket.parent.exists()
