import os
import signal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peertransfer.cli import asking, codes, get_commands
from peertransfer.errors import NotFoundError
from peertransfer.membership.invite import Invite, issue_invite
from peertransfer.membership.network import network_id_of_public_key
from peertransfer.policy.parse import MAX_SIZE

LINK = (
    "peertransfer:bafyb4ib247mal5tytjsaflfxblkas2ufuvv7nacov4s4asj2y2lvjdjqwu?n=open&s=AAAAAAAAAAAAAAAAAAAAAA"
)
SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "0123456789abcdef" * 4 + "\n"
SHARE = {
    "link": LINK,
    "manifest_cid": "bafymanifest",
    "files": 2,
    "size": 3_000_000,
    "entries": [],
    "reach": ["Only people in this building."],
    "finder_learns": ["Who holds the link can fetch it."],
    "skipped": [{"path": "pipe", "reason": "not a file"}],
}
PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"


def test_share_asks_with_absolute_paths_and_prints_the_link_alone_on_stdout(cli, node, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").touch()
    node.answers["share"] = SHARE
    outcome = cli("share", "a", "/etc", "--label", "x", "--hash", "sha2-256", "--purpose", "p")
    assert outcome.code == 0
    assert outcome.out == LINK + "\n"
    for word in ("2 files", "2.9 MiB", "Only people in this building", "can fetch it", "skipped: pipe"):
        assert word in outcome.err
    fields = node.calls[0][1]
    assert fields["paths"] == (str(tmp_path / "a"), "/etc")
    assert (fields["labels"], fields["hash"], fields["purpose"]) == (("x",), "sha2-256", "p")


def test_share_with_a_running_node_returns_at_once(cli, node):
    node.answers["share"] = SHARE
    cli("share", "/etc")
    assert [name for name, _ in node.calls] == ["share"]


def test_share_as_json_is_one_document(cli, node):
    node.answers["share"] = SHARE
    assert cli("share", "/etc", "--json").document == SHARE


def test_share_once_stays_until_one_delivery_and_ends_the_link(cli, node):
    node.answers["share"] = SHARE
    node.events["deliveries_follow"] = [
        {"event": "delivered", "peer_id": PEER, "link_name": "", "octets": 3_000_000, "at": 1}
    ]
    node.held.add("deliveries_follow")
    outcome = cli("share", "/etc", "--once", "--json")
    assert outcome.code == 0
    assert outcome.document == SHARE
    assert "delivered, verified: …gYhRmLJt has all of it (2.9 MiB)" in outcome.err
    assert node.calls[-1] == ("link_end", {"ref": LINK})


def test_share_qr_draws_a_code(cli, node):
    node.answers["share"] = SHARE
    assert "█" in cli("share", "/etc", "--qr").out


def test_a_code_that_does_not_fit_the_terminal_is_not_drawn(cli, node, monkeypatch, capsys):
    def columns(count):
        monkeypatch.setattr(codes.shutil, "get_terminal_size", lambda: os.terminal_size((count, 24)))

    monkeypatch.setattr(codes.sys.stdout, "isatty", lambda: True)
    columns(40)
    codes.show_code(LINK, to_stderr=False)
    out, err = capsys.readouterr()
    assert out == ""
    width = int(err.split(" columns")[0].split()[-1])
    columns(width)
    codes.show_code(LINK, to_stderr=False)
    lines = capsys.readouterr().out.splitlines()
    assert {len(line) for line in lines} == {width}


def test_get_asks_for_what_was_said(cli, node, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    node.answers["get"] = {
        "dest": "/d",
        "files": 1,
        "size": 5,
        "octets_received": 5,
        "octets_reused": 0,
        "seconds": 2,
    }
    outcome = cli(
        "get", LINK, "here", "--from", "/ip4/1.2.3.4/tcp/1", "--select", "*.txt", "--wait", "--rename"
    )
    assert outcome.code == 0
    assert node.calls == [
        (
            "get",
            {
                "link": LINK,
                "dest": str(tmp_path / "here"),
                "from_addrs": ("/ip4/1.2.3.4/tcp/1",),
                "select": ("*.txt",),
                "wait": True,
                "overwrite": False,
                "rename": True,
            },
        )
    ]
    assert outcome.out.startswith("1 file, 5 B, verified: /d\n")


def test_get_names_what_did_not_come_and_what_was_renamed(cli, node):
    node.answers["get"] = {
        "not_given": [{"path": "a", "reason": "hidden"}],
        "not_given_count": 1,
        "renamed": [{"path": f"{number}", "placed_at": f"{number} (1)"} for number in range(11)],
        "renamed_count": 12,
    }
    lines = cli("get", LINK).err.splitlines()
    assert lines[:2] == ["not given: a (hidden)", "renamed: 0 is at 0 (1)"]
    assert lines[-1] == "renamed: 2 more"


def test_get_takes_the_link_from_standard_input(cli, node):
    cli("get", "-", stdin=f"  {LINK}\n")
    assert node.calls[0][1]["link"] == LINK


def test_an_empty_standard_input_is_a_usage_error(cli, node):
    assert cli("get", "-").code == 2
    assert node.calls == []


def test_get_refuses_overwrite_with_rename(cli, node):
    assert cli("get", LINK, "--overwrite", "--rename").code == 2


def test_nothing_is_drawn_where_standard_error_is_no_terminal(cli, node):
    node.events["get"] = [{"event": "progress", "octets_total": 10, "octets_done": 5}]
    assert cli("get", LINK).err == ""


def test_an_interrupted_get_says_how_to_go_on(cli, node, monkeypatch):
    node.events["get"] = [{"event": "state", "text": "looking"}]
    node.held.add("get")
    monkeypatch.setattr(get_commands, "watching", Interrupting)
    outcome = cli("get", LINK, "my dest")
    assert outcome.code == 1
    assert f"peertransfer get '{LINK}' 'my dest'" in outcome.err
    assert "paused" in outcome.err
    assert node.cancelled.wait(10)


def test_an_interrupted_transfer_that_has_an_id_is_resumed_by_it(cli, node, monkeypatch):
    node.events["get"] = [{"event": "progress", "transfer_id": "t7"}]
    node.held.add("get")
    monkeypatch.setattr(get_commands, "watching", Interrupting)
    outcome = cli("get", "-", stdin=LINK)
    assert "peertransfer resume t7" in outcome.err
    assert LINK not in outcome.err


class Interrupting:
    def __init__(self, name):
        pass

    def __enter__(self):
        def interrupt(event):
            raise KeyboardInterrupt

        return interrupt

    def __exit__(self, *error):
        return False


def test_ls_draws_a_tree(cli, node):
    entries = [
        {"path": "src/main.py", "size": 2048, "kind": "file"},
        {"path": "src/empty", "kind": "folder"},
        {"path": "README", "size": 5, "kind": "file"},
    ]
    node.answers["ls"] = {
        "shares": [{"manifest_cid": "bafy", "title": "docs", "files": 2, "entries": entries}]
    }
    out = cli("ls", LINK).out
    assert out.splitlines() == [
        "docs, 2 files  [bafy]",
        "  README  5 B",
        "  src/",
        "    empty/",
        "    main.py  2.0 KiB",
    ]


def test_an_empty_catalogue_and_a_denied_one_look_the_same_and_exit_0(cli, node):
    node.answers["ls"] = {"shares": []}
    outcome = cli("ls", PEER)
    assert (outcome.code, outcome.out) == (0, "Nothing to see.\n")


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (("unshare", "bafy"), ("unshare", {"ref": "bafy"})),
        (("link", "create", "bafy", "--for", "Ann"), ("link_create", {"share": "bafy", "name": "Ann"})),
        (("link", "list"), ("link_list", {})),
        (("link", "show", LINK), ("link_show", {"link": LINK})),
        (("link", "end", "Ann"), ("link_end", {"ref": "Ann"})),
        (("transfers",), ("transfers", {})),
        (("pause", "t1"), ("pause", {"transfer_id": "t1"})),
        (("resume", "t1"), ("resume", {"transfer_id": "t1"})),
        (("cancel", "t1"), ("cancel", {"transfer_id": "t1"})),
        (("id",), ("identities", {})),
        (("peers",), ("peers", {})),
        (("policy", "show"), ("policy_show", {})),
        (("policy", "reload"), ("policy_reload", {})),
        (("privacy", "ledger", "--refusals"), ("ledger", {"refusals": True})),
        (("network", "create", "clinic"), ("network_create", {"name": "clinic", "use_psk": True})),
        (("network", "create", "n", "--no-psk"), ("network_create", {"name": "n", "use_psk": False})),
        (("network", "list"), ("network_list", {})),
        (("network", "show", "n1"), ("network_show", {"network": "n1"})),
        (("network", "invite", "n1"), ("network_invite", {"network": "n1", "expires_seconds": 604_800})),
        (("network", "leave", "n1"), ("network_leave", {"network": "n1"})),
        (("network", "export-psk", "n1"), ("network_export_psk", {"network": "n1"})),
        (("doctor",), ("doctor", {})),
    ],
)
def test_each_command_asks_the_node_for_just_that(cli, node, words, call):
    node.answers[call[0]] = {"answer": call[0]}
    assert cli(*words).code == 0
    assert node.calls == [call]
    assert cli(*words, "--json").document == {"answer": call[0]}


