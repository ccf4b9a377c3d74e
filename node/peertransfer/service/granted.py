"""What one getter may see under its grant: asked of the engine in force, and booked before it leaves.

It sends nothing (``service.answers``) and ends no stream (``service.answering``). A grant is no promise: each
manifest, page and batch asks again, so that a link that ended or a new policy counts from then on.
Spec: ARCHITECTURE.md, "The door"; docs/protocol.md, "What may be asked".

Strategy: which entries' octets may go is decided once, because it looks at every entry, and again for a new
policy or where a rule's time or octets begin or end. It is booked when the first of them leaves; the octets
are added as they go. What looks at many entries is decided in a thread, because it takes longer than others
should wait; but not where rules have limits, which must be booked before anybody else looks at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from peertransfer.content.commitment import hide
from peertransfer.disclosure.disclosed import Disclosed
from peertransfer.disclosure.views import View
from peertransfer.service.facts import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peertransfer.content.opening import HiddenSlot, OpenSlot
    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.disclosed import Decision
    from peertransfer.disclosure.views import ContentView, GrantView, ManifestView, OpeningsView
    from peertransfer.policy.engine import Engine
    from peertransfer.policy.facts import Asker
    from peertransfer.service.door import Door
    from peertransfer.service.served_shares import LiveLink, ServedShare, ServedShares


V = TypeVar("V", bound=View)


class Granted:
    """One getter, the link that it proved, and the share behind it."""

    def __init__(
        self, door: Door, shares: ServedShares, share: ServedShare, link: LiveLink, asker: Asker
    ) -> None:
        self._door = door
        self._shares = shares
        self.share = share
        self.link = link
        self.asker = asker
        self._item = link.item(share)
        self._serving_engine: Engine | None = None
        """The engine that decided ``_may_go_on``."""
        self._may_go_on = False
        self._content: Decision[ContentView, OnePeer] | None = None
        self._basis: tuple[Engine, frozenset[str]] | None = None
        """On what ``_content`` was decided: which engine, and which rules that do not always hold."""
        self._decided_at = 0
        self._is_booked = False
        self._unbooked = 0
        self.octets_sent = 0
        """Octets of leaves."""

    def holds(self) -> bool:
        """Tell whether the grant holds now: by link, share, policy, time, and octets that are left."""
        now, engine = wall_clock(), self._door.engine
        if self._item.is_expired(now) or not self._shares.holds(self.link.name, now):
            return False
        if engine is not self._serving_engine or not engine.is_steady:
            # Where it is steady, nothing that it looks at changes while the stream lasts, beyond the time.
            self._may_go_on = engine.may_go_on(self.asker, self._item, now)
            self._serving_engine = engine
        return self._may_go_on

    async def yes(self, proof: bytes) -> Disclosed[GrantView, OnePeer] | None:
        """Return the grant itself, or ``None``: nothing is booked then."""
        now, until = wall_clock(), self.link.until(self.share)
        if not self._shares.holds(self.link.name, now):
            return None
        if not self._door.engine.may_serve(self.asker, self._item, now):
            return None
        decision = self._door.engine.grant(self.asker, self._item, proof=proof, until=until, now=now)
        return await self._door.release(decision, peer_id=self.asker.peer_id, now=now)

    async def manifest(self) -> Disclosed[ManifestView, OnePeer] | None:
        """Return the manifest, or ``None``: it is refused."""
        now = wall_clock()
        decision = self._door.engine.manifest(
            self.asker, self._item, octets=self.share.manifest_octets, now=now
        )
        return await self._door.release(decision, peer_id=self.asker.peer_id, now=now)

    async def openings(self, indices: range) -> Disclosed[OpeningsView, OnePeer] | None:
        """Return the openings of these entries, or of the share itself where there are none."""
        now = wall_clock()

        def decide(engine: Engine) -> Decision[OpeningsView, OnePeer]:
            return engine.openings(
                self.asker,
                self._item,
                self.share.entry_facts[indices.start : indices.stop],
                share=None if indices else self.share.share_opening(),
                openings=[self.share.entry_opening(index) for index in indices],
                hide=self._hide,
                now=now,
            )

        decision = await self._decided(decide)
        return await self._door.release(decision, peer_id=self.asker.peer_id, now=now)

    async def covers(self, entries: Iterable[int]) -> bool:
        """Tell whether blocks of all ``entries`` may go; where not, a refusal is booked."""
        now = wall_clock()
        if self._is_outdated(now):
            await self.account()
            await self._decide_beside(now)
        return await self._lets_go(entries, now)

    async def content(self, entries: Iterable[int]) -> Disclosed[ContentView, OnePeer] | None:
        """Return what lets blocks of all ``entries`` go, or ``None``: they are refused."""
        entries = tuple(entries)
        if not await self.covers(entries):
            return None
        if not self._is_booked:
            now = wall_clock()
            if self._door.engine.limits:
                # Decided anew and booked at once, so that no other stream uses the same budget in between.
                self._decide(now)
            if not await self._lets_go(entries, now):
                return None
            assert self._content is not None
            await self._door.release(self._content, peer_id=self.asker.peer_id, now=now)
            self._is_booked = True
        return self._content if isinstance(self._content, Disclosed) else None

    def _basis_at(self, now: int) -> tuple[Engine, frozenset[str]]:
        engine = self._door.engine
        return engine, engine.basis(self.asker, self._item, now)

    def _is_outdated(self, now: int) -> bool:
        """Tell whether content must be decided anew; a no by a limit may be a yes in the next minute."""
        is_no = not isinstance(self._content, Disclosed)
        return self._basis_at(now) != self._basis or (is_no and now // 60 != self._decided_at // 60)

    async def _decided(self, decide: Callable[[Engine], Decision[V, OnePeer]]) -> Decision[V, OnePeer]:
        """Decide in a thread where that may be; again where another policy came into force meanwhile."""
        while not (engine := self._door.engine).limits:
            decision = await trio.to_thread.run_sync(decide, engine)
            if engine is self._door.engine:
                return decision
        return decide(engine)

    async def _decide_beside(self, now: int) -> None:
        basis = self._basis_at(now)
        self._note(basis, await trio.to_thread.run_sync(self._content_by, basis[0], now), now)

    def _decide(self, now: int) -> None:
        basis = self._basis_at(now)
        self._note(basis, self._content_by(basis[0], now), now)

    def _content_by(self, engine: Engine, now: int) -> Decision[ContentView, OnePeer]:
        return engine.content(self.asker, self._item, self.share.entry_facts, now=now)

    def _note(
        self, basis: tuple[Engine, frozenset[str]], content: Decision[ContentView, OnePeer], now: int
    ) -> None:
        self._basis, self._content = basis, content
        self._decided_at, self._is_booked = now, False

    async def _lets_go(self, entries: Iterable[int], now: int) -> bool:
        decision = self._content
        if isinstance(decision, Disclosed) and all(map(decision.view.covers, entries)):
            return True
        await self._door.refused(
            peer_id=self.asker.peer_id,
            view="content",
            item=self._item.manifest_cid,
            now=now,
            link=self.link.name,
        )
        return False

    @property
    def is_limited(self) -> bool:
        """Whether a rule limits the octets of content that go."""
        return isinstance(self._content, Disclosed) and self._door.limits_octets(self._content.record)

    def count(self, octets: int) -> None:
        """Count before they go: of a stream that breaks, nobody knows how much the getter has."""
        self.octets_sent += octets
        self._unbooked += octets
        self._shares.octets_sent += octets
        if isinstance(self._content, Disclosed):
            self._door.spend(self._content.record, octets, now=wall_clock())

    async def account(self) -> None:
        """Write the octets sent since the last time into the ledger."""
        octets, self._unbooked = self._unbooked, 0
        if octets and isinstance(self._content, Disclosed):
            await self._door.sent(self._content.record, octets, now=wall_clock())

    async def note_delivery(self) -> None:
        """Keep that this getter has everything it asked for."""
        await self.share.note_delivery(self.link, self.asker, self.octets_sent, wall_clock())

    def _hide(self, slot: OpenSlot) -> HiddenSlot:
        return hide(self.share.hash_function, slot)
