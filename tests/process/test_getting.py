"""What ``get`` makes of a folder of which not everything can come, and of what is there already."""

import json

import pytest
from process_kit import octets, people, refused, tree

pytestmark = pytest.mark.process
MIB = 1 << 20

RULES = """
[[rule]]
name = "no-secrets"
to = ["anyone"]
items = ["path:*.secret"]
hide.openings = ["content"]

[[rule]]
name = "no-octets-of-keys"
to = ["anyone"]
items = ["path:*.key"]
hide.content = ["octets"]
"""


@pytest.fixture(scope="module")
def closing():
    """Return a node that hides some files, and another."""
    with people("alice", "bob") as (alice, bob):
        with (alice.home / "policy.toml").open("a") as policy:
            policy.write(RULES)
        alice.start()
        bob.start()
        yield alice, bob


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


def fault_of(done, code):
    """Return the error object of a command that ended with ``code``, and its line."""
    return json.loads(done.stdout)["error"], refused(done, code)


def test_what_the_provider_does_not_open_is_listed_and_the_rest_arrives(closing):
    alice, bob = closing
    root, answer = share_folder(
        alice, "half", {"a": octets(1000), "in/b.secret": octets(50), "big": octets(3 * MIB)}
    )
    dest = bob.folder / "half-here"
    got = bob.ask("get", "-", dest, text=answer["link"])
    assert got["not_given"] == [{"path": "in/b.secret", "reason": "hidden"}]
    assert (got["files"], got["size"]) == (2, 3 * MIB + 1000)
    assert {path.name for path in dest.rglob("*")} == {"a", "big"}
    assert (dest / "big").read_bytes() == (root / "big").read_bytes()
    again = bob.command("get", "-", dest, text=answer["link"], as_json=False)
    assert again.returncode == 0
    assert again.stderr.splitlines() == ["not given: in/b.secret (hidden)"]


def test_a_selected_file_that_is_not_opened_is_refused(closing):
    alice, bob = closing
    _, answer = share_folder(alice, "chosen", {"a": octets(10), "b.secret": octets(20), "c": octets(30)})
    dest = bob.folder / "chosen-here"
    line = refused(bob.command("get", "-", dest, "--select", "b.secret", text=answer["link"]), 5)
    assert "not opened" in line
    assert not dest.exists()
    error, line = fault_of(
        bob.command("get", "-", dest, "--select", "b.secret", "--select", "a", text=answer["link"]), 5
    )
    assert error["not_given"] == [{"path": "b.secret", "reason": "hidden"}]
    assert "1 of 2 files was not opened by the provider: b.secret" in line
    assert [path.name for path in dest.iterdir()] == ["a"]
    bob.ask("get", "-", dest, "--select", "[ac]", "--select", "a", "--select", "c", text=answer["link"])


def test_a_share_of_which_nothing_is_opened_is_refused(closing):
    alice, bob = closing
    _, answer = share_folder(alice, "closed", {"a.secret": octets(10), "b.secret": octets(20)})
    error, line = fault_of(bob.command("get", "-", bob.folder / "closed-here", text=answer["link"]), 5)
    assert error["code"] == "refused"
    assert error["not_given_count"] == 2
    assert "2 of 2 files were not opened" in line
    assert not (bob.folder / "closed-here").exists()


def test_files_whose_octets_are_refused_are_named_and_the_rest_arrives(closing):
    alice, bob = closing
    files = {f"{name:02}": octets(100 + name, name) for name in range(20)}
    root, answer = share_folder(
        alice, "keys", {**files, "7.key": octets(99), "large.key": octets(2 * MIB), "large": octets(3 * MIB)}
    )
    dest = bob.folder / "keys-here"
    error, line = fault_of(bob.command("get", "-", dest, text=answer["link"]), 5)
    assert "2 of 23 files were refused by the provider: " in line
    assert {one["path"] for one in error["not_given"]} == {"7.key", "large.key"}
    assert {one["reason"] for one in error["not_given"]} == {"refused"}
    assert tree(dest) == {name: one for name, one in tree(root).items() if not name.endswith(".key")}


def test_a_file_that_changed_does_not_keep_the_others(pair):
    alice, bob = pair
    files = {f"{name}": octets(1000 + name, name) for name in range(4)}
    root, answer = share_folder(alice, "partly", {**files, "big": octets(5 * MIB), "steady": octets(3 * MIB)})
    (root / "2").write_bytes(octets(500, 77))
    with (root / "big").open("r+b") as big:
        big.seek(4 * MIB)
        big.write(b"edited")
    dest = bob.folder / "partly-here"
    error, line = fault_of(bob.command("get", "-", dest, text=answer["link"]), 5)
    assert error["code"] == "changed"
    assert "2 of 6 files changed since they were shared: " in line
    assert "new link" in line
    assert {one["path"] for one in error["not_given"]} == {"2", "big"}
    assert {path.name for path in dest.iterdir()} == {"0", "1", "3", "steady"}
    assert (dest / "steady").read_bytes() == (root / "steady").read_bytes()
    before = bob.ask("status")["octets_received"]
    refused(bob.command("get", "-", dest, text=answer["link"]), 5)
    assert bob.ask("status")["octets_received"] - before <= 5 * MIB
    (root / "2").write_bytes(files["2"])
    got = bob.ask("get", "-", dest, text=alice.ask("share", root)["link"])
    assert got["octets_reused"] >= 3 * MIB + 3004
    assert tree(dest) == tree(root)


def test_who_may_run_a_file_follows_a_new_share_without_octets(pair):
    alice, bob = pair
    root, _ = share_folder(alice, "modes", {"tool": octets(1000), "data": octets(2 * MIB)})
    dest = bob.folder / "modes-here"
    (root / "data").chmod(0o755)
    bob.ask("get", "-", dest, text=alice.ask("share", root)["link"])
    assert tree(dest) == tree(root)
    (root / "tool").chmod(0o755)
    (root / "data").chmod(0o644)
    got = bob.ask("get", "-", dest, text=alice.ask("share", root)["link"])
    assert (got["octets_received"], got["octets_reused"]) == (0, 2 * MIB + 1000)
    assert tree(dest) == tree(root)
    assert tree(dest)["tool"][1]
    assert not tree(dest)["data"][1]
