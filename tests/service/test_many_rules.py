"""A policy of ten thousand rules: what is done with it holds nobody up meanwhile."""

import time
from contextlib import asynccontextmanager

import pytest
import trio
from answering_kit import GETTER
from loop_kit import no_garbage
from node_kit import running

from peertransfer.policy.preset import CLOSED

pytestmark = pytest.mark.swarm

RULES = 9900
MOST_SECONDS = 0.05
"""Processor time of the event loop for one step of one task; to free so many rules takes 0.02 of them."""
MANY = CLOSED + "\n".join(
    f'[[rule]]\nname = "r{n}"\nto = ["link:l{n}"]\nitems = ["path:d{n}/**"]\nshow.openings = ["name"]'
    for n in range(RULES)
)


class Steps(trio.abc.Instrument):
    """Measures the longest step that a task of this thread makes, in processor time."""

    def __init__(self):
        self.longest = 0.0
        self._since = time.thread_time()

    def before_task_step(self, task):
        self._since = time.thread_time()

    def after_task_step(self, task):
        self.longest = max(self.longest, time.thread_time() - self._since)


@asynccontextmanager
async def measured():
    with no_garbage():
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        yield steps
        await trio.lowlevel.checkpoint()  # so that the last step has an end
        trio.lowlevel.remove_instrument(steps)


DONE = {
    "reload": lambda peer, shared: peer.node.policy_reload(),
    "check": lambda peer, shared: peer.node.policy_check(MANY, "policy.toml"),
    "show": lambda peer, shared: peer.node.policy_show(),
    "explain": lambda peer, shared: peer.node.policy_explain(item=shared["manifest_cid"], peer=GETTER),
    "link show": lambda peer, shared: peer.node.link_show(shared["link"]),
}


async def test_ten_thousand_rules_hold_the_loop_up_for_no_longer_than_a_few(tmp_path):
    async with running(tmp_path / "alice") as alice:
        shared = await alice.share({"a": b"x"})
        (alice.path / "policy.toml").write_text(MANY)
        longest = {}
        for name, do in DONE.items():
            async with measured() as steps:
                assert await do(alice, shared)
            longest[name] = steps.longest
        assert len(alice.node._policy.engine.policy.rules) > RULES
        assert max(longest.values()) < MOST_SECONDS, longest


async def test_of_two_readings_at_once_the_later_one_is_in_force(tmp_path):
    async with running(tmp_path / "alice") as alice:
        (alice.path / "policy.toml").write_text(MANY)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alice.node.policy_reload)
            await trio.sleep(0.1)
            (alice.path / "policy.toml").write_text(CLOSED)
            await alice.node.policy_reload()
        assert len(alice.node._policy.engine.policy.rules) < RULES
