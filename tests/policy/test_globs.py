import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.policy.globs import PathGlob


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("docs/a.txt", "docs/a.txt"),
        ("docs/*.txt", "docs/a.txt"),
        ("docs/?.txt", "docs/a.txt"),
        ("docs/**", "docs"),
        ("docs/**", "docs/a/b/c.txt"),
        ("**/b", "b"),
        ("**/b", "a/a/b"),
        ("a/**/d", "a/d"),
        ("a/**/d", "a/b/c/d"),
        ("**/x/**/y", "a/x/b/x/c/y"),
        ("**", ""),
        ("**", "a/b"),
        ("*.key", "server.key"),
        ("*.key", "deep/down/server.key"),
        ("a*b*c", "a--b--c"),
        ("*a*", "bab"),
        ("***", "any"),
        ("\u00e9t\u00e9", "e\u0301te\u0301"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("a.b", "a.b"),
        ("[x]", "[x]"),
        ("line*", "line\nbreak"),
    ],
)
def test_a_glob_matches(glob, path):
    assert PathGlob(glob).matches(path)
    assert PathGlob(glob).covers(path) or not path


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("docs/*", "docs/a/b"),
        ("docs/*", "docs"),
        ("docs/**", "docs2/a"),
        ("docs/?.txt", "docs/ab.txt"),
        ("Docs/**", "docs/a"),
        ("**/b", "a/b/c"),
        ("a/**/d", "a/b/c"),
        ("a.b", "axb"),
        ("a*b*c", "a--b--"),
        ("x/y", "y"),
        ("a", ""),
    ],
)
def test_a_glob_does_not_match(glob, path):
    assert not PathGlob(glob).matches(path)


def test_a_glob_covers_what_lies_below_a_match():
    assert PathGlob("private").covers("private/a/b")
    assert PathGlob("private").covers("x/private/b")
    assert not PathGlob("private").covers("x/public/b")
    assert not PathGlob("private").covers("")


def test_globs_with_the_same_text_are_equal():
    assert PathGlob("a/*") == PathGlob("a/*") != PathGlob("a/?")


segments = st.lists(st.text("ab*?", min_size=1, max_size=4), min_size=1, max_size=4)


def naive(pattern, path):
    """The meaning of a glob, by trying everything."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return naive(pattern[1:], path) or (bool(path) and naive(pattern, path[1:]))
    return bool(path) and naive_segment(pattern[0], path[0]) and naive(pattern[1:], path[1:])


def naive_segment(pattern, text):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return naive_segment(pattern[1:], text) or (bool(text) and naive_segment(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and naive_segment(pattern[1:], text[1:])


@given(segments, st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=5))
def test_the_greedy_match_agrees_with_trying_everything(pattern, path):
    meant = ["**", *pattern] if len(pattern) == 1 else pattern
    assert PathGlob("/".join(pattern)).matches("/".join(path)) == naive(meant, path)


def test_no_glob_takes_long():
    started = time.perf_counter()
    assert not PathGlob("*a" * 400 + "b").matches("a" * 4000)
    assert not PathGlob("**/a/" * 200 + "b").matches("/".join("a" * 1000))
    assert time.perf_counter() - started < 5


# --- one glob and another --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("**", "docs/a"),
        ("**", "**/**"),
        ("docs/**", "docs/**"),
        ("docs/**", "docs/a/*.txt"),
        ("docs/**", "docs/plan.txt"),
        ("*.txt", "docs/plan.txt"),
        ("*", "*.key"),
        ("*.key", "server.key"),
        ("docs/*", "docs/*.txt"),
        ("docs/*.txt", "docs/a.txt"),
        ("**/b", "a/b"),
        ("e\u0301/**", "\u00e9/x"),
    ],
)
def test_a_glob_holds_a_narrower_one(outer, inner):
    assert PathGlob(outer).holds(PathGlob(inner), widely=False)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("*.key", "*.pem"),
        ("docs/*", "docs/**"),
        ("*", "**"),
        ("docs/**", "*"),
        ("docs", "docs/a"),
        ("a/*", "b/c"),
    ],
)
def test_a_glob_does_not_hold_one_that_matches_more(outer, inner):
    assert not PathGlob(outer).holds(PathGlob(inner), widely=False)


@pytest.mark.parametrize(("outer", "inner"), [("docs", "docs/a"), ("docs", "x/docs/**"), ("a/*", "a/b/**")])
def test_what_hides_a_folder_holds_all_below_it(outer, inner):
    assert PathGlob(outer).holds(PathGlob(inner), widely=True)
    assert not PathGlob(outer).holds(PathGlob(inner), widely=False)


some_globs = st.lists(st.sampled_from(["a", "b", "*", "a*", "*b", "?", "**"]), min_size=1, max_size=4)


@given(some_globs, some_globs, st.lists(st.sampled_from(["a", "b", "ab", "xb", "x"]), max_size=5))
def test_a_glob_that_is_held_matches_nothing_else(outer, inner, path):
    outer, inner, path = (
        *(PathGlob("/".join(one)) for one in (outer, inner)),
        "/".join(path),
    )
    if inner.matches(path):
        assert outer.matches(path) or not outer.holds(inner, widely=False)
        assert outer.covers(path) or not path or not outer.holds(inner, widely=True)
