"""How long a stream may be silent: by what it owes, what it may, and whether a request is half there."""

import pytest
import trio
from answering_kit import Wire

from peertransfer.errors import PeerTimeoutError
from peertransfer.net.patience import Patience
from peertransfer.transport.limits import Limits

LIMITS = Limits()


@pytest.fixture
async def wire():
    return Wire()


async def waited(patience, **options):
    """Return how long a silent peer is waited for, and which limit that was."""
    started = trio.current_time()
    with pytest.raises(PeerTimeoutError):
        await patience.receive(**options)
    allowance = patience._allowance
    (name,) = [name for name, one in allowance.describe().items() if one["reached"]]
    return round(trio.current_time() - started), name


async def test_a_stranger_may_be_silent_for_half_a_minute(wire, autojump_clock):
    patience = Patience(wire.provider_end)
    assert await waited(patience, in_request=False) == (LIMITS.idle_seconds, "idle_seconds")


async def test_whoever_has_a_grant_may_be_silent_for_two(wire, autojump_clock):
    patience = Patience(wire.provider_end)
    patience.is_granted = True
    assert await waited(patience, in_request=False) == (LIMITS.idle_grant_seconds, "idle_grant_seconds")


async def test_a_grant_that_comes_meanwhile_counts(wire, nursery, autojump_clock):
    patience = Patience(wire.provider_end)

    async def grant():
        await trio.sleep(5)
        patience.is_granted = True

    nursery.start_soon(grant)
    assert await waited(patience, in_request=False) == (LIMITS.idle_grant_seconds, "idle_grant_seconds")


async def test_a_peer_that_is_owed_an_answer_waits_in_silence_and_then_has_its_time(
    wire, nursery, autojump_clock
):
    patience = Patience(wire.provider_end)
    owed = [True]

    async def answer():
        await trio.sleep(500)
        owed[0] = False
        patience.note_answer()

    nursery.start_soon(answer)
    took, name = await waited(patience, in_request=False, is_owed=lambda: owed[0])
    assert took == 500 + LIMITS.idle_seconds
    assert name == "idle_seconds"


async def test_a_request_has_one_deadline_however_often_an_octet_comes(wire, nursery, autojump_clock):
    patience = Patience(wire.provider_end)

    async def trickle():
        while True:
            await wire.getter_end._stream.write_pieces([b"x"], 1)
            await trio.sleep(5)

    nursery.start_soon(trickle)
    assert await patience.receive(in_request=False) == b"x"
    started = trio.current_time()
    with pytest.raises(PeerTimeoutError):  # noqa: PT012 - as often as it takes
        while True:
            await patience.receive(in_request=True, is_owed=lambda: True)
    assert trio.current_time() - started == pytest.approx(LIMITS.request_seconds, abs=1)
    nursery.cancel_scope.cancel()
