"""One exchange stream at the getter: say hello, prove, then ask and hand answers to whoever asked.

It chooses nothing to ask for (``service.fetching``) and verifies no block; the machine checks order, limits
and the provider's proof. Spec: docs/protocol.md.

Strategy: one reader feeds the machine; each outstanding request has a channel of its own, so that several
tasks can ask at once. Whoever is slow to take an answer slows the stream, and with it the provider.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeAlias

import trio

from peertransfer.disclosure.disclosed import Disclosed
from peertransfer.disclosure.views import Hello
from peertransfer.errors import PeerTimeoutError, PeertransferError, RefusedError, StreamLostError
from peertransfer.exchange import events as e
from peertransfer.exchange.getter import Getter
from peertransfer.service.facts import asker_of, wall_clock
from peertransfer.service.groups import open_nursery
from peertransfer.wire.codes import error_of_code
from peertransfer.wire.messages import VERSION

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import OnePeer
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import WantView
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.policy.facts import Asker
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime

Want: TypeAlias = "Disclosed[WantView, OnePeer]"
Answer: TypeAlias = (
    "e.ManifestBlocksReceived | e.BlocksReceived | e.OpeningsReceived | e.HaveReceived | e.CatalogueReceived"
)
Part: TypeAlias = "Answer | PeertransferError"
Channel: TypeAlias = "tuple[trio.MemorySendChannel[Part], trio.MemoryReceiveChannel[Part]]"
Ask: TypeAlias = Callable[[Getter, Want], "tuple[int, SealedFrame]"]

MAX_REQUESTS = 8
"""Requests of ours outstanding on one stream."""
SILENCE_SECONDS = 10.0
"""A provider that owes an answer and says nothing for so long is silent."""
READ_SIZE = 1 << 20
_OF_WANT = frozenset({"locator", "proof"})
"""The fields that go with the want itself; what else it lets out goes later."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A share that is asked for."""

    cid: str
    """CID of its manifest."""
    secret: bytes = field(repr=False)
    """The link's."""
    locator: bytes


class Asking:
    """A stream on which the provider granted our want (or, for a catalogue, said hello)."""

    def __init__(self, stream: PeerStream, machine: Getter, want: Want, door: Door) -> None:
        self._stream = stream
        self._machine = machine
        self._want = want
        self._door = door
        self._let_out: set[str] = set()
        self._letting_out = trio.Lock()
        self._waiting: dict[int, trio.MemorySendChannel[Answer | PeertransferError]] = {}
        self._slots = trio.Semaphore(max(1, min(MAX_REQUESTS, machine.request_limit)))
        self._failure: PeertransferError | None = None
        self._listening_since: float | None = None

    @property
    def heard_at(self) -> float:
        """When the provider last did what it owes us, on trio's clock; now, while it owes nothing."""
        since = self._listening_since
        return trio.current_time() if since is None or not self._machine.outstanding_count else since

    @property
    def is_over(self) -> bool:
        """Whether the stream ended, so that nothing more can be asked."""
        return self._failure is not None

    @property
    def failure(self) -> PeertransferError:
        """Why the stream ended."""
        return self._failure or StreamLostError("the stream to the provider ended", peer=self.peer_id)

    @property
    def peer_id(self) -> str:
        """The provider."""
        return self._stream.peer_id

    @asynccontextmanager
    async def request(self, ask: Ask) -> AsyncIterator[Parts]:
        """Ask, and iterate over the parts of the answer; leaving early gives the request up.

        Raises:
            RefusedError, ChangedError, BusyError, EndedError, ...: the provider refused this request.
            StreamLostError, PeerTimeoutError, RemoteProtocolError: the stream is over.
        """
        async with self._slots:
            await self._say_more("requests")
            if self._failure is not None:
                raise self._failure
            request_id, frame = ask(self._machine, self._want)
            channel: Channel = trio.open_memory_channel(1)
            send, receive = channel
            self._waiting[request_id] = send
            await self._stream.send(frame)
            try:
                async with receive:
                    yield Parts(self, receive)
            finally:
                if self._waiting.pop(request_id, None) is not None and self._failure is None:
                    await self._give_up(request_id)

    async def delivered(self) -> None:
        """Tell the provider that all that was wanted arrived and verified, where the policy lets us."""
        if self._want.view.delivered and self._failure is None:
            await self._say_more("delivered")
            await self._stream.send(self._machine.delivered(self._want))

    async def _say_more(self, field: str) -> None:
        """Record a further field of the want before it goes out for the first time."""
        async with self._letting_out:
            if field not in self._let_out:
                await self._door.record(self._want, frozenset({field}), now=wall_clock())
                self._let_out.add(field)

    # --- the reader --------------------------------------------------------------------------------

    async def read(self) -> None:
        """Feed the machine until the stream ends; every waiting request learns why."""
        try:
            await self._read()
        except PeertransferError as error:
            self._failure = error
        finally:
            self._failure = self._failure or StreamLostError(
                "the provider ended the stream", "It is tried again.", peer=self.peer_id
            )
            for channel in self._waiting.values():
                channel.close()
            self._waiting.clear()

    async def _read(self) -> None:
        while True:
            event = self._machine.next_event()
            if event is None:
                self._listening_since = trio.current_time()
                await _feed(self._stream, self._machine)
                self._listening_since = None
            elif isinstance(event, e.StreamEnded):
                return
            elif isinstance(event, e.RefusalReceived) and event.request_id == 0:
                raise error_of_code(event.code, peer=self.peer_id)
            elif isinstance(event, e.RefusalReceived):
                await self._pass_on(event.request_id, error_of_code(event.code, peer=self.peer_id), last=True)
            elif not isinstance(event, e.HelloReceived | e.GrantReceived):
                last = isinstance(event, e.HaveReceived) or event.last
                await self._pass_on(event.request_id, event, last=last)

    async def _pass_on(self, request_id: int, part: Answer | PeertransferError, *, last: bool) -> None:
        channel = self._waiting.pop(request_id, None) if last else self._waiting.get(request_id)
        if channel is None:
            return
        with contextlib.suppress(trio.BrokenResourceError):
            await channel.send(part)
        if last:
            channel.close()

    async def _give_up(self, request_id: int) -> None:
        with (
            trio.CancelScope(shield=True, deadline=trio.current_time() + 1),
            contextlib.suppress(PeertransferError),
        ):
            await self._stream.send(self._machine.cancel(self._want, request_id))


