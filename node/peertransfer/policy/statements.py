"""What does a rule say about one view, to whom, and whose words hold those of others?

A policy taken apart for ``policy.review``. It decides nothing; what the engine makes of the same words is in
``policy.question``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peertransfer.policy.facts import OPEN_NETWORK
from peertransfer.policy.matching import with_finer
from peertransfer.policy.rules import AudienceKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from peertransfer.policy.rules import AudiencePattern, Policy, Rule

FOR_SERVERS: Final[Mapping[str, frozenset[str]]] = {
    "provide": frozenset(("locator", "addrs", "private_addrs")),
    "lookup": frozenset(("key",)),
}
"""View to the fields that are shown to all the servers of a DHT at once (``question_of_dht``)."""
_OF_OTHERS: Final = frozenset(("locator", "proof", "delivered"))
"""Fields of ``want`` that are about a share of somebody else, which no link of this node opens."""
_SERVER_KINDS: Final = (AudienceKind.ANYONE, AudienceKind.DHT_SERVERS)
_OF_A_NETWORK: Final = (AudienceKind.MEMBERS.value, AudienceKind.DHT_SERVERS.value)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """What one rule shows or hides of one view, as far as it is decided for the same audience."""

    rule: Rule
    place: int
    """Of the rule in its file, from 0."""
    view: str
    fields: frozenset[str]
    """As the rule names them."""
    reach: frozenset[str]
    """The same; where it hides, with all from which one of them can be worked out."""
    hides: bool
    is_for_servers: bool
    """Whether it is about fields that go to all the servers of a DHT at once."""
    words: frozenset[str]
    """The words of ``to`` by which it can show these fields to somebody, or hide them from somebody."""

    @property
    def effect(self) -> Mapping[str, frozenset[str]]:
        """What it says, as a rule has it."""
        return {self.view: self.fields}


def statements_of(rule: Rule, place: int) -> Iterator[Statement]:
    """Yield what a rule says that names any field."""
    for effect, hides in ((rule.show, False), (rule.hide, True)):
        for view, named in effect.items():
            for_servers = named & FOR_SERVERS.get(view, frozenset())
            for fields, is_for_servers in ((for_servers, True), (named - for_servers, False)):
                if fields:
                    reach = with_finer(view, fields) if hides else fields
                    words = frozenset(
                        str(one)
                        for one in rule.to
                        if hides or _can_show(one, view, fields, is_for_servers=is_for_servers)
                    )
                    yield Statement(
                        rule,
                        place,
                        view,
                        fields,
                        reach,
                        hides=hides,
                        is_for_servers=is_for_servers,
                        words=words,
                    )


def _can_show(pattern: AudiencePattern, view: str, fields: frozenset[str], *, is_for_servers: bool) -> bool:
    """Tell whether a rule to ``pattern`` can show somebody such fields."""
    if is_for_servers:
        return pattern.kind in _SERVER_KINDS
    if pattern.kind is AudienceKind.LINK:
        return view != "want" or not fields <= _OF_OTHERS
    return str(pattern) != f"members:{OPEN_NETWORK}"  # the open network has none


class Audiences:
    """Which words of ``to`` speak to everybody to whom another one speaks?"""

    def __init__(self, policy: Policy) -> None:
        self._groups_of: dict[str, list[str]] = {}
        for name, members in policy.groups.items():
            for member in members:
                self._groups_of.setdefault(member, []).append(f"group:{name}")
        self._known: dict[tuple[str, bool], tuple[str, ...]] = {}

    def wider(self, word: str, *, are_servers: bool = False) -> tuple[str, ...]:
        """Return ``word`` and all that hold it, the widest first and ``word`` last.

        Args:
            word: of ``to``.
            are_servers: whether what hides something from the members of a network counts for those who
                serve its DHT: so it does for what goes to all of these at once.
        """
        found = self._known.get((word, are_servers))
        if found is None:
            found = self._known[word, are_servers] = tuple(
                dict.fromkeys(self._wider(word, are_servers=are_servers))
            )
        return found

    def _wider(self, word: str, *, are_servers: bool) -> Iterator[str]:
        kind, _, identity = word.partition(":")
        yield AudienceKind.ANYONE.value
        if kind == AudienceKind.PEER.value:
            yield from self._groups_of.get(identity, ())
        elif kind == AudienceKind.GROUP.value:
            yield from self._groups_of.get(word, ())
        elif kind == AudienceKind.LINK.value:
            yield "link-holders"
        elif kind == AudienceKind.ROLE.value:
            role, _, network = identity.partition("@")
            if network != OPEN_NETWORK:
                yield f"role:{role}"
        elif kind in _OF_A_NETWORK:
            if are_servers and kind == AudienceKind.DHT_SERVERS.value:
                yield from _of_networks(AudienceKind.MEMBERS.value, identity)
            yield from _of_networks(kind, identity)
        yield word


def _of_networks(kind: str, network: str) -> Iterator[str]:
    """Yield the word for any private network, which leaves the open one out, and the one for ``network``."""
    if network != OPEN_NETWORK:
        yield kind
    if network:
        yield f"{kind}:{network}"
