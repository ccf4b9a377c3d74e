"""The provider's side of one stream: what does the getter ask, and may we answer that now?

It decides nothing about permission (``policy``), checks no proof (``content.proof``, over
``transcript``) and reads no block: the shell does, and hands in sealed views and verified blocks.
It holds no secret. Spec: docs/protocol.md, "Order" and "Requests and answers".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.content.proof import Role
from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.exchange import events as e
from peertransfer.exchange.machine import Machine
from peertransfer.exchange.states import Step
from peertransfer.wire import exchange_codec as codec
from peertransfer.wire import messages as m

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.verified import Verified
    from peertransfer.disclosure.audience import Audience, OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import (
        CatalogueView,
        ContentView,
        GrantView,
        ManifestView,
        OpeningsView,
        ProtocolsView,
        RefusalView,
    )


class Provider(Machine[e.ProviderEvent]):
    """The side that was asked. Every ``send_`` returns what to write, or raises ``LocalProtocolError``."""

    role = Role.PROVIDER

    def __init__(self, *, getter_peer: bytes, provider_peer: bytes, max_requests: int = 8) -> None:
        super().__init__(getter_peer=getter_peer, provider_peer=provider_peer)
        self._max_requests = max_requests

    # --- in --------------------------------------------------------------------------------------

    def _judge(self, message: m.Message) -> e.ProviderEvent | None:
        match message:
            case m.WantMessage(locator, proof):
                self._received(Step.WANT)
                return e.WantReceived(locator, proof)
            case m.CancelMessage(request_id):
                self._received(Step.CANCEL)
                # A cancel may cross the last part of its answer on the way: then nothing happened.
                return e.RequestCancelled(request_id) if self._outstanding.cancel(request_id) else None
            case m.DeliveredMessage():
                self._received(Step.DELIVERED)
                return e.DeliveredReceived()
            case m.CatalogueRequest() | m.UnknownKindRequest():
                self._received(Step.CATALOGUE_REQUEST)
                return self._open_request(message)
            case (
                m.ManifestRequest()
                | m.OpeningsRequest()
                | m.NodesRequest()
                | m.BlocksRequest()
                | m.HaveRequest()
            ):
                self._received(Step.REQUEST)
                return self._open_request(message)
            case _:
                raise RemoteProtocolError("the getter spoke as a provider")

    def _open_request(self, request: m.Request | m.UnknownKindRequest) -> e.ProviderEvent:
        self._outstanding.add(request)
        event: e.ProviderEvent
        match request:
            case m.ManifestRequest(request_id, nodes, ranges):
                event = e.ManifestRequested(request_id, nodes, ranges)
            case m.OpeningsRequest(request_id, first, count):
                event = e.OpeningsRequested(request_id, first, count)
            case m.NodesRequest(request_id, items):
                event = e.NodesRequested(request_id, items)
            case m.BlocksRequest(request_id, items):
                event = e.BlocksRequested(request_id, items)
            case m.HaveRequest(request_id, entry):
                event = e.HaveRequested(request_id, entry)
            case m.CatalogueRequest(request_id):
                event = e.CatalogueRequested(request_id)
            case _:
                event = e.UnknownRequest(request.request_id)
        return event

    # --- out -------------------------------------------------------------------------------------

    def send_hello(self, disclosed: Disclosed[ProtocolsView, Audience]) -> SealedFrame:
        """Say hello, with the number of requests that this machine was made for."""
        hello = disclosed.view.hello
        if hello is not None and hello.max_requests != self._max_requests:
            raise LocalProtocolError("the hello offers another number of requests than this machine")
        return super().send_hello(disclosed)

    def send_grant(self, disclosed: Disclosed[GrantView, OnePeer]) -> SealedFrame:
        """Answer the want with yes."""
        frame = codec.encode_grant(disclosed)
        self._sent(Step.GRANT)
        return frame

    def send_refusal(self, disclosed: Disclosed[RefusalView, OnePeer]) -> SealedFrame:
        """Refuse one request; or, with request id 0, the want or the rest of the grant: the stream ends."""
        frame = codec.encode_refusal(disclosed)
        request_id = disclosed.view.request_id
        self._sent(Step.ANSWER if request_id else Step.STREAM_REFUSAL)
        if request_id:
            self._outstanding.refuse(request_id)
        return frame

    def send_manifest_blocks(
        self,
        disclosed: Disclosed[ManifestView, OnePeer],
        request_id: int,
        places: Sequence[int],
        verified: Sequence[Verified],
        last: bool,
    ) -> SealedFrame:
        """Send blocks of the manifest's own DAG, the next ones that were asked for."""
        frame = codec.encode_manifest_blocks(disclosed, request_id, places, verified, last)
        self._sent(Step.ANSWER)
        request = self._outstanding.blocks(request_id, [(0, place) for place in places], last=last)
        if not isinstance(request, m.ManifestRequest):
            raise LocalProtocolError("manifest blocks do not answer a request for an entry's blocks")
        return frame

    def send_openings(
        self, disclosed: Disclosed[OpeningsView, OnePeer], request_id: int, last: bool
    ) -> SealedFrame:
        """Send the next openings that were asked for; they become as many frames as they need."""
        frame = codec.encode_openings(disclosed, request_id, last)
        self._sent(Step.ANSWER)
        view = disclosed.view
        indices = [entry.index for entry in view.entries]
        self._outstanding.openings(request_id, indices, share=view.share is not None, last=last)
        return frame

    def send_blocks(
        self,
        grant: Disclosed[ContentView, OnePeer],
        request_id: int,
        blocks: Sequence[tuple[int, int, Verified]],
        last: bool,
    ) -> SealedFrame:
        """Send nodes or leaves, each as (entry, index, block), the next ones that were asked for."""
        frame = codec.encode_blocks(grant, request_id, blocks, last)
        self._sent(Step.ANSWER)
        places = [(entry, index) for entry, index, _ in blocks]
        request = self._outstanding.blocks(request_id, places, last=last)
        if isinstance(request, m.ManifestRequest):
            raise LocalProtocolError("an entry's blocks do not answer a request for the manifest")
        return frame

    def send_have(
        self, grant: Disclosed[ContentView, OnePeer], request_id: int, count: int, bitmap: bytes = b""
    ) -> SealedFrame:
        """Say which of the ``count`` leaves of the asked entry are here; an empty bitmap says all."""
        self._sent(Step.ANSWER)
        request = self._outstanding.have(request_id)
        return codec.encode_have(grant, request_id, request.entry, count, bitmap)

    def send_catalogue(
        self, disclosed: Disclosed[CatalogueView, OnePeer], request_id: int, last: bool = True
    ) -> SealedFrame:
        """Send shares that the peer may see; they become as many frames as they need."""
        frame = codec.encode_catalogue(disclosed, request_id, last)
        self._sent(Step.ANSWER)
        self._outstanding.catalogue(request_id, len(disclosed.view.items), last=last)
        return frame
