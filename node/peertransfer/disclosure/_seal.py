"""The one place where a ``Disclosed`` is made. Importable by ``policy.engine`` alone."""

from __future__ import annotations

from typing import TypeVar, cast

from peertransfer.disclosure.audience import Audience
from peertransfer.disclosure.disclosed import Disclosed, DisclosureRecord
from peertransfer.disclosure.views import View

V = TypeVar("V", bound=View)
A = TypeVar("A", bound=Audience)


def seal(view: V, audience: A, record: DisclosureRecord) -> Disclosed[V, A]:
    """Seal ``view`` for ``audience``; ``record`` is what the ledger will say about it."""
    sealed = Disclosed._create(view, audience, record)  # noqa: SLF001 - the one permitted maker
    return cast("Disclosed[V, A]", sealed)
