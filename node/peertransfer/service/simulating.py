"""What would have differed in the ledger of the last 30 days under another policy?

The ledger is read page by page, in the order in which things left, and each row is put to the other policy
again; then the refusals. It decides nothing (``policy.simulation``), changes nothing, and holds of a ledger
of any size a page and the entries of its answer. Spec: CLI.md, ``policy simulate``; docs/policy.md, "Trying a
policy on the past".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from peertransfer.disclosure.audience import DhtServers, OnePeer
from peertransfer.errors import NotFoundError
from peertransfer.policy.past import Kind
from peertransfer.policy.reasons import Reason
from peertransfer.policy.simulation import Change, Finding, Findings, Simulator
from peertransfer.service.changes import MAX_LISTED, Changes, Place, Times
from peertransfer.service.past_facts import PastFacts
from peertransfer.service.policy_warnings import checked_policy, warnings_of
from peertransfer.service.replayed_limits import ReplayedLimits
from peertransfer.service.served_shares import ServedShares
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import Cursor, LedgerFilter
from peertransfer.store.refusals import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.policy.rules import Policy
    from peertransfer.policy.simulation import PastAnswer
    from peertransfer.store.database import Database
    from peertransfer.store.ledger_chain import LedgerEntry
    from peertransfer.store.refusals import RefusalEntry

SPAN_SECONDS: Final = 30 * DAY_SECONDS
PAGE: Final = 200
"""Rows that are judged at once: some 10 ms, in which the node does nothing else."""
MAX_CATALOGUES: Final = 1000
"""Peers whose last catalogue is looked at for shares that it did not list."""


async def simulate(
    text: str,
    file: str,
    in_force: Policy | None,
    database: Database,
    *,
    now: int,
    limit: int | None = None,
) -> dict[str, object]:
    """Replay the ledger of the last 30 days against another policy.

    Args:
        text: the policy that is tried.
        file: its name, for errors.
        in_force: the one that holds now; ``None``: it can't be read.
        database: where ledger, shares and links are.
        now: Unix seconds.
        limit: entries of each list, those that happened last; at most ``MAX_LISTED``, which is the default.

    Raises:
        PolicyError: the text is no policy; with file and line, as ``policy check`` says it.
    """
    policy = await checked_policy(text, file)
    warnings = await warnings_of(policy, database)
    facts = await PastFacts.read(database)
    # Sorting the rules of the largest policies takes a while: streams go on meanwhile.
    replay = await trio.to_thread.run_sync(_Replay, policy, in_force, facts, database)
    since = max(0, now - SPAN_SECONDS)
    await replay.disclosures(since)
    await replay.catalogues()
    await replay.refusals(since)
    answer = {"since": since, "until": now, **replay.counts, "warnings": warnings}
    return answer | replay.described(max(1, min(limit or MAX_LISTED, MAX_LISTED)))


class _Replay:
    def __init__(self, policy: Policy, in_force: Policy | None, facts: PastFacts, database: Database) -> None:
        self._limits = ReplayedLimits()
        self._simulator = Simulator(
            policy,
            in_force,
            least_spent=self._limits.least_spent,
            most_spent=self._limits.most_spent,
        )
        self._facts = facts
        self._ledger = Ledger(database)
        self._served = ServedShares(database)
        self._changes = Changes()
        self._listed: OrderedDict[tuple[str, str], tuple[int, dict[str, int]]] = OrderedDict()
        """By network and peer: when the last catalogue went, and until when each share was listed."""
        self.counts = {"entries": 0, "refusals": 0, "erased": 0, "as_in_force": 0}

    # --- what left ---------------------------------------------------------------------------------

    async def disclosures(self, since: int) -> None:
        """Replay what left from ``since`` (Unix seconds) on."""
        asked, cursor = LedgerFilter(since=since), None
        while page := await self._ledger.page(asked, limit=PAGE, cursor=cursor):
            if cursor is None:
                self.counts["erased"] = await self._ledger.count_erased(page[0].index)
            for entry in page:
                await self._disclosure(entry)
            self.counts["entries"] += len(page)
            cursor = Cursor(page[-1].at, page[-1].index)

    async def _disclosure(self, entry: LedgerEntry) -> None:
        limits = self._simulator.limits
        if limits:
            self._limits.advance(limits, entry.at)
        past = self._facts.of_entry(entry, self._simulator)
        findings = await self._judged(past) if past else _nobody_can_tell(entry.view, entry.fields)
        found = findings.found
        if self._limits.charge(limits, entry, findings):
            over = Finding(Change.UNDECIDED, entry.view, ("octets",), Reason(findings.rule, why="limit"))
            found = (*found, over)
        place = Place(entry.network_id, entry.peer_id, entry.audience, entry.item, entry.link)
        for one in found:
            octets = 0 if one.change is Change.NEWLY_SHOWN else entry.octets
            when = Times(entry.at, entry.last_at, entry.count)
            self._changes.add(place, one, when, octets)
        if entry.view == "catalogue":
            self._note_catalogue(entry)

    async def _judged(self, past: PastAnswer) -> Findings:
        findings = self._simulator.recall(past)
        if findings is None and self._simulator.needs_entries(past):
            try:
                share = await self._served.load(past.questions[0][1].item.manifest_cid)
                findings = self._simulator.judge(past, share.entry_facts)
            except NotFoundError:  # it was withdrawn meanwhile
                past = replace(past, is_share_lost=True)
        if findings is None:
            findings = self._simulator.judge(past)
        self.counts["as_in_force"] += findings.as_in_force
        return findings

    # --- what catalogues did not list --------------------------------------------------------------

    def _note_catalogue(self, entry: LedgerEntry) -> None:
        key = (entry.network_id, entry.peer_id)
        _, listed = self._listed.pop(key, (0, {}))
        listed = {item: until for item, until in listed.items() if until >= entry.at}
        self._listed[key] = (entry.at, {**listed, entry.item: entry.last_at})
        if len(self._listed) > MAX_CATALOGUES:
            self._listed.popitem(last=False)

    async def catalogues(self) -> None:
        """Look at the last catalogue of each peer for shares that it did not list."""
        for (network_id, peer_id), (at, listed) in self._listed.items():
            await trio.lowlevel.checkpoint()
            for item, past in self._facts.listed_beside(network_id, peer_id, at, self._simulator):
                if item not in listed:
                    place = Place(network_id, peer_id, str(OnePeer(peer_id)), item, "")
                    for one in (await self._judged(past)).found:
                        self._changes.add(place, one, Times(at, at, 1))

    # --- what was refused --------------------------------------------------------------------------

    async def refusals(self, since: int) -> None:
        """Replay what was refused from ``since`` (Unix seconds) on."""
        for number, entry in enumerate(await self._ledger.refusals(LedgerFilter(since=since)), 1):
            if number % PAGE == 0:
                await trio.lowlevel.checkpoint()
            await self._refusal(entry)
            self.counts["refusals"] = number

    async def _refusal(self, entry: RefusalEntry) -> None:
        past = self._facts.of_refusal(entry, self._simulator)
        if past is None:
            found = _nobody_can_tell(entry.view, ()).found
        else:
            found = (await self._judged(past)).found if past.questions else ()
            if any(one.change is Change.NEWLY_SHOWN and "proof" in one.fields for one in found):
                found += await self._under_new_grant(past)
        audience = OnePeer(entry.peer_id) if entry.peer_id else DhtServers(entry.network_id)
        place = Place(entry.network_id, entry.peer_id, str(audience), entry.item, entry.link or "")
        for one in found:
            self._changes.add(place, one, Times(entry.last_at, entry.last_at, entry.count))

    async def _under_new_grant(self, past: PastAnswer) -> tuple[Finding, ...]:
        """Return what would have been within reach as well."""
        if past.questions[0][1].kind is not Kind.GRANT:
            return ()
        found: list[Finding] = []
        for one in self._facts.under_new_grant(past):
            found += (await self._judged(one)).found
        return tuple(replace(one, reason=replace(one.reason, because_of="grant.proof")) for one in found)

    def described(self, limit: int) -> dict[str, object]:
        """Return the three lists, ready for JSON."""
        titles = {cid: share.title for cid, share in self._facts.shares.items()}
        return self._changes.described(titles, limit)


def _nobody_can_tell(view: str, fields: Sequence[str]) -> Findings:
    """Return what is found of a row that does not say through which of the node's links it went."""
    return Findings((Finding(Change.UNDECIDED, view, tuple(fields), Reason(why="link")),))
