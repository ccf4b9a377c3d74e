"""Which TCP multiaddr is this? Text and binary form of the few kinds that this node can dial or bind.

It does not resolve names, dial or classify reach (``transport.dialing``, ``net.addresses``). QUIC,
WebSocket and relay addresses are refused: only a TCP connection carries the network key.
Spec: https://github.com/multiformats/multiaddr, https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass, replace

from peertransfer.errors import UsageError

MAX_TEXT = 512
"""Characters of a multiaddr: a DNS name, a port and a peer ID fit."""
MAX_OCTETS = 512

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519_PREFIX = b"\x00\x24\x08\x01\x12\x20"
"""Identity multihash of 36 octets, protobuf of an Ed25519 key of 32 octets."""
_CID_PREFIX = b"\x01\x72"
_HOST_CODES = {"ip4": 4, "ip6": 41, "dns": 53, "dns4": 54, "dns6": 55}
_HOST_NAMES = {code: name for name, code in _HOST_CODES.items()}
_TCP = 6
_P2P = 421
_MAX_PORT = 65535
_MAX_PEER_ID_TEXT = 64
"""Characters; an Ed25519 one has 52, and reading costs the square of the length."""
_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class TcpAddr:
    """One TCP multiaddr, with or without the peer ID that is expected there."""

    kind: str
    """``ip4``, ``ip6``, ``dns``, ``dns4`` or ``dns6``."""
    host: str
    port: int
    peer_id: str = ""
    """Base58 form; empty where none is pinned."""

    def __str__(self) -> str:
        """Return the normal text form."""
        base = f"/{self.kind}/{self.host}/tcp/{self.port}"
        return f"{base}/p2p/{self.peer_id}" if self.peer_id else base

    @property
    def is_name(self) -> bool:
        """Whether the host is a name that must be resolved first."""
        return self.kind.startswith("dns")

    def bare(self) -> TcpAddr:
        """Return the same address without its peer ID."""
        return replace(self, peer_id="")

    def to_octets(self) -> bytes:
        """Return the binary form without the peer ID, as identify and the DHT carry it."""
        head = _varint(_HOST_CODES[self.kind])
        if self.is_name:
            name = self.host.encode("ascii")
            host = _varint(len(name)) + name
        else:
            host = ipaddress.ip_address(self.host).packed
        return head + host + _varint(_TCP) + self.port.to_bytes(2, "big")

    @classmethod
    def of(cls, host: str, port: int) -> TcpAddr:
        """Return the address of a socket's ``host`` (an IP, perhaps IPv4 inside IPv6) and ``port``."""
        ip = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        ip = mapped or ip
        return cls("ip6" if ip.version == 6 else "ip4", str(ip), port)  # noqa: PLR2004 - IP versions

    @classmethod
    def parse(cls, text: str) -> TcpAddr:
        """Parse the text form.

        Raises:
            UsageError: it is malformed, or of a kind that this node does not use.
        """
        parts = text.strip().split("/")
        hint = "write it like /ip4/192.0.2.7/tcp/4001 or /dns4/example.org/tcp/4001/p2p/12D3Koo..."
        if len(text) > MAX_TEXT or len(parts) < 5 or parts[0]:  # noqa: PLR2004 - "", kind, host, tcp, port
            raise UsageError("this is no multiaddr of a TCP port", hint)
        _, kind, host, transport, port, *rest = parts
        if kind not in _HOST_CODES or transport != "tcp":
            raise UsageError("only TCP multiaddrs with an IP address or a DNS name are used", hint)
        peer_id = ""
        if rest:
            if len(rest) != 2 or rest[0] != "p2p":  # noqa: PLR2004 - p2p and its value
                raise UsageError("a TCP multiaddr can be followed by /p2p/<peer ID> only", hint)
            peer_id = peer_id_text(peer_id_octets(rest[1]))
        return cls(kind, _checked_host(kind, host, hint), _checked_port(port, hint), peer_id)

    @classmethod
    def from_octets(cls, octets: bytes) -> TcpAddr | None:
        """Read the binary form; ``None`` where it is malformed or of a kind that this node does not use."""
        try:
            return _read(octets) if len(octets) <= MAX_OCTETS else None
        except (ValueError, IndexError, UsageError):
            return None


