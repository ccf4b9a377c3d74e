import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.errors import PolicyError
from peertransfer.policy.parse import (
    MAX_EXPECTATIONS,
    MAX_RULES,
    MAX_SIZE,
    parse_policy,
    parse_policy_octets,
)
from peertransfer.policy.rules import AudienceKind, AudiencePattern

GOOD = """\
version = 1

[[rule]]
# show = "a comment", to = ["nobody"]
name = "friends"
to = ["members:net1", "peer:12D3abc",
      "link-holders"]
items = ["share:bafyabc", "label:public"]
show.openings = [
    "name",
    "size",
]
hide.openings = ["mtime"]
show.manifest = ["octets"]

[[rule]]
name = "greet"
to = ["anyone"]
[rule.show]
protocols = ["hello"]
refusal = "*"
"""


def fails(text):
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "my.toml")
    error = caught.value
    assert error.file == "my.toml"
    assert error.message.startswith(f"my.toml:{error.line}: ")
    return error


def test_a_policy_says_who_sees_what_of_which():
    friends, greet = parse_policy(GOOD, "my.toml").rules
    assert friends.to == (
        AudiencePattern(AudienceKind.MEMBERS, "net1"),
        AudiencePattern(AudienceKind.PEER, "12D3abc"),
        AudiencePattern(AudienceKind.LINK),
    )
    assert friends.items.shares == {"bafyabc"}
    assert friends.items.labels == {"public"}
    assert friends.show == {"openings": {"name", "size"}, "manifest": {"octets"}}
    assert friends.hide == {"openings": {"mtime"}}
    assert (friends.line, greet.line) == (3, 16)
    assert greet.show == {"protocols": {"hello"}, "refusal": {"code"}}


def test_a_star_stands_for_every_field():
    text = 'version = 1\n[[rule]]\nname = "x"\nto = ["anyone"]\nshow = { openings = ["*"], update = "*" }'
    (rule,) = parse_policy(text, "p").rules
    assert rule.show == {"openings": set(VIEW_FIELDS["openings"]), "update": set()}


def test_a_star_beside_a_path_leaves_the_slots_of_the_share_alone():
    text = 'version = 1\n[[rule]]\nname = "x"\nto = ["anyone"]\nitems = ["path:a"]\nhide.openings = ["*"]'
    (rule,) = parse_policy(text, "p").rules
    assert "name" in rule.hide["openings"]
    assert "share_title" not in rule.hide["openings"]


def test_a_policy_without_rules_is_one():
    assert parse_policy("version = 1", "p").rules == ()


