"""``privacy ledger``: who learned what, when, by which rule, and is that still what was written?

Spec: CLI.md, ``privacy ledger``; docs/ledger.md.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, TypeAlias

import click

from peertransfer.cli import asking
from peertransfer.cli.frame import Command
from peertransfer.cli.output import note, number, records, say, short, show_document, show_text, text, texts
from peertransfer.cli.spans import moment_text, parse_moment, size_text
from peertransfer.cli.tables import show_facts, show_table
from peertransfer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from peertransfer.cli.frame import Settings

Page: TypeAlias = "list[Mapping[str, object]]"
NOT_VERIFIED = 4
"""Exit code: content did not verify."""


@click.command("ledger", cls=Command)
@click.option("--peer", metavar="PEER", help="Only what this peer learned.")
@click.option("--item", metavar="CID", help="Only what was learned about this share.")
@click.option("--link", metavar="NAME", help="Only what went through the link of this name.")
@click.option("--since", metavar="WHEN", help="Only from then on: 12h, 7d, or a date.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N of these.")
@click.option("--refusals", is_flag=True, help="What was asked in vain, day by day, instead.")
@click.option("--verify", is_flag=True, help="Check that no entry was changed since it was written.")
@click.option("--head", metavar="HEAD", help="With --verify: and that this earlier head is still there.")
@click.pass_obj
def privacy_ledger(settings: Settings, /, **given: object) -> None:
    """Show who learned what, when, and by which rule, the oldest first."""
    if given.pop("verify"):
        _verify(settings, given)
    elif given.pop("head") is not None:
        raise UsageError("--head is for --verify", "Add --verify.")
    else:
        _show(settings, given)


def _show(settings: Settings, given: dict[str, object]) -> None:
    from peertransfer.control import inputs

    limit, refusals = given.pop("limit"), given.pop("refusals")
    for name, check in (("peer", inputs.check_peer), ("item", inputs.check_cid)):
        if given[name] is not None:
            given[name] = check(str(given[name]))
    if given["since"] is not None:
        given["since"] = parse_moment(str(given["since"]), int(time.time()))
    if refusals:
        answer = asking.answer(settings, "ledger", **given, refusals=True)
        if settings.as_json:
            show_document(answer)
        else:
            _show_refusals(records(answer, "refusals"))
        return
    pages = _newest(settings, given, limit) if isinstance(limit, int) else _pages(settings, given)
    if settings.as_json:
        _write_document(pages)
    else:
        _draw(pages)


def _pages(settings: Settings, given: Mapping[str, object], **more: object) -> Iterator[Page]:
    """Yield what matches, page by page, so that a ledger of any size goes through without being held."""
    while True:
        answer = asking.answer(settings, "ledger", **given, **more)
        yield records(answer, "entries")
        if "cursor" not in answer:
            return
        more["cursor"] = answer["cursor"]


def _newest(settings: Settings, given: Mapping[str, object], limit: int) -> Iterator[Page]:
    """Yield the newest ``limit`` entries that match, the oldest of them first."""
    found: Page = []
    for page in _pages(settings, given, newest=True, limit=limit):
        found += page
        if len(found) >= limit:
            break
    yield found[limit - 1 :: -1] if len(found) >= limit else found[::-1]


def _write_document(pages: Iterable[Page]) -> None:
    """Write ``{"entries": […]}``, each page as it comes."""
    between = '{"entries": ['
    for page in pages:
        if page:
            show_text(between + ", ".join(map(json.dumps, page)))
            between = ", "
    show_text("]}\n" if between == ", " else between + "]}\n")


def _draw(pages: Iterable[Page]) -> None:
    count = 0
    for page in pages:
        count += len(page)
        if page:
            _show_entries(page)
    if not count:
        say("Nobody has learned anything.")


def _show_entries(found: Sequence[Mapping[str, object]]) -> None:
    # Without links, as at most getters, the column would only take room from the others.
    linked = any(text(one, "link") for one in found)
    show_table(
        ("AT", "WHO", "VIEW", "ITEM", *(["LINK"] if linked else []), "FIELDS", "RULE", "N"),
        [_row(one, is_linked=linked) for one in found],
        right=("N",),
        loose=("LINK", "FIELDS", "RULE"),
    )


def _row(entry: Mapping[str, object], *, is_linked: bool) -> tuple[str, ...]:
    return (
        moment_text(number(entry, "at"))[5:],
        short(entry.get("peer_id") or entry.get("audience")),
        text(entry, "view"),
        short(entry.get("item")) or "-",
        *([text(entry, "link") or "-"] if is_linked else []),
        _fields(entry),
        text(entry, "rule"),
        text(entry, "count"),
    )


def _fields(entry: Mapping[str, object]) -> str:
    """Return the names of what was shown; of content, how many octets went."""
    names = " ".join(texts(entry, "fields"))
    return f"{size_text(number(entry, 'octets'))} ({names})" if entry.get("octets") else names


def _show_refusals(found: Sequence[Mapping[str, object]]) -> None:
    if not found:
        say("Nobody was refused anything.")
        return
    linked = any(text(one, "link") for one in found)
    show_table(
        ("LAST", "WHO", "VIEW", "ITEM", *(["LINK"] if linked else []), "N"),
        [
            (
                moment_text(number(one, "last_at"))[5:],
                short(one.get("peer_id")),
                text(one, "view"),
                short(one.get("item")) or "-",
                *([text(one, "link") or "-"] if linked else []),
                text(one, "count"),
            )
            for one in found
        ],
        right=("N",),
        loose=("LINK",),
    )


def _verify(settings: Settings, given: dict[str, object]) -> None:
    head = given.pop("head")
    if any(value not in {None, False} for value in given.values()):
        raise UsageError("--verify checks the whole ledger", "Leave out what chooses among its entries.")
    answer = asking.answer(settings, "ledger_check", head=head)
    if settings.as_json:
        show_document(answer)
    elif answer.get("verified"):
        _tell_unbroken(answer)
    if not answer.get("verified"):
        note(f"error: {_what_is_wrong(answer)}")
        sys.exit(NOT_VERIFIED)


def _tell_unbroken(answer: Mapping[str, object]) -> None:
    count = text(answer, "entries")
    entries = f"{count} {'entry' if count == '1' else 'entries'}"
    since = f" since {moment_text(number(answer, 'since'))}" if answer.get("since") else ""
    say(f"{entries}, unbroken{since}")
    dropped = records(answer, "checkpoints")[-1:]
    show_facts(
        [
            ("erased", text(answer, "erased") if answer.get("erased") else ""),
            *(
                (
                    "dropped",
                    f"{text(one, 'index')} older ones, the last on {moment_text(number(one, 'at'))[:10]}",
                )
                for one in dropped
            ),
            ("not under the head", f"{text(answer, 'open')}, the disk is full" if answer.get("open") else ""),
            ("noted head", "found" if answer.get("head_found") else ""),
            ("head", text(answer, "head")),
        ]
    )


def _what_is_wrong(answer: Mapping[str, object]) -> str:
    if answer.get("first_broken") is not None:
        return (
            f"The ledger is broken at entry {text(answer, 'first_broken')}: {text(answer, 'reason')}. "
            "Compare it with a copy of the database, or a head that you noted, to see since when."
        )
    return (
        "The chain is unbroken, but the head that you noted is not in it. The ledger was written anew since, "
        "or the entry with that head was dropped with the oldest ones."
    )
