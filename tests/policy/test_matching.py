"""What is kept of former decisions changes none."""

import policy_kit as kit

from peertransfer.disclosure.audience import LinkHolders
from peertransfer.policy import matching
from peertransfer.policy.matching import RuleIndex


def test_what_is_kept_of_former_decisions_is_bounded_and_changes_none(monkeypatch):
    monkeypatch.setattr(matching, "MAX_VERDICTS", 3)
    index = RuleIndex(
        kit.policy(*(f'to = ["link:l{number}"]\nshow.agent = ["agent_version"]' for number in range(9)))
    )
    for _ in range(2):
        for number in range(9):
            question = index.of_peer(kit.asker(LinkHolders(f"l{number}")), kit.NOW)
            assert index.verdict("agent", question).shown == {"agent_version": {f"r{number}"}}
            assert index.verdict("addresses", question).shown == {}
            assert len(index._verdicts) <= 3


def test_a_decision_looks_at_no_rule_of_another_audience_share_or_label():
    rules = [
        f'to = ["{to}"]\nitems = ["{items}"]\nshow.manifest = ["octets"]\nwhen = ["00:00-24:00"]'
        for to in ("members", "peer:12D3xther", "anyone")
        for items in ("share:bafya", "share:bafyb", "label:x", "label:y")
    ]
    index = RuleIndex(kit.policy(*rules))
    question = index.of_peer(kit.asker(), kit.NOW, kit.item("bafya", ("x",)))
    assert index.verdict("manifest", question).shown == {"octets": {"r8", "r10"}}
    (shelf,) = index._shelves("manifest", question)
    assert len(shelf.selected(question.item)) == 2
