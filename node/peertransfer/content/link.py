"""A link: the manifest CID, the network, and a secret that its holders prove.

``peertransfer:<manifest CID>?n=<network ID>&s=<secret>[&a=<multiaddr>]...``. It is a secret itself: no
error and no log ever holds one, and its ``repr`` hides the secret. Spec: ARCHITECTURE.md 4.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from peertransfer.content.cid import Cid
from peertransfer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "peertransfer:"
SECRET_SIZE = 16
MAX_LINK_SIZE = 8192
"""Characters."""
MAX_ADDRS = 16
_MULTIADDR = re.compile(r"(/[!-.0-~]+){2,}")
"""Printable ASCII; ``net`` reads it when it dials."""
_NETWORK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HINT = "A link looks like peertransfer:bafk…?n=…&s=…; copy it whole, in quotes."


@dataclass(frozen=True, slots=True)
class Link:
    """What a person hands to another."""

    manifest_cid: Cid
    network_id: str
    secret: bytes = field(repr=False)
    """16 octets."""
    addrs: tuple[str, ...] = ()
    """Provider multiaddrs with ``/p2p/``."""

    def __str__(self) -> str:
        """Return the text that is handed over."""
        secret = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        addrs = "".join(f"&a={quote(addr, safe='/')}" for addr in self.addrs)
        return f"{SCHEME}{self.manifest_cid}?n={self.network_id}&s={secret}{addrs}"

    @classmethod
    def parse(cls, text: str) -> Link:
        """Read a link.

        Raises:
            UsageError: it is not one; the message never holds it.
        """
        text = text.strip()
        if not text.startswith(SCHEME):
            raise UsageError("This is not a Peertransfer link", _HINT)
        if len(text) > MAX_LINK_SIZE:
            raise UsageError("This link is too long", _HINT)
        cid_text, _, query = text.removeprefix(SCHEME).partition("?")
        cid, fields = _cid(cid_text), _fields(query)
        if cid is None or fields is None or not all(map(_MULTIADDR.fullmatch, fields["a"])):
            raise UsageError("This link is damaged", _HINT)
        if len(fields["n"]) != 1 or not _NETWORK_ID.fullmatch(fields["n"][0]):
            raise UsageError("This link names no network", _HINT)
        secret = _secret(fields["s"][0]) if len(fields["s"]) == 1 else None
        if secret is None:
            raise UsageError("This link is cut short: its secret is not whole", _HINT)
        return cls(cid, fields["n"][0], secret, tuple(fields["a"]))


# These catch and return, so that no error of ours has one for its context that holds the link.


def _cid(text: str) -> Cid | None:
    try:
        return Cid.parse(text)
    except UsageError:
        return None


def _fields(query: str) -> Mapping[str, list[str]] | None:
    """Return the values of each field that is known; others are left for later versions."""
    try:
        pairs = parse_qsl(query, strict_parsing=True, max_num_fields=MAX_ADDRS + 8)
    except ValueError:
        return None
    fields = {known: [value for key, value in pairs if key == known] for known in ("n", "s", "a")}
    return fields if len(fields["a"]) <= MAX_ADDRS else None


def _secret(text: str) -> bytes | None:
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return secret if len(secret) == SECRET_SIZE else None
