"""Peers whose identity is no Ed25519 key: refused by that name, before their key is read."""

import os
from functools import partial
from types import SimpleNamespace

import pytest
import trio
from attacker_kit import host_of, until
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from libp2p.crypto import ed25519, rsa, secp256k1
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_x25519_key_pair
from libp2p.peer.id import ID
from libp2p.security.noise import messages
from libp2p.security.noise.pb import noise_pb2
from libp2p.security.noise.transport import Transport

from peertransfer.errors import DialError, ForeignKeyError
from peertransfer.transport import handshake
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.negotiation import accept_protocol, propose_protocol
from peertransfer.transport.raw import RawConn
from peertransfer.transport.upgrade import Upgrader

pytestmark = pytest.mark.swarm


class EcdsaKey:
    """The library's own is out of order under the fastecdsa that is installed; this one signs and is sent."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())

    def serialize(self):
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"\x08\x03\x12" + bytes([len(der)]) + der

    def get_public_key(self):
        return self

    def sign(self, octets):
        return self._key.sign(octets, ec.ECDSA(SHA256()))


def ecdsa_key_pair():
    key = EcdsaKey()
    return KeyPair(key, key)


KEYS = {
    "RSA": lambda: rsa.create_new_key_pair(2048),
    "ECDSA": ecdsa_key_pair,
    "secp256k1": secp256k1.create_new_key_pair,
}
LOCAL = TcpAddr.of("127.0.0.1", 4001)


@pytest.fixture(params=KEYS)
def kind(request):
    return request.param


@pytest.fixture
def foreign(kind):
    """The library's Noise with such an identity."""
    return Transport(KEYS[kind](), noise_privkey=create_x25519_key_pair().private_key)


@pytest.fixture
def reads(monkeypatch):
    """Which keys are read after the fixture was made."""
    found = []
    read = messages.deserialize_public_key

    def watched(octets):
        found.append(octets[:2])
        return read(octets)

    monkeypatch.setattr(messages, "deserialize_public_key", watched)
    return found


async def test_whoever_dials_with_it_is_refused_before_its_key_is_read(foreign, kind, reads, nursery):
    reasons = []
    async with host_of(1) as host:
        upgrade = host._upgrader.upgrade

        async def watched(*args):
            try:
                return await upgrade(*args)
            except ForeignKeyError as error:
                reasons.append(error.message)
                raise

        host._upgrader.upgrade = watched
        stream = await trio.open_tcp_stream("127.0.0.1", host.listen_port)
        raw = RawConn(stream, None, is_initiator=True, remote=LOCAL, allowance=Allowance())
        await propose_protocol(raw, "/noise")
        await foreign.secure_outbound(raw, ID.from_base58(host.peer_id))
        with trio.fail_after(2):
            assert await raw.read() == b""
        await until(lambda: reasons)
        assert f"of the kind {kind};" in reasons[0]
        assert reads == [b"\x08\x01"]  # the dialler read the host's
        assert host.connections() == []
        await raw.close()


async def test_whoever_answers_with_it_is_a_failed_dial_with_that_reason(foreign, kind, reads, nursery):
    async def answer(stream):
        raw = RawConn(stream, None, is_initiator=False, remote=LOCAL, allowance=Allowance())
        await accept_protocol(raw, {"/noise"})
        with pytest.raises(Exception):  # noqa: B017, PT011 - the dialler hangs up
            await foreign.secure_inbound(raw)

    (listener,) = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
    async with host_of(1) as host:
        addr = f"/ip4/127.0.0.1/tcp/{listener.socket.getsockname()[1]}"
        expected = host_of(2).peer_id
        with trio.fail_after(3), pytest.raises(DialError, match=f"of the kind {kind}"):
            await host.connect([addr], expected)
    assert reads == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("key", "signature", "why"),
    [
        (b"", bytes(64), "unknown"),
        (b"\x08\x01\x12\x20" + bytes(31), bytes(64), "unknown"),
        (b"\x08\x01\x12\x20" + bytes(33), bytes(64), "unknown"),
        (b"\x08\x01\x12\x21" + bytes(33), bytes(64), "unknown"),
        (b"\x12\x20" + bytes(32) + b"\x08\x01", bytes(64), "unknown"),
        (b"\x08\x00" + bytes(60_000), bytes(64), "RSA"),
        (b"\x08\x01\x12\x20" + bytes(32), bytes(63), "signature"),
        (b"\x08\x01\x12\x20" + bytes(32), bytes(60_000), "signature"),
    ],
)
def test_an_identity_of_another_form_is_refused(key, signature, why):
    payload = noise_pb2.NoiseHandshakePayload(identity_key=key, identity_sig=signature)
    with pytest.raises(ForeignKeyError, match=why):
        handshake._check_identity(payload.SerializeToString())


async def test_an_ed25519_identity_is_taken(nursery):
    async with host_of(1) as host:
        stream = await trio.open_tcp_stream("127.0.0.1", host.listen_port)
        upgrader = Upgrader(ed25519.create_new_key_pair(os.urandom(32)), None, Allowance())
        connection = await upgrader.upgrade(stream, LOCAL, expected=host.peer_id)
        await until(host.connections)
        await connection.abandon()


async def test_what_is_no_payload_at_all_is_refused(nursery):
    """Random octets inside Noise, where the identity should be."""
    async with host_of(1) as host:
        stream = await trio.open_tcp_stream("127.0.0.1", host.listen_port)
        raw = RawConn(stream, None, is_initiator=True, remote=LOCAL, allowance=Allowance())
        await propose_protocol(raw, "/noise")
        noise = Transport(ed25519.create_new_key_pair(os.urandom(32)), create_x25519_key_pair().private_key)
        pattern = noise.get_pattern()
        pattern.make_handshake_payload = lambda: SimpleNamespace(serialize=lambda: os.urandom(500))
        await pattern.handshake_outbound(raw, ID.from_base58(host.peer_id))
        with trio.fail_after(2):
            assert await raw.read() == b""
        assert host.connections() == []