def _read(octets: bytes) -> TcpAddr | None:
    code, at = _read_varint(octets, 0)
    kind = _HOST_NAMES.get(code, "")
    if not kind:
        return None
    size, at = {"ip4": (4, at), "ip6": (16, at)}.get(kind) or _read_varint(octets, at)
    raw, at = octets[at : at + size], at + size
    host = raw.decode("ascii") if kind.startswith("dns") else str(ipaddress.ip_address(raw))
    transport, at = _read_varint(octets, at)
    port, at = octets[at : at + 2], at + 2
    if transport != _TCP or len(port) != 2 or len(raw) != size:  # noqa: PLR2004 - a port's octets
        return None
    peer_id = ""
    if at < len(octets):
        code, at = _read_varint(octets, at)
        size, at = _read_varint(octets, at)
        if code != _P2P or at + size != len(octets):
            return None
        peer_id = peer_id_text(octets[at:])
    return TcpAddr(kind, _checked_host(kind, host, ""), int.from_bytes(port, "big"), peer_id)


def _checked_host(kind: str, host: str, hint: str) -> str:
    if kind.startswith("dns"):
        if not _NAME.fullmatch(host):
            raise UsageError("the name in the multiaddr is no DNS name", hint)
        return host.lower()
    try:
        ip = ipaddress.IPv4Address(host) if kind == "ip4" else ipaddress.IPv6Address(host)
    except ValueError as error:
        raise UsageError(f"the multiaddr holds no valid {kind} address", hint) from error
    if "%" in str(ip):
        raise UsageError("a multiaddr with a zone can't be used", hint)
    return str(ip)


def _checked_port(text: str, hint: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 5  # noqa: PLR2004 - digits of 65535
    if not (is_number and int(text) <= _MAX_PORT):
        raise UsageError("the port in the multiaddr is no number from 0 to 65535", hint)
    return int(text)


# --- peer IDs ------------------------------------------------------------------------------------


def peer_id_octets(text: str) -> bytes:
    """Return the multihash octets of a peer ID in base58 or in CID form.

    Raises:
        UsageError: it is malformed, or the peer's key is no Ed25519 key.
    """
    octets = _from_cid(text) if text[:1] == "b" else _from_base58(text)
    if not (len(octets) == 38 and octets.startswith(_ED25519_PREFIX)):  # noqa: PLR2004 - prefix and key
        raise UsageError(
            "this is no peer ID of an Ed25519 key", "a peer ID starts with 12D3Koo; copy it whole"
        )
    return octets


def peer_id_text(octets: bytes) -> str:
    """Return the base58 form of a peer ID's multihash.

    Raises:
        UsageError: the octets are no peer ID of an Ed25519 key.
    """
    if not (len(octets) == 38 and octets.startswith(_ED25519_PREFIX)):  # noqa: PLR2004 - prefix and key
        raise UsageError("these octets are no peer ID of an Ed25519 key")
    number = int.from_bytes(octets, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return f"1{text}"  # the one leading zero octet, of the identity multihash


def _from_base58(text: str) -> bytes:
    if not text or len(text) > _MAX_PEER_ID_TEXT or any(letter not in _ALPHABET for letter in text):
        return b""
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _from_cid(text: str) -> bytes:
    if len(text) > 128 or not text.isascii():  # noqa: PLR2004 - far over any CID
        return b""
    try:
        octets = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    except binascii.Error:
        return b""
    return octets.removeprefix(_CID_PREFIX) if octets.startswith(_CID_PREFIX) else b""


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _read_varint(octets: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(3):
        octet = octets[at + place]
        number |= (octet & 0x7F) << 7 * place
        if octet < 0x80:  # noqa: PLR2004 - the last octet
            return number, at + place + 1
    raise ValueError("a code or length over three octets")
