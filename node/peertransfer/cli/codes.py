"""How does a link get from this screen to a telephone? As a QR code."""

from __future__ import annotations

import shutil
import sys

from peertransfer.cli.output import note
from peertransfer.errors import UsageError

QUIET = 4
"""Empty modules around a code, without which telephones do not find it."""


def show_code(secret: str, *, to_stderr: bool) -> None:
    """Draw ``secret`` as a QR code.

    Args:
        secret: a link or an invite.
        to_stderr: standard output holds a document for a program.

    Raises:
        UsageError: it is too long for a code.
    """
    import segno

    try:
        code = segno.make(secret, error="l", micro=False)
    except ValueError as exc:
        raise UsageError(
            "This is too long for a QR code", "Make it without --with-addresses, or pass on the text."
        ) from exc
    width = code.symbol_size(border=QUIET)[0]
    stream = sys.stderr if to_stderr else sys.stdout
    if stream.isatty() and shutil.get_terminal_size().columns < width:
        note(f"This terminal is too narrow for the QR code: it takes {width} columns.")
        return
    code.terminal(out=stream, border=QUIET, compact=True)
