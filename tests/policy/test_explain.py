import policy_kit as kit

from peertransfer.disclosure.audience import LinkHolders
from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.explain import Explainer, Explanation

RULES = (
    'name = "all"\nto = ["anyone"]\nshow.openings = "*"\nshow.content = "*"\nshow.lookup = "*"\nshow.agent = "*"',
    'name = "keys"\nto = ["anyone"]\nitems = ["path:*.key"]\nhide.openings = "*"',
    'name = "quiet"\nto = ["members"]\nhide.lookup = "*"',
    'name = "link"\nto = ["link-holders"]\nshow.want = "*"\nshow.provide = "*"\nshow.grant = "*"',
)


def test_every_field_is_explained():
    told = Explainer(kit.policy(*RULES)).explain(kit.asker(), kit.item(), now=kit.NOW)
    assert set(told) == {f"{view}.{name}" for view, names in VIEW_FIELDS.items() for name in names}
    assert told["agent.agent_version"] == Explanation(shown=True, rule="all")
    assert told["manifest.octets"] == Explanation(shown=False, rule="")
    assert told["lookup.key"] == Explanation(shown=False, rule="quiet")


def test_an_entry_is_explained_by_its_path():
    explainer = Explainer(kit.policy(*RULES))
    told = explainer.explain(kit.asker(), kit.item(), kit.entry(0, "a.key"), now=kit.NOW)
    assert told["openings.name"] == Explanation(shown=False, rule="keys")
    assert told["content.octets"] == Explanation(shown=False, rule="keys")
    assert told["openings.share_title"] == Explanation(shown=True, rule="all")
    told = explainer.explain(kit.asker(), kit.item(), kit.entry(0, "a.txt"), now=kit.NOW)
    assert told["content.octets"] == Explanation(shown=True, rule="all")


def test_a_link_explains_what_is_asked_under_it_and_not_what_we_ask():
    told = Explainer(kit.policy(*RULES)).explain(kit.asker(LinkHolders("l")), kit.item(link="l"), now=kit.NOW)
    assert told["grant.proof"] == Explanation(shown=True, rule="link")
    assert not told["want.proof"].shown
    assert not told["provide.locator"].shown
    assert told["provide.provider_records"].shown
