"""``policy simulate`` as a person and a program see it."""

import re

import pytest
from source_kit import ROOT

from peertransfer.cli.simulate_command import UNKNOWN

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"
NONE = {"newly_shown": [], "newly_hidden": [], "undecided": []}
ANSWER = {"since": 1_795_602_132, "entries": 5, "refusals": 1, "erased": 0, "warnings": [], **NONE}


def change(**more):
    return {
        "peer_id": PEER,
        "network_id": "open",
        "audience": f"peer:{PEER}",
        "view": "openings",
        "item": "bafyshare",
        "title": "",
        "link": "",
        "fields": ["name", "size"],
        "rule": "r",
        "because_of": "",
        "why": "",
        "files": 0,
        "files_hidden": 0,
        "octets": 0,
        "first_at": 1_795_602_132,
        "last_at": 1_795_602_132,
        "count": 3,
        **more,
    }


@pytest.fixture
def file(tmp_path):
    (tmp_path / "tried.toml").write_text("version = 1\n")
    return str(tmp_path / "tried.toml")


def test_the_text_the_name_and_the_limit_reach_the_node(cli, node, file):
    node.answers["policy_simulate"] = ANSWER
    sent = {"text": "version = 1\n", "file": file}
    assert cli("--json", "policy", "simulate", file).document == ANSWER
    assert cli("policy", "simulate", file, "--limit", "7").code == 0
    assert node.calls == [("policy_simulate", sent), ("policy_simulate", {**sent, "limit": 7})]


def test_nothing_to_tell_is_said(cli, node, file):
    node.answers["policy_simulate"] = ANSWER
    first, last = cli("policy", "simulate", file).out.splitlines()
    assert first.startswith("5 entries and 1 refusal since ")
    assert last == "Nothing would have been different."


@pytest.mark.parametrize(
    ("name", "more", "heading", "cells"),
    [
        ("newly_shown", {}, "Would have been shown:", ["…afyshare", "name", "size", "r", "3"]),
        ("newly_hidden", {"title": "docs"}, "Would have been hidden:", ["docs", "name", "size", "r", "3"]),
        ("newly_hidden", {"rule": ""}, "Would have been hidden:", ["no", "rule", "shows", "it", "3"]),
        (
            "newly_hidden",
            {"because_of": "grant.proof", "fields": ["octets"]},
            "Would have been hidden:",
            ["r", "(grant.proof)", "3"],
        ),
        (
            "undecided",
            {"why": "entries", "files": 10, "files_hidden": 1, "fields": ["name"]},
            "Nobody can tell:",
            ["name", "hidden", "of", "1", "in", "10", "files", "3"],
        ),
        ("undecided", {"why": "link"}, "Nobody can tell:", ["which", "link", "was", "proven", "3"]),
    ],
)
def test_each_list_is_a_table(cli, node, file, name, more, heading, cells):
    node.answers["policy_simulate"] = {**ANSWER, name: [change(**more)]}
    lines = cli("policy", "simulate", file).out.splitlines()
    assert lines[1:3] == ["", heading]
    assert lines[4].split()[2:4] == ["…gYhRmLJt", "openings"]
    assert lines[4].split()[-len(cells) :] == cells


def test_every_reason_why_nobody_can_tell_is_in_the_documentation():
    section = (ROOT / "docs" / "policy.md").read_text().partition("| `why` | what the ledger")[2]
    table = section.partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)) == {*UNKNOWN, "entries"}


def test_octets_that_went_are_told(cli, node, file):
    node.answers["policy_simulate"] = {**ANSWER, "newly_hidden": [change(fields=["octets"], octets=2048)]}
    assert "2.0 KiB (octets)" in cli("policy", "simulate", file).out


def test_what_is_left_out_or_was_destroyed_is_counted(cli, node, file):
    answer = {**ANSWER, "newly_hidden": [change()], "left_out": {"newly_hidden": 4}, "erased": 2}
    node.answers["policy_simulate"] = {**answer, "warnings": ["Line 2, rule r: this node knows no peer."]}
    outcome = cli("policy", "simulate", file)
    assert "4 more are left out, which happened longer ago." in outcome.out.splitlines()
    assert outcome.out.splitlines()[-1] == "The content of 2 more was destroyed."
    assert outcome.err == "warning: Line 2, rule r: this node knows no peer.\n"


def test_a_file_that_can_not_be_read_is_not_sent(cli, node, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert cli("policy", "simulate", str(tmp_path / "binary")).code == 2
    assert cli("policy", "simulate", str(tmp_path / "gone")).code == 1
    assert cli("policy", "simulate", str(tmp_path / "binary"), "--limit", "1001").code == 2
    assert node.calls == []
