"""The table [limits] of config.toml: what init writes is the defaults, and a mistake is answered with its line."""

import re

import pytest
from source_kit import ROOT

from peertransfer.errors import ConfigError
from peertransfer.service.config import DEFAULT_CONFIG, Config, parse_config
from peertransfer.transport.limits import Limits, facts


def parse(text):
    return parse_config(text.encode(), "config.toml")


def test_what_init_writes_is_the_defaults():
    assert parse(DEFAULT_CONFIG) == Config()


def test_what_init_writes_names_each_limit_with_unit_reason_and_range():
    for one in facts():
        line = f"# {one.name} = {one.default}  # {one.unit} {one.why} ({one.least} to {one.most})\n"
        assert line in DEFAULT_CONFIG


def test_what_init_writes_is_taken_once_the_marks_before_it_are_gone():
    plain = DEFAULT_CONFIG.replace("# [limits]", "[limits]")
    for one in facts():
        plain = plain.replace(f"# {one.name} =", f"{one.name} =")
    assert parse(plain) == Config()
    changed = plain.replace("\nstreams = 1024", "\nstreams = 2048")
    assert parse(changed).limits == Limits(streams=2048)


@pytest.mark.parametrize(
    "text", ["[limits]\nstreams = 4096", "limits.streams = 4096", "limits = { streams = 4096 }"]
)
def test_any_form_of_a_table_is_one(text):
    assert parse(text).limits == Limits(streams=4096)


@pytest.mark.parametrize("one", facts(), ids=lambda one: one.name)
def test_the_ends_of_a_range_are_in_it_and_what_is_beyond_is_not(one):
    assert one.least <= one.default <= one.most
    together = {"window", "windows_per_connection", "buffers", "connections", "streams"}
    for value in () if one.name in together else (one.least, one.most):
        assert getattr(parse(f"[limits]\n{one.name} = {value}").limits, one.name) == value
    for value in (one.least - 1, one.most + 1, "true", '"8"', f"{one.default}.0"):
        with pytest.raises(ConfigError, match=r"line 3: \w+ must be a whole number") as caught:
            parse(f"# a\n[limits]\n{one.name} = {value}")
        assert caught.value.line == 3
        assert caught.value.key == one.name
        assert f"{one.least} to {one.most} {one.unit}" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("version = 1\n[limits]\nstream = 3", "line 3: unknown limit 'stream'", "Did you mean streams?"),
        ("[limits]\nnonsense = 3", "line 2: unknown limit 'nonsense'", "Known are: handshake_octets"),
        ("version = 1\nlimits = 3", "line 2: limits must be a table", r"Write \[limits\] as init does"),
        ("version = 1\nwindow = 300000", "line 2: unknown key 'window'", r"\[limits\] must stand above it"),
        (
            "[limits]\n\nwindow = 5000000",
            "line 3: windows_per_connection must be at least twice window",
            "That is 10000000; windows_per_connection is 8388608",
        ),
        (
            "[limits]\nwindow = 300000\nbuffers = 67108864\nwindows_per_connection = 40000000",
            "line 3: buffers must be at least twice windows_per_connection",
            "That is 80000000; buffers is 67108864",
        ),
        (
            "[limits]\nconnections = 513",
            "line 2: buffers must be at least twice connections times window",
            "That is 268959744; buffers is 268435456",
        ),
        (
            "[limits]\nstreams = 1000",
            "line 2: streams must be at least twice connections",
            "That is 1024; streams is 1000",
        ),
    ],
)
def test_a_mistake_is_answered_with_its_line_and_what_is_allowed(text, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(text)
    assert caught.match(message)

    assert re.search(hint, caught.value.hint)


def test_a_key_of_the_file_is_not_taken_for_one_of_the_table():
    with pytest.raises(ConfigError, match="line 4"):
        parse('transport = "own"\n# window = 1\n[limits]\nwindow = 1')


def test_the_document_has_each_limit_with_its_default_range_and_reason():
    text = (ROOT / "docs" / "transport.md").read_text()
    for one in facts():
        row = f"| `{one.name}` | {one.default} | {one.least} to {one.most} | {one.unit} {one.why} |\n"
        assert row in text
