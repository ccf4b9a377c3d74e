import re

from policy_kit import Engine
from source_kit import ROOT

from peertransfer.policy.audience_parser import AUDIENCE_WORDS
from peertransfer.policy.parse import parse_policy

TEXT = (ROOT / "docs" / "policy.md").read_text()


def test_the_examples_are_policies():
    examples = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        Engine(parse_policy(example, "docs/policy.md"))


def test_every_word_for_an_audience_is_explained():
    for word in AUDIENCE_WORDS:
        assert f"`{word}" in TEXT