def test_octets_with_a_byte_order_mark_are_read():
    assert parse_policy_octets(b"\xef\xbb\xbf" + GOOD.encode(), "p") == parse_policy(GOOD, "p")


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ("version = 1", "versiun = 1", 1, 'unknown key "versiun"', '"version"'),
        ("version = 1", "", 1, "version is missing", "version = 1"),
        ("version = 1", "version = 2", 1, "version 2 is not supported", "version = 1"),
        ("version = 1", "\nversion = true", 2, "must be a number", "version = 1"),
        ('name = "friends"', 'nayme = "friends"', 5, 'unknown key "nayme"', '"name"'),
        ('name = "friends"', "", 3, "no name", "name ="),
        ('name = "friends"', "name = 3", 5, "must be a text", "name ="),
        ('name = "friends"', 'name = "a,b"', 5, '"a,b"', "without a comma"),
        ('name = "friends"', 'name = "greet"', 17, "line 3", "its own name"),
        ('"members:net1"', '"member:net1"', 6, 'unknown audience "member:net1"', '"members:"'),
        ('"link-holders"', '"link-holder"', 7, 'unknown audience "link-holder"', '"link-holders"'),
        ('"link-holders"', '"link-holders:x"', 7, "unknown audience", '"link-holders"? It takes no ID'),
        ('"link-holders"', '"anyone:x"', 7, "unknown audience", '"anyone"? It takes no ID'),
        ('"link-holders"', '"link"', 7, "unknown audience", 'after "link:"'),
        ('"link-holders"', '"members:"', 7, "unknown audience", 'after "members:"'),
        ("peer:12D3abc", "peer:l0", 6, '"peer:l0" names nothing', "`peers`"),
        ('to = ["anyone"]', "", 16, 'no "to"', "whom"),
        ('to = ["anyone"]', "to = []", 18, "empty list", "whom"),
        ('to = ["anyone"]', 'to = "anyone"', 18, "list of texts", "to = ["),
        ('to = ["anyone"]', "to = [1]", 18, "list of texts", "to = ["),
        ("label:public", "labl:public", 8, 'unknown item "labl:public"', '"label:"'),
        ("label:public", "label:", 8, "unknown item", "label:"),
        ("share:bafyabc", "share:QmOld", 8, "names nothing", "`ls`"),
        ("label:public", "label:" + "x" * 1100, 8, "too long", "1024"),
        ("show.openings", "show.openins", 9, 'unknown view "openins"', '"openings"'),
        (
            "show.manifest = [",
            'hide.manifest = ["*"]\nshow.manifest = [5, ',
            15,
            "list of fields",
            "manifest =",
        ),
        ("hide.openings", "hide.openins", 13, 'unknown view "openins"', '"openings"'),
        ("hide.openings", "hied.openings", 13, 'unknown key "hied"', '"hide"'),
        ('"size"', '"sizes"', 11, 'unknown field "sizes"', '"size"'),
        ('"mtime"', '"zzz"', 13, 'unknown field "zzz"', "mtime_month"),
        ('"hello"', "5", 20, "list of fields", "protocols ="),
        ('refusal = "*"', 'refusal = "code"', 21, "list of fields", "refusal ="),
        ('refusal = "*"', 'update = ["url"]', 21, 'unknown field "url"', "no fields in this version"),
        ("show.manifest", "show.addresses", 14, "about no item", "without items"),
        ("label:public", "path:../x", 8, "no path", "share's root"),
        ("label:public", "path:docs/**.key", 8, "a ** that is no folder", "docs/**/*.txt"),
        ("label:public", "path:[ab].key", 8, '"[" means nothing', "write ? for it"),
        ("label:public", "path:*.{a,b}", 8, '"{" means nothing', "write ? for it"),
        ("label:public", "label:a\\tb", 8, "control character", "? stands for any one"),
        ("label:public", "media:image", 8, "no media type", "image/*"),
        ("label:public", "media:**/x", 8, "no media type", "image/*"),
        ("label:public", "smaller:1MB", 8, '"1MB" is no size', "10MiB"),
        ("label:public", "larger:-1B", 8, "is no size", "10MiB"),
        ("label:public", "older:1y", 8, '"1y" is no age', "30d"),
        ("label:public", "smallr:1MiB", 8, 'unknown item "smallr:1MiB"', '"smaller:"'),
        ("label:public", 'larger:2KiB", "smaller:2KiB', 8, "no size is both", "more than"),
        ("label:public", 'older:24h", "newer:1d', 8, 'both "older:24h" and "newer:1d"', "more than"),
        ('"link-holders"', '"role:Admin"', 7, "names no role", "role:NAME"),
        ('"link-holders"', '"role:admin@"', 7, "names no role", "role:NAME"),
        ('"link-holders"', '"role:"', 7, "unknown audience", 'after "role:"'),
        ('"link-holders"', '"group:friends"', 7, 'unknown group "friends"', "[groups]"),
        ('"link-holders"', '"group"', 7, "unknown audience", 'after "group:"'),
        ('to = ["anyone"]', 'to = ["anyone"]\nwhen = "always"', 19, "list of texts", "when = ["),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nwhen = ["mon-fry"]',
            19,
            '"mon-fry" is no time',
            "mon-fri 08:00",
        ),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nwhen = ["2026-02-30.."]',
            19,
            "is no time",
            "no day 2026-02-30",
        ),
        ('to = ["anyone"]', 'to = ["anyone"]\nlimit = 3', 19, '"limit" must be a table', "limit.per_minute"),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nlimit.per_hour = 3',
            19,
            'unknown limit "per_hour"',
            "per_minute",
        ),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nlimit.per_minute = 0',
            19,
            "from 1 to 10000",
            "per_minute = 10",
        ),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nlimit.per_minute = true',
            19,
            "from 1 to 10000",
            "per_minute = 10",
        ),
        ('to = ["anyone"]', 'to = ["anyone"]\nlimit.octets_per_day = 5', 19, "a size over 0", "10MiB"),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nlimit.octets_per_day = "5MiB"',
            19,
            "octets are counted of content",
            "show.content",
        ),
        (
            'to = ["anyone"]',
            'to = ["anyone"]\nlimit.items_per_day = 5',
            19,
            "no view that is about an item",
            "catalogue",
        ),
        (
            "[rule.show]\n",
            "limit.per_minute = 5\n[rule.hide]\n",
            19,
            "shows nothing that could be limited",
            "leave limit out",
        ),
        ("label:public", "path:/x", 8, "no path", "share's root"),
        ('[rule.show]\nprotocols = ["hello"]\nrefusal = "*"', "", 16, "does nothing", "show, hide or both"),
        ('hide.openings = ["mtime"]', 'hide = ["mtime"]', 13, "table of views", "write:"),
        ('to = ["anyone"]', 'to = ["anyone"', 19, "not TOML", "bracket"),
    ],
)
def test_a_mistake_is_answered_with_its_line_and_the_mend(old, new, line, what, hint):
    assert old in GOOD
    error = fails(GOOD.replace(old, new, 1))
    assert what in error.message
    assert hint in error.hint
    assert error.line == line


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("path:a", "a path"),
        ("media:image/*", "a media type"),
        ("smaller:1B", "a size"),
        ("larger:1B", "a size"),
    ],
)
def test_what_chooses_entries_chooses_no_share_of_a_catalogue(word, what):
    catalogue = GOOD.replace('show.manifest = ["octets"]', 'show.catalogue = ["title"]')
    error = fails(catalogue.replace("label:public", word))
    assert f"{what} chooses entries" in error.message
    parse_policy(catalogue.replace("label:public", "newer:1d"), "p")


