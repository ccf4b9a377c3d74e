"""One exchange stream at the provider: read, grant or refuse, pass requests on.

It decides nothing about permission (``policy``) and nothing about order (``exchange.provider``); what
an answer holds is ``service.answers``. Spec: docs/protocol.md.

Strategy: a reader feeds the machine and puts requests into a short queue; a second task reads what the next
of them takes from the disk; a writer answers one after the other. So a cancellation is seen while a long
answer is being sent, and neither disk nor line waits for the other.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from peertransfer.content.proof import Role, check_proof, prove
from peertransfer.disclosure.audience import LinkHolders
from peertransfer.disclosure.views import Hello
from peertransfer.errors import (
    LocalProtocolError,
    NotFoundError,
    ReachError,
    RemoteError,
    RemoteProtocolError,
    StreamLostError,
)
from peertransfer.exchange import events as e
from peertransfer.exchange.provider import Provider
from peertransfer.exchange.states import State
from peertransfer.net.patience import Patience
from peertransfer.service.answers import Answers
from peertransfer.service.facts import asker_of, wall_clock
from peertransfer.service.granted import Granted
from peertransfer.service.groups import open_nursery
from peertransfer.service.read_ahead import BlocksRead, BlocksRefused, Read
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.messages import VERSION

if TYPE_CHECKING:
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import Asker
    from peertransfer.service.answers import PlainRequest
    from peertransfer.service.door import Door
    from peertransfer.service.served_shares import LiveLink, ServedShares

log = logging.getLogger("peertransfer.service")

MAX_REQUESTS = 16
"""Requests that a getter may have outstanding on one stream."""
REFUSAL_TICK_SECONDS = 0.05
"""Refusals leave at the next tick after the want arrived, whatever the reason took to find."""
REVIEW_SECONDS = 0.25
"""Between two looks at whether a grant still holds."""
ENDING_SECONDS = 0.7
"""For the frame under way and the word that the grant ended; with a review, all is over within a second."""
ACCOUNT_SECONDS = 60.0
"""How often the octets sent are written into the ledger while a grant lasts."""
LIMITED_ACCOUNT_SECONDS = 1.0
"""How often where a rule limits them: so much of a budget a node that is killed can forget."""


class Answering:
    """The provider's shell for one stream."""

    def __init__(
        self, stream: PeerStream, network_id: str, own_peer: bytes, door: Door, shares: ServedShares
    ) -> None:
        self._stream = stream
        self._network_id = network_id
        self._door = door
        self._shares = shares
        self._machine = Provider(
            getter_peer=stream.peer_id_bytes, provider_peer=own_peer, max_requests=MAX_REQUESTS
        )
        self._patience = Patience(stream)
        self._cancelled: set[int] = set()
        self._granted: Granted | None = None
        self._answers: Answers | None = None
        self._is_ended = False
        self._scope = trio.CancelScope()
        self._hearing = trio.CancelScope()

    @property
    def peer_id(self) -> str:
        """Who is being answered."""
        return self._stream.peer_id

    async def run(self) -> None:
        """Answer until the stream ends; the stream is closed or reset at the end."""
        is_clean = False
        try:
            with self._scope:
                await self._converse()
                is_clean = True
        except (RemoteError, ReachError) as error:
            log.info("stream_dropped", extra={"peer": self.peer_id[-8:], "reason": error.code})
            if isinstance(error, RemoteProtocolError):
                raise  # the host counts it
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                if self._granted is not None:
                    await self._granted.account()
                await (self._stream.aclose() if is_clean else self._stream.reset())

    async def _converse(self) -> None:
        hello = Hello(VERSION, MAX_REQUESTS, secrets.token_bytes(32))
        now = wall_clock()
        decision = self._door.engine.protocols(self._asker(), hello=hello, now=now)
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=now)
        if disclosed is None:
            return
        await self._stream.send(self._machine.send_hello(disclosed))
        ready, prepared = trio.open_memory_channel[e.ProviderEvent | Read](0)
        async with open_nursery() as nursery:
            nursery.start_soon(self._account_regularly)
            nursery.start_soon(self._review_regularly)
            nursery.start_soon(self._listen, ready)
            with prepared:
                try:
                    async for one in prepared:
                        if not await self._react(one) or self._is_ended:
                            break
                finally:
                    # Before nobody takes what it hears: it would find the channel broken.
                    self._hearing.cancel()
            if self._is_ended and self._machine.state is not State.ENDED:
                await self._refuse(RefusalCode.ENDED, 0)
            nursery.cancel_scope.cancel()

    async def _listen(self, ready: trio.MemorySendChannel[e.ProviderEvent | Read]) -> None:
        """Hear what the getter asks, and read what the answers take, ahead of them."""
        send, receive = trio.open_memory_channel[e.ProviderEvent](MAX_REQUESTS * 2)
        # ``ready`` is closed without a checkpoint: whoever sees its end cancels us, and an error were lost.
        with self._hearing, ready:
            async with open_nursery() as nursery:
                nursery.start_soon(self._hear, send)
                await self._prepare(receive, ready)

    async def _hear(self, send: trio.MemorySendChannel[e.ProviderEvent]) -> None:
        with send:
            while True:
                event = self._machine.next_event()
                if event is None:
                    await self._feed()
                elif isinstance(event, e.RequestCancelled):
                    self._cancelled.add(event.request_id)
                elif isinstance(event, e.StreamEnded):
                    if not event.clean:
                        raise StreamLostError("the getter ended the stream", peer=self.peer_id)
                    return
                else:
                    await self._stream.take_request()
                    await send.send(event)

    async def _feed(self) -> None:
        octets = await self._patience.receive(in_request=self._machine.is_in_frame, is_owed=self._is_owed)
        if octets:
            self._machine.receive_data(octets)
        else:
            self._machine.receive_eof()

    async def _prepare(
        self,
        receive: trio.MemoryReceiveChannel[e.ProviderEvent],
        ready: trio.MemorySendChannel[e.ProviderEvent | Read],
    ) -> None:
        with receive:
            async for event in receive:
                if isinstance(event, e.NodesRequested | e.BlocksRequested):
                    assert self._answers is not None  # the machine lets requests through under a grant only
                    await self._answers.read(event, ready)
                else:
                    await ready.send(event)

    def _is_owed(self) -> bool:
        return self._machine.outstanding_count > 0

    async def _react(self, one: e.ProviderEvent | Read) -> bool:
        """Answer one event; tell whether the stream goes on."""
        try:
            if isinstance(one, BlocksRead | BlocksRefused):
                return await self._send(one)
            return await self._answer_to(one)
        except LocalProtocolError:
            if self._machine.state is State.ENDED:
                return False  # the getter broke the stream off while its answer was made
            raise

    async def _answer_to(self, event: e.ProviderEvent) -> bool:
        match event:
            case e.WantReceived(locator, proof):
                return await self._grant(locator, proof)
            case e.CatalogueRequested(request_id):
                return await self._send_catalogue(request_id)
            case e.UnknownRequest(request_id):
                return await self._refuse(RefusalCode.UNSUPPORTED, request_id)
            case e.DeliveredReceived():
                assert self._granted is not None
                await self._granted.note_delivery()
                return False
            case e.ManifestRequested() | e.OpeningsRequested() | e.HaveRequested():
                return await self._answer(event)
            case _:
                return True

    async def _answer(self, event: PlainRequest) -> bool:
        assert self._answers is not None  # the machine lets requests through under a grant only
        return await self._finish(event.request_id, await self._answers.answer(event))

    async def _send(self, read: Read) -> bool:
        assert self._answers is not None  # it was read under a grant
        refusal = await self._answers.send(read)
        if refusal is None and not self._answers.is_answered(read.event):
            return True
        return await self._finish(read.event.request_id, refusal)

    async def _finish(self, request_id: int, refusal: RefusalCode | None) -> bool:
        """Note the end of an answer; refuse what is left of it."""
        self._patience.note_answer()
        self._cancelled.discard(request_id)
        if refusal is None or self._is_ended:
            return True
        return await self._refuse(refusal, request_id)

    # --- the want ----------------------------------------------------------------------------------

    async def _grant(self, locator: bytes, proof: bytes) -> bool:
        arrived = trio.current_time()
        found = await self._shares.find(self._network_id, locator)
        proven = self._proven(found, locator, proof)
        if proven is not None and await self._say_yes(proven, locator):
            return True
        await self._door.refused(
            peer_id=self.peer_id,
            view="grant",
            item=found.manifest_cid if found else "",
            now=wall_clock(),
            link=proven.name if proven else "",
        )
        tick = REFUSAL_TICK_SECONDS * (int(arrived / REFUSAL_TICK_SECONDS) + 1)
        while tick <= trio.current_time():
            tick += REFUSAL_TICK_SECONDS
        await trio.sleep_until(tick)
        await self._refuse(RefusalCode.REFUSED, 0)
        return False

    def _proven(self, link: LiveLink | None, locator: bytes, proof: bytes) -> LiveLink | None:
        """Return the link that the want proves to hold, if it leads anywhere now."""
        # An unknown locator is checked by the same code, against a secret that nobody has.
        secret = secrets.token_bytes(16) if link is None else link.secret
        is_proven = check_proof(secret, Role.GETTER, self._machine.transcript(locator), proof)
        return link if link is not None and is_proven and link.is_live(wall_clock()) else None

    async def _say_yes(self, link: LiveLink, locator: bytes) -> bool:
        try:
            share = await self._shares.load(link.manifest_cid)
        except NotFoundError:
            return False  # it was withdrawn meanwhile
        asker, holders = self._asker(), LinkHolders(link.name)
        asker = replace(asker, audiences=asker.audiences | {holders})
        granted = Granted(self._door, self._shares, share, link, asker)
        yes = await granted.yes(prove(link.secret, Role.PROVIDER, self._machine.transcript(locator)))
        if yes is None:
            return False
        # Not before: a rule on link holders must not make a no to one differ from that to a stranger.
        self._stream.prove(holders)
        self._granted = granted
        self._patience.is_granted = True
        self._stream.carry_transfer()
        # Before the grant leaves: what it lets the getter ask may be here before we come back from sending.
        self._answers = Answers(
            self._stream, self._machine, granted, may_go_on=self._holds, cancelled=self._cancelled
        )
        await self._stream.send(self._machine.send_grant(yes))
        return True

    # --- the end of the grant ----------------------------------------------------------------------

    def _holds(self) -> bool:
        """Tell whether the grant holds; once it does not, the stream ends."""
        if self._granted is not None and not self._is_ended and not self._granted.holds():
            self._is_ended = True
            self._hearing.cancel()
            self._scope.deadline = trio.current_time() + ENDING_SECONDS
        return not self._is_ended

    async def _review_regularly(self) -> None:
        while True:
            self._holds()
            await trio.sleep(REVIEW_SECONDS)

    # --- without a grant ---------------------------------------------------------------------------

    async def _send_catalogue(self, request_id: int) -> bool:
        items, now = await self._shares.catalogue(self._network_id), wall_clock()
        decision = self._door.engine.catalogue(self._asker(), items=items, now=now)
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=now)
        if disclosed is None:
            return await self._refuse(RefusalCode.REFUSED, request_id)
        await self._stream.send(self._machine.send_catalogue(disclosed, request_id))
        return True

    async def _refuse(self, code: RefusalCode, request_id: int) -> bool:
        now = wall_clock()
        decision = self._door.engine.refusal(self._asker(), code=code, request_id=request_id, now=now)
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=now)
        if disclosed is None:
            return False
        await self._stream.send(self._machine.send_refusal(disclosed))
        return True

    # --- bookkeeping -------------------------------------------------------------------------------

    def _asker(self) -> Asker:
        return asker_of(self._stream, self._network_id)

    async def _account_regularly(self) -> None:
        due = trio.current_time() + ACCOUNT_SECONDS
        while True:
            await trio.sleep(LIMITED_ACCOUNT_SECONDS)
            granted, now = self._granted, trio.current_time()
            if granted is not None and (granted.is_limited or now >= due):
                await granted.account()
                due = now + ACCOUNT_SECONDS
