"""The one place where a ``Disclosed`` is made. Importable by ``policy.engine`` alone."""

from __future__ import annotations

from typing import TypeVar, cast

from peertransfer.disclosure.audience import Audience
from peertransfer.disclosure.disclosed import Disclosed, DisclosureRecord
from peertransfer.disclosure.views import View

V = TypeVar("V", bound=View)
A = TypeVar("A", bound=Audience)


def seal(view: V, audience: A, *records: DisclosureRecord) -> Disclosed[V, A]:
    """Seal ``view`` for ``audience``; ``records`` are what the ledger will say about it."""
    sealed = Disclosed._create(view, audience, records)  # noqa: SLF001 - the one permitted maker
    return cast("Disclosed[V, A]", sealed)
