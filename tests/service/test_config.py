"""What a person can get wrong in ``config.toml``: the file, the line and how to mend it."""

import time
from dataclasses import fields

import pytest

from peertransfer.errors import ConfigError
from peertransfer.service.config import DEFAULT_CONFIG, Config, parse_config
from peertransfer.service.reach import who_could_reach

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"
ADDR = "/ip4/192.0.2.7/tcp/4001"


def wrong(text):
    """Return the error of a file that can't be used."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), "config.toml")
    return caught.value


def test_what_init_writes_is_valid_and_holds_the_defaults():
    assert parse_config(DEFAULT_CONFIG.encode(), "config.toml") == Config()


def test_addresses_are_kept_as_they_are_written():
    text = f'listen = ["{ADDR}"]\nannounce = ["{ADDR}"]\nopen_bootstrap = ["{ADDR}/p2p/{PEER}"]\n'
    found = parse_config(text.encode(), "config.toml")
    assert (found.listen, found.announce) == ((ADDR,), (ADDR,))
    assert found.open_bootstrap == (f"{ADDR}/p2p/{PEER}",)


@pytest.mark.parametrize("key", ["listen", "announce", "open_bootstrap"])
def test_what_is_no_address_is_named_with_its_own_line(key):
    error = wrong(f'version = 1\n{key} = [\n  "{ADDR}/p2p/{PEER}",\n  "garbage",\n]\n')
    assert (error.line, error.key, error.exit_code) == (4, key, 2)
    assert error.message.startswith(f"config.toml, line 4: 'garbage' in {key}: this is no multiaddr")
    assert "/ip4/192.0.2.7/tcp/4001" in error.hint


def test_a_bootstrap_peer_without_its_peer_id_is_refused():
    error = wrong(f'version = 1\nopen_bootstrap = ["{ADDR}"]\n')
    assert (error.line, error.hint) == (2, "Give it with /p2p/<peer ID>.")
    assert "does not say which peer" in error.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('free_disk_floor = "much"', "free_disk_floor must be a whole number of octets"),
        ("free_disk_floor = -1", "free_disk_floor must be a whole number of octets"),
        ("free_disk_floor = true", "free_disk_floor must be a whole number of octets"),
        ('open_always = "yes"', "open_always must be true or false"),
        ("transport = 1", "transport must be a text"),
        ('version = "1"', "version must be a whole number"),
        ('listen = "/ip4/0.0.0.0/tcp/0"', "listen must be a list of multiaddrs"),
        ("announce = [1]", "announce must be a list of multiaddrs"),
    ],
)
def test_a_value_of_another_kind_is_told_in_words(text, words):
    error = wrong(f"{text}\n")
    assert error.message == f"config.toml, line 1: {words}"


@pytest.mark.parametrize("key", [field.name for field in fields(Config)])
def test_every_value_has_words_for_its_kind(key):
    assert wrong(f"{key} = 1.5\n").message.startswith(f"config.toml, line 1: {key} must be ")


@pytest.mark.parametrize(
    ("text", "hint"), [("lisen = []", "Did you mean listen?"), ('transport = "owm"', "Did you mean own?")]
)
def test_a_misspelt_word_is_answered_with_the_nearest(text, hint):
    assert wrong(f"{text}\n").hint == hint


def test_a_node_that_listens_nowhere_says_that_its_link_is_of_no_use():
    (sentence,) = who_could_reach([], "open", "open")
    assert "listens nowhere" in sentence
    assert "config.toml" in sentence


@pytest.mark.parametrize(
    ("octets", "line", "said"),
    [
        (b"version = 1\nlisten = \xff", 2, "not UTF-8"),
        (b"version = 1\nlisten = [", 2, "not TOML"),
        (b"listen = " + b"[" * 5000, 1, "nested too deeply"),
        (b"version = " + b"1" * 5000, 1, "not TOML"),
        (b"\n" + b"a." * 100_000 + b"a = 1", 2, "too many parts"),
    ],
    ids=["not text", "cut", "deep", "huge number", "long key"],
)
def test_a_file_that_can_not_be_read_is_answered_with_its_line(octets, line, said):
    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(octets, "config.toml")
    assert caught.value.message.startswith(f"config.toml, line {line}: ")
    assert (caught.value.line, caught.value.file) == (line, "config.toml")
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 900_000 + '"\\u0061" = 1',
        "a" * 900_000 + " = 1",
        'transport = "' + "a" * 900_000 + '"',
        "\n" * 900_000 + '[limits]\n"\\u0061" = 1',
        "[limits]\n" + "a" * 900_000 + " = 1",
    ],
    ids=["blank lines", "long key", "long word", "lines before a limit", "long limit"],
)
def test_a_large_file_is_refused_quickly_and_in_a_line(text):
    began = time.thread_time()
    assert len(wrong(text).message) < 200
    assert time.thread_time() - began < 1
