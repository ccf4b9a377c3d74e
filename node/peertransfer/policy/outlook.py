"""What would this peer get to see in the end, once it did all that it can?

The rules on one field say what is shown of it (``policy.explain``); here stands what must go before: the
hello before the want, the grant before the manifest, the locator beside the addresses. It seals nothing and
knows no limit. Spec: CLI.md, ``policy explain``; docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from peertransfer.disclosure.audience import LinkHolders
from peertransfer.policy.combined import TO_SERVERS, hiding_from_server, hiding_record, serves
from peertransfer.policy.explain import Explainer, Explanation, explained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
    from peertransfer.policy.rules import Policy

_OF_LINK: Final = ("manifest", "openings", "content", "grant")
"""Views that a peer gets under a link alone."""
_AFTER_HELLO: Final = (*_OF_LINK, "want", "catalogue", "refusal")
_NEEDS: Final = (
    ("want.locator", "want.proof"),
    ("want.locator", "want.requests"),
    ("want.proof", "want.locator"),
    ("want.requests", "want.locator"),
    ("want.delivered", "want.locator"),
)
"""Fields that go only where another one does."""
_ADDRESSES: Final = ("listen_addrs", "observed_addr", "closer_peers", "private_addrs")
_RECORD: Final = ("addrs", "private_addrs")
_NO_RULE: Final = Explanation(shown=False, rule="")

Found = dict[str, Explanation]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a peer stands to a share, besides what the rules say."""

    is_served: bool
    """Whether it holds a link that leads to the share now."""
    is_listed: bool
    """Whether any link leads to the share now, in the network in which the peer asks."""


class Outlook:
    """What peers would get to see under one policy."""

    def __init__(self, policy: Policy) -> None:
        self._explainer = Explainer(policy)
        self._index = self._explainer.index

    def explain(
        self, asker: Asker, item: ItemFacts, entry: EntryFacts | None = None, *, standing: Standing, now: int
    ) -> Found:
        """Return every field, as ``view.field``, of an item or of one entry of it, at ``now`` (Unix seconds).

        A field that the rules show and that the peer does not get as far as is hidden by the rules that stop
        it before. Otherwise as ``Explainer.explain``.

        Args:
            asker: who asks, and what it has proven, a link among it.
            item: the share, with the link under which it is asked for.
            entry: of the share; ``None``: the share as a whole.
            standing: what leads the peer to the share.
            now: Unix seconds.
        """
        # A link counts once it is proven, and for what is asked for under it: for nothing else.
        alone = replace(asker, audiences=frozenset(one for one in asker.audiences if not _is_link(one)))
        found = self._explainer.explain(alone, replace(item, link_id=""), entry, now=now)
        under = self._explainer.explain(asker, item, entry, now=now)
        found |= {name: one for name, one in under.items() if _view(name) in _OF_LINK}
        if not standing.is_listed:
            _hide(found, ("catalogue",), _NO_RULE)
        self._stop_want(found, asker, item, standing, now)
        if found["grant.proof"].shown:
            found["refusal.code"] = _either(found["refusal.code"], under["refusal.code"])
        self._stop_discovery(found, alone, item, standing, now)
        for name, needed in _NEEDS:
            _need(found, name, found[needed])
        if not found["protocols.hello"].shown:
            _hide(found, _AFTER_HELLO, found["protocols.hello"])
        return found

    def _stop_want(self, found: Found, asker: Asker, item: ItemFacts, standing: Standing, now: int) -> None:
        """Hide what is behind a want that is refused."""
        if not standing.is_served:
            _hide(found, _OF_LINK, _NO_RULE)
        elif not serves(self._index, self._index.of_peer(asker, now, item)):
            missing = (one for one in (found["grant.proof"], found["manifest.octets"]) if not one.shown)
            _hide(found, _OF_LINK, next(missing, _NO_RULE))

    def _stop_discovery(
        self, found: Found, asker: Asker, item: ItemFacts, standing: Standing, now: int
    ) -> None:
        """Hide what a peer is neither told as a server of the DHT nor answered as one that asks."""
        index = self._index
        not_server = ",".join(sorted(hiding_from_server(index, index.of_peer(asker, now))))
        _need(found, "lookup.key", Explanation(not not_server, not_server))
        is_answered = any(found[f"addresses.{name}"].shown for name in _ADDRESSES)
        verdict = index.verdict("provide", index.of_dht_asker(asker, now, item))
        for name in TO_SERVERS["provide"]:
            found[f"provide.{name}"] = explained(verdict, name)
        is_told = not not_server and not hiding_record(index, asker, item, now)
        if not standing.is_listed or not (is_answered or is_told):
            why = Explanation(shown=False, rule=not_server or found["addresses.closer_peers"].rule)
            _hide(found, ("provide",), why if standing.is_listed else _NO_RULE, but=("provider_records",))
        if not is_answered:
            _need(found, "provide.provider_records", found["addresses.closer_peers"])
        _need_any(found, "provide.locator", [f"provide.{name}" for name in _RECORD])
        for name in _RECORD:
            _need(found, f"provide.{name}", found["provide.locator"])


def _is_link(audience: object) -> bool:
    return isinstance(audience, LinkHolders)


def _view(name: str) -> str:
    return name.partition(".")[0]


def _need(found: Found, name: str, needed: Explanation) -> None:
    """Hide a field where what it needs is hidden, by the same rules."""
    if found[name].shown and not needed.shown:
        found[name] = Explanation(shown=False, rule=needed.rule)


def _need_any(found: Found, name: str, needed: list[str]) -> None:
    if not any(found[one].shown for one in needed):
        _need(found, name, found[needed[0]])


def _either(some: Explanation, other: Explanation) -> Explanation:
    """Return what is explained of a field that goes out on two occasions."""
    shown = [one for one in (some, other) if one.shown]
    names = {name for one in shown for name in one.rule.split(",")}
    return Explanation(shown=True, rule=",".join(sorted(names))) if shown else some


def _hide(found: Found, views: Iterable[str], why: Explanation, but: Iterable[str] = ()) -> None:
    """Hide whatever is shown of some views, for what hides ``why``."""
    for name in found:
        view, _, field = name.partition(".")
        if view in views and field not in but:
            _need(found, name, Explanation(shown=False, rule=why.rule))
