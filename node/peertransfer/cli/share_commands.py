"""``share unshare link``: what this node gives, and to whom."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking
from peertransfer.cli.bars import watching
from peertransfer.cli.codes import show_code
from peertransfer.cli.frame import ANY_PATH, Command, Group, Settings, accept_privacy_option
from peertransfer.cli.output import link_state, note, number, records, say, short, show_document, text, texts
from peertransfer.cli.spans import count_text, moment_text, parse_expiry, size_text
from peertransfer.cli.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.control.sessions import Session

MAX_SKIPPED = 10
"""Skipped files that are named; the rest is counted."""


class _Delivered(Exception):  # noqa: N818 - an outcome, not an error
    """One delivery is complete, and one was all that was wanted."""


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=ANY_PATH, metavar="PATH...")
@click.option(
    "--network", metavar="ID", help='Which network to share in; "open" for a link that works for anybody.'
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="A label for the policy's rules; told where a rule shows it.",
)
@click.option(
    "--hash", "hash_name", type=click.Choice(["blake3", "sha2-256"]), default="blake3", show_default=True
)
@click.option("--purpose", help="What the content is for.")
@click.option("--basis", help="On which legal basis it is given.")
@click.option(
    "--expires", metavar="WHEN", help="Serve until then: 30m, 12h, 7d, or a date, which is included."
)
@click.option("--with-addresses", is_flag=True, help="Put this node's addresses into the link.")
@click.option("--once", is_flag=True, help="End the link after one complete delivery.")
@click.option("--qr", is_flag=True, help="Show the link as a QR code too.")
@click.option(
    "--listen", multiple=True, metavar="MULTIADDR", help="Where a node that is started for this listens."
)
@accept_privacy_option
@click.pass_obj
def share(
    settings: Settings,
    *,
    paths: tuple[str, ...],
    network: str | None,
    labels: tuple[str, ...],
    hash_name: str,
    purpose: str | None,
    basis: str | None,
    expires: str | None,
    with_addresses: bool,
    once: bool,
    qr: bool,
    listen: tuple[str, ...],
    accept_privacy: bool,
) -> None:
    """Import files or folders and serve them; print the link to pass on.

    Where no node runs, this one serves in the foreground until Ctrl-C.
    """
    fields: dict[str, object] = {
        "paths": asking.check_paths(paths),
        "network": network,
        "labels": list(labels),
        "hash": hash_name,
        "purpose": purpose,
        "basis": basis,
        "expires_at": parse_expiry(expires, int(time.time())) if expires else None,
        "with_addresses": with_addresses,
    }
    with asking.node_for(settings, accept_privacy=accept_privacy, listen=listen) as session:
        with watching(os.path.basename(os.path.abspath(paths[0]))) as watch:
            answer = session.client.stream("share", watch, **fields)
        _show_share(settings, answer)
        if qr:
            show_code(text(answer, "link"), to_stderr=settings.as_json)
        if session.is_own or once:
            _serve(session, answer, once=once)


@click.command(cls=Command)
@click.argument("ref", metavar="LINK|CID|-")
@click.pass_obj
def unshare(settings: Settings, ref: str) -> None:
    """Stop serving a share, and withdraw its provider records."""
    answer = asking.call_node(settings, "unshare", ref=asking.read_reference(ref))
    if settings.as_json:
        show_document(answer)
    else:
        say(f"{short(answer.get('manifest_cid'))} is no longer served. Who has fetched it keeps it.")


@click.group(cls=Group)
def link() -> None:
    """Further links of a share, one for each recipient."""


@link.command("create")
@click.argument("share_ref", metavar="SHARE")
@click.option("--for", "name", metavar="NAME", help="Who it is for; stays on this node.")
@click.option("--expires", metavar="WHEN", help="30m, 12h, 7d, or a date, which is included.")
@click.pass_obj
def link_create(settings: Settings, share_ref: str, name: str | None, expires: str | None) -> None:
    """Make one more link of a share (its CID, or one of its links)."""
    answer = asking.call_node(
        settings,
        "link_create",
        share=asking.read_reference(share_ref),
        name=name,
        expires_at=parse_expiry(expires, int(time.time())) if expires else None,
    )
    if settings.as_json:
        show_document(answer)
    else:
        say(text(answer, "link"))


@link.command("list")
@click.pass_obj
def link_list(settings: Settings) -> None:
    """List the links, without their secrets."""
    answer = asking.answer(settings, "link_list")
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "links")
    if not found:
        say("There are no links.")
        return
    rows = [
        (
            text(one, "name") or "-",
            short(one.get("manifest_cid")),
            moment_text(number(one, "created_at")),
            moment_text(number(one, "expires_at")),
            link_state(one),
        )
        for one in found
    ]
    show_table(("NAME", "SHARE", "MADE", "EXPIRES", "STATE"), rows, whole=("NAME",))


@link.command("show")
@click.argument("link_word", metavar="LINK|-")
@click.pass_obj
def link_show(settings: Settings, link_word: str) -> None:
    """Say what a finder of a link would learn."""
    answer = asking.call_node(settings, "link_show", link=asking.read_link(link_word))
    if settings.as_json:
        show_document(answer)
        return
    for key in ("manifest_cid", "network_id", "name"):
        if text(answer, key):
            say(f"{key.replace('_', ' ')}: {text(answer, key)}")
    _show_sentences("A finder of this link would learn:", texts(answer, "finder_learns"))


@link.command("end")
@click.argument("ref", metavar="LINK|NAME|-")
@click.pass_obj
def link_end(settings: Settings, ref: str) -> None:
    """End one link, in mid-transfer too; the share's others go on."""
    answer = asking.call_node(settings, "link_end", ref=asking.read_reference(ref))
    if settings.as_json:
        show_document(answer)
    else:
        say("The link has ended. Who has fetched the share keeps what they have.")


