"""From a TCP connection to a muxed one with a known peer: pnet, Noise, yamux.

It opens no socket (``transport.tcp``) and registers nothing (``net.swarm``). Only Noise is offered, only
yamux, and only Ed25519 identities are let in. Failures come as the library's exceptions, or as
``NetworkKeyError``; ``net.translate`` tells them apart.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import trio
from libp2p.crypto.x25519 import create_new_key_pair as create_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.upgrader import TransportUpgrader

from peertransfer.transport.multiaddrs import peer_id_text
from peertransfer.transport.muxer import YAMUX, Muxer, PeerMuxers
from peertransfer.transport.pnet import PnetCipher
from peertransfer.transport.raw import RawConn
from peertransfer.transport.salsa import NONCE_SIZE

if TYPE_CHECKING:
    from libp2p.crypto.keys import KeyPair

    from peertransfer.transport.multiaddrs import TcpAddr

UPGRADE_SECONDS = 5.0
"""From the open socket to the muxed connection (fact 5: the library allows 10)."""


class Upgrader:
    """Upgrades the connections of one host in one network."""

    def __init__(self, key_pair: KeyPair, psk: bytes | None) -> None:
        noise = NoiseTransport(key_pair, noise_privkey=create_x25519_key_pair().private_key)
        offered = {TProtocol(YAMUX): Yamux}
        self.library = TransportUpgrader({NOISE: noise}, offered, int(UPGRADE_SECONDS))
        self.library.muxer_multistream = PeerMuxers(offered, int(UPGRADE_SECONDS))
        self._psk = psk

    async def upgrade(
        self, socket: trio.abc.HalfCloseableStream, remote: TcpAddr, *, expected: str | None = None
    ) -> Muxer:
        """Return the muxed connection, not yet started; on any failure the socket is closed.

        Args:
            socket: an open TCP connection; from now on it belongs to the muxer.
            remote: its other end.
            expected: the peer ID that was dialled; ``None``: the other side dialled us.

        Raises:
            NetworkKeyError: the other side is not in this network.
            UsageError: its key is not Ed25519.
            trio.TooSlowError: it took longer than ``UPGRADE_SECONDS``.
        """
        cipher = None if self._psk is None else PnetCipher(self._psk, os.urandom(NONCE_SIZE))
        raw = RawConn(socket, cipher, is_initiator=expected is not None, remote=remote)
        muxer = None
        try:
            with trio.fail_after(UPGRADE_SECONDS):
                muxer = await self._upgrade(raw, None if expected is None else ID.from_base58(expected))
        finally:
            if muxer is None:
                await raw.close()
        return muxer

    async def _upgrade(self, raw: RawConn, expected: ID | None) -> Muxer:
        secured: Any = await self.library.upgrade_security(raw, raw.is_initiator, expected)
        peer_id = secured.get_remote_peer()
        peer_id_text(peer_id.to_bytes())
        muxer: Any = await self.library.upgrade_connection(secured, peer_id)
        assert isinstance(muxer, Muxer)
        muxer.raw = raw
        raw.end_handshake()
        return muxer