def test_policy_show_tells_the_conditions_of_a_rule_and_who_is_in_a_group(cli, node):
    rule = {"name": "r", "to": ["group:g"], "items": [], "show": {"agent": ["agent_version"]}, "hide": {}}
    rule |= {"when": ["2026-01-01..", "mon-fri 08:00-18:00"], "limit": {"per_minute": 10}}
    node.answers["policy_show"] = {"rules": [rule], "groups": {"g": ["12D3abc", "12D3def"]}}
    lines = [line.split(maxsplit=1) for line in cli("policy", "show").out.splitlines()]
    assert ["when", "2026-01-01.., mon-fri 08:00-18:00"] in lines
    assert ["limit", "per_minute 10"] in lines
    assert ["group", "g  12D3abc 12D3def"] in lines


def an_invite(expires_at):
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    network_id = network_id_of_public_key(key.public_key().public_bytes_raw())
    bootstrap = (f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}",)
    fields = {"invite_id": b"i" * 16, "network_id": network_id, "name": "clinic", "psk": bytes(range(32))}
    return issue_invite(
        key, Invite(**fields, epoch_key=bytes(32), epoch=0, bootstrap=bootstrap, expires_at=expires_at)
    )


def test_join_by_an_invite_sends_it(cli, node):
    invite = an_invite(1 << 40)
    assert cli("network", "join", "-", stdin=invite).code == 0
    assert node.calls == [("network_list", {}), ("network_join_invite", {"invite": invite})]


