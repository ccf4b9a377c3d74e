"""What a node needs of its home, and what it leaves behind."""

import json
import os
from pathlib import Path

import pytest
from process_kit import people, refused

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


@pytest.fixture
def known(carol):
    """Return somebody whose node made a network and shared a file, and ended."""
    carol.start()
    carol.ask("network", "create", "hers")
    carol.ask("share", carol.log, "--network", "open")
    carol.stop()
    return carol


def key_of(person, name):
    """Return the key file of a network."""
    networks = person.ask("network", "list")["networks"]
    return person.home / "keys" / f"{next(one['network_id'] for one in networks if one['name'] == name)}.key"


def identity(person):
    """Return what doctor finds about identities."""
    done = person.command("doctor")
    checks = json.loads(done.stdout)["checks"]
    return {one["name"]: one for one in checks if one["name"].startswith("identity")}


def test_a_damaged_key_is_named_and_left_alone(known):
    key = key_of(known, "hers")
    key.write_bytes(bytes(7))
    for words in (["run"], ["share", known.log, "--network", "open"], ["id"]):
        said = refused(known.command(*words), 1)
        assert str(key) in said
        assert "damaged" in said
    found = identity(known)["identity (hers)"]
    assert (found["ok"], str(key) in found["detail"]) == (False, True)
    assert "copy" in found["mend"]
    assert key.read_bytes() == bytes(7)


def test_a_lost_key_is_missed_until_a_new_identity_is_taken_on_purpose(known):
    key = key_of(known, "open")
    octets = key.read_bytes()
    key.unlink()
    for words in (["run"], ["share", known.log, "--network", "open"]):
        said = refused(known.command(*words), 1)
        assert f"{key} is gone" in said
        assert "peertransfer init" in said
        assert not key.exists()
    assert not identity(known)["identity (open)"]["ok"]
    assert known.ask("init")["identities_renewed"] == ["open"]
    assert known.ask("init")["identities_renewed"] == []
    known.start()
    assert key.read_bytes() != octets
    assert all(one["ok"] for one in identity(known).values())
