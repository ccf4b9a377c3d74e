"""``policy`` and ``privacy``: who may see what, and who has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking, ledger_command, simulate_command
from peertransfer.cli.frame import ANY_PATH, Group, Settings
from peertransfer.cli.output import mapping, note, number, records, say, show_document, text, texts
from peertransfer.cli.spans import moment_text
from peertransfer.cli.tables import show_facts, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping


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
                ("  when", ", ".join(_texts(rule.get("when")))),
                ("  limit", _limits(rule.get("limit"))),
            ]
        )
    groups = answer.get("groups")
    if isinstance(groups, dict):
        show_facts([(f"group {name}", _words(peers)) for name, peers in groups.items()])


@policy.command("check")
@click.argument("file", type=ANY_PATH, metavar="FILE|-")
@click.pass_obj
def policy_check(settings: Settings, file: str) -> None:
    """Say whether a policy file is valid, and what it says in vain; nothing changes."""
    written = asking.read_policy(file)
    answer = asking.answer(settings, "policy_check", text=written, file=file)
    if settings.as_json:
        show_document(answer)
    else:
        say(f"{file} is a valid policy.")
        _warn(answer)


@policy.command("explain")
@click.argument("item", metavar="SHARE")
@click.option("--as", "peer", required=True, metavar="PEER", help="Whose eyes: a peer ID.")
@click.option("--with-link", is_flag=True, help="It holds a link of the share.")
@click.option("--link", metavar="NAME", help="It holds this link of the share.")
@click.option("--path", metavar="PATH", help="Of one file of the share, not of the share as a whole.")
@click.option("--network", metavar="ID", help="In which network it asks; without: the share's.")
@click.pass_obj
def policy_explain(settings: Settings, /, item: str, **options: object) -> None:
    """Say what a peer would see of a share, field by field, and by which rule."""
    given = {name: value for name, value in options.items() if value}
    answer = asking.answer(settings, "policy_explain", item=item, **given)
    if settings.as_json:
        show_document(answer)
        return
    fields = mapping(answer, "fields")
    rows = []
    for name in fields:
        one = mapping(fields, name)
        rows.append(
            (name, "shown" if one.get("shown") else "hidden", text(one, "rule") or "no rule shows it")
        )
    if answer.get("expired"):
        say("It has expired: nothing of it is given.")
    show_table(("FIELD", "", "BY"), rows, loose=("BY",))


@policy.command("reload")
@click.pass_obj
def policy_reload(settings: Settings) -> None:
    """Let the node that runs read its policy.toml again."""
    answer = asking.answer(settings, "policy_reload")
    if settings.as_json:
        show_document(answer)
    else:
        say("The node has read its policy again.")
        _warn(answer)


def _warn(answer: Mapping[str, object]) -> None:
    """Tell what rules say in vain, and what they name that this node does not know."""
    for sentence in texts(answer, "warnings"):
        note(f"warning: {sentence}")


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
        say(line, wraps=True)


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


policy.add_command(simulate_command.policy_simulate)
privacy.add_command(ledger_command.privacy_ledger)


def _words(value: object) -> str:
    return " ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value or "")


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _limits(value: object) -> str:
    return ", ".join(f"{name} {most}" for name, most in value.items()) if isinstance(value, dict) else ""


def _fields(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    return "; ".join(f"{view}: {_words(fields)}" for view, fields in value.items())
