"""Where does a fault of one connection or stream end? Here, so that it never ends the node.

It mends nothing: whoever stands outside closes what the fault was in. Errors of ours, and the library's,
are handled before they come this far (``net.translate``). Spec: RELIABILITY.md B8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger("peertransfer.transport")


class CrashBarrier:
    """A context that logs what no one foresaw, and goes on behind it; a cancellation passes."""

    def __init__(self, event: str, peer_id: str = "") -> None:
        self._event = event
        self._peer_id = peer_id
        self.is_crashed = False

    def __enter__(self) -> Self:
        """Enter; nothing to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Log and swallow an exception that is no cancellation."""
        if not isinstance(error, Exception):
            return False
        self.is_crashed = True
        attributes = {"peer": self._peer_id[-8:], "reason": type(error).__name__}
        log.error(self._event, extra=attributes, exc_info=error)
        return True
