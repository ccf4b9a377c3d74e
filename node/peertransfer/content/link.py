"""A link: the manifest CID, the network, and a secret that its holders prove.

``peertransfer:<manifest CID>?n=<network ID>&s=<secret>[&a=<multiaddr>]...``. It is a secret itself: no
error and no log ever holds one, and its ``repr`` hides the secret. Spec: ARCHITECTURE.md 4.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from peertransfer.content.cid import Cid
from peertransfer.errors import UsageError

SCHEME = "peertransfer:"
SECRET_SIZE = 16
MAX_LINK_SIZE = 8192
"""Characters."""
MAX_ADDRS = 16
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
        try:
            cid = Cid.parse(cid_text)
            pairs = parse_qsl(query, strict_parsing=True, max_num_fields=MAX_ADDRS + 8)
        except (UsageError, ValueError):
            # The cause would hold the link.
            raise UsageError("This link is damaged", _HINT) from None
        values = dict(pairs)
        network_id = values.get("n", "")
        addrs = tuple(value for key, value in pairs if key == "a")
        if not _NETWORK_ID.fullmatch(network_id) or len(addrs) > MAX_ADDRS:
            raise UsageError("This link names no network", _HINT)
        return cls(cid, network_id, _secret(values.get("s", "")), addrs)


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_SIZE:
        raise UsageError("This link is cut short: its secret is not whole", _HINT) from None
    return secret