class Parts:
    """The parts of one answer, in the order in which they come."""

    def __init__(
        self, asking: Asking, receive: trio.MemoryReceiveChannel[Answer | PeertransferError]
    ) -> None:
        self._asking = asking
        self._receive = receive
        self.is_over = False
        """Whether the last part came."""
        self._failure: PeertransferError | None = None

    def __aiter__(self) -> Self:
        """Iterate over the parts that are left."""
        return self

    async def __anext__(self) -> Answer:
        """Return the next part.

        Raises:
            PeertransferError: the provider refused the rest, or the stream is over.
        """
        if self._failure is not None:
            raise self._failure
        if self.is_over:
            raise StopAsyncIteration
        try:
            part = await self._receive.receive()
        except trio.EndOfChannel:
            part = self._asking.failure
        if isinstance(part, PeertransferError):
            self._failure = part
            raise part
        self.is_over = isinstance(part, e.HaveReceived) or part.last
        return part

    async def together(self, seconds: float) -> list[Answer]:
        """Return the next part, and those that come within ``seconds`` of it; none at the end.

        Raises:
            PeertransferError: as iterating does; what came before it is returned first.
        """
        if self.is_over:
            return []
        parts = [await anext(self)]
        with trio.move_on_after(seconds), contextlib.suppress(PeertransferError):
            while not self.is_over:
                parts.append(await anext(self))
        return parts


@asynccontextmanager
async def ask_peer(runtime: HostRuntime, peer_id: str, wanted: Wanted | None) -> AsyncIterator[Asking]:
    """Open an exchange stream to a connected peer, and ask it; else as ``open_asking``."""
    async with (
        runtime.open_exchange(peer_id) as stream,
        open_asking(
            stream,
            network_id=runtime.network_id,
            own_peer=runtime.host.peer_id_bytes,
            door=runtime.door,
            wanted=wanted,
        ) as asking,
    ):
        yield asking


