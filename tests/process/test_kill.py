"""A transfer survives what nobody is told of: its node's SIGKILL, again and again."""

import functools
import random

import pytest
import trio
from kill_kit import MortalNode, SlowRoad, digests, partial_folders

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

MIB = 1 << 20
LARGE_COUNT = 3
LARGE = 140 * MIB
MIDDLE_COUNT = 6
MIDDLE = 3 * MIB + 1
SMALL_COUNT = 12
KILL_COUNT = 20
COST_OF_A_KILL = 16 * MIB
"""Octets that may be sent again for each kill: what was not synced, and what was on its way."""
RATE = 64 * MIB
"""Octets a second: a kill must be able to hit the middle."""
REACH = (18 * MIB, 25 * MIB)
"""A kill comes after so many more octets: more than it may cost, and 20 of them less than the whole."""


def make_source(folder):
    (folder / "below").mkdir(parents=True)
    octets = random.Random(7)
    for index in range(LARGE_COUNT):
        with (folder / f"large-{index}").open("wb") as file:
            for _ in range(LARGE // MIB):
                file.write(octets.randbytes(MIB))
    for index in range(MIDDLE_COUNT):
        (folder / "below" / f"middle-{index}").write_bytes(octets.randbytes(MIDDLE))
    for index in range(SMALL_COUNT):
        (folder / "below" / f"small-{index}").write_bytes(octets.randbytes(index * 3_000))
    return folder


async def test_twenty_kills_cost_no_more_than_their_share_and_leave_nothing_half_under_its_name(tmp_path):
    alice, bob = MortalNode(tmp_path / "alice"), MortalNode(tmp_path / "bob")
    source = make_source(tmp_path / "source")
    wanted, dest = digests(source), tmp_path / "received"
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    moments = random.Random(20)
    whole_counts = []
    for one in (alice, bob):
        await one.must("init", "--accept-privacy")
    async with alice.running(), bob.running(), trio.open_nursery() as nursery:
        link = (await alice.must("share", source))["link"]
        addr = (await alice.must("status"))["hosts"][0]["listen_addrs"][0]
        port, peer_id = addr.split("/")[4], addr.split("/")[-1]
        road = SlowRoad(int(port), RATE)
        road_port = await nursery.start(road.serve)
        get = functools.partial(
            bob.call, "get", "--from", f"/ip4/127.0.0.1/tcp/{road_port}/p2p/{peer_id}", link, dest
        )
        for kill in range(KILL_COUNT):
            await killed_get(bob, get, road, road.octets + moments.randrange(*REACH))
            there = digests(dest)
            assert there.items() <= wanted.items(), f"kill {kill}: {there.keys()} are not what was shared"
            assert partial_folders(tmp_path), f"kill {kill} did not hit the middle"
            whole_counts.append(len(there))
            await bob.start()
        road.octets_a_second = 1 << 40
        code, got, stderr = await get()
        assert code == 0, stderr
        sent = (await alice.must("status"))["octets_sent"]
        nursery.cancel_scope.cancel()
    assert digests(dest) == wanted
    assert partial_folders(tmp_path) == []
    assert len(set(whole_counts)) > 1, "files must become whole between the kills"
    assert got["octets_reused"] >= KILL_COUNT * (REACH[0] - COST_OF_A_KILL)
    assert size <= sent <= size + KILL_COUNT * COST_OF_A_KILL


async def killed_get(node, get, road, octets):
    """Begin a ``get`` and kill the node once ``octets`` have come; the command has to tell."""
    codes = []

    async def run():
        codes.append((await get())[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        with trio.fail_after(30):
            await road.until(octets)
        await node.kill()
    assert codes != [0], "the transfer ended before it was killed"
