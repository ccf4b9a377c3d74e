"""A private network's cipher, and whether the other side has the same key. Octets in, octets out.

It reads no socket (``transport.raw``), authenticates nothing and is no membership check: Noise comes above
it. The library's own wrapper is off the spec (fact 7). Each side sends a nonce of 24 octets, then
everything encrypted.
Spec: https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md

Strategy: with the same key, the first decrypted octets are those that open multistream-select; the first
mismatch tells that the key is another one, and the connection ends at once instead of hanging. In the open
network the same look at the first octets tells a private peer.
"""

from __future__ import annotations

from peertransfer.errors import NetworkKeyError
from peertransfer.transport.salsa import KEY_SIZE, NONCE_SIZE, XSalsa20, xsalsa20

GREETING = b"\x13/multistream/1.0.0\n"
"""What both sides say first."""

_HINT = "Check that both sides use the same swarm.key or invite."


class PnetCipher:
    """Both directions of one connection under the network's key."""

    def __init__(self, psk: bytes, nonce: bytes) -> None:
        """Prepare both directions.

        Args:
            psk: 32 octets.
            nonce: 24 random octets, fresh for this connection.
        """
        if len(psk) != KEY_SIZE:
            raise ValueError("a network key has 32 octets")
        self._psk = psk
        self._nonce = nonce
        self._writer = xsalsa20(psk, nonce)
        self._reader: XSalsa20 | None = None
        self._remote_nonce = b""
        self._is_nonce_sent = False

    def encrypt(self, octets: memoryview) -> memoryview:
        """Return what to send for ``octets``, which change; the first time, our nonce stands before it."""
        self._writer.xor(octets)
        if self._is_nonce_sent:
            return octets
        self._is_nonce_sent = True
        return memoryview(bytearray(self._nonce) + octets)

    def decrypt(self, octets: memoryview) -> memoryview:
        """Return what arrived; the other side's nonce is taken off, in whatever pieces it comes.

        Args:
            octets: what came; they change.

        Raises:
            NetworkKeyError: the other side is in no private network.
        """
        if self._reader is None:
            taken = NONCE_SIZE - len(self._remote_nonce)
            self._remote_nonce += bytes(octets[:taken])
            if self._remote_nonce.startswith(GREETING):
                raise NetworkKeyError("The peer holds no network key, and this network is private", _HINT)
            if len(self._remote_nonce) < NONCE_SIZE:
                return octets[:0]
            self._reader = xsalsa20(self._psk, self._remote_nonce)
            octets = octets[taken:]
        self._reader.xor(octets)
        return octets


class Greeting:
    """Judges the first octets of the other side."""

    def __init__(self, *, is_private: bool) -> None:
        self._is_private = is_private
        self._seen = b""

    @property
    def is_complete(self) -> bool:
        """Whether the other side has shown that it is in the same network."""
        return self._seen == GREETING

    def see(self, plain: bytes) -> None:
        """Look at the next octets, decrypted.

        Raises:
            NetworkKeyError: they are not those of a peer of this network.
        """
        self._seen += plain[: len(GREETING) - len(self._seen)]
        if GREETING.startswith(self._seen):
            return
        if self._is_private:
            raise NetworkKeyError("The peer holds another network key", _HINT)
        raise NetworkKeyError(
            "The peer is in a private network, or is no libp2p node",
            "Join its network first, or check the port of the address.",
        )

    def give_up(self) -> None:
        """Judge an end, or silence, before the greeting is complete.

        Raises:
            NetworkKeyError: in a private network, where another key is the likely reason.
        """
        if self._is_private and not self.is_complete:
            raise NetworkKeyError(
                "The peer hangs up or is silent at our network key: most likely it holds another, or none",
                _HINT,
            )
