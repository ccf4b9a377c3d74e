"""What the policy hides changes no answer: not a file's length, not whether it is one, not its name or octets."""

import dataclasses
import itertools
from pathlib import Path

import answering_kit as kit
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_kit import import_tree, octets_of

from peertransfer.content.opening import HiddenSlot
from peertransfer.content.shared import build_manifest
from peertransfer.policy.preset import CLOSED
from peertransfer.wire import messages as m

MIB = kit.MIB
HIDES = {
    "all": 'hide.openings = ["*"]\nhide.content = ["*"]',
    "all but its being there": 'hide.openings = ["name", "size", "kind", "content", "executable"]',
}
SEEN = octets_of(MIB + 5)
HIDDEN = {
    "empty": ("a", b""),
    "short": ("b", b"short"),
    "one leaf": ("a", octets_of(MIB, 1)),
    "two leaves": ("much longer name.txt", octets_of(MIB + 1, 2)),
    "five leaves": ("b", octets_of(4 * MIB + 9, 3)),
    "a folder": ("a", None),
}
ORDER = (0, 1)
"""The hidden entry stands first in every share, so that all have the same indices."""


def policy(name):
    return f'{CLOSED}\n[[rule]]\nname = "hides"\nto = ["anyone"]\nitems = ["path:hidden/**"]\n{HIDES[name]}\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Shares that differ in one entry that the policy hides; by name, what is wanted of them."""
    folder = tmp_path_factory.mktemp("answers")
    return folder, trio.run(_share_all, folder)


async def _share_all(folder):
    async with kit.run_provider(folder) as provider:
        return {name: await _share(provider, folder / name / "shared", name) for name in HIDDEN}


async def _share(provider, root: Path, name):
    file_name, octets = HIDDEN[name]
    (root / "hidden").mkdir(parents=True)
    (root / "seen").write_bytes(SEEN)
    if octets is None:
        (root / "hidden" / file_name).mkdir()
    else:
        (root / "hidden" / file_name).write_bytes(octets)
    imported = await import_tree(root)
    entries = {entry.path: entry for entry in imported.item.entries}
    hidden, seen = entries[f"hidden/{file_name}"], entries["seen"]
    for mtime in itertools.count():  # hidden too; it decides where the digest stands
        first = dataclasses.replace(hidden, ordinal=0, mtime_at=mtime)
        second = dataclasses.replace(seen, ordinal=1, mtime_at=7)
        item = dataclasses.replace(imported.item, entries=(first, second))
        manifest, order = build_manifest(item)
        if order == ORDER:
            break
    cid = await provider.shares.save_share(item, manifest, order, sources=imported.sources, now=1)
    return await provider.link(cid, name)


async def _converse(folder, rules, wanted, requests):
    """Return all that the provider says to these requests, but for what can't be the same."""
    wire = kit.Wire()
    async with (
        kit.run_provider(folder, rules) as provider,
        kit.run_getter(folder) as getter,
        trio.open_nursery() as nursery,
    ):
        await provider.served.load_links()
        nursery.start_soon(provider.answer, wire)
        async with getter.ask(wire, wanted) as asking:
            for request in requests:
                await kit.outcome(asking, _asked(*request))
    return [_masked(message, body) for message, body in wire.answered()[2:]]


def _asked(kind, entry, first, count, other):
    ranges = (m.Range(first, count),)
    items = (m.EntryRanges(entry, ranges), *other)
    return {
        "manifest": lambda machine, want: machine.request_manifest(want, ranges),
        "openings": lambda machine, want: machine.request_openings(want, entry, count - 1),
        "nodes": lambda machine, want: machine.request_nodes(want, items),
        "blocks": lambda machine, want: machine.request_blocks(want, items),
        "have": lambda machine, want: machine.request_have(want, entry),
    }[kind]


def _masked(message, body):
    if isinstance(message, m.OpeningsPage):
        return dataclasses.replace(
            message,
            share=None,
            entries=tuple(
                dataclasses.replace(entry, slots=tuple(map(_without_commitment, entry.slots)))
                for entry in message.entries
            ),
        )
    return message, body if len(body) != MANIFEST_SIZE else len(body)


MANIFEST_SIZE = 4 + 1 + 1 + 32 + 4 + 2 * 32


def _without_commitment(slot):
    return HiddenSlot(slot.slot, b"") if isinstance(slot, HiddenSlot) else slot


items = st.builds(
    lambda entry, first, count: m.EntryRanges(entry, (m.Range(first, count),)),
    st.integers(0, 2),
    st.integers(0, 5),
    st.integers(1, 2),
)
requests = st.tuples(
    st.sampled_from(["manifest", "openings", "nodes", "blocks", "have"]),
    st.integers(0, 2),
    st.integers(0, 5),
    st.integers(1, 3),
    st.lists(items, max_size=1).map(tuple),
)
EACH_LEAF = [("blocks", 0, place, 1, ()) for place in range(6)]


@given(
    st.sampled_from(sorted(HIDES)),
    st.sampled_from(sorted(HIDDEN)),
    st.sampled_from(sorted(HIDDEN)),
    st.lists(requests, min_size=1, max_size=6),
)
@example("all", "a folder", "five leaves", EACH_LEAF)
@example("all", "two leaves", "five leaves", [("nodes", 0, 0, 1, ()), ("have", 0, 0, 1, ())])
@example("all", "empty", "a folder", [("openings", 0, 0, 3, ()), ("have", 0, 0, 1, ())])
@settings(max_examples=40, deadline=None)
def test_two_shares_that_differ_in_what_is_hidden_are_answered_alike(home, hides, one, other, asked):
    folder, wanted = home
    first, second = (trio.run(_converse, folder, policy(hides), wanted[name], asked) for name in (one, other))
    assert first == second
