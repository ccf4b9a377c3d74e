"""What ends a share ends the transfers that run, within a second, and the getter is told so."""

import contextlib
import functools
import random
import signal
import time

import pytest
import trio
from kill_kit import MortalNode, SlowRoad, digests

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

MIB = 1 << 20
SIZE = 24 * MIB
RATE = 4 * MIB
"""Octets a second: the whole takes six."""
BEGUN = 2 * MIB
SECONDS = 1.0
"""From the end to the last octet that the provider counts."""
NO_GRANT = '\n[[rule]]\nname = "nobody"\nto = ["anyone"]\nhide.grant = ["*"]\n'
NO_CONTENT = '\n[[rule]]\nname = "names-only"\nto = ["anyone"]\nhide.content = ["*"]\n'


@contextlib.asynccontextmanager
async def nodes(tmp_path, *names):
    """Run a node for each name."""
    found = [MortalNode(tmp_path / name) for name in names]
    async with contextlib.AsyncExitStack() as stack:
        for one in found:
            await one.must("init", "--accept-privacy")
            await stack.enter_async_context(one.running())
        yield found


@contextlib.asynccontextmanager
async def slow_road(provider):
    """Give a slow road to the provider, and the multiaddr by which it is taken."""
    addr = (await provider.must("status"))["hosts"][0]["listen_addrs"][0]
    road = SlowRoad(int(addr.split("/")[4]), RATE)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(road.serve)
        yield road, f"/ip4/127.0.0.1/tcp/{port}/p2p/{addr.split('/')[-1]}"
        nursery.cancel_scope.cancel()


def shared_file(tmp_path):
    path = tmp_path / "film.bin"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


def bare(link):
    """Return a link without the multiaddrs by which there is a faster road."""
    return link.split("&a=")[0]


async def change_policy(provider, rule):
    policy = provider.path / "policy.toml"
    policy.write_text(policy.read_text() + rule)


async def end_link(provider, answer):
    await provider.must("link", "end", answer["link_name"])


async def unshare(provider, answer):
    await provider.must("unshare", answer["manifest_cid"])


async def reload_policy(provider, answer):
    await change_policy(provider, NO_GRANT)
    await provider.must("policy", "reload")


async def hang_up(provider, answer):
    await change_policy(provider, NO_GRANT)
    provider._process.send_signal(signal.SIGHUP)


async def expire(provider, answer):
    await trio.sleep(max(0, answer["ends_at"] - time.time()))


@pytest.mark.parametrize("end", [end_link, unshare, reload_policy, hang_up, expire])
async def test_what_ends_a_share_ends_its_transfers_within_a_second(tmp_path, end):
    async with nodes(tmp_path, "alice", "bob") as (alice, bob):
        options = ("--expires", "5s") if end is expire else ()
        answer = await alice.must("share", shared_file(tmp_path), *options)
        answer["ends_at"] = time.time() + 5
        outcome = []
        async with slow_road(alice) as (road, addr), trio.open_nursery() as nursery:

            async def get():
                outcome.append(await bob.call("get", "--from", addr, bare(answer["link"]), tmp_path / "got"))

            nursery.start_soon(get)
            await road.until(BEGUN)
            await end(alice, answer)
            await trio.sleep(SECONDS)
            sent = (await alice.must("status"))["octets_sent"]
            await trio.sleep(SECONDS)
            assert (await alice.must("status"))["octets_sent"] == sent < SIZE
        ((code, _, stderr),) = outcome
        assert (code, "no longer shares this" in stderr) == (5, True), stderr
        assert digests(tmp_path / "got") == {}
        assert not (tmp_path / "got").is_file()
        (row,) = [
            one
            for one in (await alice.must("privacy", "ledger", "--item", answer["manifest_cid"]))["entries"]
            if one["view"] == "content"
        ]
        assert (row["octets"], row["count"]) == (sent, 1)


async def test_another_link_of_the_same_share_goes_on(tmp_path):
    async with nodes(tmp_path, "alice", "bob", "carol") as (alice, bob, carol):
        source = shared_file(tmp_path)
        answer = await alice.must("share", source)
        further = await alice.must("link", "create", answer["manifest_cid"], "--for", "carol")
        outcomes = {}
        async with slow_road(alice) as (road, addr), trio.open_nursery() as nursery:

            async def get(name, node, link):
                outcomes[name] = await node.call("get", "--from", addr, bare(link), tmp_path / name)

            nursery.start_soon(functools.partial(get, "bob's", bob, answer["link"]))
            nursery.start_soon(functools.partial(get, "carol's", carol, further["link"]))
            await road.until(2 * BEGUN)
            await end_link(alice, answer)
        assert {name: code for name, (code, _, _) in outcomes.items()} == {"bob's": 5, "carol's": 0}
        assert (tmp_path / "carol's").read_bytes() == source.read_bytes()


async def test_names_without_content_are_listed_and_not_fetched(tmp_path):
    async with nodes(tmp_path, "alice", "bob") as (alice, bob):
        source = tmp_path / "papers"
        source.mkdir()
        (source / "one.txt").write_bytes(b"one")
        await change_policy(alice, NO_CONTENT)
        await alice.must("policy", "reload")
        link = (await alice.must("share", source))["link"]
        (share,) = (await bob.must("ls", link))["shares"]
        assert [entry["path"] for entry in share["entries"]] == ["one.txt"]
        code, _, stderr = await bob.call("get", link, tmp_path / "got")
        assert code == 5, stderr
        assert digests(tmp_path / "got") == {}
