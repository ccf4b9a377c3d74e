"""One exchange stream at the provider: read, grant or refuse, pass requests on.

It decides nothing about permission (``policy``) and nothing about order (``exchange.provider``); what
an answer holds is ``service.answers``. Spec: docs/protocol.md.

Strategy: a reader feeds the machine and puts requests into a short queue; a writer answers them one
after the other, so that a cancellation is seen while a long answer is being sent.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import trio

from peertransfer.content.proof import Role, check_proof, prove
from peertransfer.disclosure.audience import LinkHolders
from peertransfer.disclosure.views import Hello
from peertransfer.errors import ReachError, RemoteError
from peertransfer.exchange import events as e
from peertransfer.exchange.provider import Provider
from peertransfer.service.answers import Answers
from peertransfer.service.facts import asker_of, wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.messages import VERSION

if TYPE_CHECKING:
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import Asker
    from peertransfer.service.door import Door
    from peertransfer.service.served_shares import LiveLink, ServedShares

log = logging.getLogger("peertransfer.service")

MAX_REQUESTS = 16
"""Requests that a getter may have outstanding on one stream."""
REFUSAL_TICK_SECONDS = 0.05
"""Refusals leave at the next tick after the want arrived, whatever the reason took to find."""
IDLE_SECONDS = 120.0
"""A getter that says nothing for so long is gone."""
READ_SIZE = 65_536
ACCOUNT_SECONDS = 60.0
"""How often the octets sent are written into the ledger while a grant lasts."""


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
        self._cancelled: set[int] = set()
        self.answers: Answers | None = None
        """What is being sent, once a want was granted."""
        self.scope = trio.CancelScope()
        """Cancelled where the grant no longer holds."""

    @property
    def peer_id(self) -> str:
        """Who is being answered."""
        return self._stream.peer_id

    async def run(self) -> None:
        """Answer until the stream ends; the stream is closed or reset at the end."""
        is_clean = False
        try:
            with self.scope:
                await self._converse()
                is_clean = True
        except (RemoteError, ReachError) as error:
            log.info("stream_dropped", extra={"peer": self.peer_id[-8:], "reason": error.code})
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                if self.answers is not None:
                    await self.answers.account()
                await (self._stream.aclose() if is_clean else self._stream.reset())

    async def _converse(self) -> None:
        hello = Hello(VERSION, MAX_REQUESTS, secrets.token_bytes(32))
        decision = self._door.engine.protocols(self._asker(), hello=hello)
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=wall_clock())
        if disclosed is None:
            return
        await self._stream.send(self._machine.send_hello(disclosed))
        send, receive = trio.open_memory_channel[e.ProviderEvent](MAX_REQUESTS * 2)
        async with open_nursery() as nursery:
            nursery.start_soon(self._account_regularly)
            nursery.start_soon(self._read, send)
            async with receive:
                async for event in receive:
                    if not await self._react(event):
                        break
            nursery.cancel_scope.cancel()

    async def _read(self, send: trio.MemorySendChannel[e.ProviderEvent]) -> None:
        async with send:
            while True:
                event = self._machine.next_event()
                if event is None:
                    octets = await self._stream.receive(READ_SIZE, idle_seconds=IDLE_SECONDS)
                    if octets:
                        self._machine.receive_data(octets)
                    else:
                        self._machine.receive_eof()
                elif isinstance(event, e.RequestCancelled):
                    self._cancelled.add(event.request_id)
                elif isinstance(event, e.StreamEnded):
                    return
                else:
                    await send.send(event)

    async def _react(self, event: e.ProviderEvent) -> bool:
        """Answer one event; tell whether the stream goes on."""
        match event:
            case e.WantReceived(locator, proof):
                return await self._grant(locator, proof)
            case e.CatalogueRequested(request_id):
                return await self._send_catalogue(request_id)
            case e.UnknownRequest(request_id):
                return await self._refuse(RefusalCode.UNSUPPORTED, request_id)
            case e.DeliveredReceived():
                assert self.answers is not None
                await self.answers.note_delivery()
                return False
            case (
                e.ManifestRequested()
                | e.OpeningsRequested()
                | e.NodesRequested()
                | e.BlocksRequested()
                | e.HaveRequested()
            ):
                assert self.answers is not None  # the machine lets requests through under a grant only
                refusal = await self.answers.answer(event, self._cancelled)
                return refusal is None or await self._refuse(*refusal)
            case _:
                return True

    # --- the want ----------------------------------------------------------------------------------

    async def _grant(self, locator: bytes, proof: bytes) -> bool:
        arrived = trio.current_time()
        link = await self._proven_link(locator, proof)
        if link is not None:
            answers = await self._seal(link, locator)
            if answers is not None:
                self.answers = answers
                return True
        tick = REFUSAL_TICK_SECONDS * (int(arrived / REFUSAL_TICK_SECONDS) + 1)
        while tick <= trio.current_time():
            tick += REFUSAL_TICK_SECONDS
        await trio.sleep_until(tick)
        await self._refuse(RefusalCode.REFUSED, 0)
        return False

    async def _proven_link(self, locator: bytes, proof: bytes) -> LiveLink | None:
        found = await self._shares.find(self._network_id, locator)
        # An unknown locator is checked by the same code, against a secret that nobody has.
        secret = secrets.token_bytes(16) if found is None else found.secret
        is_proven = check_proof(secret, Role.GETTER, self._machine.transcript(locator), proof)
        if found is None or not is_proven or not found.is_live(wall_clock()):
            return None
        self._stream.prove(LinkHolders(found.name))
        return found

    async def _seal(self, link: LiveLink, locator: bytes) -> Answers | None:
        now = wall_clock()
        share = await self._shares.load(link.manifest_cid)
        asker, item, engine = self._asker(), link.item(share), self._door.engine
        proof = prove(link.secret, Role.PROVIDER, self._machine.transcript(locator))
        grant = engine.grant(asker, item, proof=proof, until=link.until(share), now=now)
        manifest = engine.manifest(asker, item, octets=share.manifest_octets, now=now)
        content = engine.content(asker, item, share.entry_facts, now=now)
        granted = await self._door.release(grant, peer_id=self.peer_id, now=now)
        sealed_manifest = await self._door.release(manifest, peer_id=self.peer_id, now=now)
        sealed_content = await self._door.release(content, peer_id=self.peer_id, now=now)
        if granted is None or sealed_manifest is None or sealed_content is None:
            return None
        await self._stream.send(self._machine.send_grant(granted))
        return Answers(
            self._stream,
            self._machine,
            self._door,
            share,
            link,
            asker,
            sealed_manifest,
            sealed_content,
            self._shares.count_sent,
        )

    async def _send_catalogue(self, request_id: int) -> bool:
        decision = self._door.engine.catalogue(
            self._asker(), items=await self._shares.catalogue(self._network_id)
        )
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=wall_clock())
        if disclosed is None:
            return await self._refuse(RefusalCode.REFUSED, request_id)
        await self._stream.send(self._machine.send_catalogue(disclosed, request_id))
        return True

    async def _refuse(self, code: RefusalCode, request_id: int) -> bool:
        decision = self._door.engine.refusal(self._asker(), code=code, request_id=request_id)
        disclosed = await self._door.release(decision, peer_id=self.peer_id, now=wall_clock())
        if disclosed is None:
            return False
        await self._stream.send(self._machine.send_refusal(disclosed))
        return True

    # --- bookkeeping -------------------------------------------------------------------------------

    def _asker(self) -> Asker:
        return asker_of(self._stream, self._network_id)

    async def _account_regularly(self) -> None:
        while True:
            await trio.sleep(ACCOUNT_SECONDS)
            if self.answers is not None:
                await self.answers.account()
