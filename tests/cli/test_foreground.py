"""Commands that bring a node of their own, as whole processes: what a person sees, and how it ends."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stub_node import make_stub_home

pytestmark = pytest.mark.process
KIT = Path(__file__).parent.parent / "kit"
PROGRAM = (
    "from peertransfer.control import sessions; sessions.DAEMON_MODULE = 'stub_daemon';"
    "from peertransfer.cli.main import main; main()"
)
RUN = "import stub_daemon; from peertransfer.cli.main import main; main()"
LINK = (
    "peertransfer:bafyb4ib247mal5tytjsaflfxblkas2ufuvv7nacov4s4asj2y2lvjdjqwu?n=open&s=AAAAAAAAAAAAAAAAAAAAAA"
)
SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "0123456789abcdef" * 4 + "\n"
AGREE = "Do you agree?"
SHARE = {"link": LINK, "manifest_cid": "bafymanifest", "files": 1, "size": 5, "entries": []}
DELIVERED = {"event": "delivered", "peer_id": "12D3KooWabcdefgh", "link_name": "Ann", "octets": 5, "at": 1}


@pytest.fixture
def home(tmp_path):
    return make_stub_home(tmp_path / "home")


def tell(home, **script):
    path = home.path / "stub.json"
    path.write_text(json.dumps(script))
    path.chmod(0o600)


def hear_ctrl_c():
    """Undo what a shell does to its background jobs: they ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(home_path, *words, program=PROGRAM, **more):
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(KIT), "PEERTRANSFER_HOME": str(home_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it calls signal() and nothing else
        **more,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_share_prints_one_document_at_once_then_serves_until_it_is_told_to_end(home, ending):
    tell(
        home, answers={"share": SHARE}, events={"deliveries_follow": [DELIVERED]}, held=["deliveries_follow"]
    )
    with start(home.path, "share", "/etc", "--json") as process:
        assert json.loads(process.stdout.readline()) == SHARE
        while "delivered, verified" not in process.stderr.readline():
            assert process.poll() is None
        assert home.running_pid() is not None
        process.send_signal(ending)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert "To serve it again: peertransfer run" in err
    assert home.running_pid() is None


def test_share_once_ends_by_itself_after_one_delivery(home):
    tell(
        home,
        answers={"share": SHARE},
        events={"deliveries_follow": [DELIVERED] * 3},
        held=["deliveries_follow"],
    )
    with start(home.path, "share", "/etc", "--once") as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == LINK + "\n"
    assert err.count("delivered, verified: …abcdefgh has all of it (5 B, link Ann)") == 1
    assert home.running_pid() is None


def test_ctrl_c_during_get_pauses_it_and_says_how_to_go_on(home):
    tell(home, events={"get": [{"event": "state", "text": "x"}]}, held=["get"])
    with start(home.path, "get", LINK, "--json") as process:
        while not (home.path / "begun").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "cancelled"
    assert err.startswith("error: The transfer is paused")
    assert err.count("\n") == 1
    assert home.running_pid() is None
    assert (home.path / "ended").exists()


def test_a_start_that_fails_is_the_commands_own_error(home):
    tell(home, fails="The port 4001 is in use")
    with start(home.path, "get", LINK) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == "error: The port 4001 is in use. Mend it.\n"


def test_a_fault_of_a_run_is_an_object_too_for_programs(home):
    tell(home, breaks="deep bug")
    with start(home.path, "run", "--json", program=RUN) as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "deep bug" in json.loads(out)["error"]["message"]
    assert err.startswith("error: Unexpected ZeroDivisionError")


def take_the_terminal():
    """Let the terminal on standard error be the one that this process was started at, as a shell does."""
    os.close(os.open(os.ttyname(2), os.O_RDWR))


def on_a_terminal(home_path, words, typed, stdin=None):
    """Run on a pseudo-terminal, type each answer once its question is there; return exit code and screen.

    Args:
        home_path: where the home is, or would be.
        words: the command.
        typed: pairs of question and answer.
        stdin: a file in place of the terminal.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": str(KIT), "PEERTRANSFER_HOME": str(home_path), "TERM": "xterm"},
        stdin=theirs if stdin is None else stdin,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_the_terminal,  # noqa: PLW1509 - it opens and closes and does nothing else
    )
    os.close(theirs)
    screen, seen = b"", 0
    pending = list(typed)
    while select.select([ours], [], [], 20)[0]:
        try:
            octets = os.read(ours, 65_536)
        except OSError:  # the other end is closed: the process has ended
            break
        screen += octets
        if pending and pending[0][0].encode() in screen[seen:]:
            seen = len(screen)
            os.write(ours, pending.pop(0)[1].encode() + b"\n")
    os.close(ours)
    return process.wait(20), screen.decode()


@pytest.mark.parametrize("answer", ["y", "yes"])
def test_on_a_terminal_init_shows_three_sentences_and_asks(tmp_path, answer):
    code, screen = on_a_terminal(tmp_path / "new", ["init"], [(AGREE, answer)])
    assert code == 0
    assert (tmp_path / "new" / "config.toml").exists()
    question = screen.split("Do you agree?")[0]
    lines = question.splitlines()
    assert len([line for line in lines if line.startswith("- ")]) == 3
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("answer", ["n", ""])
def test_who_does_not_agree_gets_no_home(tmp_path, answer):
    code, _ = on_a_terminal(tmp_path / "new", ["init"], [(AGREE, answer)])
    assert code == 2
    assert not (tmp_path / "new").exists()


def test_details_are_the_whole_statement_and_the_question_comes_again(tmp_path):
    code, screen = on_a_terminal(tmp_path / "new", ["init"], [(AGREE, "d"), (AGREE, "n")])
    assert code == 2
    assert len(screen.splitlines()) > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [(("get", "-"), LINK), (("network", "join", "--name", "n", "--psk", "-"), SWARM_KEY)],
    ids=["link", "key"],
)
def test_the_question_comes_on_the_terminal_where_standard_input_is_the_secret(tmp_path, words, said):
    (tmp_path / "said").write_text(said)
    with (tmp_path / "said").open() as file:
        code, screen = on_a_terminal(tmp_path / "new", words, [(AGREE, "y")], stdin=file)
    assert code == 0, screen
    assert (tmp_path / "new" / "consent.json").exists()


def test_who_does_not_agree_to_a_get_from_a_file_gets_no_home(tmp_path):
    (tmp_path / "link.txt").write_text(LINK)
    with (tmp_path / "link.txt").open() as file:
        code, screen = on_a_terminal(tmp_path / "new", ["get", "-"], [(AGREE, "n")], stdin=file)
    assert code == 2
    assert "--accept-privacy" in screen
    assert not (tmp_path / "new").exists()


def test_a_link_is_pasted_and_then_the_question_is_answered_on_the_same_terminal(tmp_path):
    typed = [("Paste the link", LINK), (AGREE, "y")]
    code, screen = on_a_terminal(tmp_path / "new", ["get", "-"], typed)
    assert code == 0, screen
    assert (tmp_path / "new" / "config.toml").exists()


def test_nobody_is_asked_where_standard_error_is_no_terminal(tmp_path):
    with start(tmp_path / "new", "get", "-", stdin=subprocess.PIPE, start_new_session=True) as process:
        _, err = process.communicate(LINK, timeout=20)
    assert process.returncode == 2
    assert err.startswith("error: There is no home at")
    assert err.count("\n") == 1


def test_init_twice_changes_nothing_and_says_so(tmp_path):
    with start(tmp_path / "new", "init", "--accept-privacy", "--json") as process:
        first = json.loads(process.communicate(timeout=20)[0])
    with start(tmp_path / "new", "init", "--json") as process:
        second = json.loads(process.communicate(timeout=20)[0])
    assert first["created"] is True
    assert second == {**first, "created": False}
    assert len(first["privacy_digest"]) == 64


def test_consent_shows_what_was_accepted(tmp_path):
    with start(tmp_path / "new", "init", "--accept-privacy", "--json") as process:
        digest = json.loads(process.communicate(timeout=20)[0])["privacy_digest"]
    with start(tmp_path / "new", "privacy", "consent", "--json") as process:
        assert json.loads(process.communicate(timeout=20)[0])["digest"] == digest


def test_a_bar_with_rate_time_left_and_peers_is_drawn_on_a_terminal(home):
    tell(home, pace_seconds=0.02, answers={"get": {"dest": "/d", "files": 12, "size": 5}})
    code, screen = on_a_terminal(home.path, ["get", LINK], [])
    assert code == 0
    for word in ("holiday pictures", "MiB/s", " left", "…gYhRmLJt sending"):
        assert word in screen
