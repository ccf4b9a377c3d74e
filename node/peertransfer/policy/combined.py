"""What do the verdicts on several views say together? For decisions that take more than one of them.

It seals nothing (``policy.engine``) and names no rule (``policy.explain``). Spec: docs/policy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from peertransfer.policy.facts import Asker, ItemFacts
    from peertransfer.policy.matching import RuleIndex
    from peertransfer.policy.question import Question

TO_SERVERS: Final = {"provide": ("locator", "addrs", "private_addrs"), "lookup": ("key",)}
"""Fields that are decided for all the DHT's servers at once."""


def serves(index: RuleIndex, question: Question) -> bool:
    """Tell whether a want for the item can be granted: grant, manifest and openings are all shown."""
    return (
        "proof" in index.verdict("grant", question)
        and "octets" in index.verdict("manifest", question)
        and (
            bool(index.verdict("openings", question).shown) or index.verdicts("openings", question).could_show
        )
    )


def hiding_from_server(index: RuleIndex, question: Question) -> frozenset[str]:
    """Return the names of the rules for which a peer is not used as a DHT server; none: it may be.

    Look-ups and provider records are decided for all servers at once (``TO_SERVERS``), so that one from which
    a rule hides any of them must not be among these. The question is the peer's, of no item.
    """
    return frozenset[str]().union(
        *(
            index.verdict(view, question).hidden.get(name, ())
            for view, names in TO_SERVERS.items()
            for name in names
        )
    )


def hiding_record(index: RuleIndex, asker: Asker, item: ItemFacts, now: int) -> frozenset[str]:
    """Return the names of the rules for which one DHT server is not told that this host provides an item."""
    told = index.verdict("provide", index.of_dht(asker.network_id, now, item)).shown
    hidden = index.verdict("provide", index.of_dht_asker(asker, now, item)).hidden
    return frozenset[str]().union(*(hidden.get(name, ()) for name in TO_SERVERS["provide"] if name in told))
