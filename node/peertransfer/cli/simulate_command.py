"""``policy simulate``: what would have been shown or hidden in the last 30 days under another policy?

Spec: CLI.md, ``policy simulate``; docs/policy.md, "Trying a policy on the past".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from peertransfer.cli import asking
from peertransfer.cli.frame import ANY_PATH, Command
from peertransfer.cli.output import mapping, note, number, records, say, short, show_document, text, texts
from peertransfer.cli.spans import count_text, moment_text, size_text
from peertransfer.cli.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.cli.frame import Settings

MAX_LISTED: Final = 1000
"""Entries of each list that a node answers with."""
_LISTS: Final = {
    "newly_shown": ("Would have been shown:", "BY"),
    "newly_hidden": ("Would have been hidden:", "BY"),
    "undecided": ("Nobody can tell:", "WHY"),
}
UNKNOWN: Final = {
    "value": "whether there was one",
    "question": "which of the two was asked",
    "link": "which link was proven",
    "time": "at which time of that span",
    "limit": "whether a limit was used up",
    "share": "labels, age and files of a share that is gone",
}
"""What nobody can tell, by ``why``; of ``entries`` there is more to say."""


@click.command("simulate", cls=Command)
@click.argument("file", type=ANY_PATH, metavar="FILE|-")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LISTED),
    metavar="N",
    help="At most N entries of each list, those that happened last.",
)
@click.pass_obj
def policy_simulate(settings: Settings, file: str, limit: int | None) -> None:
    """Say what another policy would have shown or hidden in the last 30 days; nothing changes."""
    written = asking.read_policy(file)
    given = {} if limit is None else {"limit": limit}
    answer = asking.answer(settings, "policy_simulate", text=written, file=file, **given)
    if settings.as_json:
        show_document(answer)
        return
    for sentence in texts(answer, "warnings"):
        note(f"warning: {sentence}")
    counted = count_text(number(answer, "refusals"), "refusal")
    entries = "1 entry" if answer.get("entries") == 1 else f"{text(answer, 'entries')} entries"
    say(f"{entries} and {counted} since {moment_text(number(answer, 'since'))}.")
    if not any(answer.get(name) for name in _LISTS):
        say("Nothing would have been different.")
    for name in _LISTS:
        _show(answer, name)
    if answer.get("erased"):
        say()
        say(f"The content of {text(answer, 'erased')} more was destroyed.")


def _show(answer: Mapping[str, object], name: str) -> None:
    found = records(answer, name)
    if not found:
        return
    heading, last = _LISTS[name]
    say()
    say(heading)
    show_table(
        ("LAST", "WHO", "VIEW", "ITEM", "FIELDS", last, "N"),
        [_row(one, name) for one in found],
        right=("N",),
        loose=("FIELDS", last),
    )
    left_out = number(mapping(answer, "left_out"), name)
    if left_out:
        say(f"{left_out:.0f} more are left out, which happened longer ago.")


def _row(entry: Mapping[str, object], name: str) -> tuple[str, ...]:
    return (
        moment_text(number(entry, "last_at"))[5:],
        short(entry.get("peer_id") or entry.get("audience")),
        text(entry, "view"),
        text(entry, "title") or short(entry.get("item")) or "-",
        _fields(entry),
        _unknown(entry) if name == "undecided" else _by(entry),
        text(entry, "count"),
    )


def _fields(entry: Mapping[str, object]) -> str:
    names = " ".join(texts(entry, "fields"))
    return f"{size_text(number(entry, 'octets'))} ({names})" if entry.get("octets") else names


def _by(entry: Mapping[str, object]) -> str:
    rule = text(entry, "rule") or "no rule shows it"
    return f"{rule} ({text(entry, 'because_of')})" if entry.get("because_of") else rule


def _unknown(entry: Mapping[str, object]) -> str:
    if entry.get("why") == "entries":
        return f"hidden of {text(entry, 'files_hidden')} in {text(entry, 'files')} files"
    return UNKNOWN.get(text(entry, "why"), text(entry, "why"))
