"""What follows the end of a connection? It is counted by its reason and logged, and a breach is remembered.

It closes nothing (``net.host``). Spec: docs/transport.md, "How a connection ends".
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from peertransfer.transport.ending import EndReason

if TYPE_CHECKING:
    from peertransfer.net.conduct import Conduct
    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.connection import Connection
    from peertransfer.transport.muxer import Muxer

log = logging.getLogger("peertransfer.net")


class Endings:
    """The ends of the connections of one host."""

    def __init__(self, allowance: Allowance, conduct: Conduct) -> None:
        self._allowance = allowance
        self._conduct = conduct

    def watch(self, connection: Connection | Muxer) -> None:
        """Have the end of a connection noted."""
        connection.ending.on_over = partial(self._note, connection)

    def _note(self, connection: Connection | Muxer) -> None:
        reason, detail = connection.ending.reason, connection.ending.detail
        assert reason is not None  # it is over
        self._allowance.note_end(reason)
        peer_id = connection.peer_id.to_base58()
        # A transfer needs a link's secret; of all others a line for each would let strangers fill the log.
        level = logging.INFO if connection.tally.has_transferred else logging.DEBUG
        facts = {"peer": peer_id[-8:], "reason": reason.value}
        log.log(level, "connection_ended", extra={**facts, "detail": detail} if detail else facts)
        if reason is EndReason.BREACH:
            self._conduct.note_breach(peer_id, detail)
