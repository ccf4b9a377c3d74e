"""What ``get`` makes of a folder of which not everything can come, and of what is there already."""

import pytest
from process_kit import octets, refused, tree

pytestmark = pytest.mark.process
MIB = 1 << 20


def share_folder(person, name, files):
    """Make a folder of these files and share it; return its path and what ``share`` answered."""
    root = person.folder / name
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root, person.ask("share", root)


def test_a_title_that_is_a_link_at_the_destination_is_not_followed(pair):
    alice, bob = pair
    root, answer = share_folder(alice, "titled", {"a": octets(1000), "b": octets(2 * MIB, 1)})
    dest, elsewhere = bob.folder / "chosen", bob.folder / "elsewhere"
    dest.mkdir()
    elsewhere.mkdir()
    (dest / "titled").symlink_to(elsewhere)
    line = refused(bob.command("get", "-", dest, text=answer["link"]), 1)
    assert str(dest / "titled") in line
    assert "symbolic link" in line
    assert tree(elsewhere) == {}
    (transfer,) = [one for one in bob.ask("transfers")["transfers"] if one["title"] == "titled"]
    refused(bob.command("resume", transfer["transfer_id"]), 1)
    bob.command("cancel", transfer["transfer_id"])
    assert tree(elsewhere) == {}
    (dest / "titled").unlink()
    bob.ask("get", "-", dest, text=answer["link"])
    assert tree(dest / "titled") == tree(root)


def test_a_destination_that_is_the_persons_own_link_is_followed(pair):
    alice, bob = pair
    root, answer = share_folder(alice, "followed", {"a": octets(1000)})
    (bob.folder / "real").mkdir()
    (bob.folder / "mine").symlink_to("real")
    got = bob.ask("get", "-", bob.folder / "mine", text=answer["link"])
    assert got["dest"] == str(bob.folder / "mine" / "followed")
    assert tree(bob.folder / "real" / "followed") == tree(root)
