"""What is behind a link: hostile names, twins, hidden names, selection."""

import pytest

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.errors import RemoteProtocolError, UsageError
from peertransfer.service.plan import check_twins, remote_entry, select

ROOT = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"x")


def entry(path, index=0, **values):
    folder, _, name = path.rpartition("/")
    return remote_entry(
        index, {"kind": "file", "name": name, "folder": folder, "content": ROOT.to_bytes(), **values}
    )


def test_open_slots_become_an_entry():
    one = entry("a/b c/x.txt", 3, size=7, executable=True)
    assert (one.path, one.root, one.size, one.executable) == (("a", "b c", "x.txt"), ROOT, 7, True)
    assert one.text == "a/b c/x.txt"


def test_hidden_slots_leave_a_neutral_entry():
    one = remote_entry(4, {"content": ROOT.to_bytes()})
    assert (one.path, one.kind, one.size, one.executable) == (("file-00005",), "file", None, None)
    assert remote_entry(0, {"name": "x"}).root is None


@pytest.mark.parametrize(
    "values", [{"kind": "link"}, {"name": ".."}, {"folder": "a/../b"}, {"content": b"\x01\x55"}]
)
def test_a_hostile_entry_is_refused(values):
    with pytest.raises(RemoteProtocolError):
        entry("a/b", **values)


@pytest.mark.parametrize(
    "path", ["/".join(["d"] * 65), "/".join(["d" * 250] * 17)], ids=["too deep", "too long"]
)
def test_a_path_that_no_share_of_ours_could_have_is_refused(path):
    with pytest.raises(RemoteProtocolError, match="a path is over"):
        entry(path)


def test_the_longest_path_is_taken():
    path = "/".join(["d"] * 64)
    assert entry(path).text == path


@pytest.mark.parametrize(
    "paths",
    [("a", "a"), ("a", "a/b"), ("x/y", "x/y/z")],
)
def test_twins_are_refused_before_anything_is_fetched(paths):
    with pytest.raises(RemoteProtocolError):
        check_twins([entry(path) for path in paths])


def test_an_ordinary_tree_has_no_twins():
    folder = remote_entry(9, {"kind": "folder", "name": "leer", "folder": "a"})
    check_twins(
        [entry("a/b"), entry("a/c"), entry("b/a/b"), entry("A/b"), entry("é"), entry("e\u0301"), folder]
    )


def test_globs_select_and_nothing_selected_is_an_error():
    entries = [entry("a/b.txt"), entry("a/c.bin"), entry("d.txt")]
    assert select(entries, []) == entries
    assert select(entries, ["*.txt"]) == [entries[0], entries[2]]
    assert select(entries, ["a"]) == entries[:2]
    with pytest.raises(UsageError, match="Nothing"):
        select(entries, ["*.jpg"])