def test_join_by_an_invite_can_say_what_to_call_the_network_here(cli, node):
    invite = an_invite(1 << 40)
    assert cli("network", "join", "--json", "-", "--name", "clinic 2", stdin=invite).code == 0
    assert node.calls == [("network_join_invite", {"invite": invite, "name": "clinic 2"})]


def test_joining_again_says_that_this_node_is_in_it_already(cli, node):
    joined = {"network_id": "n1", "name": "clinic", "members_seen": 1, "seconds": 2}
    node.answers["network_join_invite"] = joined
    node.answers["network_list"] = {"networks": [{"network_id": "n1", "name": "clinic"}]}
    outcome = cli("network", "join", an_invite(1 << 40))
    assert outcome.code == 0
    assert outcome.out.startswith("This node is in clinic already; 1 peer of it connected.\n")
    assert cli("--json", "network", "join", an_invite(1 << 40)).document == joined


def test_an_expired_invite_is_exit_5_and_asks_nobody(cli, node):
    outcome = cli("network", "join", an_invite(1))
    assert outcome.code == 5
    assert "expired" in outcome.err
    assert node.calls == []


@pytest.mark.parametrize("word", ["nonsense", "ptinvite:", "ptinvite:AAAA", "ptinvite:\xfc"])
def test_what_is_no_invite_is_exit_2_and_asks_nobody(cli, node, word):
    assert cli("network", "join", word).code == 2
    assert node.calls == []


@pytest.mark.parametrize(
    "word", ["nonsense", "peertransfer:", LINK[:-3], LINK.replace("bafy", "bafz"), "peertransfer:\xfc"]
)
@pytest.mark.parametrize("words", [("get",), ("link", "show")])
def test_what_is_no_link_is_exit_2_and_asks_nobody(cli, node, words, word):
    outcome = cli(*words, word)
    assert outcome.code == 2
    assert word == "peertransfer:" or word not in outcome.err
    assert node.calls == []


@pytest.mark.parametrize("words", [("ls",), ("unshare",), ("link", "create"), ("link", "end")])
def test_a_reference_that_is_a_damaged_link_is_exit_2(cli, node, words):
    assert cli(*words, LINK[:-3]).code == 2
    assert node.calls == []


