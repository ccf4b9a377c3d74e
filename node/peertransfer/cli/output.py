"""How does an answer reach the person, or the program that asked?

Documents for programs go to standard output, one a line; sentences for people too; errors and notes to
standard error. Everything that may come from a peer passes ``display`` on its way.
Spec: CLI.md, "Everywhere"; RELIABILITY.md A6.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from peertransfer.content.names import display
from peertransfer.control.faults import fault_object, sentences
from peertransfer.errors import LocalError

if TYPE_CHECKING:
    from typing import TextIO

    from peertransfer.errors import PeertransferError

Answer = Mapping[str, object]


PLAIN_WIDTH = 80
"""Columns where standard output is no terminal."""
SHORT = 8
"""Characters that tell peers and shares apart on a screen."""


def escaped(line: str) -> str:
    """Return a line of which nothing is left that a terminal would act on; links are not cut short."""
    return display(line, max(1, len(line)))


def show_text(text: str) -> None:
    """Write text of our own on standard output as it stands, at once.

    Raises:
        BrokenPipeError: nobody reads it any more.
        LocalError: it can't be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        drop_stdout()
        raise LocalError(
            f"Standard output can't be written: {exc.strerror}", "Make room there, or send it elsewhere."
        ) from exc


def drop_stdout() -> None:
    """Keep the interpreter from complaining, at its end, about octets that nobody takes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_document(document: Answer) -> None:
    """Write one JSON document on standard output, at once."""
    show_text(json.dumps(document) + "\n")


def say(text: str = "", *, wraps: bool = False) -> None:
    """Write one line for people on standard output.

    Args:
        text: the line.
        wraps: it is a sentence: on a terminal it goes on in the next line between two words, as far in.
    """
    for line in _lines(text, sys.stdout, wraps=wraps):
        show_text(line + "\n")


def note(text: str, *, wraps: bool = False) -> None:
    """Write one line for people on standard error; ``wraps`` as in ``say``."""
    for line in _lines(text, sys.stderr, wraps=wraps):
        sys.stderr.write(line + "\n")
    sys.stderr.flush()


def terminal_width(stream: TextIO) -> int | None:
    """Return the columns of the terminal that ``stream`` goes to; None where it goes to none."""
    if not stream.isatty():
        return None
    fallback = (PLAIN_WIDTH, 24)
    with contextlib.suppress(OSError, ValueError):
        fallback = os.get_terminal_size(stream.fileno())
    # A terminal that was never told its size says 0.
    return shutil.get_terminal_size(fallback).columns or PLAIN_WIDTH


def show_error(error: PeertransferError, *, as_json: bool) -> None:
    """Write the one line of an error; for programs, the object too."""
    if as_json:
        with contextlib.suppress(LocalError, BrokenPipeError):  # the line below is what is left
            show_document({"error": fault_object(error)})
    note(f"error: {sentences(error.message, error.hint)}")


def records(answer: Answer, key: str) -> list[Answer]:
    """Return the objects of the list ``key``; what is not there is empty."""
    value = answer.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def mapping(answer: Answer, key: str) -> Answer:
    """Return the object under ``key``; an empty one where there is none."""
    value = answer.get(key)
    return value if isinstance(value, dict) else {}


def texts(answer: Answer, key: str) -> list[str]:
    """Return the texts of the list ``key``."""
    value = answer.get(key)
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def text(answer: Answer, key: str) -> str:
    """Return the value of ``key`` as text; empty where there is none."""
    value = answer.get(key)
    return "" if value is None else str(value)


def number(answer: Answer, key: str) -> float:
    """Return the value of ``key`` as a number; 0 where there is none."""
    value = answer.get(key)
    return value if isinstance(value, int | float) else 0


def link_state(link: Answer) -> str:
    """Return what one of ``links[]`` is good for, in a word."""
    return "ended" if link.get("ended") else "expired" if link.get("expired") else "works"


def short(identifier: object) -> str:
    """Return the last 8 characters of a peer ID or CID: enough to tell them apart on a screen."""
    word = str(identifier or "")
    return word if len(word) <= SHORT else f"…{word[-SHORT:]}"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Return ``a, b and c``."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _lines(text: str, stream: TextIO, *, wraps: bool) -> list[str]:
    line = _writable(escaped(text), stream.encoding)
    width = terminal_width(stream) if wraps else None
    if width is None:
        return [line]
    indent = " " * (len(line) - len(line.lstrip(" ")))
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [line]


def _writable(line: str, encoding: str | None) -> str:
    """Return ``line`` in characters that the stream can take."""
    known = encoding or "ascii"
    return line.encode(known, "backslashreplace").decode(known)
