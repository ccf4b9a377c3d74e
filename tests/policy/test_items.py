"""What the words of ``items`` choose."""

import policy_kit as kit
import pytest

from peertransfer.disclosure.audience import LinkHolders
from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.items import Span

DAY = 86_400


def sees(engine, entry, item=None):
    made = kit.decide_openings(engine, kit.asker(), item or kit.item(), [entry])
    return not isinstance(made, Denied) and bool(kit.opened(made.view.entries[0].slots))


def showing(*words):
    return kit.engine(f'to = ["anyone"]\nitems = {list(words)}\nshow.openings = ["name"]')


def hiding(*words):
    return kit.engine(
        'to = ["anyone"]\nshow.openings = ["name"]',
        f'to = ["anyone"]\nitems = {list(words)}\nhide.openings = ["name"]',
    )


@pytest.mark.parametrize(
    ("words", "entry", "is_meant"),
    [
        (["media:image/*"], {"media_type": "image/png"}, True),
        (["media:image/*"], {"media_type": "IMAGE/PNG"}, True),
        (["media:Image/PNG"], {"media_type": "image/png"}, True),
        (["media:image/*"], {"media_type": "text/plain"}, False),
        (["media:*/*+xml"], {"media_type": "image/svg+xml"}, True),
        (["media:image/*", "media:text/plain"], {"media_type": "text/plain"}, True),
        (["smaller:1KiB"], {"size": 1023}, True),
        (["smaller:1KiB"], {"size": 1024}, False),
        (["larger:1KiB"], {"size": 1024}, True),
        (["larger:1KiB"], {"size": 1023}, False),
        (["larger:1B"], {"size": 0}, False),
        (["larger:1KiB", "smaller:2KiB"], {"size": 1500}, True),
        (["larger:1KiB", "smaller:2KiB"], {"size": 2048}, False),
        (["smaller:1KiB", "smaller:2KiB"], {"size": 1500}, True),
        (["larger:1KiB", "larger:2KiB"], {"size": 1500}, True),
        (["path:docs/**", "media:image/*"], {"path": "docs/a", "media_type": "image/png"}, True),
        (["path:docs/**", "media:image/*"], {"path": "a", "media_type": "image/png"}, False),
        (["path:docs/**", "media:image/*"], {"path": "docs/a", "media_type": "text/x"}, False),
    ],
)
def test_words_of_one_kind_are_alternatives_and_kinds_narrow_each_other(words, entry, is_meant):
    entry = kit.entry(0, **entry)
    assert sees(showing(*words), entry) is is_meant
    assert sees(hiding(*words), entry) is not is_meant


@pytest.mark.parametrize("word", ["media:image/*", "media:*/*", "smaller:1KiB", "larger:1KiB"])
def test_what_is_not_known_never_shows_and_always_hides(word):
    assert not sees(showing(word), kit.entry(0))
    assert not sees(hiding(word), kit.entry(0))


@pytest.mark.parametrize(
    ("word", "age", "is_meant"),
    [
        ("newer:1d", 0, True),
        ("newer:1d", DAY - 1, True),
        ("newer:1d", DAY, False),
        ("older:24h", DAY, True),
        ("older:24h", DAY - 1, False),
        ("newer:1d", -5, True),
    ],
)
def test_an_age_is_counted_from_when_the_share_was_made(word, age, is_meant):
    item = kit.item(created_at=kit.NOW - age)
    assert sees(showing(word), kit.entry(0), item) is is_meant
    assert sees(hiding(word), kit.entry(0), item) is not is_meant


@pytest.mark.parametrize("word", ["newer:1d", "older:1d"])
def test_an_age_that_is_not_known_never_shows_and_always_hides(word):
    assert not sees(showing(word), kit.entry(0))
    assert not sees(hiding(word), kit.entry(0))


def test_a_share_grows_out_of_a_rule():
    engine = kit.engine('to = ["anyone"]\nitems = ["newer:1d"]\nshow.manifest = ["octets"]')
    item = kit.item(created_at=kit.NOW)
    assert not isinstance(engine.manifest(kit.asker(), item, octets=b"m", now=kit.NOW), Denied)
    assert isinstance(engine.manifest(kit.asker(), item, octets=b"m", now=kit.NOW + DAY), Denied)


def test_what_leads_to_entries_is_of_the_share_as_a_whole():
    engine = kit.engine(
        'to = ["link:l"]\nitems = ["media:image/*", "smaller:1KiB"]\nshow.grant = ["*"]\nshow.manifest = ["*"]\n'
        'show.openings = ["*"]\nshow.content = ["*"]'
    )
    asker, item = kit.asker(LinkHolders("l")), kit.item(link="l")
    facts = [
        kit.entry(0, "a.png", (), "image/png", 10),
        kit.entry(1, "b.png", (), "image/png", 2000),
        kit.entry(2, "c", (), "", 10),
    ]
    assert engine.may_serve(asker, item, kit.NOW)
    assert engine.content(asker, item, facts, now=kit.NOW).view.entries == {0}
    opened = kit.decide_openings(engine, asker, item, facts).view
    assert [bool(kit.opened(one.slots)) for one in opened.entries] == [True, False, False]
    assert not kit.opened(opened.share.slots)


def test_a_span_without_bounds_holds_what_is_not_known():
    assert Span().holds(None, widely=False)
    assert not Span(1).holds(None, widely=False)
    assert Span(1).holds(None, widely=True)
    assert Span(3, 3).is_empty
    assert not Span(3).is_empty


def test_roles_are_those_of_the_network_where_they_were_proven():
    engine = kit.engine(
        'to = ["role:admin"]\nshow.agent = ["agent_version"]',
        'to = ["role:admin@net1"]\nshow.agent = ["protocol_version"]',
        'to = ["role:guest"]\nhide.agent = ["*"]',
    )

    def fields(network, *roles):
        asker = type(kit.asker())(network, kit.PEER, frozenset(), frozenset(roles))
        made = engine.agent(asker, agent_version="a", protocol_version="p", now=1)
        return set() if isinstance(made, Denied) else set(made.record.fields)

    assert fields("net1", "admin") == {"agent_version", "protocol_version"}
    assert fields("net2", "admin") == {"agent_version"}
    assert fields("net1") == set()
    assert fields("net1", "admin", "guest") == set()
    assert fields("open", "admin") == set()
