import io
import json
import logging

import pytest

from peertransfer.control.logs import start_logging, where

LINK = "peertransfer:bafyreigh2akiscaildc?n=open&s=c2VjcmV0c2VjcmV0"
INVITE = "ptinvite:AAAAsecret"


@pytest.fixture
def written():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    ours = logging.getLogger("peertransfer")
    own_level = ours.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(own_level)
    logging.captureWarnings(capture=False)


def test_nothing_is_written_before_the_start_is_known(written):
    log = start_logging("info", as_json=False, stream=written)
    logging.getLogger("peertransfer.net").info("early")
    assert written.getvalue() == ""
    log.let_through()
    assert "early" in written.getvalue()


@pytest.mark.parametrize("level", ["debug", "info", "error"])
@pytest.mark.parametrize("name", [None, "hypercorn.error", "somebody"])
def test_a_library_is_heard_from_a_warning_on(written, level, name):
    start_logging(level, as_json=False, stream=written).let_through()
    library = logging.getLogger(name)
    library.debug("Setting on_close for peer 12D3KooWWhole")
    library.info("listening on /ip4/192.0.2.1/tcp/4001")
    assert written.getvalue() == ""
    library.warning("odd")
    assert ("odd" in written.getvalue()) == (level != "error")


def test_afterwards_lines_come_at_once(written):
    start_logging("info", as_json=False, stream=written).let_through()
    logging.getLogger("peertransfer.net").info("peer_connected", extra={"peer": "abcd1234"})
    assert written.getvalue().endswith("info net peer_connected peer=abcd1234\n")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("secret", [LINK, INVITE])
def test_no_link_and_no_invite_gets_into_a_log(written, as_json, secret):
    start_logging("debug", as_json=as_json, stream=written).let_through()
    log = logging.getLogger("peertransfer.service")
    log.info("got %s", secret, extra={"what": f"link={secret}!"})
    log.error("failed", exc_info=ValueError(secret))
    assert secret.split(":")[1][:20] not in written.getvalue()
    assert "withheld" in written.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_control_characters_are_escaped(written, as_json):
    start_logging("info", as_json=as_json, stream=written).let_through()
    logging.getLogger("peertransfer.net").info("x\x1b[31m\x07", extra={"agent": "a\nb\x9b\u202e"})
    body = written.getvalue()
    assert body.count("\n") == 1
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F or c == "\u202e" for c in body[:-1])


def test_json_lines_hold_one_object_each(written):
    start_logging("info", as_json=True, stream=written).let_through()
    logging.getLogger("peertransfer.store").warning("disk_full", extra={"free": 12})
    line = json.loads(written.getvalue())
    assert (line["level"], line["room"], line["event"], line["free"]) == ("warning", "store", "disk_full", 12)


def test_an_exception_is_one_line_with_its_place(written):
    start_logging("info", as_json=False, stream=written).let_through()
    group = ExceptionGroup("g", [ZeroDivisionError("bug")])
    logging.getLogger("peertransfer.service").error("failed", exc_info=group)
    assert written.getvalue().count("\n") == 1
    assert "ZeroDivisionError: bug" in written.getvalue()


def test_the_level_holds(written):
    start_logging("warning", as_json=False, stream=written).let_through()
    logging.getLogger("peertransfer.net").info("quiet")
    assert written.getvalue() == ""


def test_the_place_of_an_error_that_was_never_raised():
    assert where(ValueError()) == "nowhere"
