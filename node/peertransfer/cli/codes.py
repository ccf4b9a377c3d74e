"""How does a link get from this screen to a telephone? As a QR code."""

from __future__ import annotations

import sys

from peertransfer.errors import UsageError


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
    code.terminal(out=sys.stderr if to_stderr else sys.stdout, compact=True)
