"""Random policies as a person could write them: every word of the language, and no mistake."""

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.rule_parser import WITH_ENTRIES, WITH_ITEM

LEADING = (
    ("anyone", {"protocols": ("hello",), "refusal": ("code",)}),
    ("link-holders", {"grant": ("proof", "until"), "manifest": ("octets",)}),
    (
        "link-holders",
        {"openings": ("kind", "content", "name", "size", "share_title"), "content": ("octets",)},
    ),
    ("members", {"addresses": ("listen_addrs", "closer_peers"), "provide": ("provider_records",)}),
    ("dht-servers", {"provide": ("locator", "addrs"), "lookup": ("key",)}),
    ("anyone", {"want": ("locator", "proof", "requests", "delivered"), "catalogue": ("title", "link")}),
)
"""What most policies say, more or less: without some of these, hardly anything is ever shown."""
LENGTH = {"openings": {"content", "size", "size_class"}, "content": {"octets"}, "catalogue": {"size"}}
"""All that tells how long a file is: hidden one by one, it would hardly ever be hidden at all."""
VIEWS = tuple(view for view, fields in VIEW_FIELDS.items() if fields)
TIMES = ('"..2020-12-31"', '"2020-01-01.."', '"2020-01-01..2099-12-31", "00:00-24:00"', '"2099-01-01.."')


class PolicyTexts:
    """Writes policies that speak of the peers, networks, links and shares of one node."""

    def __init__(self, random, *, peers, networks, links, cids, labels, globs, media, sizes, ages):
        self._random = random
        self._peers = peers
        self._cids, self._labels = cids, labels
        self._narrowing = [
            [f"path:{one}" for one in globs],
            [f"media:{one}" for one in media],
            [f"{kind}:{one}" for kind in ("smaller", "larger") for one in sizes],
        ]
        self._ages = [f"{kind}:{one}" for kind in ("newer", "older") for one in ages]
        of_networks = [f"{kind}:{one}" for kind in ("members", "dht-servers") for one in networks]
        self._audiences = [
            *("anyone", "anyone", "members", "dht-servers", "link-holders", "link-holders", "role:admin"),
            *("group:friends", "group:all", *of_networks),
            *(f"peer:{one}" for one in peers),
            *(f"link:{one}" for one in links),
        ]

    def write(self):
        """Return a policy that shows a few things."""
        random = self._random
        bodies = [self._leading(to, views) for to, views in LEADING if random.random() < 0.9]
        bodies += [self._rule() for _ in range(random.randint(1, 7))]
        return self._policy(bodies)

    def write_open(self):
        """Return a policy that shows everything but for a few things."""
        shown = "\n".join(f'show.{view} = "*"' for view in VIEWS)
        everybody = f'to = ["anyone", "members", "dht-servers", "link-holders"]\n{shown}'
        narrower = [self._rule(("hide",)) for _ in range(self._random.randint(0, 2))]
        return self._policy([everybody, self._denial(), *narrower])

    def _denial(self):
        """Return a rule that hides fields of all views from everybody; most that others wait for stay shown."""
        lines, together = ['to = ["anyone"]'], LENGTH if self._random.random() < 0.4 else {}
        for view in VIEWS:
            chance = 0.03 if view in {"protocols", "grant", "manifest"} else 0.3
            hidden = {name for name in VIEW_FIELDS[view] if self._random.random() < chance}
            hidden |= together.get(view, set())
            if hidden:
                lines.append(f"hide.{view} = [{_quoted(sorted(hidden))}]")
        return "\n".join(lines if len(lines) > 1 else [*lines, 'hide.agent = "*"'])

    def _policy(self, bodies):
        self._random.shuffle(bodies)
        groups = (
            f'[groups]\nfriends = ["peer:{self._peers[0]}"]\nall = ["group:friends", "peer:{self._peers[1]}"]'
        )
        rules = (f'[[rule]]\nname = "r{place}"\n{body}' for place, body in enumerate(bodies))
        return "\n\n".join(["version = 1", groups, *rules]) + "\n"

    def _leading(self, to, views):
        """Return a rule that says most of the fields, and another one here and there."""
        lines = [f'to = ["{to}"]']
        for view, fields in views.items():
            kept = [name for name in fields if self._random.random() < 0.9] or fields
            more = [name for name in VIEW_FIELDS[view] if name not in fields and self._random.random() < 0.1]
            lines.append(f"show.{view} = [{_quoted([*kept, *more])}]")
        return "\n".join(lines)

    def _rule(self, effects=()):
        random = self._random
        to = random.sample(self._audiences, random.randint(1, 2))
        items, views = self._items()
        lines = [f"to = [{_quoted(to)}]"]
        if items:
            lines.append(f"items = [{_quoted(items)}]")
        effects = effects or random.choice((("show",), ("hide",), ("show", "hide")))
        for effect in effects:
            chosen = random.sample(views, min(len(views), random.randint(1, 3)))
            lines += [f"{effect}.{view} = [{_quoted(self._fields(view))}]" for view in chosen]
        if random.random() < 0.25:
            lines.append(f"when = [{random.choice(TIMES)}]")
        if effects[0] == "show" and random.random() < 0.15:
            lines.append("limit.per_minute = 10000")
        return "\n".join(lines)

    def _items(self):
        """Return words for ``items``, and the views of which a rule with these may speak."""
        random = self._random
        if random.random() < 0.5:
            return [], VIEWS
        words, views = [], WITH_ITEM
        if random.random() < 0.5:
            words.append(
                random.choice(
                    [f"label:{one}" for one in self._labels] + [f"share:{one}" for one in self._cids]
                )
            )
        if random.random() < 0.2:
            words.append(random.choice(self._ages))
        if random.random() < 0.6 or not words:
            words += [random.choice(kind) for kind in random.sample(self._narrowing, random.randint(1, 2))]
            views = WITH_ENTRIES
        if any(word.startswith(("label:", "newer:", "older:")) for word in words):
            views = tuple(view for view in views if view != "want")
        return words, views

    def _fields(self, view):
        random = self._random
        if random.random() < 0.2:
            return ["*"]
        fields = VIEW_FIELDS[view]
        return random.sample(fields, random.randint(1, len(fields)))


def _quoted(words):
    return ", ".join(f'"{word}"' for word in words)