@pytest.mark.parametrize("word", ["label:public", "newer:1d", "older:1d"])
def test_what_is_not_known_of_others_shares_chooses_no_want(word):
    text = GOOD.replace('"share:bafyabc", "label:public"', f'"{word}"')
    error = fails(text.replace('show.manifest = ["octets"]', 'show.want = ["proof"]'))
    assert "share of somebody else" in error.message


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version = 1\nrule = 3", 2, "list of tables"),
        ("version = 1\nrule = [1]", 2, "must be a table"),
        ('version = 1\nrule = [{name = "a", too = 1}]', 2, 'unknown key "too"'),
        ("version = 1\n\n[[rule]", 3, "not TOML"),
        ("version = 1\n\n[[rule]]\nname = 'x'\nname = 'y'", 5, "not TOML"),
        ("version = 1\n[[rules]]\n", 2, 'unknown key "rules"'),
        ("version = 1" + "1" * 5000, 1, "not TOML"),
        ("x = " + "[" * 100_000, 1, "nested too deeply"),
        ('version = 1\n[[rule]]\n"name" = 3', 2, "must be a text"),
    ],
)
def test_a_wrong_shape_is_answered_with_its_line(text, line, what):
    error = fails(text)
    assert what in error.message
    assert error.line == line


def test_what_a_terminal_could_obey_is_escaped_and_cut():
    error = fails('version = 1\n"\\u001b[2J' + "x" * 5000 + '" = 1')
    assert "\x1b" not in error.message
    assert len(error.message) < 200


