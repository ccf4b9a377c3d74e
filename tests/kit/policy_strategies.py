"""Random policies, askers, items and entries, for what holds of all of them."""

from dataclasses import replace

import policy_kit as kit
from hypothesis import strategies as st

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import DhtServers, LinkHolders, Members
from peertransfer.policy.budget import Limit, Spent
from peertransfer.policy.facts import Asker
from peertransfer.policy.globs import PathGlob
from peertransfer.policy.items import ItemPattern, Span
from peertransfer.policy.rules import AudienceKind, AudiencePattern, Policy, Rule
from peertransfer.policy.when import Dates, Hours, When, parse_when

HOUR = 3600
DAY = 24 * HOUR

patterns = st.sampled_from(
    [
        AudiencePattern(kind, identity)
        for kind, identity in [
            (AudienceKind.ANYONE, ""),
            (AudienceKind.PEER, kit.PEER),
            (AudienceKind.PEER, kit.OTHER),
            (AudienceKind.GROUP, "friends"),
            (AudienceKind.GROUP, "others"),
            (AudienceKind.MEMBERS, ""),
            (AudienceKind.MEMBERS, "net1"),
            (AudienceKind.MEMBERS, "net2"),
            (AudienceKind.ROLE, "admin"),
            (AudienceKind.ROLE, "admin@net1"),
            (AudienceKind.ROLE, "admin@net2"),
            (AudienceKind.DHT_SERVERS, ""),
            (AudienceKind.DHT_SERVERS, "net1"),
            (AudienceKind.LINK, ""),
            (AudienceKind.LINK, "alice"),
            (AudienceKind.LINK, "bob"),
        ]
    ]
)
GROUPS = {"friends": frozenset({kit.PEER}), "others": frozenset({kit.OTHER})}
names = st.frozensets(st.sampled_from(["public", "secret"]), max_size=1)


def globs_of(*texts):
    return st.lists(st.sampled_from(texts).map(PathGlob), max_size=2).map(tuple)


def spans(least, end):
    return st.just(Span()) | st.builds(Span, st.sampled_from([0, least]), st.sampled_from([None, end]))


item_patterns = st.just(ItemPattern()) | st.builds(
    ItemPattern,
    st.frozensets(st.sampled_from(["bafya", "bafyb"]), max_size=1),
    names,
    globs_of("docs/**", "*.key", "docs", "**"),
    globs_of("image/*", "text/plain"),
    spans(10, 1000),
    spans(HOUR, 2 * DAY),
)


def when_of(*words):
    spans = [parse_when(word) for word in words]
    return When(
        words,
        tuple(one for one in spans if isinstance(one, Dates)),
        tuple(one for one in spans if isinstance(one, Hours)),
    )


times = st.just(When()) | st.lists(
    st.sampled_from(["1970-01-12..1970-01-12", "1970-02-01..", "mon-fri 12:00-18:00", "08:00-09:00 +02:00"]),
    min_size=1,
    max_size=3,
).map(lambda words: when_of(*words))
limits = st.just(Limit()) | st.builds(
    Limit, *(st.none() | st.integers(1, 3) for _ in ("per_minute", "octets_per_day", "items_per_day"))
)
spent = st.builds(
    Spent,
    st.integers(0, 3),
    st.integers(0, 3),
    st.frozensets(st.sampled_from(["bafya", "bafyb", "bafyc"])),
    st.booleans(),
)
books = st.dictionaries(st.sampled_from([f"r{number}" for number in range(6)]), spent, max_size=6)
"""What was used of each rule, whoever asks."""


def spent_by(book):
    """Hand a book to an engine."""
    return lambda rule, network_id, peer_id, now: book.get(rule, Spent())


@st.composite
def effects(draw):
    views = draw(
        st.lists(st.sampled_from([one for one in v.VIEWS if v.VIEW_FIELDS[one]]), unique=True, max_size=6)
    )
    return {one: draw(st.frozensets(st.sampled_from(v.VIEW_FIELDS[one]), min_size=1)) for one in views}


@st.composite
def policies(draw, max_size=6):
    rule = st.tuples(
        st.lists(patterns, min_size=1, max_size=3), item_patterns, effects(), effects(), times, limits
    )
    rules = (
        Rule(f"r{place}", tuple(to), items, show, hide, when, limit)
        for place, (to, items, show, hide, when, limit) in enumerate(draw(st.lists(rule, max_size=max_size)))
    )
    return Policy(tuple(rules), groups=GROUPS)


