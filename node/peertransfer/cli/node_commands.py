"""``init run id status peers doctor completion help``: the node itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking
from peertransfer.cli.frame import Command, Settings, accept_privacy_option
from peertransfer.cli.output import (
    joined,
    mapping,
    number,
    records,
    say,
    short,
    show_document,
    show_text,
    text,
    texts,
)
from peertransfer.cli.spans import count_text, moment_text, size_text, span_text
from peertransfer.cli.tables import show_facts, show_table
from peertransfer.control.faults import sentences
from peertransfer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Command)
@click.option(
    "--accept-privacy", is_flag=True, help="Accept the privacy statement (peertransfer privacy policy)."
)
@click.pass_obj
def init(settings: Settings, accept_privacy: bool) -> None:
    """Make a home: configuration, policy (default deny) and database."""
    answer = asking.make_home(settings, accept_privacy=accept_privacy)
    if settings.as_json:
        show_document(answer)
    elif answer.get("created"):
        say(f"Made a home at {text(answer, 'home')}. Its policy.toml says who may see what.")
    elif answer.get("database_renewed"):
        say(f"There is a home at {text(answer, 'home')} already. Its database was gone: it has a new one.")
    elif renewed := texts(answer, "identities_renewed"):
        say(f"There is a home at {text(answer, 'home')} already. A key was gone: from its next start on")
        say(f"the node has a new peer ID in {joined(renewed)}. Links and invites with the old one are void.")
    else:
        say(f"There is a home at {text(answer, 'home')} already. Nothing was changed.")


@click.command(cls=Command)
@click.option("--listen", multiple=True, metavar="MULTIADDR", help="Listen here; again for more addresses.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--log-json", is_flag=True, help="Log one JSON object per line.")
@accept_privacy_option
@click.pass_obj
def run(
    settings: Settings,
    listen: tuple[str, ...],
    log_level: str,
    log_json: bool,
    accept_privacy: bool,
) -> None:
    """Run the node in the foreground until SIGTERM or Ctrl-C."""
    home = asking.have_home(settings, accept_privacy=accept_privacy)
    from peertransfer.control import daemon

    options = daemon.DaemonOptions(
        home_path=Path(home.path),
        listen=listen,
        log_level=log_level,
        log_json=log_json,
        error_json=settings.as_json,
    )
    sys.exit(daemon.run(options))


@click.command("id", cls=Command)
@click.pass_obj
def identity(settings: Settings) -> None:
    """Show this node's peer IDs, one for each network."""
    answer = asking.answer(settings, "identities")
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "identities")
    if not found:
        say("No identity yet: one is made for each network, when it is first used.")
    for one in found:
        say(f"{text(one, 'peer_id')}  {text(one, 'name') or text(one, 'network_id')}")


@click.command(cls=Command)
@click.pass_obj
def status(settings: Settings) -> None:
    """Show what the node is doing."""
    from peertransfer.control import sessions

    home = asking.have_home(settings)
    client = sessions.running_node(home)
    if client is None:
        raise asking.not_running(settings)
    answer = client.call("status")
    if settings.as_json:
        show_document(answer)
        return
    sent, received = (size_text(number(answer, key)) for key in ("octets_sent", "octets_received"))
    show_facts(
        [
            ("state", text(answer, "state")),
            ("version", text(answer, "version")),
            ("home", str(home.path)),
            ("connections", text(answer, "connections")),
            ("shares", text(answer, "shares")),
            ("transfers", text(answer, "transfers")),
            ("ledger", _not_recording(answer.get("ledger"))),
            ("content", f"{sent} sent, {received} received since start"),
        ]
    )
    _show_reached(mapping(answer, "limits"))
    _show_ends(mapping(answer, "connection_ends"))
    for host in records(answer, "hosts"):
        say()
        name = text(host, "name") or text(host, "network_id")
        say(f"network {name}{_connected(host)}")
        for addr in texts(host, "listen_addrs") or ["listens nowhere"]:
            say(f"  {addr}")


