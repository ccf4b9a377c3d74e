"""From a TCP connection to a muxed one with a known peer: pnet, Noise, yamux.

It opens no socket (``transport.tcp``) and registers nothing (``net.library``). Only Noise is offered, only
yamux, and only Ed25519 identities are let in. Failures come as the library's exceptions, or as
``NetworkKeyError`` or ``RemoteProtocolError``; ``net.translate`` tells them apart.

Strategy: the library's ``PatternXX`` makes the handshake, and its keys go into our own records and session.
An identity of another kind than Ed25519 is refused before its key is read (``transport.handshake``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import trio
from libp2p.crypto.x25519 import create_new_key_pair as create_x25519_key_pair
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE

from peertransfer.errors import RemoteProtocolError
from peertransfer.transport.connection import Connection
from peertransfer.transport.handshake import Ed25519Noise
from peertransfer.transport.muxer import YAMUX, Muxer
from peertransfer.transport.negotiation import DuplexStream, accept_protocol, propose_protocol
from peertransfer.transport.pnet import PnetCipher
from peertransfer.transport.raw import RawConn
from peertransfer.transport.records import RecordOpener, RecordSealer
from peertransfer.transport.salsa import NONCE_SIZE
from peertransfer.transport.stream import RECEIVE_SIZE
from peertransfer.transport.wire import Wire, WireReader

if TYPE_CHECKING:
    from libp2p.crypto.keys import KeyPair

    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.multiaddrs import TcpAddr


class Upgrader:
    """Upgrades the connections of one host in one network."""

    def __init__(
        self, key_pair: KeyPair, psk: bytes | None, allowance: Allowance, *, on_library: bool = False
    ) -> None:
        """Prepare to upgrade.

        Args:
            key_pair: the identity, Ed25519.
            psk: 32 octets; ``None`` in the open network.
            allowance: the limits of this node.
            on_library: use the library's records and yamux instead of our own, to place a fault.
        """
        self._noise = Ed25519Noise(key_pair, noise_privkey=create_x25519_key_pair().private_key)
        self._allowance = allowance
        self._psk = psk
        self._on_library = on_library
        self._memory = memoryview(bytearray(RECEIVE_SIZE))

    async def upgrade(
        self, socket: trio.SocketStream, remote: TcpAddr, *, expected: str | None = None
    ) -> Connection | Muxer:
        """Return the muxed connection, not yet started; on any failure the socket is closed.

        Args:
            socket: an open TCP connection; from now on it belongs to the connection.
            remote: its other end.
            expected: the peer ID that was dialled; ``None``: the other side dialled us.

        Raises:
            NetworkKeyError: the other side is not in this network.
            ForeignKeyError: its identity is no Ed25519 key.
            trio.TooSlowError: it took longer than ``handshake_seconds``.
        """
        cipher = None if self._psk is None else PnetCipher(self._psk, os.urandom(NONCE_SIZE))
        raw = RawConn(
            socket, cipher, is_initiator=expected is not None, remote=remote, allowance=self._allowance
        )
        connection = None
        try:
            with trio.fail_after(self._allowance.limits.handshake_seconds):
                connection = await self._upgrade(raw, None if expected is None else ID.from_base58(expected))
        except trio.TooSlowError:
            self._allowance.reach("handshake_seconds")
            raise
        finally:
            if connection is None:
                await raw.close()
        return connection

    async def _upgrade(self, raw: RawConn, expected: ID | None) -> Connection | Muxer:
        await _agree(raw, str(NOISE), is_initiator=raw.is_initiator)
        secured: Any = await (
            self._noise.secure_inbound(raw)
            if expected is None
            else self._noise.secure_outbound(raw, expected)
        )
        peer_id = secured.get_remote_peer()
        if self._on_library:
            await _agree(secured, YAMUX, is_initiator=raw.is_initiator)
            raw.end_handshake()
            return Muxer(secured, peer_id, raw, self._allowance)
        wire = _wire_of(raw, secured.conn.noise_state.noise_protocol, self._memory)
        reader = WireReader(wire)
        await _agree(reader, YAMUX, is_initiator=raw.is_initiator)
        return Connection(
            wire,
            peer_id,
            is_initiator=raw.is_initiator,
            remote=raw.remote,
            unread=reader.unread,
            allowance=self._allowance,
        )


async def _agree(stream: DuplexStream, protocol: str, *, is_initiator: bool) -> None:
    if is_initiator:
        await propose_protocol(stream, protocol)
    elif not await accept_protocol(stream, {protocol}):
        raise RemoteProtocolError(f"the peer does not speak {protocol}")


def _wire_of(raw: RawConn, noise: Any, memory: memoryview) -> Wire:
    """Go on from a finished handshake, with its keys."""
    outward, inward = noise.cipher_state_encrypt, noise.cipher_state_decrypt
    stream, cipher, unread = raw.take_over()
    return Wire(
        stream,
        sealer=RecordSealer(outward.k, outward.n),
        opener=RecordOpener(inward.k, inward.n),
        cipher=cipher,
        unread=unread,
        memory=memory,
    )