def test_a_path_that_is_not_there_is_named_before_a_node_is_started(cli, home):
    outcome = cli("share", "/nonexistent/file")
    assert outcome.code == 1
    assert outcome.err.startswith("error: There is no /nonexistent/file.")


def test_a_key_of_the_wrong_length_is_exit_2_and_asks_nobody(cli, node, tmp_path):
    (tmp_path / "swarm.key").write_text("/key/swarm/psk/1.0.0/\n/base16/\nff\n")
    outcome = cli("network", "join", "--name", "n", "--psk", str(tmp_path / "swarm.key"))
    assert outcome.code == 2
    assert "1 octets, not 32" in outcome.err
    assert node.calls == []


def test_join_by_a_standard_key_sends_its_text(cli, node, tmp_path):
    (tmp_path / "swarm.key").write_text(SWARM_KEY)
    words = (
        "network",
        "join",
        "--name",
        "n",
        "--psk",
        str(tmp_path / "swarm.key"),
        "--bootstrap",
        "/ip4/1.2.3.4/tcp/1",
    )
    assert cli(*words).code == 0
    _, (name, fields) = node.calls
    assert name == "network_join_psk"
    assert fields == {
        "name": "n",
        "psk_text": SWARM_KEY,
        "bootstrap": ("/ip4/1.2.3.4/tcp/1",),
    }


@pytest.mark.parametrize("words", [(), ("--name", "n"), ("--psk", "f"), ("ptinvite:x", "--name", "n")])
def test_join_needs_an_invite_or_a_key(cli, node, words):
    assert cli("network", "join", *words).code == 2
    assert node.calls == []


def test_a_file_that_is_not_there_is_named(cli, node):
    outcome = cli("network", "join", "--name", "n", "--psk", "/nonexistent")
    assert outcome.code == 1
    assert "/nonexistent can't be read: No such file or directory" in outcome.err


def test_a_file_that_is_no_text_is_a_usage_error(cli, node, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert cli("policy", "check", str(tmp_path / "binary")).code == 2


def test_policy_check_sends_text_and_name(cli, node, tmp_path):
    (tmp_path / "policy.toml").write_text("version = 1\n")
    file = str(tmp_path / "policy.toml")
    outcome = cli("policy", "check", file)
    assert node.calls == [("policy_check", {"text": "version = 1\n", "file": file})]
    assert "valid" in outcome.out


def test_policy_check_takes_what_the_node_takes(cli, node, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text("\N{BYTE ORDER MARK}#", "utf-8")
    assert cli("policy", "check", str(file)).code == 0
    file.write_text("#" * MAX_SIZE)
    assert cli("policy", "check", str(file)).code == 0
    assert [fields["text"] for _, fields in node.calls] == ["#", "#" * MAX_SIZE]
    file.write_text("#" * (MAX_SIZE + 1))
    outcome = cli("policy", "check", str(file))
    assert outcome.code == 2
    assert f"over {MAX_SIZE} octets" in outcome.err


def test_doctor_fails_where_a_check_does(cli, node):
    node.answers["doctor"] = {
        "checks": [{"name": "disk", "ok": False, "detail": "full", "mend": "free some"}]
    }
    outcome = cli("doctor")
    assert outcome.code == 1
    assert outcome.out == "BAD  disk: full\n     mend: free some\n"


@pytest.mark.parametrize(("seen", "words"), [(0, "no peer of it"), (1, "1 peer of it"), (3, "3 peers of it")])
def test_joining_says_how_many_peers_are_connected_and_not_who_they_are(cli, node, seen, words):
    node.answers["network_join_invite"] = {"name": "clinic", "members_seen": seen, "seconds": 2}
    out = cli("network", "join", an_invite(1 << 40)).out
    assert f"{words} connected" in out
    assert "member" not in out


def test_export_psk_prints_the_key_and_nothing_else(cli, node):
    node.answers["network_export_psk"] = {"psk": "/key/swarm/psk/1.0.0/\n/base16/\nff\n"}
    assert cli("network", "export-psk", "n1").out == "/key/swarm/psk/1.0.0/\n/base16/\nff\n"


def test_a_share_that_is_not_there_is_exit_1(cli, node):
    node.answers["unshare"] = NotFoundError("There is no such share", "List them with: peertransfer ls")
    assert cli("unshare", "bafy").code == 1


def test_sigterm_ends_a_block_as_an_interrupt(home):
    with pytest.raises(KeyboardInterrupt), asking.ending_by_signal():
        signal.raise_signal(signal.SIGTERM)
