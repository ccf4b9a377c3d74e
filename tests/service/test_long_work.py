"""What takes long is done beside the event loop, by CPU time of its thread, whatever else the machine does."""

import contextlib

import node_kit
import pytest
from loop_kit import no_garbage, turns_within

from peertransfer.policy.parse import MAX_RULES
from peertransfer.store.home import open_home

pytestmark = pytest.mark.swarm

RULE = '\n[[rule]]\nname = "r{0}"\nto = ["link:l{0}"]\nshow.grant = ["proof"]\n'


@contextlib.asynccontextmanager
async def steps_within(seconds):
    """Have no step of the loop take more of this thread's time; what garbage costs is not counted here."""
    with no_garbage():
        async with turns_within(seconds):
            yield


async def test_a_policy_of_ten_thousand_rules(tmp_path):
    async with node_kit.running(tmp_path / "giver") as giver:
        path = open_home(giver.path).policy_path
        there = path.read_text().splitlines().count("[[rule]]")
        path.write_text(path.read_text() + "".join(map(RULE.format, range(MAX_RULES - there))))
        async with steps_within(0.1):
            assert (await giver.node.policy_reload())["rules"] == MAX_RULES
            assert (await giver.node.policy_check(text=path.read_text(), file="p"))["valid"]
