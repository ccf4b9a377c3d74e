"""The getter's side of one stream: what may we ask, and does this answer it?

It verifies no block (``content.dag``, ``content.verified``) and no opening (``content.commitment``), and
chooses nothing to ask for. It holds the link's secret for two things only: its own proof, and the check
of the provider's, before which nothing more can be said. Spec: docs/protocol.md, "Order", "Proofs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.content.proof import Role, check_proof, prove
from peertransfer.errors import LocalProtocolError, RefusedError, RemoteProtocolError
from peertransfer.exchange import events as e
from peertransfer.exchange.machine import Machine
from peertransfer.exchange.states import Step
from peertransfer.wire import messages as m
from peertransfer.wire.exchange_codec import encode_request, encode_want

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import WantView


class Getter(Machine[e.GetterEvent]):
    """The side that asks. Without ``secret`` and ``locator`` it can ask for a catalogue only."""

    role = Role.GETTER

    def __init__(
        self, *, getter_peer: bytes, provider_peer: bytes, secret: bytes = b"", locator: bytes = b""
    ) -> None:
        super().__init__(getter_peer=getter_peer, provider_peer=provider_peer)
        self._secret = secret
        self._locator = locator
        self._next_id = 1
        self._head: m.BlocksHead | None = None
        self._asked: m.BlockRequest | None = None
        self._body: memoryview | None = None

    # --- in --------------------------------------------------------------------------------------

    def _next_message(self) -> m.Message | None:
        """Return the next message; a batch of blocks only when its raw octets are here as well."""
        head = self._head
        if head is None:
            message = super()._next_message()
            if not isinstance(message, m.BlocksHead):
                return message
            # The head is judged before memory is taken for what follows it.
            self._received(Step.ANSWER)
            places = [(block.entry, block.index) for block in message.blocks]
            self._asked = self._outstanding.blocks(message.request_id, places, last=message.last)
            self._head = head = message
        self._body = self._reader.next_body(head.body_size)
        if self._body is None:
            return None
        self._head = None
        return head

    def _judge(self, message: m.Message) -> e.GetterEvent | None:
        match message:
            case m.BlocksHead():
                return self._blocks(message)
            case m.GrantMessage():
                return self._grant(message)
            case m.RefusalMessage(request_id, code):
                self._received(Step.ANSWER if request_id else Step.STREAM_REFUSAL)
                if request_id:
                    self._outstanding.refuse(request_id)
                return e.RefusalReceived(request_id, code)
            case m.OpeningsPage(request_id, share, entries, last):
                self._received(Step.ANSWER)
                indices = [entry.index for entry in entries]
                self._outstanding.openings(request_id, indices, share=share is not None, last=last)
                return e.OpeningsReceived(request_id, share, entries, last)
            case m.HaveMessage(request_id, count, bitmap):
                self._received(Step.ANSWER)
                entry = self._outstanding.have(request_id).entry
                return e.HaveReceived(request_id, entry, count, bitmap)
            case m.CataloguePage(request_id, items, last):
                self._received(Step.ANSWER)
                self._outstanding.catalogue(request_id, len(items), last=last)
                return e.CatalogueReceived(request_id, items, last)
            case _:
                raise RemoteProtocolError("the provider spoke as a getter")

    def _grant(self, grant: m.GrantMessage) -> e.GrantReceived:
        self._received(Step.GRANT)
        transcript = self.transcript(self._locator)
        if not check_proof(self._secret, Role.PROVIDER, transcript, grant.proof):
            raise RefusedError("the peer did not prove that it holds the link", "try another provider")
        return e.GrantReceived(grant.until)

    def _blocks(self, head: m.BlocksHead) -> e.ManifestBlocksReceived | e.BlocksReceived:
        assert self._body is not None
        assert self._asked is not None
        blocks = []
        start = 0
        for block in head.blocks:
            blocks.append((block.entry, block.index, self._body[start : start + block.size]))
            start += block.size
        if isinstance(self._asked, m.ManifestRequest):
            own = tuple((index, octets) for _, index, octets in blocks)
            return e.ManifestBlocksReceived(head.request_id, self._asked.nodes, own, head.last)
        nodes = isinstance(self._asked, m.NodesRequest)
        return e.BlocksReceived(head.request_id, nodes, tuple(blocks), head.last)

    # --- out -------------------------------------------------------------------------------------

    def want_proof(self) -> bytes:
        """Return the getter's proof for this stream, for the engine to let out; after both hellos."""
        return prove(self._secret, Role.GETTER, self.transcript(self._locator))

    def send_want(self, disclosed: Disclosed[WantView, OnePeer]) -> SealedFrame:
        """Ask for the share of this machine's locator, once."""
        frame = encode_want(disclosed)
        if (disclosed.view.locator, disclosed.view.proof) != (self._locator, self.want_proof()):
            raise LocalProtocolError("the want is not that of this stream", "seal locator and want_proof()")
        self._sent(Step.WANT)
        return frame

    def request_manifest(
        self, want: Disclosed[WantView, OnePeer], ranges: Sequence[m.Range], *, nodes: bool = False
    ) -> tuple[int, SealedFrame]:
        """Ask for leaves, or inner nodes, of the manifest's own DAG."""
        return self._ask(want, m.ManifestRequest(self._next_id, nodes, tuple(ranges)))

    def request_openings(
        self, want: Disclosed[WantView, OnePeer], first: int = 0, count: int = 0
    ) -> tuple[int, SealedFrame]:
        """Ask for the openings of ``count`` entries; for the share's own with ``count`` 0."""
        return self._ask(want, m.OpeningsRequest(self._next_id, first, count))

    def request_nodes(
        self, want: Disclosed[WantView, OnePeer], items: Sequence[m.EntryRanges]
    ) -> tuple[int, SealedFrame]:
        """Ask for inner nodes of entries."""
        return self._ask(want, m.NodesRequest(self._next_id, tuple(items)))

    def request_blocks(
        self, want: Disclosed[WantView, OnePeer], items: Sequence[m.EntryRanges]
    ) -> tuple[int, SealedFrame]:
        """Ask for leaves of entries."""
        return self._ask(want, m.BlocksRequest(self._next_id, tuple(items)))

    def request_have(self, want: Disclosed[WantView, OnePeer], entry: int) -> tuple[int, SealedFrame]:
        """Ask which leaves of ``entry`` the provider has."""
        return self._ask(want, m.HaveRequest(self._next_id, entry))

    def request_catalogue(self, want: Disclosed[WantView, OnePeer]) -> tuple[int, SealedFrame]:
        """Ask which shares we may see; needs hellos only."""
        return self._ask(want, m.CatalogueRequest(self._next_id))

    def cancel(self, want: Disclosed[WantView, OnePeer], request_id: int) -> SealedFrame:
        """Give a request up; parts of its answer may still arrive, up to one that is the last."""
        frame = encode_request(want, m.CancelMessage(request_id))
        self._sent(Step.CANCEL)
        if not self._outstanding.cancel(request_id):
            raise LocalProtocolError("the request to cancel is not outstanding")
        return frame

    def delivered(self, want: Disclosed[WantView, OnePeer]) -> SealedFrame:
        """Tell that all that was wanted arrived and verified; nothing can be asked after it."""
        frame = encode_request(want, m.DeliveredMessage())
        self._sent(Step.DELIVERED)
        return frame

    def _ask(self, want: Disclosed[WantView, OnePeer], request: m.Request) -> tuple[int, SealedFrame]:
        frame = encode_request(want, request)
        self._sent(Step.CATALOGUE_REQUEST if isinstance(request, m.CatalogueRequest) else Step.REQUEST)
        self._outstanding.add(request)
        self._next_id += 1
        return request.request_id, frame
