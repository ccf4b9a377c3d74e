"""The only place where the library's errors become ours."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.exceptions import IOException

from peertransfer.errors import StreamLostError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def stream_errors(peer_id: str) -> Iterator[None]:
    """Raise ``StreamLostError`` for whatever ended a stream or connection.

    Raises:
        StreamLostError: the stream, or the connection below it, is over.
    """
    try:
        yield
    except (BaseLibp2pError, IOException, OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
        raise StreamLostError("The stream to the peer ended", "It is tried again.", peer=peer_id) from exc
