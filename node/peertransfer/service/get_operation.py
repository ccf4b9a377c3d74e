"""One ``get``: find providers, load what is behind the link, fetch, and say why where it can't go on.

It is told where to put things (``service.getting`` made the plan's parts) and keeps nothing after its end.
Spec: CLI.md ``get``; FIELD.md 2, item 9: the reason within 15 seconds, each provider by its state.

Strategy: one task for each provider. The first that grants loads the share; all of them then take jobs
from one queue. A provider that fails is tried again with a growing pause, unless it lied or refused.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import (
    ChangedError,
    DialError,
    IntegrityError,
    NetworkKeyError,
    NoProvidersError,
    OtherPeerError,
    PeerTimeoutError,
    PeertransferError,
    ReachError,
    RefusedError,
    RemoteError,
    RemoteProtocolError,
)
from peertransfer.net.addresses import multiaddrs_of_record, peer_id_text
from peertransfer.service.asking import Wanted, ask_peer
from peertransfer.service.facts import wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.service.loading import load_share
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.wire.codes import RefusalCode, error_of_code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from peertransfer.content.link import Link
    from peertransfer.service.asking import Asking
    from peertransfer.service.fetching import Fetching
    from peertransfer.service.hosts import RunningHost
    from peertransfer.service.loading import RemoteShare
    from peertransfer.store.deliveries import Bans

PATIENCE_SECONDS = 10.0
"""Without a provider that sends for so long, ``get`` says why and ends."""
DIAL_TRIES = 3
"""Nobody answering so often in a row, at a provider that never sent, is nobody there."""
LOOK_SECONDS = 4.0
"""Between two look-ups while no provider sends."""
TICK_SECONDS = 0.2
FIRST_PAUSE_SECONDS = 0.5
LAST_PAUSE_SECONDS = 10.0
MAX_PROVIDERS = 16

_GRAVITY: tuple[type[PeertransferError], ...] = (
    IntegrityError,
    ChangedError,
    RefusedError,
    NetworkKeyError,
    RemoteProtocolError,
    OtherPeerError,
    PeerTimeoutError,
    DialError,
    ReachError,
)
"""Of several failures, the first of these tells the person most."""
_FINAL = (IntegrityError, RefusedError, ChangedError, NetworkKeyError, RemoteProtocolError)
"""After these the same provider is not asked again in this run."""


class GetOperation:
    """The providers of one ``get``."""

    def __init__(
        self,
        *,
        running: RunningHost,
        link: Link,
        locator: bytes,
        bans: Bans,
        prepare: Callable[[RemoteShare], Awaitable[Fetching | None]],
        is_patient: bool,
        is_look: bool = False,
    ) -> None:
        self._running = running
        self._link = link
        self._locator = locator
        self._bans = bans
        self._prepare = prepare
        self._is_patient = is_patient
        self._is_look = is_look
        self._loading = trio.Lock()
        self._fetching: Fetching | None = None
        self._is_loaded = False
        self._failures: dict[str, PeertransferError] = {}
        self._sending: dict[str, Asking] = {}
        self._hopeless: set[str] = set()
        """Providers that will not send, however often they are asked."""
        self._look_ups = 0
        self._look_now = trio.Event()
        self._done = trio.Event()
        self._nursery: trio.Nursery | None = None
        self.states: dict[str, str] = {}
        """What each provider does, in words, by peer ID."""
        self.served: set[str] = set()
        """Providers that sent something."""

    async def run(self, addrs: Sequence[str]) -> None:
        """Fetch everything from whoever has it.

        Args:
            addrs: multiaddrs with peer IDs, from the link and from the person.

        Raises:
            PeertransferError: nobody can or will, or a local reason not to go on.
        """
        by_peer: dict[str, list[str]] = {}
        for addr in addrs:
            by_peer.setdefault(TcpAddr.parse(addr).peer_id, []).append(addr)
        if not by_peer and self._running.dht is None:
            raise self._why_nobody_was_found()
        async with open_nursery() as nursery:
            self._nursery = nursery
            for peer_id, own in by_peer.items():
                await self._add(peer_id, own)
            nursery.start_soon(self._look_for_more, bool(by_peer))
            nursery.start_soon(self._watch)
            await self._done.wait()
            nursery.cancel_scope.cancel()

    # --- finding -----------------------------------------------------------------------------------

    async def _look_for_more(self, has_some: bool) -> None:
        if self._running.dht is None:
            return
        if has_some:
            await self._next_look(LOOK_SECONDS)
        while True:
            if not self._sending:
                for record in await self._running.dht.find_providers(self._locator):
                    await self._add(peer_id_text(record.peer_id), multiaddrs_of_record(record))
                self._look_ups += 1
            await self._next_look(LOOK_SECONDS if self.states else 1.0)

    async def _next_look(self, seconds: float) -> None:
        """Wait, but no longer than until a provider turns out to be hopeless."""
        with trio.move_on_after(seconds):
            await self._look_now.wait()
        self._look_now = trio.Event()

    async def _add(self, peer_id: str, addrs: Sequence[str]) -> None:
        assert self._nursery is not None
        host = self._running.runtime.host
        if peer_id in self.states or peer_id == host.peer_id or len(self.states) >= MAX_PROVIDERS:
            return
        cid = str(self._link.manifest_cid)
        until = await self._bans.banned_until(self._running.network.network_id, peer_id, cid, wall_clock())
        self.states[peer_id] = "found"
        if until:
            self._failures[peer_id] = _banned(peer_id, until)
            self.states[peer_id] = self._failures[peer_id].message
            self._give_up(peer_id)
        self._nursery.start_soon(self._use, peer_id, tuple(addrs), until)

    # --- one provider ------------------------------------------------------------------------------

    async def _use(self, peer_id: str, addrs: Sequence[str], not_before: int) -> None:
        await trio.sleep(max(0, not_before - wall_clock()))
        pause = FIRST_PAUSE_SECONDS
        for tries in itertools.count(1):
            before = len(self.served)
            try:
                await self._try(peer_id, addrs)
            except (ReachError, RemoteError) as caught:
                error = self._told_as(caught, peer_id)
                self._failures[peer_id] = error
                self.states[peer_id] = error.message
                if isinstance(error, IntegrityError):
                    error.hint = _not_again(await self._ban(peer_id))
                if isinstance(error, _FINAL):
                    break
                if tries >= DIAL_TRIES and isinstance(error, DialError) and peer_id not in self.served:
                    self._give_up(peer_id)
            else:
                return
            finally:
                self._sending.pop(peer_id, None)
            pause = FIRST_PAUSE_SECONDS if len(self.served) > before else min(2 * pause, LAST_PAUSE_SECONDS)
            await trio.sleep(pause)
        self._give_up(peer_id)

    def _told_as(self, error: PeertransferError, peer_id: str) -> PeertransferError:
        """Tell a want that is refused after it was granted as the end of the grant: that is what it is."""
        is_new = peer_id not in self.served or peer_id in self._sending
        if is_new or type(error) is not RefusedError:
            return error
        return error_of_code(RefusalCode.ENDED, peer=peer_id)

    def _give_up(self, peer_id: str) -> None:
        if peer_id not in self._hopeless:
            self._hopeless.add(peer_id)
            self._look_now.set()

    async def _try(self, peer_id: str, addrs: Sequence[str]) -> None:
        runtime = self._running.runtime
        self.states[peer_id] = "connecting"
        await runtime.host.connect(addrs, peer_id)
        self._hopeless.discard(peer_id)
        self.states[peer_id] = "asking"
        wanted = Wanted(str(self._link.manifest_cid), self._link.secret, self._locator)
        async with ask_peer(runtime, peer_id, wanted) as asking:
            self._sending[peer_id] = asking
            self.states[peer_id] = "sending"
            self.served.add(peer_id)
            is_over = await self._fetch_from(asking)
            self.states[peer_id] = "done"
        # Only now, so that the provider is left by an end of the stream, not by a reset.
        if is_over:
            self._done.set()

    async def _fetch_from(self, asking: Asking) -> bool:
        """Fetch what this provider gives; return whether nothing is left to fetch from anybody."""
        async with self._loading:
            if not self._is_loaded:
                self._fetching = await self._prepare(await load_share(asking, self._link.manifest_cid))
                self._is_loaded = True
        if self._fetching is not None:
            await self._fetching.serve(asking)
            await self._fetching.flush()
            refusal = self._fetching.refusal(asking.peer_id)
            if refusal is not None:
                raise refusal
        is_over = self._fetching is None or self._fetching.is_over
        if is_over and not self._is_look:
            await asking.delivered()
        return is_over

    async def _ban(self, peer_id: str) -> int:
        network_id = self._running.network.network_id
        until = await self._bans.ban(network_id, peer_id, str(self._link.manifest_cid), wall_clock())
        if self._running.dht is not None:
            self._running.dht.forget(peer_id, self._locator)
        return until

    # --- patience ----------------------------------------------------------------------------------

    async def _watch(self) -> None:
        last = trio.current_time()
        while True:
            await trio.sleep(TICK_SECONDS)
            last = max([last, *(asking.heard_at for asking in self._sending.values())])
            is_over = trio.current_time() - last > PATIENCE_SECONDS or self._is_hopeless()
            if is_over and not self._is_patient:
                raise self._reason()

    def _is_hopeless(self) -> bool:
        """Whether nobody known will send, and a look-up found nobody else."""
        if self._running.dht is not None and self._look_ups == 0:
            return False
        return bool(self.states) and self.states.keys() <= self._hopeless

    def _reason(self) -> PeertransferError:
        for kind in _GRAVITY:
            found = next((peer for peer, one in self._failures.items() if isinstance(one, kind)), None)
            if found is not None:
                still = self._fetching.refusal(found) if self._fetching is not None else None
                return still or self._failures[found]
        if self.states:
            return PeerTimeoutError(
                f"The provider has been silent for {PATIENCE_SECONDS:.0f} seconds",
                "Run the same command again, or with --wait.",
            )
        return self._why_nobody_was_found()

    def _why_nobody_was_found(self) -> PeertransferError:
        if self._running.dht is None:
            return NoProvidersError(
                "The link names no address, and the open network looks nobody up",
                "Ask for a link that has addresses in it, or give one with --from.",
            )
        if not self._running.runtime.host.connections():
            return DialError(
                "No peer of this network answers, so nobody could be asked who provides it",
                "Look whether one of its bootstrap peers runs: peertransfer doctor. Or give --wait.",
            )
        return NoProvidersError(
            "Nobody in this network provides this now",
            "Ask whoever sent the link to run their node, or give --wait to wait for it.",
        )


def _banned(peer_id: str, until: int) -> IntegrityError:
    message = "The provider sent something that did not verify before"
    return IntegrityError(message, _not_again(until), peer=peer_id)


def _not_again(until: int) -> str:
    clock = time.strftime("%H:%M", time.gmtime(until))
    return f"It is not asked for this share again until {clock} UTC; whoever else provides it is."
