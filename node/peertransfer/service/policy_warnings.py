"""What should a person know of a valid policy before, or after, it comes into force?

Comparing rules takes seconds for the largest policies. That is done in a thread, also where a node runs, so
that its streams go on meanwhile; and a reload takes the policy into force before it.
Spec: CLI.md, ``policy check``; docs/policy.md, "Warnings".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from peertransfer.policy.describe import describe
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.review import review
from peertransfer.service.facts import wall_clock
from peertransfer.service.policy_names import check_ids, unknown_names

if TYPE_CHECKING:
    from peertransfer.policy.rules import Policy
    from peertransfer.store.database import Database

MAX_WARNINGS: Final = 200
"""Sentences of one answer; a person reads a few, and their causes are few."""


async def check_policy(text: str, file: str, database: Database) -> dict[str, object]:
    """Return what ``policy check`` tells.

    Raises:
        PolicyError: with file and line.
    """
    policy = await checked_policy(text, file)
    described = await trio.to_thread.run_sync(describe, policy)
    return {"valid": True, **described, "warnings": await warnings_of(policy, database)}


async def checked_policy(text: str, file: str) -> Policy:
    """Return the policy that a text is; the largest takes a second, off the event loop.

    Raises:
        PolicyError: it is none; with file and line.
    """

    def read() -> Policy:
        policy = parse_policy(text, file)
        check_ids(policy)
        return policy

    return await trio.to_thread.run_sync(read)


async def warnings_of(policy: Policy, database: Database) -> list[str]:
    """Return what is strange in a valid policy, in sentences, in the order of the file."""
    now = wall_clock()
    reviewed = await trio.to_thread.run_sync(review, policy, now)
    found = [(one.rule.line, str(one)) for one in reviewed.findings]
    found += await unknown_names(policy, database, now, MAX_WARNINGS + 1)
    found.sort(key=lambda one: one[0])
    sentences = [sentence for _, sentence in found[:MAX_WARNINGS]]
    if len(found) > MAX_WARNINGS:
        sentences.append("There are more warnings. Mend these first.")
    if not reviewed.is_complete:
        sentences.append(
            "The rules are too many and too much alike to compare each with all others. Merge some."
        )
    return sentences
