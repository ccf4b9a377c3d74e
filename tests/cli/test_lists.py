"""What is there, listed for a person: tables that fit, words for numbers, and no guesses."""

import json
import time
from types import SimpleNamespace

import pytest

from peertransfer.cli import get_commands, output, tables

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"


def test_network_show_tells_host_bootstrap_and_when_in_words(cli, node):
    node.answers["network_show"] = {
        "network_id": "n1",
        "name": "clinic",
        "kind": "own",
        "has_psk": True,
        "created_at": 1_795_602_132,
        "peer_id": PEER,
        "listen_addrs": ["/ip4/192.0.2.7/tcp/4001"],
        "bootstrap": [],
    }
    out = cli("network", "show", "n1").out
    for word in ("clinic", "n1", "made here", "pre-shared key", "2026-11-", PEER, "/ip4/192.0.2.7/tcp/4001"):
        assert word in out
    assert "True" not in out
    assert "1795602132" not in out
    assert "bootstrap peers:\n  none\n" in out


def test_peers_are_listed_by_the_name_of_their_network(cli, node):
    node.answers["peers"] = {"peers": [{"peer_id": PEER, "network_id": "x" * 50, "network": "clinic"}]}
    assert "…gYhRmLJt  clinic" in cli("peers").out


def test_status_lists_hosts_with_whole_addresses(cli, node):
    addr = f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}"
    node.answers["status"] = {
        "state": "running",
        "version": "0.1.0",
        "connections": 0,
        "hosts": [{"network_id": "open", "name": "open", "listen_addrs": [addr], "members_seen": 2}],
    }
    out = cli("status").out
    assert addr in out
    assert "connections  0" in out


def test_status_tells_that_nothing_is_disclosed_while_nothing_can_be_recorded(cli, node):
    fine = {"state": "running", "ledger": {"recording": True}}
    node.answers["status"] = fine
    assert "ledger" not in cli("status").out
    failure = {"recording": False, "since": 1_795_602_132, "reason": "The disk of x is full"}
    node.answers["status"] = {**fine, "ledger": failure}
    (line,) = [line for line in cli("status").out.splitlines() if line.startswith("ledger ")]
    assert "can't be written, so nothing is disclosed, since 2026-11-25 " in line
    assert line.endswith(". The disk of x is full. It goes on by itself once that is mended.")
    assert cli("--json", "status").document["ledger"] == failure


def test_status_tells_the_limits_that_were_reached_and_no_others(cli, node):
    node.answers["status"] = {
        "state": "running",
        "hosts": [],
        "limits": {
            "streams": {"limit": 1024, "reached": 0},
            "window": {"limit": 262144, "reached": 1},
            "waiting": {"limit": 32, "reached": 1500},
        },
    }
    out = cli("status").out
    assert "window (262144): 1 time\n" in out
    assert "waiting (32): 1500 times\n" in out
    assert "streams" not in out
    node.answers["status"]["limits"] = {"window": {"limit": 262144, "reached": 0}}
    assert "limits reached" not in cli("status").out


def test_status_tells_why_connections_ended_and_no_reason_that_did_not_occur(cli, node):
    ends = {"peer_hung_up": 12, "lost": 0, "protocol_breach": 1}
    node.answers["status"] = {"state": "running", "hosts": [], "connection_ends": ends}
    out = cli("status").out
    assert "peer_hung_up: 12 times\n" in out
    assert "protocol_breach: 1 time\n" in out
    assert "lost" not in out
    node.answers["status"]["connection_ends"] = {"lost": 0}
    assert "connections ended" not in cli("status").out


def test_tables_fit_eighty_columns(cli, node):
    long = "x" * 200
    rows = [
        {"peer_id": PEER, "network_id": long, "direction": "inbound", "connected_at": time.time() - 90_000},
    ]
    node.answers["peers"] = {"peers": rows}
    node.answers["ledger"] = {
        "entries": [
            {
                "at": 1,
                "peer_id": PEER,
                "view": "openings",
                "item": "b" * 59,
                "fields": ["name"] * 20,
                "rule": long,
                "count": 7,
            }
        ]
    }
    node.answers["transfers"] = {"transfers": [{"transfer_id": "t1", "state": "paused", "title": long}]}
    for words in (("peers",), ("privacy", "ledger"), ("transfers",)):
        lines = cli(*words).out.splitlines()
        assert len(lines) == 2, lines
        assert max(len(line) for line in lines) <= 80
    shown = cli("privacy", "ledger").out.splitlines()[1]
    assert "…gYhRmLJt  openings  …bbbbbbbb" in shown
    assert shown.endswith(" 7")
    assert "…gYhRmLJt " in cli("peers").out


def test_transfers_say_how_much_there_is_and_do_not_guess(cli, node):
    known = {"octets_total": 48 << 20, "octets_done": 12 << 20}
    node.answers["transfers"] = {
        "transfers": [
            {"transfer_id": "t1", "state": "paused", "title": "one", **known},
            {"transfer_id": "t2", "state": "paused", "title": "two", "octets_total": None, "octets_done": 0},
            {"transfer_id": "t3", "state": "running", "title": "new", **known, "octets_done": 0},
        ]
    }
    rows = [line.split() for line in cli("transfers").out.splitlines()[1:]]
    assert rows == [
        ["t1", "paused", "25", "%", "48", "MiB", "one"],
        ["t2", "paused", "-", "-", "two"],
        ["t3", "running", "0", "%", "48", "MiB", "new"],
    ]


