"""In which order may things be said on one stream? The transition table, and nothing else.

Two rules, after h11: all transitions live in this file; and it does not know which role we play, so
what we send and what we receive is judged alike (``machine`` asks who may say it). A state says what is
awaited. Spec: docs/protocol.md, "Order".
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from peertransfer.content.proof import Role
from peertransfer.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """What a stream awaits."""

    AWAIT_HELLOS = "await_hellos"
    """Both hellos, in any order."""
    AWAIT_GETTER_HELLO = "await_getter_hello"
    AWAIT_PROVIDER_HELLO = "await_provider_hello"
    AWAIT_WANT = "await_want"
    """The getter's want; a catalogue can be asked for without one."""
    AWAIT_GRANT = "await_grant"
    """The provider's grant or refusal; the getter says nothing meanwhile."""
    AWAIT_REQUEST = "await_request"
    """Requests under the grant, and their answers."""
    AWAIT_END = "await_end"
    """The getter has said that all was delivered; answers under way may still arrive."""
    ENDED = "ended"
    """Nothing: the stream was refused, failed or is over."""


class Step(Enum):
    """What can be said, as far as the order is concerned."""

    GETTER_HELLO = "getter_hello"
    PROVIDER_HELLO = "provider_hello"
    WANT = "want"
    GRANT = "grant"
    STREAM_REFUSAL = "stream_refusal"
    """A refusal of the want, or the end of a grant (request id 0)."""
    CATALOGUE_REQUEST = "catalogue_request"
    """What may be asked without a grant: a catalogue, or a kind that we do not know and will refuse."""
    REQUEST = "request"
    """What may be asked under a grant only."""
    ANSWER = "answer"
    """Anything that answers one request, its refusal too."""
    CANCEL = "cancel"
    DELIVERED = "delivered"


SENDERS: Mapping[Step, Role] = {
    Step.GETTER_HELLO: Role.GETTER,
    Step.PROVIDER_HELLO: Role.PROVIDER,
    Step.WANT: Role.GETTER,
    Step.GRANT: Role.PROVIDER,
    Step.STREAM_REFUSAL: Role.PROVIDER,
    Step.CATALOGUE_REQUEST: Role.GETTER,
    Step.REQUEST: Role.GETTER,
    Step.ANSWER: Role.PROVIDER,
    Step.CANCEL: Role.GETTER,
    Step.DELIVERED: Role.GETTER,
}
"""Who says what."""

TRANSITIONS: Mapping[State, Mapping[Step, State]] = {
    State.AWAIT_HELLOS: {
        Step.GETTER_HELLO: State.AWAIT_PROVIDER_HELLO,
        Step.PROVIDER_HELLO: State.AWAIT_GETTER_HELLO,
    },
    State.AWAIT_GETTER_HELLO: {Step.GETTER_HELLO: State.AWAIT_WANT},
    State.AWAIT_PROVIDER_HELLO: {Step.PROVIDER_HELLO: State.AWAIT_WANT},
    State.AWAIT_WANT: {
        Step.WANT: State.AWAIT_GRANT,
        Step.CATALOGUE_REQUEST: State.AWAIT_WANT,
        Step.CANCEL: State.AWAIT_WANT,
        Step.ANSWER: State.AWAIT_WANT,
    },
    State.AWAIT_GRANT: {
        Step.GRANT: State.AWAIT_REQUEST,
        Step.STREAM_REFUSAL: State.ENDED,
        Step.ANSWER: State.AWAIT_GRANT,
    },
    State.AWAIT_REQUEST: {
        Step.CATALOGUE_REQUEST: State.AWAIT_REQUEST,
        Step.REQUEST: State.AWAIT_REQUEST,
        Step.ANSWER: State.AWAIT_REQUEST,
        Step.CANCEL: State.AWAIT_REQUEST,
        Step.DELIVERED: State.AWAIT_END,
        Step.STREAM_REFUSAL: State.ENDED,
    },
    State.AWAIT_END: {
        Step.ANSWER: State.AWAIT_END,
        Step.STREAM_REFUSAL: State.ENDED,
    },
    State.ENDED: {},
}
"""What may be said in each state, and which state follows."""

CLEAN_ENDS: frozenset[State] = frozenset(
    {State.AWAIT_WANT, State.AWAIT_REQUEST, State.AWAIT_END, State.ENDED}
)
"""Where the other side may end the stream without having broken anything off."""


def state_after(state: State, step: Step, speaker: Role) -> State:
    """Return the state that follows when ``speaker`` says ``step``.

    Raises:
        LocalProtocolError: it may not be said now, or not by this role; for what a peer said,
            ``machine`` turns it into a ``RemoteProtocolError``.
    """
    following = TRANSITIONS[state].get(step)
    if following is None or SENDERS[step] is not speaker:
        raise LocalProtocolError(f"{step.value} from the {speaker.value} is out of order in {state.value}")
    return following
