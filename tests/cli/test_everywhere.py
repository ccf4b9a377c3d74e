"""What CLI.md promises of every command."""

import io
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from peertransfer.cli import main as entry
from peertransfer.errors import (
    ClashError,
    IntegrityError,
    NoProvidersError,
    PeertransferError,
    RefusedError,
    StoreError,
    UsageError,
)

PROGRAM = Path(sys.executable).parent / "peertransfer"
TOP = [
    "init",
    "run",
    "id",
    "status",
    "peers",
    "share",
    "unshare",
    "link",
    "get",
    "ls",
    "transfers",
    "pause",
    "resume",
    "cancel",
    "policy",
    "privacy",
    "network",
    "doctor",
    "completion",
    "help",
]
LINK = (
    "peertransfer:bafyb4ib247mal5tytjsaflfxblkas2ufuvv7nacov4s4asj2y2lvjdjqwu?n=open&s=AAAAAAAAAAAAAAAAAAAAAA"
)
HOSTILE = "a\x1b[31mb\x07\r\nc\x9b\u202ed\x1b]8;;http://x\x1b\\"


def _leaves(command=entry.app, path=()):
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _leaves(below, (*path, name))
    else:
        yield path


COMMANDS = list(_leaves())


def test_all_commands_of_this_issue_are_there():
    assert {path[0] for path in COMMANDS} == {*TOP}
    networks = {path[1] for path in COMMANDS if path[0] == "network"}
    assert networks == {"create", "list", "show", "invite", "join", "leave", "export-psk"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_home_and_json_are_taken_after_every_command(path):
    command = entry.app
    for name in path:
        command = command.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--home", "--json"} <= options


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(cli, path):
    outcome = cli(*path, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith("Usage: peertransfer " + " ".join(path))


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json")])
def test_json_is_taken_before_and_after(cli, node, words):
    node.answers["status"] = {"state": "running", "hosts": []}
    assert cli(*words).document == {"state": "running", "hosts": []}


@pytest.mark.parametrize("before", [True, False])
def test_home_is_taken_before_and_after(cli, node, home, monkeypatch, before):
    monkeypatch.setenv("PEERTRANSFER_HOME", "/nonexistent")
    words = ("--home", str(home.path), "peers") if before else ("peers", "--home", str(home.path))
    assert cli(*words).code == 0
    assert node.calls == [("peers", {})]


def test_json_in_the_middle_of_a_group_is_taken(cli, node):
    node.answers["network_list"] = {"networks": []}
    assert cli("network", "--json", "list").document == {"networks": []}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClashError("c"), 1),
        (UsageError("u"), 2),
        (NoProvidersError("n"), 3),
        (IntegrityError("i"), 4),
        (RefusedError("r"), 5),
        (PeertransferError("p"), 1),
    ],
)
def test_exit_codes(cli, node, error, code):
    node.answers["status"] = error
    assert cli("status").code == code


def test_an_error_is_one_line_what_why_and_how_to_mend_it(cli, node):
    node.answers["status"] = StoreError("The disk refused it: I/O error", "Look at its cables.")
    outcome = cli("status")
    assert outcome.err == "error: The disk refused it: I/O error. Look at its cables.\n"
    assert outcome.out == ""


def test_with_json_the_error_is_an_object_too(cli, node):
    node.answers["status"] = StoreError("m", "h")
    outcome = cli("status", "--json")
    assert outcome.document == {"error": {"code": "store", "message": "m", "hint": "h", "exit_code": 1}}
    assert outcome.err == "error: m. h.\n"


@pytest.mark.parametrize(
    "words",
    [("get",), ("get", "--frm", "x", "l"), ("no-such",), ("network",), ("share",), ("--home", "", "status")],
)
def test_a_usage_error_is_one_line_and_exit_2(cli, words):
    outcome = cli(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert "--help" in outcome.err


def test_a_usage_error_is_an_object_with_json_wherever_that_stands(cli):
    assert cli("get", "--frm", "--json").document["error"]["code"] == "usage"
    assert cli("--json", "get").document["error"]["code"] == "usage"


@pytest.mark.parametrize("words", [("status",), ("peers",), ("policy", "reload"), ("pause", "x")])
def test_a_command_that_needs_a_running_node_says_so(cli, words):
    outcome = cli(*words)
    assert outcome.code == 1
    assert "No node runs on this home" in outcome.err
    assert "peertransfer run" in outcome.err


@pytest.mark.parametrize(
    "words", [("status",), ("init",), ("share", "/etc"), ("get", LINK), ("network", "list"), ("run",)]
)
def test_without_consent_no_home_is_made(cli, tmp_path, words):
    outcome = cli("--home", str(tmp_path / "new"), *words)
    assert outcome.code == 2
    assert "--accept-privacy" in outcome.err
    assert not (tmp_path / "new").exists()


def test_a_home_that_others_can_read_is_refused_with_the_mend(cli, node, home):
    home.path.chmod(0o755)
    outcome = cli("status")
    home.path.chmod(0o700)
    assert outcome.code == 1
    assert "chmod 700" in outcome.err
    assert node.calls == []


def _is_clean(text):
    return not any(
        (ord(character) < 0x20 and character != "\n")
        or 0x7F <= ord(character) <= 0x9F
        or character == "\u202e"
        for character in text
    )


def test_nothing_from_a_peer_reaches_the_terminal_unescaped(cli, node):
    entry_ = {"path": f"f/{HOSTILE}", "size": 1, "kind": "file", "index": 0}
    share = {
        "manifest_cid": HOSTILE,
        "title": HOSTILE,
        "files": 1,
        "size": 1,
        "entries": [entry_],
        "link": HOSTILE,
    }
    node.answers.update(
        {
            "ls": {"shares": [share]},
            "get": {"dest": HOSTILE, "providers": [{"peer_id": HOSTILE}], "octets_received": 1},
            "peers": {"peers": [{"peer_id": HOSTILE, "network_id": HOSTILE, "direction": HOSTILE}]},
            "transfers": {"transfers": [{"transfer_id": HOSTILE, "state": HOSTILE, "title": HOSTILE}]},
            "ledger": {
                "entries": [{"peer_id": HOSTILE, "fields": [HOSTILE], "rule": HOSTILE, "view": HOSTILE}]
            },
            "status": RefusedError(HOSTILE, HOSTILE),
        }
    )
    for words in (("ls", "x"), ("get", LINK), ("peers",), ("transfers",), ("privacy", "ledger"), ("status",)):
        outcome = cli(*words)
        assert outcome.out + outcome.err, words
        assert _is_clean(outcome.out + outcome.err), words


def test_a_stream_that_cannot_show_a_character_gets_its_escape(cli, node, monkeypatch):
    node.answers["ls"] = {"shares": [{"manifest_cid": "b", "title": "Übung 試"}]}
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets, encoding="ascii"))
    assert cli("ls").code == 0
    assert octets.getvalue() == b"\\xdcbung \\u8a66  [b]\n"


