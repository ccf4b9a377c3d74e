"""``network``: private networks, made, joined and left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking
from peertransfer.cli.bars import watching
from peertransfer.cli.codes import show_code
from peertransfer.cli.frame import ANY_PATH, Group, Settings, accept_privacy_option
from peertransfer.cli.output import note, number, records, say, show_document, text, texts
from peertransfer.cli.spans import count_text, moment_text, parse_expiry, span_text
from peertransfer.cli.tables import show_facts
from peertransfer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


KINDS = {
    "own": "made here: this node invites",
    "member": "joined by an invite",
    "psk": "joined by its swarm.key",
}


@click.group(cls=Group)
def network() -> None:
    """Private networks."""


@network.command("create")
@click.argument("name")
@click.option("--contact", help="Whom its members can turn to.")
@click.option("--no-psk", is_flag=True, help="Without a pre-shared key around all connections.")
@accept_privacy_option
@click.pass_obj
def network_create(
    settings: Settings,
    name: str,
    contact: str | None,
    no_psk: bool,
    accept_privacy: bool,
) -> None:
    """Make a network; this node holds its key."""
    answer = asking.call_node(
        settings,
        "network_create",
        accept_privacy=accept_privacy,
        name=name,
        contact=contact,
        use_psk=not no_psk,
    )
    if settings.as_json:
        show_document(answer)
        return
    say(f"Made the network {text(answer, 'name')}: {text(answer, 'network_id')}")
    say(f"To let somebody in: peertransfer network invite {text(answer, 'network_id')}")


@network.command("list")
@click.pass_obj
def network_list(settings: Settings) -> None:
    """List the networks that this node is in."""
    answer = asking.answer(settings, "network_list")
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "networks")
    if not found:
        say("This node is in no private network.")
    for one in found:
        say(f"{text(one, 'network_id')}  {text(one, 'name')}")


@network.command("show")
@click.argument("network_id", metavar="ID")
@click.pass_obj
def network_show(settings: Settings, network_id: str) -> None:
    """Show a network: its host, its bootstrap peers."""
    answer = asking.answer(settings, "network_show", network=network_id)
    if settings.as_json:
        show_document(answer)
        return
    show_facts(
        [
            ("network", text(answer, "name")),
            ("ID", text(answer, "network_id")),
            ("kind", KINDS.get(text(answer, "kind"), text(answer, "kind"))),
            ("key", "a pre-shared key around all connections" if answer.get("has_psk") else "none"),
            ("contact", text(answer, "contact")),
            ("since", moment_text(number(answer, "created_at"))),
            ("own peer ID", text(answer, "peer_id")),
        ]
    )
    _show_addresses("listens at", texts(answer, "listen_addrs"), "nowhere: no node runs")
    _show_addresses("bootstrap peers", texts(answer, "bootstrap"), "none")


@network.command("invite")
@click.argument("network_id", metavar="ID")
@click.option("--expires", default="7d", show_default=True, metavar="WHEN", help="30m, 12h, 7d, or a date.")
@click.option("--qr", is_flag=True, help="Show it as a QR code too.")
@accept_privacy_option
@click.pass_obj
def network_invite(
    settings: Settings,
    network_id: str,
    expires: str,
    qr: bool,
    accept_privacy: bool,
) -> None:
    """Print one string that lets whoever has it join, until it expires."""
    now = int(time.time())
    answer = asking.call_node(
        settings,
        "network_invite",
        accept_privacy=accept_privacy,
        network=network_id,
        expires_seconds=parse_expiry(expires, now) - now,
    )
    if settings.as_json:
        show_document(answer)
    else:
        say(text(answer, "invite"))
        note(f"Valid until {moment_text(number(answer, 'expires_at'))}, for whoever has it.")
    if qr:
        show_code(text(answer, "invite"), to_stderr=settings.as_json)


@network.command("join")
@click.argument("invite", required=False, metavar="[INVITE|-]")
@click.option("--name", help="What to call the network here.")
@click.option(
    "--psk", "psk_file", type=ANY_PATH, metavar="FILE", help="A standard swarm.key file; - is standard input."
)
@click.option("--bootstrap", multiple=True, metavar="MULTIADDR", help="With --psk: a peer to begin with.")
@accept_privacy_option
@click.pass_obj
def network_join(
    settings: Settings,
    *,
    invite: str | None,
    name: str | None,
    psk_file: str | None,
    bootstrap: tuple[str, ...],
    accept_privacy: bool,
) -> None:
    """Join a network by an invite, or by a standard swarm.key."""
    _check_join(invite, name, psk_file, bootstrap)
    from peertransfer.control import inputs

    fields: dict[str, object] = {"name": name}
    if invite is not None:
        word = asking.read_secret(invite, "invite")
        fields["invite"] = inputs.check_invite(word, int(time.time()))
    else:
        fields["psk_text"] = inputs.check_psk(asking.read_file(str(psk_file), asking.MAX_SECRET))
        fields["bootstrap"] = list(bootstrap)
    before: Mapping[str, object] = {}
    with (
        asking.node_for(settings, accept_privacy=accept_privacy) as session,
        watching("joining") as watch,
    ):
        if not settings.as_json:
            before = session.client.call("network_list")
        command = "network_join_invite" if invite is not None else "network_join_psk"
        answer = session.client.stream(command, watch, **fields)
    _show_joined(settings, answer, {text(one, "network_id") for one in records(before, "networks")})


@network.command("leave")
@click.argument("network_id", metavar="ID")
@click.pass_obj
def network_leave(settings: Settings, network_id: str) -> None:
    """Leave a network: its host ends, its keys are removed."""
    answer = asking.call_node(settings, "network_leave", network=network_id)
    if settings.as_json:
        show_document(answer)
    else:
        say("Left the network. Its members keep what they have fetched.")


@network.command("export-psk")
@click.argument("network_id", metavar="ID")
@click.pass_obj
def network_export_psk(settings: Settings, network_id: str) -> None:
    """Print the network's standard swarm.key, and nothing else."""
    answer = asking.answer(settings, "network_export_psk", network=network_id)
    if settings.as_json:
        show_document(answer)
        return
    for line in text(answer, "psk").splitlines():
        say(line)


def _show_addresses(name: str, addrs: list[str], otherwise: str) -> None:
    say(f"{name}:")
    for addr in addrs or [otherwise]:
        say(f"  {addr}")


def _check_join(
    invite: str | None, name: str | None, psk_file: str | None, bootstrap: tuple[str, ...]
) -> None:
    if invite is not None and (psk_file or bootstrap):
        raise UsageError("An invite says both --psk and --bootstrap", "Give either the one or the others.")
    if invite is None and not (name and psk_file):
        raise UsageError("Nothing says which network to join", "Give an invite, or --name and --psk.")


def _show_joined(settings: Settings, answer: Mapping[str, object], before: set[str]) -> None:
    if settings.as_json:
        show_document(answer)
        return
    seen = number(answer, "members_seen")
    took = span_text(number(answer, "seconds"))
    known = f"{count_text(seen, 'peer')} of it connected" if seen else "no peer of it connected yet"
    if text(answer, "network_id") in before:
        say(f"This node is in {text(answer, 'name')} already; {known}.")
    else:
        say(f"Joined {text(answer, 'name')} in {took}; {known}.")
    say(f"network {text(answer, 'network_id')}")
    say(f"peer    {text(answer, 'peer_id')}")
