"""Names from peers: what may become a file's name, and how any text looks on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.content.names import (
    check_folder,
    check_segment,
    display,
    fold,
    neutral_name,
    reason_against,
)
from peertransfer.errors import RemoteProtocolError

HOSTILE = [
    "", ".", "..", "a/b", "/etc", "a\\b", "C:", "c:x", "\0", "a\nb", "\x1b[31m", "a\u202eb", "\u2066x", "\u200b",
    "\ufeffx", "\udc80", "x.", "x ", " x", "a" * 256, "é" * 128, "CON", "con.txt", "Nul", "aux.tar.gz", "COM1", "lpt9.x",
    "COM¹", "CONIN$", "nul .txt", "\x7f", "\x85", "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_refused(name):
    with pytest.raises(RemoteProtocolError):
        check_segment(name)


@pytest.mark.parametrize(
    "name", ["a", "…", "Ünïcode", unicodedata.normalize("NFD", "é"), "a b", ".hidden", "a" * 255, "console", "com", "COM10x",
             "می‌خواهم", "👩‍👩‍👧", "..."[:2] + "x", "%2e%2e"]
)  # fmt: skip
def test_an_ordinary_name_is_kept_as_it_is(name):
    assert check_segment(name) == name


def test_a_folder_is_split_and_each_name_is_judged():
    assert check_folder("") == ()
    assert check_folder("a/b c") == ("a", "b c")
    for folder in (
        "/a",
        "a//b",
        "a/../b",
        "a/",
        "a" * 5000,
        "a/" * 64 + "a",
        "é" * 2100,
        "/".join(["é" * 40] * 51),
    ):
        with pytest.raises(RemoteProtocolError):
            check_folder(folder)
    assert len(check_folder("/".join("a" * 64))) == 64
    assert len(check_folder("/".join(["é" * 40] * 50))) == 50


@given(st.text(st.characters(), max_size=300))
def test_no_text_reaches_a_terminal_unescaped(text):
    shown = display(text)
    assert all(character.isprintable() or character in "\u200c\u200d" for character in shown)
    assert len(shown) <= 201


def test_a_long_text_is_cut_visibly():
    assert display("x" * 500) == "x" * 200 + "…"
    assert display("\x1b" * 500) == "\\x1b" * 50 + "…"
    assert display("ab\x1bc", 4) == "ab…"
    assert display("abcd", 4) == "abcd"
    assert display("a\x1b]8;;evil\x07b") == "a\\x1b]8;;evil\\x07b"


@given(st.text(st.characters(), max_size=40))
def test_a_name_without_a_reason_against_it_survives_any_file_system(name):
    if reason_against(name) is None:
        assert name.encode().decode() == name
        assert not set(name) & set("/\\:\0\n\r\x1b")
        assert name not in {".", ".."}


def test_twins_fold_to_one_name():
    assert fold("É") == fold("e\u0301")
    assert fold("STRASSE") == fold("straße")
    assert fold("a") != fold("b")


def test_a_hidden_name_becomes_a_neutral_one():
    assert neutral_name(0) == "file-00001"
