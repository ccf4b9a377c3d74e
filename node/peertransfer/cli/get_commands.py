"""``get ls transfers pause resume cancel``: what this node fetches."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

import click

from peertransfer.cli import asking
from peertransfer.cli.bars import Watcher, watching
from peertransfer.cli.frame import ANY_PATH, Command, Settings, accept_privacy_option
from peertransfer.cli.output import joined, link_state, note, number, records, say, short, show_document, text
from peertransfer.cli.spans import count_text, size_text, span_text
from peertransfer.cli.tables import show_table, show_tree
from peertransfer.errors import CancelledTransferError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FOLLOW_SECONDS = 1.0
"""Between two looks of ``transfers --follow``."""
MAX_NAMED = 10
"""Files that did not come, or came under another name, and are named, one a line."""


@click.command(cls=Command)
@click.argument("link", metavar="LINK|-")
@click.argument("dest", default=".", type=ANY_PATH, metavar="[DEST]")
@click.option(
    "--from", "from_addrs", multiple=True, metavar="MULTIADDR", help="A provider's address; again for more."
)
@click.option(
    "--select", multiple=True, metavar="GLOB", help="Only these paths; the rest can be fetched later."
)
@click.option("--wait", is_flag=True, help="Wait for a provider for as long as it takes.")
@click.option("--overwrite", is_flag=True, help="Replace files that differ.")
@click.option("--rename", is_flag=True, help="Put files that clash beside the ones that are there.")
@click.option(
    "--listen", multiple=True, metavar="MULTIADDR", help="Where a node that is started for this listens."
)
@accept_privacy_option
@click.pass_obj
def get(
    settings: Settings,
    *,
    link: str,
    dest: str,
    from_addrs: tuple[str, ...],
    select: tuple[str, ...],
    wait: bool,
    overwrite: bool,
    rename: bool,
    listen: tuple[str, ...],
    accept_privacy: bool,
) -> None:
    """Fetch what is behind a link, verify it, and put it in place.

    Run it again to go on after any interruption. DEST is as in cp -r: a folder that is there receives
    the share under its title, otherwise DEST is its new name.
    """
    if overwrite and rename:
        raise UsageError("--overwrite and --rename exclude each other", "Choose one of them.")
    secret = asking.read_link(link)
    with asking.node_for(settings, accept_privacy=accept_privacy, listen=listen) as session:
        with _pausing(_same_get(link, dest)) as watch:
            answer = session.client.stream(
                "get",
                watch,
                link=secret,
                dest=os.path.abspath(dest),
                from_addrs=list(from_addrs),
                select=list(select),
                wait=wait,
                overwrite=overwrite,
                rename=rename,
            )
        # Before a node of our own has ended, which takes its time.
        _show_got(settings, answer)


@click.command(cls=Command)
@click.argument("target", required=False, metavar="[PEER|LINK|-]")
@accept_privacy_option
@click.pass_obj
def ls(settings: Settings, target: str | None, accept_privacy: bool) -> None:
    """List own shares, what a peer lets us see, or what is behind a link."""
    if target is None:
        answer = asking.answer(settings, "ls")
    else:
        word = asking.read_reference(target)
        answer = asking.call_node(settings, "ls", accept_privacy=accept_privacy, target=word)
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "shares")
    if not found:
        say("Nothing to see.")
    for one in found:
        _show_listed(one)


@click.command(cls=Command)
@click.option("--follow", is_flag=True, help="Go on showing until Ctrl-C.")
@click.pass_obj
def transfers(settings: Settings, follow: bool) -> None:
    """Show what is being fetched, what is paused, and the last 20 that ended.

    What runs is first, then the newest. A share that was fetched to the same place again is listed once.
    """
    shown: Mapping[str, object] | None = None
    with contextlib.suppress(KeyboardInterrupt), asking.ending_by_signal():
        while True:
            answer = asking.answer(settings, "transfers")
            if answer != shown:
                _show_transfers(settings, answer, shown)
                shown = answer
            if not follow:
                return
            time.sleep(FOLLOW_SECONDS)


@click.command(cls=Command)
@click.argument("transfer_id", metavar="TRANSFER")
@click.pass_obj
def pause(settings: Settings, transfer_id: str) -> None:
    """Pause a transfer."""
    answer = asking.answer(settings, "pause", transfer_id=transfer_id)
    _show_change(settings, answer, f"Paused. To go on: peertransfer resume {transfer_id}")


@click.command(cls=Command)
@click.argument("transfer_id", metavar="TRANSFER")
@accept_privacy_option
@click.pass_obj
def resume(settings: Settings, transfer_id: str, accept_privacy: bool) -> None:
    """Go on with a paused transfer, in the foreground."""
    again = f"peertransfer resume {shlex.quote(transfer_id)}"
    with asking.node_for(settings, accept_privacy=accept_privacy) as session:
        with _pausing(again) as watch:
            answer = session.client.stream("resume", watch, transfer_id=transfer_id)
        _show_got(settings, answer)


@click.command(cls=Command)
@click.argument("transfer_id", metavar="TRANSFER")
@click.pass_obj
def cancel(settings: Settings, transfer_id: str) -> None:
    """Give a transfer up, and remove what is not complete of it."""
    answer = asking.call_node(settings, "cancel", transfer_id=transfer_id)
    _show_change(settings, answer, "Cancelled. Files that were complete are still there.")


@contextlib.contextmanager
def _pausing(again: str) -> Iterator[Watcher]:
    """Draw a transfer, and turn Ctrl-C into a pause that says how to go on.

    Args:
        again: the command that goes on.
    """
    resume_by = again

    with watching("looking for a provider") as draw:

        def watch(event: dict[str, object]) -> None:
            nonlocal resume_by
            if text(event, "transfer_id"):
                resume_by = f"peertransfer resume {text(event, 'transfer_id')}"
            draw(event)

        try:
            yield watch
        except KeyboardInterrupt as exc:
            raise CancelledTransferError(
                "The transfer is paused; what has arrived is kept", f"To go on: {resume_by}"
            ) from exc


def _same_get(link: str, dest: str) -> str:
    words = " ".join(shlex.quote(word) for word in sys.argv[1:]) if sys.argv[1:2] == ["get"] else ""
    return f"peertransfer {words}" if words else f"peertransfer get {shlex.quote(link)} {shlex.quote(dest)}"


def _show_got(settings: Settings, answer: Mapping[str, object]) -> None:
    if settings.as_json:
        show_document(answer)
        return
    _note_some(answer, "not_given", lambda one: f"{text(one, 'path')} ({text(one, 'reason')})")
    _note_some(answer, "renamed", lambda one: f"{text(one, 'path')} is at {text(one, 'placed_at')}")
    what = f"{count_text(number(answer, 'files'), 'file')}, {size_text(number(answer, 'size'))}"
    say(f"{what}, verified: {text(answer, 'dest')}")
    seconds = number(answer, "seconds")
    received = number(answer, "octets_received")
    facts = [f"{size_text(received)} received in {span_text(seconds) if seconds >= 1 else 'under a second'}"]
    if number(answer, "octets_reused"):
        facts.append(f"{size_text(number(answer, 'octets_reused'))} was here already")
    peers = [short(one.get("peer_id")) for one in records(answer, "providers")]
    if peers and received:
        facts.append(f"from {joined(peers)}")
    say("; ".join(facts), wraps=True)


def _note_some(answer: Mapping[str, object], key: str, said: Callable[[Mapping[str, object]], str]) -> None:
    """Name the first files of a list, one a line, and how many more there are."""
    found, what = records(answer, key), key.replace("_", " ")
    for one in found[:MAX_NAMED]:
        note(f"{what}: {said(one)}")
    if len(found) > MAX_NAMED:
        note(f"{what}: {number(answer, f'{key}_count') - MAX_NAMED} more")


def _show_listed(share: Mapping[str, object]) -> None:
    facts = [text(share, "title") or short(share.get("manifest_cid"))]
    if "files" in share:
        facts.append(count_text(number(share, "files"), "file"))
    if "size" in share:
        facts.append(size_text(number(share, "size")))
    if share.get("expired"):
        facts.append("expired")
    if changed := number(share, "files_changed"):
        facts.append(f"{count_text(changed, 'file')} changed since: share it again")
    say(", ".join(facts) + f"  [{text(share, 'manifest_cid')}]")
    for one in records(share, "links"):
        name = text(one, "name") or "link"
        say(f"  {name}: {link_state(one)}")
    if text(share, "link"):
        say(f"  {text(share, 'link')}")
    show_tree([(_listed_path(one), _listed_size(one)) for one in records(share, "entries")], depth=1)


def _listed_path(entry: Mapping[str, object]) -> str:
    path = text(entry, "path") or text(entry, "name") or f"entry {text(entry, 'index')}"
    return f"{path}/" if entry.get("kind") == "folder" else path


def _listed_size(entry: Mapping[str, object]) -> str:
    return size_text(number(entry, "size")) if "size" in entry and entry.get("kind") != "folder" else ""


def _show_transfers(
    settings: Settings, answer: Mapping[str, object], before: Mapping[str, object] | None
) -> None:
    """Draw all transfers, or only those that changed since the answer ``before``."""
    if settings.as_json:
        show_document(answer)
        return
    found = records(answer, "transfers")
    if not found:
        say("There are no transfers.")
        return
    rows = []
    for one in found:
        total, done = number(one, "octets_total"), number(one, "octets_done")
        rows.append(
            (
                text(one, "transfer_id"),
                text(one, "state"),
                f"{100 * done / total:.0f} %" if total and (done or one.get("state") == "running") else "-",
                size_text(total) if total else "-",
                text(one, "title") or os.path.basename(text(one, "dest")) or "-",
            )
        )
    known = [] if before is None else records(before, "transfers")
    changed = {index for index, one in enumerate(found) if one not in known}
    show_table(
        ("TRANSFER", "STATE    ", " DONE", "    SIZE", "WHAT"),
        rows,
        right=(" DONE", "    SIZE"),
        loose=("WHAT",),
        whole=("TRANSFER",),
        only=changed if known else None,
    )


def _show_change(settings: Settings, answer: Mapping[str, object], sentence: str) -> None:
    if settings.as_json:
        show_document(answer)
    else:
        say(sentence)