def _show_share(settings: Settings, answer: Mapping[str, object]) -> None:
    if settings.as_json:
        show_document(answer)
        return
    note(f"{count_text(number(answer, 'files'), 'file')}, {size_text(number(answer, 'size'))}")
    skipped = records(answer, "skipped")
    for one in skipped[:MAX_SKIPPED]:
        note(f"skipped: {text(one, 'path')} ({text(one, 'reason')})")
    if len(skipped) > MAX_SKIPPED:
        note(f"skipped: {len(skipped) - MAX_SKIPPED} more")
    if twins := texts(answer, "twins"):
        note(f"{' and '.join(twins)} are one file to some disks, which can hold only one of them.")
    say(text(answer, "link"))
    _note_sentences("Who can reach this node:", texts(answer, "reach"))
    _note_sentences("A finder of the link would learn:", texts(answer, "finder_learns"))


def _show_sentences(heading: str, sentences: list[str]) -> None:
    if sentences:
        say(heading)
        for sentence in sentences:
            say(f"  {sentence}", wraps=True)


def _note_sentences(heading: str, sentences: list[str]) -> None:
    if sentences:
        note(heading)
        for sentence in sentences:
            note(f"  {sentence}", wraps=True)


def _serve(session: Session, answer: Mapping[str, object], *, once: bool) -> None:
    """Stay until Ctrl-C, or until one delivery is complete; tell of each."""
    note("Serving; keep this open until they have it." + ("" if once else " Ctrl-C ends it."), wraps=True)

    def told(event: dict[str, object]) -> None:
        if event.get("event") == "changed":
            note(f"changed since it was shared, not given any more: {text(event, 'path')}. Share it again.")
        if event.get("event") != "delivered":
            return
        facts = [size_text(number(event, "octets"))]
        if text(event, "link_name"):
            facts.append(f"link {text(event, 'link_name')}")
        words = f"delivered, verified: {short(event.get('peer_id'))} has all of it ({', '.join(facts)})"
        note(words, wraps=True)
        if once:
            raise _Delivered

    try:
        session.client.stream("deliveries_follow", told, manifest_cid=text(answer, "manifest_cid"))
    except _Delivered:
        session.client.call("link_end", ref=text(answer, "link"))
    except KeyboardInterrupt:
        cid = text(answer, "manifest_cid")
        if session.is_own:
            note("No longer served. To serve it again: peertransfer run")
            note(f"To forget it: peertransfer unshare {cid}")
        else:
            note(f"The node goes on serving it. To end that: peertransfer unshare {cid}")
