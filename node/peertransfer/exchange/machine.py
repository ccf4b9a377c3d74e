"""What both machines share: octets to judged messages, the hellos, the end of the stream.

It does no I/O and knows no role's events; ``provider`` and ``getter`` add those. Spec: docs/protocol.md,
"Order".

Strategy: what is inside raises ``LocalProtocolError`` for a breach, whoever commits it. Where the breach
is in what was received, ``next_event`` turns it into ``RemoteProtocolError``: one place, after h11.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from peertransfer.content.proof import Role, Transcript
from peertransfer.errors import LocalProtocolError, RemoteError, RemoteProtocolError
from peertransfer.exchange.events import HelloReceived, StreamEnded
from peertransfer.exchange.outstanding import Outstanding
from peertransfer.exchange.states import CLEAN_ENDS, State, Step, state_after
from peertransfer.wire.exchange_codec import decode_frame, encode_hello
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.messages import HelloMessage, Message

if TYPE_CHECKING:
    from peertransfer.disclosure.audience import Audience
    from peertransfer.disclosure.disclosed import Disclosed
    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import Hello, ProtocolsView

E = TypeVar("E")

_HELLOS = {Role.GETTER: Step.GETTER_HELLO, Role.PROVIDER: Step.PROVIDER_HELLO}
_PEERS = {Role.GETTER: Role.PROVIDER, Role.PROVIDER: Role.GETTER}


class Machine(ABC, Generic[E]):
    """One side of one stream. Feed it, then take events until there is none, then feed it again."""

    role: Role

    def __init__(self, *, getter_peer: bytes, provider_peer: bytes) -> None:
        self._getter_peer = getter_peer
        self._provider_peer = provider_peer
        self._state = State.AWAIT_HELLOS
        self._reader = FrameReader()
        self._hellos: dict[Role, Hello | HelloMessage] = {}
        self._outstanding = Outstanding()
        self._is_eof = False
        self._is_over = False

    # --- what the shell may ask ------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the stream awaits."""
        return self._state

    @property
    def request_limit(self) -> int:
        """Requests that may be outstanding at once; 0 until both said hello."""
        return self._outstanding.limit

    @property
    def outstanding_count(self) -> int:
        """Requests without their last answer."""
        return len(self._outstanding)

    @property
    def is_in_frame(self) -> bool:
        """Whether a frame, or what follows it, began to come and is not whole yet."""
        return not self._reader.is_between_frames

    @property
    def getter_nonce(self) -> bytes:
        """The getter's nonce, after its hello."""
        return self._hello_of(Role.GETTER).nonce

    @property
    def provider_nonce(self) -> bytes:
        """The provider's nonce, after its hello."""
        return self._hello_of(Role.PROVIDER).nonce

    def transcript(self, locator: bytes) -> Transcript:
        """Return what both proofs are made over, after both hellos."""
        return Transcript(
            self._getter_peer, self._provider_peer, self.getter_nonce, self.provider_nonce, locator
        )

    # --- in --------------------------------------------------------------------------------------

    def receive_data(self, octets: bytes | bytearray | memoryview) -> None:
        """Take octets as they arrived; after the end of the stream they are dropped."""
        if self._is_eof:
            raise LocalProtocolError("octets were given after the end of the stream")
        if self._state is not State.ENDED:
            self._reader.receive_data(octets)

    @property
    def body_room(self) -> memoryview | None:
        """Where the octets that come next belong, where that is known: put them there, do not give them."""
        return self._reader.body_room

    def note_filled(self, count: int) -> None:
        """Note that ``count`` octets were put at the front of ``body_room``."""
        self._reader.note_filled(count)

    def receive_eof(self) -> None:
        """Note that the peer closed its side."""
        self._is_eof = True

    def next_event(self) -> E | HelloReceived | StreamEnded | None:
        """Return what happened next, or ``None``: more octets are needed.

        Raises:
            RemoteProtocolError: the peer broke the protocol; reset the stream.
            RefusedError: at the getter, the provider did not prove that it holds the link's secret.
        """
        try:
            return self._next()
        except LocalProtocolError as breach:
            self._finish()
            raise RemoteProtocolError(breach.message) from breach
        except RemoteError:
            self._finish()
            raise

    def _next(self) -> E | HelloReceived | StreamEnded | None:
        while self._state is not State.ENDED:
            message = self._next_message()
            if message is None:
                break
            event = self._hello(message) if isinstance(message, HelloMessage) else self._judge(message)
            if event is not None:
                return event
        return self._end() if self._is_eof and not self._is_over else None

    def _next_message(self) -> Message | None:
        frame = self._reader.next_frame()
        return None if frame is None else decode_frame(frame)

    @abstractmethod
    def _judge(self, message: Message) -> E | None:
        """Return the event of a message that may come now, or ``None`` where nothing happened."""

    def _end(self) -> StreamEnded:
        clean = self._state in CLEAN_ENDS and not self._outstanding and self._reader.is_between_frames
        self._finish()
        return StreamEnded(clean)

    def _finish(self) -> None:
        self._state = State.ENDED
        self._is_over = True
        self._drop()

    def _drop(self) -> None:
        self._outstanding.clear()
        self._reader = FrameReader()

    # --- order -----------------------------------------------------------------------------------

    def _sent(self, step: Step) -> None:
        self._step(step, self.role)

    def _received(self, step: Step) -> None:
        self._step(step, _PEERS[self.role])

    def _step(self, step: Step, speaker: Role) -> None:
        self._state = state_after(self._state, step, speaker)
        if self._state is State.ENDED:
            self._drop()

    # --- hellos ----------------------------------------------------------------------------------

    def send_hello(self, disclosed: Disclosed[ProtocolsView, Audience]) -> SealedFrame:
        """Say hello, once and first."""
        frame = encode_hello(disclosed)
        self._sent(_HELLOS[self.role])
        assert disclosed.view.hello is not None
        self._note_hello(self.role, disclosed.view.hello)
        return frame

    def _hello(self, message: HelloMessage) -> HelloReceived:
        self._received(_HELLOS[_PEERS[self.role]])
        self._note_hello(_PEERS[self.role], message)
        return HelloReceived(message.version, message.max_requests)

    def _note_hello(self, role: Role, hello: Hello | HelloMessage) -> None:
        self._hellos[role] = hello
        if len(self._hellos) == len(Role):
            self._outstanding.limit = min(one.max_requests for one in self._hellos.values())

    def _hello_of(self, role: Role) -> Hello | HelloMessage:
        hello = self._hellos.get(role)
        if hello is None:
            raise LocalProtocolError(f"the {role.value} has not said hello")
        return hello
