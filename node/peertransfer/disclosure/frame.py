"""Octets that may be written to one audience.

A ``SealedFrame`` is made by the encoders of ``wire`` out of ``Disclosed`` values (contract test:
nobody else calls ``seal_frame``), and written by ``net.peer_stream`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, final

from peertransfer.content.unforgeable import Unforgeable
from peertransfer.disclosure.audience import Audience
from peertransfer.disclosure.views import View

if TYPE_CHECKING:
    from peertransfer.disclosure.disclosed import Disclosed

V = TypeVar("V", bound=View)
A = TypeVar("A", bound=Audience)


@final
@dataclass(frozen=True, slots=True)
class SealedFrame(metaclass=Unforgeable):
    """An audience, the head octets, and views of raw body octets."""

    audience: Audience
    head: bytes
    """The length-prefixed control frame."""
    body: tuple[memoryview, ...] = ()
    """Raw octets that follow the head, not copied."""

    @property
    def size(self) -> int:
        """Octets on the stream: head and body."""
        return len(self.head) + sum(len(part) for part in self.body)


def seal_frame(disclosed: Disclosed[V, A], head: bytes, body: tuple[memoryview, ...] = ()) -> SealedFrame:
    """Bind encoded octets to the audience of the view that they encode."""
    return SealedFrame._create(disclosed.audience, head, body)  # noqa: SLF001 - the one permitted maker
