"""``policy`` and ``privacy``: who may see what, and who has seen it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking
from peertransfer.cli.frame import ANY_PATH, Group, Settings
from peertransfer.cli.output import number, records, say, short, show_document, text
from peertransfer.cli.spans import moment_text, parse_moment
from peertransfer.cli.tables import show_facts, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.group(cls=Group)
def policy() -> None:
    """The rules: who may see what."""


@policy.command("show")
@click.pass_obj
def policy_show(settings: Settings) -> None:
    """Show the rules that hold now."""
    answer = asking.answer(settings, "policy_show")
    if settings.as_json:
        show_document(answer)
        return
    rules = records(answer, "rules")
    if not rules:
        say("There are no rules: nobody sees anything.")
    for rule in rules:
        say(f"{text(rule, 'name')}")
        show_facts(
            [
                ("  to", _words(rule.get("to"))),
                ("  items", _words(rule.get("items"))),
                ("  show", _fields(rule.get("show"))),
                ("  hide", _fields(rule.get("hide"))),
            ]
        )


@policy.command("check")
@click.argument("file", type=ANY_PATH, metavar="FILE|-")
@click.pass_obj
def policy_check(settings: Settings, file: str) -> None:
    """Say whether a policy file is valid; nothing changes."""
    written = asking.read_file(file, asking.MAX_POLICY)
    answer = asking.answer(settings, "policy_check", text=written, file=file)
    if settings.as_json:
        show_document(answer)
    else:
        say(f"{file} is a valid policy.")


@policy.command("reload")
@click.pass_obj
def policy_reload(settings: Settings) -> None:
    """Let the node that runs read its policy.toml again."""
    answer = asking.answer(settings, "policy_reload")
    if settings.as_json:
        show_document(answer)
    else:
        say("The node has read its policy again.")


@click.group(cls=Group)
def privacy() -> None:
    """The privacy statement, and who learned what."""


@privacy.command("policy")
@click.pass_obj
def privacy_policy(settings: Settings) -> None:
    """Print the privacy statement that this version comes with."""
    from peertransfer.control import homes

    statement = homes.privacy_statement()
    if settings.as_json:
        show_document({"version": statement.version, "digest": statement.digest, "text": statement.text})
        return
    for line in statement.text.splitlines():
        say(line)


@privacy.command("consent")
@click.pass_obj
def privacy_consent(settings: Settings) -> None:
    """Show which statement was accepted, and when."""
    from peertransfer.control import homes

    answer = homes.consent(asking.have_home(settings))
    if settings.as_json:
        show_document(answer)
        return
    if not answer:
        say("No statement was accepted.")
        return
    show_facts(
        [
            ("version", text(answer, "version")),
            ("digest", text(answer, "digest")),
            ("accepted", moment_text(number(answer, "accepted_at"))),
        ]
    )


@privacy.command("ledger")
@click.option("--peer", metavar="PEER", help="Only what this peer learned.")
@click.option("--item", metavar="CID", help="Only what was learned about this share.")
@click.option("--link", metavar="NAME", help="Only what went through the link of this name.")
@click.option("--since", metavar="WHEN", help="Only from then on: 12h, 7d, or a date.")
@click.option("--refusals", is_flag=True, help="What was asked in vain, day by day, instead.")
@click.pass_obj
def privacy_ledger(
    settings: Settings,
    peer: str | None,
    item: str | None,
    link: str | None,
    since: str | None,
    refusals: bool,
) -> None:
    """Show who learned what, when, and by which rule."""
    from peertransfer.control import inputs

    peer = inputs.check_peer(peer) if peer else None
    item = inputs.check_cid(item) if item else None
    moment = parse_moment(since, int(time.time())) if since else None
    answer = asking.answer(
        settings, "ledger", peer=peer, item=item, link=link, since=moment, refusals=refusals or None
    )
    if settings.as_json:
        show_document(answer)
    elif refusals:
        _show_refusals(records(answer, "refusals"))
    else:
        _show_entries(records(answer, "entries"))


def _show_entries(found: Sequence[Mapping[str, object]]) -> None:
    if not found:
        say("Nobody has learned anything.")
        return
    # Without links, as at most getters, the column would only take room from the others.
    linked = any(text(one, "link") for one in found)
    show_table(
        ("AT", "WHO", "VIEW", "ITEM", *(["LINK"] if linked else []), "FIELDS", "RULE", "N"),
        [_row(one, is_linked=linked) for one in found],
        right=("N",),
        loose=("LINK", "FIELDS", "RULE"),
    )


def _show_refusals(found: Sequence[Mapping[str, object]]) -> None:
    if not found:
        say("Nobody was refused anything.")
        return
    show_table(
        ("LAST", "WHO", "VIEW", "ITEM", "N"),
        [
            (
                moment_text(number(one, "last_at"))[5:],
                short(one.get("peer_id")),
                text(one, "view"),
                short(one.get("item")) or "-",
                text(one, "count"),
            )
            for one in found
        ],
        right=("N",),
    )


def _row(entry: Mapping[str, object], *, is_linked: bool) -> tuple[str, ...]:
    return (
        moment_text(number(entry, "at"))[5:],
        short(entry.get("peer_id") or entry.get("audience")),
        text(entry, "view"),
        short(entry.get("item")) or "-",
        *([text(entry, "link") or "-"] if is_linked else []),
        _words(entry.get("fields")),
        text(entry, "rule"),
        text(entry, "count"),
    )


def _words(value: object) -> str:
    return " ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value or "")


def _fields(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    return "; ".join(f"{view}: {_words(fields)}" for view, fields in value.items())