@asynccontextmanager
async def open_asking(
    stream: PeerStream,
    *,
    network_id: str,
    own_peer: bytes,
    door: Door,
    wanted: Wanted | None,
) -> AsyncIterator[Asking]:
    """Say hello, want, and await the grant; then read in the background while the body runs.

    Args:
        stream: to the provider.
        network_id: the network in which it is asked.
        own_peer: octets of this node's peer ID there.
        door: what lets the messages out.
        wanted: the share; ``None``: only a catalogue will be asked for, and nothing is proven.

    Raises:
        RefusedError: the provider said no, or did not prove that it holds the link.
        PeerTimeoutError, StreamLostError, RemoteProtocolError: no answer, or none that makes sense.
    """
    secret, locator = (wanted.secret, wanted.locator) if wanted else (b"", b"")
    machine = Getter(getter_peer=own_peer, provider_peer=stream.peer_id_bytes, secret=secret, locator=locator)
    asker = asker_of(stream, network_id)
    is_clean = False
    try:
        await _greet(stream, machine, door, asker)
        want = await _want(stream, machine, door, asker, wanted)
        asking = Asking(stream, machine, want, door)
        async with open_nursery() as nursery:
            nursery.start_soon(asking.read)
            yield asking
            nursery.cancel_scope.cancel()
        is_clean = True
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
            await (stream.aclose() if is_clean else stream.reset())


async def _greet(stream: PeerStream, machine: Getter, door: Door, asker: Asker) -> None:
    hello = Hello(VERSION, MAX_REQUESTS, secrets.token_bytes(32))
    now = wall_clock()
    decision = door.engine.protocols(asker, hello=hello, now=now)
    disclosed = await door.release(decision, peer_id=stream.peer_id, now=now)
    if disclosed is None:
        raise RefusedError(
            "Your own policy lets no hello out", 'Allow `protocols = ["hello"]` in policy.toml.'
        )
    await stream.send(machine.send_hello(disclosed))
    await _expect(stream, machine, e.HelloReceived)


async def _want(stream: PeerStream, machine: Getter, door: Door, asker: Asker, wanted: Wanted | None) -> Want:
    engine, now = door.engine, wall_clock()
    decision = (
        engine.want_catalogue(asker, now=now)
        if wanted is None
        else engine.want(
            asker, item_cid=wanted.cid, locator=wanted.locator, proof=machine.want_proof(), now=now
        )
    )
    if isinstance(decision, Disclosed) and not decision.view.requests:
        raise RefusedError(
            "Your own policy lets no request out", 'Allow `want = ["requests"]` in policy.toml.'
        )  # a want under which nothing may be asked would tell what is wanted for nothing
    # What is said under the want is recorded when it is said: a provider that refuses is told no more.
    want = await door.release(decision, peer_id=stream.peer_id, now=now, parts=_OF_WANT)
    if want is None:
        raise RefusedError("Your own policy lets no want out", "Allow `want` in policy.toml.")
    if wanted is not None:
        await stream.send(machine.send_want(want))
        await _expect(stream, machine, e.GrantReceived)
    return want


async def _expect(stream: PeerStream, machine: Getter, kind: type[e.GetterEvent]) -> None:
    while not isinstance(event := machine.next_event(), kind):
        match event:
            case None:
                await _feed(stream, machine)
            case e.RefusalReceived(_, code):
                raise error_of_code(code, peer=stream.peer_id)
            case e.StreamEnded():
                raise StreamLostError("The provider ended the stream", peer=stream.peer_id)
            case _:
                pass


async def _feed(stream: PeerStream, machine: Getter) -> None:
    is_over: bool | None = None
    while is_over is None:
        try:
            is_over = not await _receive(stream, machine)
        except PeerTimeoutError:
            if machine.outstanding_count or machine.request_limit == 0:
                raise PeerTimeoutError(
                    f"The provider has been silent for {SILENCE_SECONDS:.0f} seconds",
                    "Run the same command again, or with --wait.",
                    peer=stream.peer_id,
                ) from None
    if is_over:
        machine.receive_eof()


async def _receive(stream: PeerStream, machine: Getter) -> bool:
    """Have the machine take what comes next; return False at the end."""
    room = machine.body_room
    if room is not None:
        count = await stream.receive_into(room, idle_seconds=SILENCE_SECONDS)
        machine.note_filled(count)
        return count > 0
    pieces = await stream.receive_pieces(READ_SIZE, idle_seconds=SILENCE_SECONDS)
    for piece in pieces:
        machine.receive_data(piece)
    return bool(pieces)