def test_transfers_follow_adds_a_line_for_each_that_changed_under_the_same_columns(cli, node, monkeypatch):
    done = {"transfer_id": "t1", "state": "done", "title": "one", "octets_total": 5, "octets_done": 5}
    states = [("running", 3), ("running", 40), ("cancelled", 40), None]
    rounds = iter(states)

    def next_round(seconds=0):
        now = next(rounds)
        if now is None:
            raise KeyboardInterrupt
        state, percent = now
        moving = {"transfer_id": "t2", "state": state, "title": "two", "octets_total": 100 << 20}
        node.answers["transfers"] = {"transfers": [done, {**moving, "octets_done": percent << 20}]}

    next_round()
    monkeypatch.setattr(get_commands, "time", SimpleNamespace(sleep=next_round))  # not that of other threads
    lines = cli("transfers", "--follow").out.splitlines()
    assert [line.split()[0] for line in lines] == ["TRANSFER", "t1", "t2", "t2", "t2"]
    assert len({line.index("two") for line in lines[2:]} | {lines[0].index("WHAT")}) == 1


def test_transfers_follow_prints_changes_until_it_is_interrupted(cli, node, monkeypatch):
    node.answers["transfers"] = {"transfers": []}
    rounds = []

    def next_round(seconds):
        rounds.append(seconds)
        if len(rounds) == 2:
            node.answers["transfers"] = {"transfers": [{"transfer_id": "t1"}]}
        if len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(get_commands, "time", SimpleNamespace(sleep=next_round))  # not that of other threads
    outcome = cli("transfers", "--follow", "--json")
    assert outcome.code == 0
    assert [json.loads(line) for line in outcome.out.splitlines()] == [
        {"transfers": []},
        {"transfers": [{"transfer_id": "t1"}]},
    ]


@pytest.fixture
def narrow(monkeypatch):
    """Have the commands believe that they write to a terminal of 40 columns."""
    monkeypatch.setattr(output, "terminal_width", lambda stream: 40)
    monkeypatch.setattr(tables, "terminal_width", lambda stream: 40)


NAME = "link-for-a-person-with-a-long-name-1a2b3c"


def test_the_name_of_a_link_is_whole_however_narrow_the_terminal_is(cli, node, narrow):
    link = {"name": NAME, "manifest_cid": "b" * 59, "created_at": 1, "expires_at": 0, "ended": False}
    node.answers["link_list"] = {"links": [link, {**link, "name": "short"}]}
    lines = cli("link", "list").out.splitlines()
    assert lines[0].split() == ["NAME", NAME]
    assert [line.split()[0] for line in lines[1:5]] == ["SHARE", "MADE", "EXPIRES", "STATE"]
    assert lines[5] == ""
    assert lines[6].split() == ["NAME", "short"]
    assert all(len(line) <= 40 for line in lines[1:])


def test_the_name_of_a_link_is_whole_where_no_terminal_is(cli, node):
    link = {"name": NAME * 2, "manifest_cid": "b" * 59, "created_at": 1, "expires_at": 0, "ended": False}
    node.answers["link_list"] = {"links": [link]}
    assert cli("link", "list").out.splitlines()[1].startswith(NAME * 2)


def test_the_id_of_a_transfer_is_whole_on_a_narrow_terminal(cli, node, narrow):
    node.answers["transfers"] = {"transfers": [{"transfer_id": "0123456789abcdef", "state": "paused"}]}
    assert cli("transfers").out.splitlines()[0].split() == ["TRANSFER", "0123456789abcdef"]


ENTRY = {
    "at": 1,
    "peer_id": PEER,
    "view": "openings",
    "item": "b" * 59,
    "fields": ["content", "executable", "folder", "kind", "name", "size"],
    "rule": "whoever-holds-a-link",
    "count": 7,
    "octets": 0,
}


def test_a_row_of_the_ledger_breaks_between_words_and_cuts_none_on_a_narrow_terminal(cli, node, narrow):
    node.answers["ledger"] = {"entries": [ENTRY]}
    out = cli("privacy", "ledger").out
    assert max(map(len, out.splitlines())) <= 40
    assert {*ENTRY["fields"], "whoever-holds-a-link", "openings"} <= set(out.split())


def test_the_ledger_shows_how_many_octets_went(cli, node):
    content = {**ENTRY, "view": "content", "fields": ["octets"], "octets": 3 << 20, "link": "link-1a2b3c"}
    node.answers["ledger"] = {"entries": [ENTRY, content]}
    _, first, second = cli("privacy", "ledger").out.splitlines()
    assert "MiB" not in first
    assert "  3.0 MiB" in second


def test_on_a_terminal_of_eighty_columns_the_ledger_is_a_table(cli, node, monkeypatch):
    monkeypatch.setattr(tables, "terminal_width", lambda stream: 80)
    entry = {**ENTRY, "octets": 999 << 20, "view": "protocols", "count": 12, "link": NAME}
    node.answers["ledger"] = {"entries": [entry]}
    lines = cli("privacy", "ledger").out.splitlines()
    assert lines[0].split() == ["AT", "WHO", "VIEW", "ITEM", "LINK", "FIELDS", "RULE", "N"]
    assert len(lines) == 2
    assert len(lines[1]) <= 80


def test_sentences_go_on_in_the_next_line_between_two_words(cli, node, narrow):
    words = "Anybody on the internet can reach this node, unless a firewall is in between."
    node.answers["share"] = {"link": "peertransfer:" + "x" * 80, "reach": [words], "files": 1, "size": 1}
    outcome = cli("share", "/etc")
    assert outcome.out == "peertransfer:" + "x" * 80 + "\n"
    lines = [line for line in outcome.err.splitlines() if line.startswith("  ")]
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines) == words