def test_an_unexpected_error_is_one_line_and_exit_1(home, tmp_path):
    program = (
        "import sys; sys.argv=['peertransfer','--json','id'];"
        "from peertransfer.cli import asking, main; asking.answer = lambda *a, **k: {}['gone']; main.main()"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "Traceback" not in found.stderr
    assert "KeyError" in found.stderr
    assert json.loads(found.stdout)["error"]["code"] == "error"


def test_windows_is_refused_by_name(cli, monkeypatch):
    monkeypatch.setattr(entry.sys, "platform", "win32")
    outcome = cli("status")
    assert outcome.code == 1
    assert "Windows" in outcome.err


def test_version_as_text_and_as_json(cli):
    assert cli("--version").out.startswith("peertransfer 0.")
    assert cli("--json", "--version").document["version"].startswith("0.")


def test_no_words_at_all_is_help(cli):
    outcome = cli()
    assert outcome.code == 0
    assert outcome.out.startswith("Usage: peertransfer")


def test_help_of_a_command(cli):
    assert "--select" in cli("help", "get").out
    assert "--bootstrap" in cli("help", "network", "join").out
    assert cli("help", "nonsense").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(cli, shell):
    assert "_PEERTRANSFER_COMPLETE" in cli("completion", shell).out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["net"], {"network"}),
        (["network", "j"], {"join"}),
        (["get", "--"], {"--select", "--overwrite", "--home", "--json"}),
        (["share", "--hash", ""], {"blake3", "sha2-256"}),
    ],
)
def test_bash_completes_commands_options_and_values(tmp_path, words, wanted):
    assert wanted <= set(_completed(tmp_path, words))


@pytest.mark.parametrize(
    "words", [["share", "rep"], ["get", LINK, "rep"], ["policy", "check", "rep"], ["--home", "rep"]]
)
def test_bash_completes_paths(tmp_path, words):
    (tmp_path / "report.pdf").touch()
    assert "default" in _completed(tmp_path, words)


def _completed(folder, words):
    """Return what bash would offer for the last word, and the options that it sets, by the script that we print."""
    script = """
        eval "$(peertransfer completion bash)"
        compopt() { echo "$*"; }
        COMP_WORDS=(peertransfer "$@"); COMP_CWORD=$#
        _peertransfer_completion peertransfer
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env={"PATH": f"{PROGRAM.parent}:/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")


def test_the_command_line_imports_no_server_no_libp2p_and_no_database():
    program = (
        "import sys; import peertransfer.cli.main, peertransfer.control.client, peertransfer.control.sessions;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"libp2p", "trio", "httpx", "apsw", "starlette", "hypercorn", "cryptography", "rich", "multiaddr"}
    assert heavy & set(found.stdout.split()) == set()


def _median_seconds(words):
    taken = []
    for _ in range(7):
        begun = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def test_the_version_is_there_in_a_few_times_the_interpreter_itself():
    program = (
        "import sys; sys.argv=['peertransfer','--version']; from peertransfer.cli.main import main; main()"
    )
    alone = _median_seconds([sys.executable, "-c", "pass"])
    ours = _median_seconds([sys.executable, "-c", program])
    assert ours < 12 * alone


@pytest.mark.parametrize(
    "words", [["--version"], ["get", "--help"], ["help"], ["completion", "bash"], ["id"]]
)
def test_a_standard_output_that_takes_nothing_is_named_with_the_mend(home, words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "--json", "--home", home.path, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: Standard output can't be written: No space left on device."
        " Make room there, or send it elsewhere.\n"
    )


@pytest.mark.parametrize("words", [["--version"], ["get", "--help"], ["privacy", "policy"]])
def test_a_reader_that_went_away_ends_a_command_quietly(home, words):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        line = [PROGRAM, "--home", home.path, *words]
        done = subprocess.run(line, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