def _not_recording(ledger: object) -> str:
    if not isinstance(ledger, dict) or ledger.get("recording", True):
        return ""
    since = moment_text(number(ledger, "since"))
    why = sentences(text(ledger, "reason"), "it goes on by itself once that is mended")
    return f"can't be written, so nothing is disclosed, since {since}. {why}"


def _show_reached(limits: Mapping[str, object]) -> None:
    """Show the limits that were reached: somebody asks much of this node, or attacks it."""
    reached = [name for name in limits if number(mapping(limits, name), "reached")]
    if reached:
        say()
        say("limits reached since start; docs/transport.md tells what each is for")
    for name in reached:
        one = mapping(limits, name)
        say(f"  {name} ({number(one, 'limit'):.0f}): {count_text(number(one, 'reached'), 'time')}")


def _show_ends(ends: Mapping[str, object]) -> None:
    """Show why connections ended; what is left of a quiet day is that peers hung up."""
    counts = {name: number(ends, name) for name in ends}
    if any(counts.values()):
        say()
        say("connections ended since start, by reason; docs/transport.md tells what each means")
    for name, count in counts.items():
        if count:
            say(f"  {name}: {count_text(count, 'time')}")


def _connected(host: Mapping[str, object]) -> str:
    seen = number(host, "members_seen")
    return f", {count_text(seen, 'peer')} of it connected" if text(host, "network_id") != "open" else ""


@click.command(cls=Command)
@click.pass_obj
def peers(settings: Settings) -> None:
    """Show who is connected: network, direction, for how long, octets."""
    from peertransfer.control import sessions

    client = sessions.running_node(asking.have_home(settings))
    if client is None:
        raise asking.not_running(settings)
    answer = client.call("peers")
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "peers")
    if not found:
        say("No peer is connected.")
        return
    now = time.time()
    rows = [
        (
            short(one.get("peer_id")),
            text(one, "network") or short(one.get("network_id")),
            text(one, "direction"),
            span_text(now - number(one, "connected_at")),
            size_text(number(one, "octets_sent")),
            size_text(number(one, "octets_received")),
        )
        for one in found
    ]
    numbers = ("FOR", "SENT", "RECEIVED")
    show_table(("PEER", "NETWORK", "DIRECTION", *numbers), rows, right=numbers)


@click.command(cls=Command)
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Look for what keeps the node from working, and say how to mend it."""
    answer = asking.examination(settings)
    checks = records(answer, "checks")
    if settings.as_json:
        show_document(answer)
    else:
        for check in checks:
            state = "ok  " if check.get("ok") else "BAD "
            say(f"{state} {text(check, 'name')}: {text(check, 'detail')}", wraps=True)
            if not check.get("ok") and text(check, "mend"):
                say(f"     mend: {text(check, 'mend')}")
    if not all(check.get("ok") for check in checks):
        sys.exit(1)


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands: eval "$(peertransfer completion bash)"."""
    from click import shell_completion

    kind = shell_completion.get_completion_class(shell)
    if kind is None:
        raise UsageError(f"There is no completion for {shell}", f"Choose one of {', '.join(SHELLS)}.")
    script = kind(context.find_root().command, {}, "peertransfer", "_PEERTRANSFER_COMPLETE").source()
    settings: Settings = context.obj
    if settings.as_json:
        show_document({"shell": shell, "script": script})
    else:
        show_text(script)


@click.command("help", cls=Command)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show help for a command."""
    root = context.find_root()
    found, command = root, root.command
    for word in words:
        below = command.get_command(found, word) if isinstance(command, click.Group) else None
        if below is None:
            raise UsageError(f"There is no command {' '.join(words)!r}", "List them with: peertransfer help")
        found, command = click.Context(below, parent=found, info_name=word), below
    settings: Settings = context.obj
    if settings.as_json:
        show_document({"help": found.get_help()})
    else:
        show_text(found.get_help() + "\n")
