"""Octets that were checked against their CID: the inbound twin of ``Disclosed``.

The store writes nothing else. ``verify`` is the only maker (contract test).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from peertransfer.content.unforgeable import Unforgeable
from peertransfer.errors import IntegrityError

if TYPE_CHECKING:
    from peertransfer.content.cid import Buffer, Cid


@final
@dataclass(frozen=True, slots=True)
class Verified(metaclass=Unforgeable):
    """A block whose octets match its CID."""

    cid: Cid
    octets: memoryview
    """A read-only view; the owner of the buffer below it must not change that."""


def verify(cid: Cid, octets: Buffer) -> Verified:
    """Check ``octets`` against ``cid``.

    Raises:
        IntegrityError: they do not match.
    """
    if cid.hash_function.digest(octets) != cid.digest:
        raise IntegrityError(
            f"a block does not match its CID {str(cid)[-8:]}", "Get it from another provider."
        )
    return Verified._create(cid, memoryview(octets).toreadonly())  # noqa: SLF001 - the one permitted maker