def test_a_file_that_is_too_large_is_not_read():
    with pytest.raises(PolicyError, match=str(MAX_SIZE)):
        parse_policy_octets(b"#" * (MAX_SIZE + 1), "p")
    fails("#" * (MAX_SIZE + 1))
    assert parse_policy_octets(b"version = 1\n#".ljust(MAX_SIZE, b"#"), "p").rules == ()


def test_ten_thousand_rules_are_read_and_one_more_is_not():
    rule = '[[rule]]\nname="{}"\nto=["anyone"]\nshow.agent="*"\n'
    rules = [rule.format(number) for number in range(MAX_RULES)]
    read = parse_policy("version = 1\n" + "".join(rules), "p").rules
    assert read[-1].line == 2 + 4 * (MAX_RULES - 1)
    error = fails("version = 1\n" + "".join(rules) + rule.format("one more"))
    assert str(MAX_RULES) in error.message
    assert error.line == 2 + 4 * MAX_RULES
    inline = "version = 1\nrule = [" + '{name="a"},' * (MAX_RULES + 1) + "]"
    assert "10001 tables" in fails(inline).message


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("[[rule]]\n" * 100_000, "100000 tables [[rule]]", MAX_RULES + 1),
        ("[[expect]]\n" * 50_000, "50000 tables [[expect]]", MAX_EXPECTATIONS + 1),
        ("version = 1\n" + "a." * 400_000 + "a = 1", "too many parts", 2),
        ("version = 1\nx = {" + "a." * 400_000 + "a = 1}", "too many parts", 2),
        ("[" + '"a".' * 200_000 + "a]", "too many parts", 1),
        ('"' + '\\"' * 400_000, "not TOML", 1),
        ("'" * 900_001, "not TOML", 1),
        ('"' * 900_001, "not TOML", 1),
        ("[[rule]]\nname=" + "[" * 900_000, "nested too deeply", 1),
        ("x" * 1_000_000, "not TOML", 1),
    ],
    ids=["rules", "expects", "dots", "inline", "quoted", "escapes", "literal", "basic", "nested", "key"],
)
def test_what_would_take_long_is_refused_in_time(text, what, line):
    begun = time.process_time()
    error = fails(text)
    assert time.process_time() - begun < 5
    assert what in error.message
    assert error.line == line
    assert len(error.message) < 300


def test_a_list_of_too_many_words_is_refused():
    error = fails(GOOD.replace('to = ["anyone"]', "to = [" + '"anyone",' * 10_001 + "]"))
    assert "10001 words" in error.message
    assert error.line == 18


def test_octets_that_are_not_utf8_are_named_by_line():
    with pytest.raises(PolicyError, match="not UTF-8") as caught:
        parse_policy_octets(b"version = 1\n# \xe9t\xe9\n", "p")
    assert caught.value.line == 2


def test_lone_surrogates_in_a_text_are_no_crash():
    assert "not TOML" in fails("version = \ud800").message


@given(st.text(max_size=200) | st.text("[]\"'={}rule.show\n #,*", max_size=80))
def test_any_text_is_a_policy_or_a_policy_error(text):
    for whole in (text, GOOD + text):
        line = 1
        try:
            parse_policy(whole, "p")
        except PolicyError as error:
            line = error.line
        assert 1 <= line <= whole.count("\n") + 2


def test_a_word_in_a_multi_line_string_is_not_mistaken_for_a_header():
    text = 'version = 1\nx = """\n[[rule]]\n"""\n[[rule]]\nname = "a"\n'
    assert 'unknown key "x"' in fails(text).message
    text = "version = 1\n[[rule]]\nname = 'a'\nto = [\n'''\n[[rule]]'''\n]\nshow.agent=['x']"
    error = fails(text)
    assert "unknown audience" in error.message
    assert error.line == 4
