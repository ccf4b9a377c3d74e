"""The door as the shell uses it: ask the engine, book, write the ledger, only then hand out the view.

It decides nothing (``policy.engine``) and writes to no stream (``net.peer_stream``).
Spec: ARCHITECTURE.md 3.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from peertransfer.disclosure.disclosed import Decision, Denied, Disclosed, DisclosureRecord
from peertransfer.disclosure.views import View
from peertransfer.policy.engine import Engine

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import Audience
    from peertransfer.policy.rules import Policy
    from peertransfer.service.spending import Spending
    from peertransfer.store.ledger import Ledger

V = TypeVar("V", bound=View)
A = TypeVar("A", bound="Audience")


class PolicyInForce:
    """The engine that is asked now, and what was used of its limits; one for all networks."""

    def __init__(self, policy: Policy, spending: Spending) -> None:
        self.spending = spending
        self.engine = self.engine_of(policy)

    def engine_of(self, policy: Policy) -> Engine:
        """Make the engine of another policy; of thousands of rules that takes a while."""
        return Engine(policy, self.spending.spent)

    def replace(self, engine: Engine) -> None:
        """Ask another engine from now on; what was used of a rule stays used for the one of that name."""
        self.engine = engine


class Door:
    """The one way from the engine to an encoder, in one network."""

    def __init__(self, policy: PolicyInForce, ledger: Ledger, network_id: str) -> None:
        self._policy = policy
        self._ledger = ledger
        self._network_id = network_id

    @property
    def engine(self) -> Engine:
        """The engine that is asked now."""
        return self._policy.engine

    async def release(
        self, decision: Decision[V, A], *, peer_id: str, now: int, parts: frozenset[str] | None = None
    ) -> Disclosed[V, A] | None:
        """Record ``decision`` and return what may leave, or ``None``.

        To be called as soon as it was made: what it uses of a limit is booked before the first checkpoint.

        Args:
            decision: the engine's.
            peer_id: who gets the view, or asked for it.
            now: Unix seconds.
            parts: the fields that go out now, of whole records; each other one takes ``record`` before it
                does. ``None``: all.

        Raises:
            StoreError: the ledger can't be written; then nothing leaves.
        """
        if isinstance(decision, Denied):
            await self.refused(
                peer_id=peer_id, view=decision.view, item=decision.item, now=now, link=decision.link
            )
            return None
        if self._policy.spending.charge(self.engine.limits, decision.records, now):
            await self._policy.spending.save()
        await self.record(decision, parts, now=now)
        return decision

    async def record(self, disclosed: Disclosed[V, A], parts: frozenset[str] | None, *, now: int) -> None:
        """Record that these fields of a view that was released go out now; ``None``: all of them.

        Raises:
            StoreError: the ledger can't be written; then nothing may leave.
        """
        records = [one for one in disclosed.records if parts is None or parts >= set(one.fields)]
        # A view that shows nothing discloses nothing.
        await self._ledger.record([one for one in records if one.fields], now=now)

    async def refused(self, *, peer_id: str, view: str, item: str, now: int, link: str = "") -> None:
        """Record what a peer asked for in vain; ``item`` only where it exists, ``link`` only if proven."""
        await self._ledger.refused(
            peer_id=peer_id, view=view, item=item, now=now, network_id=self._network_id, link=link
        )

    def spend(self, record: DisclosureRecord, octets: int, *, now: int) -> None:
        """Book content octets that are about to go, at once; ``sent`` brings them onto the disk."""
        self._policy.spending.charge_octets(self.engine.limits, record, octets, now)

    def limits_octets(self, record: DisclosureRecord) -> bool:
        """Tell whether the octets that go under a decision are limited."""
        limits = (self.engine.limits.get(rule) for rule in record.rule.split(","))
        return any(one is not None and one.octets_per_day is not None for one in limits)

    async def sent(self, record: DisclosureRecord, octets: int, *, now: int) -> None:
        """Add content octets that went to a peer to the row under which they went."""
        if octets:
            await self._ledger.record([record], octets, now=now)
            await self._policy.spending.save()
