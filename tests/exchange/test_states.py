"""The transition table has no hole, no dead state, and judges both roles alike."""

import pytest

from peertransfer.content.proof import Role
from peertransfer.errors import LocalProtocolError
from peertransfer.exchange.states import CLEAN_ENDS, SENDERS, TRANSITIONS, State, Step, state_after


def test_every_state_has_its_row_and_every_step_its_sender():
    assert set(TRANSITIONS) == set(State)
    assert set(SENDERS) == set(Step)


def test_every_state_can_be_reached():
    reached = {State.AWAIT_HELLOS}
    for _ in State:
        reached |= {following for state in reached for following in TRANSITIONS[state].values()}
    assert reached == set(State)


def test_nothing_follows_the_end():
    assert not TRANSITIONS[State.ENDED]


def test_nothing_is_asked_under_a_grant_before_the_grant():
    asked_in = {state for state, row in TRANSITIONS.items() if Step.REQUEST in row}
    assert asked_in == {State.AWAIT_REQUEST}
    assert {state for state, row in TRANSITIONS.items() if State.AWAIT_REQUEST in row.values()} == {
        State.AWAIT_GRANT,
        State.AWAIT_REQUEST,
    }


def test_the_getter_says_nothing_while_it_awaits_the_grant():
    assert {SENDERS[step] for step in TRANSITIONS[State.AWAIT_GRANT]} == {Role.PROVIDER}


def test_a_stream_does_not_end_cleanly_while_it_opens():
    assert not CLEAN_ENDS & {State.AWAIT_HELLOS, State.AWAIT_GETTER_HELLO, State.AWAIT_PROVIDER_HELLO}
    assert State.AWAIT_GRANT not in CLEAN_ENDS


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("speaker", Role)
def test_what_is_not_in_the_table_or_comes_from_the_wrong_role_is_refused(state, step, speaker):
    if step in TRANSITIONS[state] and SENDERS[step] is speaker:
        assert state_after(state, step, speaker) is TRANSITIONS[state][step]
    else:
        with pytest.raises(LocalProtocolError):
            state_after(state, step, speaker)
