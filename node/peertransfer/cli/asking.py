"""What does a command need before it can ask? A home, consent to make one, and somebody to ask.

It does not show answers (``output``). Rooms below are imported when a command runs: ``--version`` needs none.
Spec: CLI.md, "Everywhere" and ``init``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Never

from peertransfer.cli.output import note
from peertransfer.errors import HomeError, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from peertransfer.cli.frame import Settings
    from peertransfer.control.homes import Home, Statement
    from peertransfer.control.sessions import Session

MAX_SECRET = 65_536
"""Octets read from standard input or a file for a link, an invite or a key."""
TERMINAL = "/dev/tty"
"""The terminal that this process was started at, whatever its standard input is."""


def have_home(settings: Settings, *, accept_privacy: bool = False) -> Home:
    """Return the home; where there is none, make it, once the person has agreed.

    Raises:
        UsageError: there is none and nobody agreed.
        HomeError: it can't be used.
    """
    from peertransfer.control import homes

    path = settings.home_path
    if not homes.has_home(path):
        make_home(settings, accept_privacy=accept_privacy)
        note(f"A home was made at {path}.")
    return homes.checked_home(path)


def make_home(settings: Settings, *, accept_privacy: bool) -> dict[str, object]:
    """Make the home, or find that it is there; ask for consent on a terminal.

    Raises:
        UsageError: nobody agreed.
    """
    from peertransfer.control import homes

    path = settings.home_path
    is_new = not homes.has_home(path)
    is_agreed = accept_privacy or not is_new or _ask_consent(homes.privacy_statement())
    if not is_agreed:
        raise UsageError(
            f"There is no home at {path}, and none is made before its privacy statement is accepted",
            "Read it with: peertransfer privacy policy; then add --accept-privacy.",
        )
    return homes.make_home(path, accept_privacy=True) if is_new else _old_home(settings)


def answer(settings: Settings, command: str, **fields: object) -> dict[str, object]:
    """Return the answer of the node that runs, or else of the home alone.

    Raises:
        HomeError: no node runs, and the home alone can't tell.
        PeertransferError: what the node said.
    """
    from peertransfer.control import offline, sessions

    home = have_home(settings)
    client = sessions.running_node(home)
    if client is not None:
        return client.call(command, **fields)
    return offline.answer(home.path, command, **fields)


def examination(settings: Settings) -> dict[str, object]:
    """Return what ``doctor`` finds, also where no other command would go on, or where there is no home."""
    from peertransfer.control import homes, offline, sessions

    path = settings.home_path
    client = None
    with contextlib.suppress(HomeError, OSError):  # what is wrong there is found by the home's own check
        client = sessions.running_node(homes.unchecked_home(path))
    return client.call("doctor") if client is not None else offline.answer(path, "doctor")


@contextlib.contextmanager
def node_for(
    settings: Settings, *, accept_privacy: bool = False, listen: Sequence[str] = ()
) -> Iterator[Session]:
    """Have a node for the ``with`` block: the one that runs, or one of its own."""
    from peertransfer.control import sessions

    home = have_home(settings, accept_privacy=accept_privacy)
    with ending_by_signal(), sessions.node_session(home, listen=listen) as session:
        yield session


def call_node(
    settings: Settings, command: str, *, accept_privacy: bool = False, **fields: object
) -> dict[str, object]:
    """Return the answer of a node, which is started if none runs."""
    with node_for(settings, accept_privacy=accept_privacy) as session:
        return session.client.call(command, **fields)


@contextlib.contextmanager
def ending_by_signal() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what was begun is left in order."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def read_secret(word: str, what: str) -> str:
    """Return a link or invite that was given as an argument, or on standard input as ``-``.

    Raises:
        UsageError: standard input holds none.
    """
    if word != "-":
        return word.strip()
    if sys.stdin.isatty():
        note(f"Paste the {what}, then press Enter:")
    line = sys.stdin.readline(MAX_SECRET).strip()
    if not line:
        raise UsageError(
            f"There is no {what} on standard input", f"Write it there, or name the {what} itself."
        )
    return line


def read_link(word: str) -> str:
    """Return a link, from the argument or standard input, that can be read.

    Raises:
        UsageError: it can't.
    """
    from peertransfer.control import inputs

    return inputs.check_link(read_secret(word, "link"))


def read_reference(word: str) -> str:
    """Return what names a share, a link or a peer; if it is a link, it can be read.

    Raises:
        UsageError: it is a link that can't.
    """
    from peertransfer.control import inputs

    return inputs.check_if_link(read_secret(word, "link"))


def check_paths(paths: Sequence[str]) -> list[str]:
    """Return absolute paths of what is there; links are not followed.

    Raises:
        SourceError: one is missing.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise SourceError(
                f"There is no {path}", "Check its spelling, and the folder you are in.", path=path
            )
    return [os.path.abspath(path) for path in paths]


def read_policy(name: str) -> str:
    """Return the text of a policy file; ``-`` is standard input.

    Raises:
        SourceError, UsageError: as ``read_file``.
    """
    from peertransfer.policy.parse import MAX_SIZE

    return read_file(name, MAX_SIZE).removeprefix("\N{BYTE ORDER MARK}")  # as the node takes the file


def read_file(name: str, limit: int) -> str:
    """Return a file's text; ``-`` is standard input.

    Raises:
        SourceError: it can't be read.
        UsageError: it is too long, or no text.
    """
    try:
        if name == "-":
            octets = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                octets = file.read(limit + 1)
    except OSError as exc:
        raise SourceError(
            f"The file {name} can't be read: {exc.strerror}", "Check its path and modes.", path=name
        ) from exc
    if len(octets) > limit:
        raise UsageError(f"The file {name} is over {limit} octets", "Is it the right file?")
    try:
        return octets.decode()
    except UnicodeDecodeError as exc:
        raise UsageError(f"The file {name} is not text in UTF-8", "Is it the right file?") from exc


def not_running(settings: Settings) -> HomeError:
    """Return the error of a command that only a node that runs can carry out."""
    return HomeError(f"No node runs on this home ({settings.home_path})", "Start one with: peertransfer run")


def _old_home(settings: Settings) -> dict[str, object]:
    from peertransfer.control import homes

    home = homes.checked_home(settings.home_path)
    return homes.make_home(home.path, accept_privacy=True)


def _ask_consent(statement: Statement) -> bool:
    with _keyboard() as keyboard:
        if keyboard is None:
            return False
        note("There is no home yet. Before one is made:")
        width = shutil.get_terminal_size().columns
        for sentence in statement.summary:
            for line in textwrap.wrap(f"- {sentence}", width, subsequent_indent="  "):
                note(line)
        while True:
            choice = _typed("Do you agree? [y]es, [n]o, [d]etails (no): ", keyboard)
            if choice in {"y", "yes"}:
                return True
            if choice not in {"d", "details"}:
                return False
            for line in statement.text.splitlines():
                note(line)


@contextlib.contextmanager
def _keyboard() -> Iterator[TextIO | None]:
    """Give what the person types at, which need not be standard input; None where nobody sits there."""
    if not sys.stderr.isatty():
        yield None
        return
    if sys.stdin.isatty():
        yield sys.stdin
        return
    try:
        terminal = Path(TERMINAL).open()  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with terminal:
        yield terminal


def _typed(question: str, keyboard: TextIO) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return keyboard.readline().strip().lower()


def _interrupt(number: int, frame: object) -> Never:
    del number, frame
    raise KeyboardInterrupt