FIELDS = {
    "openings": ("content", "name", "extension", "mtime_day", "mtime_month", "share_title"),
    "content": ("octets",),
    "provide": ("locator", "addrs", "private_addrs", "provider_records"),
    "lookup": ("key",),
    "want": ("locator", "proof", "requests", "delivered"),
    "grant": ("proof", "until"),
    "statistics": (),
}
"""Views of every kind, and few fields of them, so that rules meet."""


def mostly(usual, other):
    return st.integers(0, 3).flatmap(lambda number: usual if number else other)


@st.composite
def alike_effects(draw):
    views = draw(st.lists(st.sampled_from(list(FIELDS)), unique=True, min_size=1, max_size=3))
    few = {one: st.frozensets(st.sampled_from(FIELDS[one] or ("",))) for one in views}
    every = {one: st.just(frozenset(FIELDS[one])) for one in views}
    return {one: draw(mostly(every[one], few[one])) & frozenset(FIELDS[one]) for one in views}


alike_patterns = patterns | st.sampled_from(
    [AudiencePattern(kind, "open") for kind in (AudienceKind.MEMBERS, AudienceKind.DHT_SERVERS)]
)
some_items = st.builds(
    ItemPattern,
    st.frozensets(st.sampled_from(["bafya", "bafyb"])),
    st.frozensets(st.sampled_from(["public", "secret"])),
    mostly(st.just(()), globs_of("docs/**", "*.key", "docs", "**", "docs/*.key", "docs/b.key", "*")),
    mostly(st.just(()), globs_of("image/*", "image/png", "*/*")),
    mostly(st.just(Span()), st.builds(Span, st.sampled_from([0, 10]), st.sampled_from([None, 1000, 2000]))),
    mostly(
        st.just(Span()),
        st.builds(Span, st.sampled_from([0, HOUR]), st.sampled_from([None, 2 * DAY, 4 * DAY])),
    ),
)
some_times = st.lists(
    st.sampled_from(
        [
            "1970-01-11..1970-01-11",
            "1970-01-12..",
            "1970-01-12..1970-01-13",
            "mon-fri 12:00-18:00",
            "mon",
            "fri",
        ]
    ),
    min_size=1,
    max_size=2,
).map(lambda words: when_of(*words))
alike_groups = st.sampled_from(
    [
        GROUPS,
        {
            "friends": frozenset({kit.PEER, "group:friends"}),
            "others": frozenset({kit.PEER, "group:friends", "group:others"}),
        },
    ]
)


@st.composite
def alike_policies(draw):
    """Policies whose rules differ from the first in little, so that many contradict or hold each other."""
    sides = {
        "to": st.lists(alike_patterns, min_size=1, max_size=2).map(tuple),
        "items": st.just(ItemPattern()) | some_items,
        "show": alike_effects(),
        "hide": mostly(st.just({}), alike_effects()),
        "when": mostly(st.just(When()), some_times),
        "limit": mostly(st.just(Limit()), limits),
    }
    first = {name: draw(side) for name, side in sides.items()}
    rules = [Rule("r0", **first)]
    for place in range(1, draw(st.integers(2, 5))):
        changed = draw(st.lists(st.sampled_from(list(sides)), unique=True, max_size=2))
        rule = Rule(f"r{place}", **first | {name: draw(sides[name]) for name in changed})
        rules.append(replace(rule, show={}, hide=first["show"]) if draw(st.booleans()) else rule)
    return Policy(tuple(rules), groups=draw(alike_groups))


audiences = st.lists(
    st.sampled_from(
        [
            Members("net1"),
            Members("net2"),
            Members("open"),
            DhtServers("net1"),
            DhtServers("open"),
            LinkHolders("alice"),
            LinkHolders("bob"),
        ]
    ),
    max_size=4,
)
askers = st.builds(
    lambda proven, network, roles: Asker(network, kit.PEER, frozenset(proven), roles),
    audiences,
    st.sampled_from(["net1", "open"]),
    st.frozensets(st.sampled_from(["admin", "guest"])),
)
items = st.builds(
    kit.item,
    st.sampled_from(["bafya", "bafyb"]),
    names.map(tuple),
    st.sampled_from(["", "alice", "bob"]),
    st.sampled_from([0, kit.NOW, kit.NOW + 1]),
    st.sampled_from([0, kit.NOW - 1, kit.NOW - DAY, kit.NOW - 3 * DAY]),
)
entries = st.lists(
    st.tuples(
        st.sampled_from(["docs/a", "docs/b.key", "c", "x/docs/d"]),
        names.map(tuple),
        st.sampled_from(["", "image/png", "text/plain"]),
        st.sampled_from([None, 0, 10, 999, 1000]),
    ),
    max_size=5,
).map(lambda found: [kit.entry(index, *facts) for index, facts in enumerate(found)])
