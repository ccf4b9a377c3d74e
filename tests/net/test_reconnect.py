"""Back-off between dials: full jitter under a doubling bound."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.net.host import NetworkHost
from peertransfer.net.reconnect import FIRST_SECONDS, LAST_SECONDS, Reconnector, back_off


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_wait_is_never_over_the_last_bound_nor_under_a_second(failures, chance):
    assert FIRST_SECONDS <= back_off(failures, chance) <= LAST_SECONDS


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (7, 60), (100_000, 60)]
)
def test_the_bound_doubles_up_to_the_last(failures, bound):
    assert back_off(failures, 1.0) == bound * FIRST_SECONDS
    assert back_off(failures, 0.5) == (FIRST_SECONDS + bound * FIRST_SECONDS) / 2
    assert back_off(failures, 0.0) == FIRST_SECONDS


@given(failures=st.integers(1, 50), chance=st.floats(0, 1))
def test_one_more_failure_never_shortens_the_wait(failures, chance):
    assert back_off(failures, chance) <= back_off(failures + 1, chance)


@pytest.mark.swarm
async def test_a_bootstrap_peer_is_dialled_and_dialled_again(nursery):
    def host_of(number, addr="/ip4/127.0.0.1/tcp/0"):
        return NetworkHost(bytes([number]) * 32, network_id="n", psk=None, listen_addrs=[addr])

    async with host_of(1) as near, host_of(2) as far:
        came, went = trio.Event(), trio.Event()
        near.on_connected = lambda peer_id: came.set()
        near.on_disconnected = lambda peer_id: went.set()
        nursery.start_soon(Reconnector(near, [*far.listen_addrs, *near.listen_addrs], chance=lambda: 0.0).run)
        with trio.fail_after(5):
            await came.wait()
            came = trio.Event()
            await far.disconnect(near.peer_id)
            await went.wait()
            await came.wait()
        assert near.is_connected(far.peer_id)
        nursery.cancel_scope.cancel()
