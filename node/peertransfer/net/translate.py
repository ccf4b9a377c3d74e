"""The only place where the library's errors become ours.

It closes nothing. An exception that stands in no list here is a fault: ``transport.barrier`` keeps it to
the connection or stream that it was in.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio
from cryptography.exceptions import InvalidSignature, InvalidTag
from google.protobuf.message import DecodeError
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from nacl.exceptions import CryptoError
from noise.exceptions import NoiseHandshakeError, NoiseInvalidMessage, NoiseMaxNonceError, NoiseValueError

from peertransfer.errors import (
    DialError,
    ForeignKeyError,
    NetworkKeyError,
    OtherPeerError,
    PeerTimeoutError,
    RemoteProtocolError,
    StreamLostError,
)
from peertransfer.transport.muxed_stream import STREAM_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDSHAKE_ERRORS = (
    *STREAM_ERRORS,
    ValueError,
    AssertionError,
    TypeError,
    ArithmeticError,
    LookupError,
    InvalidTag,
    InvalidSignature,
    CryptoError,
    DecodeError,
    NoiseHandshakeError,
    NoiseInvalidMessage,
    NoiseMaxNonceError,
    NoiseValueError,
    RemoteProtocolError,
)
"""What a hostile or foreign handshake makes the library raise."""


@contextlib.contextmanager
def stream_errors(peer_id: str) -> Iterator[None]:
    """Raise ``StreamLostError`` for whatever ended a stream or connection.

    Raises:
        StreamLostError: the stream, or the connection below it, is over.
    """
    try:
        yield
    except STREAM_ERRORS as exc:
        raise StreamLostError("The stream to the peer ended", "It is tried again.", peer=peer_id) from exc


@contextlib.contextmanager
def handshake_errors(where: str, peer_id: str) -> Iterator[None]:
    """Raise what a failed upgrade means for whoever dialled ``where``.

    Raises:
        NetworkKeyError: the peer there has another network key than this host, or is no libp2p node.
        PeerTimeoutError: somebody takes calls there, but says too little.
        OtherPeerError: it is not the peer that is expected there.
        DialError: it is no libp2p node of this network.
    """
    try:
        yield
    except NetworkKeyError as exc:
        raise NetworkKeyError(f"{exc.message} (at {where})", exc.hint, peer=peer_id) from exc
    except trio.TooSlowError as exc:
        raise PeerTimeoutError(
            f"{where} takes calls, but does not shake hands",
            "It may hang or be overloaded: try again later.",
            peer=peer_id,
        ) from exc
    except ForeignKeyError as exc:
        raise DialError(
            f"{where} answers with another identity: {exc.message}", exc.hint, peer=peer_id
        ) from exc
    except HANDSHAKE_ERRORS as exc:
        if _is_mismatch(exc):
            raise OtherPeerError(
                f"Another peer than …{peer_id[-8:]} answers at {where}",
                "That address is another node's: ask whoever gave it for a new link or address.",
                peer=peer_id,
            ) from exc
        raise DialError(
            f"{where} answers, but is no libp2p node of this network",
            "Check the port: it must be a libp2p node's, with Noise and yamux.",
            peer=peer_id,
        ) from exc


@contextlib.contextmanager
def teardown_errors() -> Iterator[None]:
    """Drop what goes wrong while something is closed that is lost anyway."""
    with contextlib.suppress(*STREAM_ERRORS):
        yield


def _is_mismatch(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, PeerIDMismatchesPubkey):
            return True
        exc = exc.__cause__
    return False
