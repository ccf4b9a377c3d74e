"""What stops a peer before a field that the rules show it."""

import policy_kit as kit
import pytest

from peertransfer.disclosure.audience import LinkHolders, Members
from peertransfer.policy.outlook import Outlook, Standing
from peertransfer.policy.preset import CLOSED

PRESET = CLOSED[CLOSED.index("version = 1") + len("version = 1") :].split("[[rule]]\n")[1:-1]
SERVED = Standing(is_served=True, is_listed=True)
HOLDER = kit.asker(Members(kit.NETWORK), LinkHolders("alice"))
ITEM = kit.item(link="alice")
ENTRY = kit.entry(0)


def told(*rules, standing=SERVED, asker=HOLDER):
    rules = [rule.strip() for rule in PRESET] + list(rules)
    return Outlook(kit.policy(*rules)).explain(asker, ITEM, ENTRY, standing=standing, now=kit.NOW)


def shown(found):
    return {name for name, one in found.items() if one.shown}


def test_whoever_holds_a_link_sees_what_the_preset_shows_under_it():
    assert shown(told()) >= {
        *("protocols.hello", "grant.proof", "manifest.octets", "openings.name", "content.octets"),
        *("provide.locator", "provide.addrs", "lookup.key", "want.requests", "addresses.listen_addrs"),
    }


@pytest.mark.parametrize(
    ("rule", "stopped"),
    [
        ("hide.grant = ['proof']", ["grant.until", "manifest.octets", "openings.name", "content.octets"]),
        ("hide.manifest = ['octets']", ["grant.proof", "openings.name", "content.octets"]),
        ("hide.protocols = ['hello']", ["grant.proof", "openings.name", "refusal.code", "want.proof"]),
        ("hide.want = ['requests']", ["want.locator", "want.proof", "want.delivered"]),
        ("hide.want = ['locator']", ["want.requests", "want.proof", "want.delivered"]),
        ("hide.provide = ['locator']", ["provide.addrs", "lookup.key"]),
        ("hide.provide = ['addrs']", ["provide.locator", "lookup.key"]),
        ("hide.addresses = ['*']", ["provide.provider_records"]),
    ],
)
def test_a_hidden_field_hides_what_it_leads_to_and_names_its_rule(rule, stopped):
    found = told(f'name = "stop"\nto = ["peer:{kit.PEER}"]\n' + rule.replace("'", '"'))
    assert [(found[name].shown, found[name].rule) for name in stopped] == [(False, "stop")] * len(stopped)


def test_without_a_link_that_leads_to_it_nothing_of_a_share_is_given():
    found = shown(told(standing=Standing(is_served=False, is_listed=True)))
    assert not {name for name in found if name.startswith(("grant.", "manifest.", "openings.", "content."))}
    assert {"provide.locator", "refusal.code", "want.proof"} <= found


def test_what_no_link_leads_to_is_neither_listed_nor_provided():
    rule = 'to = ["anyone"]\nshow.catalogue = ["title"]'
    assert "catalogue.title" in shown(told(rule))
    found = shown(told(rule, standing=Standing(is_served=False, is_listed=False)))
    assert not {name for name in found if name.startswith("catalogue.")}
    assert {name for name in found if name.startswith("provide.")} == {"provide.provider_records"}


def test_a_link_counts_for_what_is_asked_for_under_it_alone():
    every = "\n".join(f'show.{view} = "*"' for view in ("catalogue", "agent", "addresses", "openings"))
    found = shown(told(f'to = ["link-holders"]\n{every}'))
    assert "openings.mtime" in found
    assert not found & {"catalogue.title", "agent.agent_version", "addresses.observed_addr"}
    found = shown(told('to = ["link-holders"]\nhide.protocols = "*"\nhide.want = "*"'))
    assert {"protocols.hello", "want.locator", "openings.name"} <= found


def test_a_no_under_a_grant_may_be_said_by_other_rules_than_a_no_to_a_want():
    only = 'name = "only"\nto = ["link-holders"]\nshow.refusal = ["code"]'
    assert told(only)["refusal.code"].rule == "anyone-greet-and-ask,only"
    silent = 'name = "silent"\nto = ["link-holders"]\nhide.refusal = ["code"]'
    assert told(silent)["refusal.code"].rule == "anyone-greet-and-ask"


def test_a_peer_from_which_one_address_is_hidden_is_told_the_rest_only_when_it_asks():
    also = 'to = ["dht-servers"]\nshow.provide = ["private_addrs"]'
    hiding = (
        f'name = "not-it"\nto = ["peer:{kit.PEER}"]\nitems = ["share:{kit.CID}"]\nhide.provide = ["addrs"]'
    )
    found = told(also, hiding)
    assert found["provide.private_addrs"].shown
    assert (found["provide.addrs"].shown, found["provide.addrs"].rule) == (False, "not-it")
    assert found["lookup.key"].shown
    silent = f'name = "silent"\nto = ["peer:{kit.PEER}"]\nhide.addresses = "*"'
    assert not [name for name in shown(told(also, hiding, silent)) if name.startswith("provide.")]
