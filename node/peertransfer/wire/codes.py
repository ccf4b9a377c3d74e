"""Which refusal code stands for which error, in both directions.

It does not decide to refuse (``policy``) and sends nothing. Spec: docs/protocol.md, "Refusals".
"""

from __future__ import annotations

from enum import IntEnum

from peertransfer.errors import (
    BusyError,
    ChangedError,
    EndedError,
    OutOfRangeError,
    PeertransferError,
    RefusedError,
    RemoteError,
    SourceError,
    UnsupportedError,
)


class RefusalCode(IntEnum):
    """Why not: coarse on purpose."""

    REFUSED = 1
    """Unknown, unproven, denied or expired: one refusal."""
    CHANGED = 2
    """The file changed since it was shared."""
    BUSY = 3
    """The provider has too much to do; ask again later."""
    UNSUPPORTED = 4
    """The receiver does not know this kind of request."""
    OUT_OF_RANGE = 5
    """The request names something outside the share."""
    ENDED = 6
    """The grant ended: link ended, share withdrawn, policy changed, expired."""


_ERRORS: dict[RefusalCode, tuple[type[RemoteError], str, str]] = {
    RefusalCode.REFUSED: (RefusedError, "the peer refused", "ask whoever gave you the link"),
    RefusalCode.CHANGED: (ChangedError, "the file changed since it was shared", "ask for a new link"),
    RefusalCode.BUSY: (BusyError, "the peer is busy", "try again later"),
    RefusalCode.UNSUPPORTED: (UnsupportedError, "the peer does not know this request", "use an older form"),
    RefusalCode.OUT_OF_RANGE: (OutOfRangeError, "the peer has no such block or entry", "ask another peer"),
    RefusalCode.ENDED: (EndedError, "the peer no longer shares this", "ask for a new link"),
}
_CODES: dict[type[PeertransferError], RefusalCode] = {
    **{error: code for code, (error, _, _) in _ERRORS.items()},
    SourceError: RefusalCode.CHANGED,
}


def code_of_number(number: int) -> RefusalCode:
    """Return the code of a number from the wire; one that we do not know is a plain refusal."""
    try:
        return RefusalCode(number)
    except ValueError:
        return RefusalCode.REFUSED


def error_of_code(code: RefusalCode, *, peer: str = "") -> RemoteError:
    """Return the error that a refusal from ``peer`` is for us."""
    error, message, hint = _ERRORS[code]
    return error(message, hint, peer=peer)


def code_of_error(error: PeertransferError) -> RefusalCode:
    """Return the code that tells a peer about ``error``; whatever has none of its own is ``REFUSED``."""
    return _CODES.get(type(error), RefusalCode.REFUSED)
