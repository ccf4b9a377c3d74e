"""Somebody outside probes a node by thousands of streams while another node fetches from it."""

import os
from pathlib import Path

import pytest
import trio
from attacker_kit import RawPeer, data, proposal, until
from process_kit import octets

from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.transport.yamux_frames import SYN

pytestmark = pytest.mark.process

STREAMS = 2000


class Target:
    """What a prober needs to know of a node in another process."""

    def __init__(self, status):
        addr = status["hosts"][0]["listen_addrs"][0]
        self.peer_id = addr.rsplit("/", 1)[1]
        self.listen_port = int(addr.split("/")[4])


def memory_mib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def probe_until(is_over, target):
    """Open 2,000 streams of the exchange on one connection after the other; return how many were reset."""
    resets = 0
    while not is_over.is_set():
        peer = await RawPeer.connect(target, seed=os.urandom(32))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.listen)
            for start in range(1, 2 * STREAMS, 200):
                frames = [
                    data(number, proposal(EXCHANGE_PROTOCOL), SYN) for number in range(start, start + 200, 2)
                ]
                await peer.send(*frames)
                await trio.sleep(0.001)
            await until(lambda peer=peer: len(peer.reset) >= STREAMS - 8 or peer.is_over.is_set(), seconds=20)
            nursery.cancel_scope.cancel()
        assert not peer.is_over.is_set()
        resets += len(peer.reset)
        await peer.close()
    return resets


async def test_two_thousand_streams_of_a_prober_do_not_disturb_a_transfer(pair):
    alice, bob = pair
    source = alice.folder / "probed"
    source.write_bytes(octets(96 << 20))
    link = alice.ask("share", source, "--with-addresses")["link"]
    target = Target(alice.ask("status"))
    before = memory_mib(alice.process.pid)
    is_over = trio.Event()
    resets = 0

    async def probe():
        nonlocal resets
        resets = await probe_until(is_over, target)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe)
        await trio.to_thread.run_sync(lambda: bob.ask("get", "-", bob.folder / "here", text=link))
        is_over.set()
    assert (bob.folder / "here").read_bytes() == source.read_bytes()
    assert resets >= STREAMS - 8
    status = alice.ask("status")
    assert status["limits"]["streams_per_connection"]["reached"] >= STREAMS - 32
    assert status["connection_ends"]["crashed"] == 0
    assert status["buffers"]["windows"] < 32 << 20
    assert memory_mib(alice.process.pid) - before < 64
