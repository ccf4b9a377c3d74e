import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.control.commands import _WORDS, COMMANDS, Kind, checked_fields
from peertransfer.errors import UsageError

GET = COMMANDS["get"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def test_fields_of_the_right_kind_pass():
    fields = checked_fields(GET, {"link": "l", "dest": "/d", "select": ["*.txt"], "wait": True})
    assert fields == {"link": "l", "dest": "/d", "select": ("*.txt",), "wait": True}


def test_a_path_may_have_octets_that_are_no_text():
    path = os.fsdecode(b"/d/\xff\xed\xa0\x80")
    assert checked_fields(GET, {"link": "l", "dest": path}) == {"link": "l", "dest": path}
    assert checked_fields(COMMANDS["share"], {"paths": [path]}) == {"paths": (path,)}


def test_an_absent_option_is_left_to_the_node():
    assert checked_fields(GET, {"link": "l", "dest": "/d", "wait": None}) == {"link": "l", "dest": "/d"}


def test_a_field_that_is_not_known_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as raised:
        checked_fields(GET, {"link": "l", "dest": "/d", "overwrit": True})
    assert "'overwrite'" in raised.value.hint


def test_a_missing_field_is_named():
    with pytest.raises(UsageError, match="'dest'"):
        checked_fields(GET, {"link": "l"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("link", 1),
        ("link", "a\0b"),
        ("link", "x" * 65_537),
        ("link", "a\ud800"),
        ("link", "b\udcff"),
        ("select", ["a\udcff"]),
        ("dest", "a\0b"),
        ("dest", "a\ud800"),
        ("select", "*.txt"),
        ("select", [1]),
        ("select", ["x"] * 10_001),
        ("wait", 1),
    ],
)
def test_a_value_of_another_kind_is_refused(name, value):
    with pytest.raises(UsageError, match=f"'{name}'"):
        checked_fields(GET, {"link": "l", "dest": "/d", name: value})


@pytest.mark.parametrize("value", [-1, 1.5, True, 1 << 54, "1"])
def test_a_number_is_whole_and_not_negative(value):
    with pytest.raises(UsageError):
        checked_fields(COMMANDS["ledger"], {"since": value})


@given(st.sampled_from(sorted(COMMANDS)), st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_body_is_taken_or_refused_by_name(name, body):
    try:
        fields = checked_fields(COMMANDS[name], body)
    except UsageError:
        return
    assert set(fields) <= set(COMMANDS[name].required) | set(COMMANDS[name].optional)


@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_whatever_is_taken_can_be_written_down(name, data):
    """In UTF-8, or as the name of a file: what can't, is no database's and no disk's."""
    command = COMMANDS[name]
    texts = st.text(st.characters(categories=("Cs", "L", "N")), max_size=4)
    values = {Kind.TEXTS: st.lists(texts, max_size=2), Kind.PATHS: st.lists(texts, max_size=2)}
    known = {**command.required, **command.optional}
    body = {field: data.draw(values.get(kind, texts)) for field, kind in known.items()}
    try:
        fields = checked_fields(command, body)
    except UsageError:
        return
    for field, value in fields.items():
        for text in value if isinstance(value, tuple) else (value,):
            if known[field] in {Kind.PATH, Kind.PATHS}:
                os.fsencode(text)
            elif known[field] is not Kind.LONG_TEXT:
                text.encode()


def test_every_kind_has_a_word_for_its_refusal():
    assert set(_WORDS) == set(Kind)
