"""The library's host, configured so that only what is wanted is on, and its errors kept in one place."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import trio
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_new_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.exceptions import IOException
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError
from libp2p.protocol_muxer.exceptions import MultiselectError
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from noise.exceptions import (
    NoiseHandshakeError,
    NoiseInvalidMessage,
    NoiseMaxNonceError,
    NoiseValidationError,
    NoiseValueError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

log = logging.getLogger("peertransfer.net")

MAX_CONNECTIONS = 512
MAX_CONNECTIONS_PER_PEER = 2
UPGRADE_SECONDS = 5.0

UPGRADE_ERRORS = (
    *(BaseLibp2pError, PeerStoreError, IOException, OSError, EOFError),
    *(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError, trio.TooSlowError),
    *(InvalidTag, NoiseHandshakeError, NoiseInvalidMessage, NoiseMaxNonceError, NoiseValidationError),
    *(NoiseValueError, DecodeError),
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError),
)
"""All that a stranger's octets have the library raise: it lets Noise's errors and its own slips through.

One that got further would end the node.
"""


def make_library_host(seed: bytes) -> Any:
    """Return a libp2p host: Noise and yamux only, no discovery, no push, no automatic dialling."""
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)
    pair = create_new_key_pair(seed)
    noise = NoiseTransport(pair, noise_privkey=create_new_x25519_key_pair().private_key)
    host: Any = new_host(
        key_pair=pair,
        sec_opt={NOISE: noise},
        muxer_opt={TProtocol(YAMUX): Yamux},
        connection_config=ConnectionConfig(
            max_connections=MAX_CONNECTIONS,
            max_connections_per_peer=MAX_CONNECTIONS_PER_PEER,
            min_connections=0,
            low_watermark=0,
            inbound_upgrade_timeout=UPGRADE_SECONDS,
            outbound_upgrade_timeout=UPGRADE_SECONDS,
        ),
    )
    host._push_identify_to_all_peers = _push_nothing  # noqa: SLF001 - fact 18: there is no hook
    host._schedule_identify = _schedule_nothing  # noqa: SLF001 - ``NetworkHost.identify`` asks, when it is wanted
    host.get_network().auto_connector.maybe_connect = _dial_nobody
    host.multiselect.negotiate = _guarded(host.multiselect.negotiate)
    return host


def _guarded(negotiate: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Have garbage in a stream's first message reset that stream; the library lets it end the host."""

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            protocol, handler = await negotiate(*args, **kwargs)
        except UPGRADE_ERRORS as exc:
            raise MultiselectError("the peer negotiates no protocol") from exc
        if protocol is None:
            raise MultiselectError("the peer negotiates no protocol")
        return protocol, handler

    return guarded


def peer_id_of(text: str) -> Any:
    """Return the library's form of a peer ID."""
    return ID.from_base58(text)


@contextlib.contextmanager
def connection_errors() -> Iterator[None]:
    """Note and drop whatever ends a connection or an upgrade; the caller sees that it is not there."""
    try:
        yield
    except UPGRADE_ERRORS as exc:
        log.debug("connection_failed", extra={"reason": type(exc).__name__})


async def _push_nothing() -> None:
    """Stand for the library's unasked identify push."""


def _schedule_nothing(*_args: object, **_kwargs: object) -> None:
    """Stand for the library's own identify of every new peer."""


async def _dial_nobody() -> None:
    """Stand for the library's own dialling of whoever it knows, which no watermark turns off."""
