"""What a host says of itself when a peer connects: identify, as far as the policy lets it out."""

import pytest
from answering_kit import GETTER
from dht_kit import NETWORK, run_dht
from ledger_kit import told_entries

from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.policy.preset import CLOSED
from peertransfer.service.host_runtime import AGENT_VERSION, PROTOCOL_VERSION
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.v1 import identify_pb2

pytestmark = pytest.mark.swarm


async def identified(tmp_path, policy):
    """Return what a stranger's identify is answered, and the rows about it."""
    async with run_dht(1, tmp_path, policy=policy) as node:
        runtime = node.host.identify_answer.__self__
        frame = await node.host.identify_answer(GETTER, None)
        reader = FrameReader()
        reader.receive_data(frame.head)
        rows = await told_entries(runtime.door._ledger)
        return identify_pb2.Identify.FromString(reader.next_frame()), {
            row["view"]: row["fields"] for row in rows
        }


async def test_out_of_the_box_nobody_learns_which_program_this_is(tmp_path):
    answer, rows = await identified(tmp_path, CLOSED)
    assert EXCHANGE_PROTOCOL in answer.protocols
    assert not answer.HasField("agent_version")
    assert not answer.HasField("protocol_version")
    assert "agent" not in rows


@pytest.mark.parametrize(
    "shown", [["agent_version"], ["protocol_version"], ["agent_version", "protocol_version"]]
)
async def test_a_rule_can_show_which_program_this_is(tmp_path, shown):
    rule = f'[[rule]]\nname = "agent"\nto = ["members:{NETWORK.network_id}"]\nshow.agent = {shown}\n'
    answer, rows = await identified(tmp_path, CLOSED + rule.replace("'", '"'))
    assert answer.agent_version == (AGENT_VERSION if "agent_version" in shown else "")
    assert answer.protocol_version == (PROTOCOL_VERSION if "protocol_version" in shown else "")
    assert rows["agent"] == shown
