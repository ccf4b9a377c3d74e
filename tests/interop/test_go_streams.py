"""A go-libp2p peer that uses its streams in every way that it may; the node serves it, or says no, and lives."""

import contextlib

import pytest
import trio
from interop_kit import NodeHome, PeerError, eventually, start_peer
from private_network_kit import private_network

from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.transport.limits import Limits
from peertransfer.transport.stream import LOW_WATER

pytestmark = pytest.mark.interop
STRANGERS_KAD = "/somewhere/kad/1.0.0"
BARE = ""
PING = "/ipfs/ping/1.0.0"
IDENTIFY = "/ipfs/id/1.0.0"
PUSH = "/ipfs/id/push/1.0.0"
KIB = 1 << 10
MIB = 1 << 20
FIRST_WINDOW = 256 * KIB
PINGS = 2
"""Ping streams that the node answers of one peer; the specification asks of a peer not to use more."""


def _name(protocol):
    return protocol or "no protocol"


@contextlib.asynccontextmanager
async def connected(host, peer):
    """Connect a go peer to a node; give a function that has it use streams. The connection has to last."""
    await peer.ask("dial", addr=host["listen_addrs"][0])

    async def use(request, **facts):
        return await peer.ask(request, peer_id=host["peer_id"], time_limit=60, **facts)

    yield use
    await use("ping")
    assert [one["peer_id"] for one in await peer.ask("connections")] == [host["peer_id"]]


@pytest.fixture
async def host(tmp_path):
    async with NodeHome(tmp_path).run_open() as running:
        yield running


@pytest.fixture
async def use(host):
    async with (
        start_peer("go", None, STRANGERS_KAD, unlimited=True) as peer,
        connected(host, peer) as function,
    ):
        yield function


async def test_thousands_of_pings_on_one_stream_are_all_answered(use):
    spoken = await use("speak", protocol=PING, size=128 * KIB, then="close_write", seconds=30)
    assert spoken == {"sent": 128 * KIB, "received": 128 * KIB, "echoed": True, "ended": "end"}


@pytest.mark.parametrize("size", [0, 31, 33])
async def test_a_half_closed_stream_is_answered_as_far_as_it_came_and_closed(use, size):
    spoken = await use("speak", protocol=PING, size=size, then="close_write")
    assert spoken == {"sent": size, "received": size // 32 * 32, "echoed": True, "ended": "end"}


async def test_a_peer_that_takes_no_answer_holds_up_nobody(use):
    spoken = await use("speak", protocol=PING, size=16 * MIB, deaf=True, seconds=8)
    # What the peer may send, what waits to be sent back, and what the peer may be sent.
    assert spoken["sent"] <= Limits().windows_per_connection + LOW_WATER + FIRST_WINDOW


@pytest.mark.parametrize("then", ["close_write", "reset"])
@pytest.mark.parametrize("protocol", [BARE, IDENTIFY, PUSH, EXCHANGE_PROTOCOL], ids=_name)
async def test_mebibytes_of_nonsense_end_their_stream_alone(use, protocol, then):
    spoken = await use("speak", protocol=protocol, size=8 * MIB, then=then)
    assert spoken["ended"] == "reset"
    assert spoken["sent"] <= FIRST_WINDOW


@pytest.mark.parametrize("then", ["close_write", "reset"])
async def test_mebibytes_of_nonsense_for_the_dht_end_their_stream_alone(tmp_path, then):
    network = private_network(tmp_path, "go")
    async with network.run_node() as host, network.start_peer() as peer, connected(host, peer) as use:
        spoken = await use("speak", protocol=network.kad, size=8 * MIB, then=then, seconds=4)
        assert spoken["ended"] in {"end", "reset"}
        assert spoken["sent"] <= FIRST_WINDOW


async def test_a_peer_that_breaks_the_protocol_on_a_thousand_streams_is_shut_out_and_others_are_served(host):
    async with (
        start_peer("go", None, STRANGERS_KAD, unlimited=True) as crowd,
        start_peer("go", None, STRANGERS_KAD) as other,
    ):
        for peer in (crowd, other):
            await peer.ask("dial", addr=host["listen_addrs"][0])
        with contextlib.suppress(PeerError):  # the connection ends under it
            await crowd.ask(
                "crowd",
                peer_id=host["peer_id"],
                protocol=EXCHANGE_PROTOCOL,
                count=1000,
                seconds=10,
                time_limit=60,
            )
        await eventually(lambda: crowd.ask("connections"), until=lambda answer: not answer)
        for _ in range(5):
            await other.ask("ping", peer_id=host["peer_id"])


@pytest.mark.parametrize("protocol", [BARE, PING, IDENTIFY, PUSH], ids=_name)
async def test_of_a_thousand_streams_at_once_each_is_decided_and_others_are_served(host, use, protocol):
    """Nobody has to wait for an end of its own: each stream is answered or reset by the node."""
    result = {}

    async def come_as_a_crowd(*, task_status):
        task_status.started()
        result.update(await use("crowd", protocol=protocol, count=1000, seconds=30))

    async with start_peer("go", None, STRANGERS_KAD) as other:
        await other.ask("dial", addr=host["listen_addrs"][0])
        async with trio.open_nursery() as nursery:
            await nursery.start(come_as_a_crowd)
            for _ in range(5):
                await other.ask("ping", peer_id=host["peer_id"])
    assert result["outcomes"].keys() <= {"answered", "end", "reset", "not opened"}
    if protocol == BARE:
        # Those that found a place are given the time of a negotiation, the others none.
        assert result["early"] == {"reset": 1000 - Limits().streams_per_connection}
        assert result["outcomes"] == {"reset": 1000}
    # What was opened is forgotten again: as many as ever find a place.
    again = await use("crowd", protocol=PING, count=PINGS)
    assert again["outcomes"] == {"answered": PINGS}
